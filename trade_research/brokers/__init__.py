"""Where approved orders go. The paper broker is the simulator's own fill step."""

from trade_research.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, {"Filled": "paper", "PaperBroker": "paper"})
