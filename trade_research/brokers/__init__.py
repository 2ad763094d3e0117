"""Where approved orders go: paper, which is the simulator's own fill step, or a venue."""

from trade_research.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__, {"Filled": "paper", "PaperBroker": "paper", "VenueBroker": "venue"}
)
