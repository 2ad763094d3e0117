"""The desk: what users hold. Backtests with metrics, manifest and report; checks of the laws."""

from trade_research.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Backtest": "backtest",
        "Data": "data",
        "backtest": "backtest",
        "check": "check",
        "read_data": "data",
        "run_demo": "demo",
    },
)
