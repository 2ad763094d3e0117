"""The main job on embedded real data: store, what is wrong with it, check, backtest, report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trade_research.evidence.check import Check
    from trade_research.research.backtest import Backtest
    from trade_research.research.runs import SavedRun
    from trade_research.store.bars import WriteReport
    from trade_research.store.store import Store

NAME = "index:SP500@1d"
PARAMS: dict[str, Any] = {"fast": 50, "slow": 200}


@dataclass(frozen=True)
class Demo:
    """What the demo made: what was written, the check, the run, its folder and its page."""

    written: list[WriteReport]
    check: Check
    run: Backtest
    saved: SavedRun
    report: Path


def run_demo(
    root: Path, report: Path, runs: Path = Path("reports/runs"), on_step: Any = lambda text: None
) -> Demo:
    """Take the embedded S&P 500 and Nasdaq bars into the store at `root` and write `report`.

    Parameters
    ----------
    runs : Path
        Where the run is kept.
    on_step : callable
        Called with a line of text before each step: progress.
    """
    from trade_research.research.backtest import backtest
    from trade_research.research.check import check
    from trade_research.simulate.costs import Costs
    from trade_research.store.store import Store
    from trade_research.strategies.load import load_strategy

    on_step("taking 20 years of S&P 500 and Nasdaq days into the store")
    store = Store(root)
    written = fill(store)
    strategy = load_strategy("ma_crossover")
    query = store.query(NAME)
    on_step("checking that the strategy does not look ahead")
    checked = check(strategy, query, **PARAMS)
    on_step("backtesting with costs against buy and hold")
    run = backtest(strategy, query, costs=Costs.venue("index"), **PARAMS)
    on_step("writing the report")
    return Demo(written, checked, run, run.save(runs), run.report(report))


def fill(store: Store) -> list[WriteReport]:
    """Take the embedded S&P 500 and Nasdaq days into a store; nothing is written twice."""
    from trade_research.sources.demo import demo_bars

    return [
        store.write_bars(frame, venue="index", symbol=symbol, interval="1d", source="arch")
        for symbol, frame in demo_bars().items()
    ]
