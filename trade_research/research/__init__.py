"""The desk: what users hold. Backtests with metrics, manifest and report; checks of the laws."""

from trade_research.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Backtest": "backtest",
        "Data": "data",
        "SavedRun": "runs",
        "WalkForward": "walked",
        "backtest": "backtest",
        "backtest_quoter": "book_quoter",
        "check": "check",
        "fit_costs": "book_costs",
        "list_runs": "runs",
        "load_run": "runs",
        "noise_test": "noise",
        "read_data": "data",
        "run_demo": "demo",
        "Sweep": "swept",
        "sweep": "sweep",
        "screen": "screen",
        "walk_forward": "walkforward",
    },
)
