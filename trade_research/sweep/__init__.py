"""Many backtests at once: the space to search, the engine that scores it, search, executors."""

from trade_research.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Configurations": "space",
        "METRICS": "scores",
        "Scores": "scores",
        "Space": "space",
        "day_returns": "engine",
        "score": "engine",
    },
)
