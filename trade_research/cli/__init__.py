"""The command line: parse, call one function, print. One file a command group."""

from trade_research.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, {"main": "app"})
