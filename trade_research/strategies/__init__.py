"""Strategies: columns in, targets out; one a file. `strategy` makes one of a plain function."""

from trade_research.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Col": "declare",
        "Param": "declare",
        "Span": "declare",
        "Strategy": "strategy",
        "Targets": "evaluate",
        "bollinger": "bands",
        "buy_and_hold": "hold",
        "load_strategy": "load",
        "ma_crossover": "crossover",
        "shipped": "load",
    },
)
