"""The main job over order books, on a made-up market: store, trade, report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from trade_research.research.books import BookBacktest, backtest_books
from trade_research.simulate.costs import Costs
from trade_research.sources.book_demo import demo_books
from trade_research.store.store import Store
from trade_research.strategies.load import load_strategy

if TYPE_CHECKING:
    from trade_research.store.bars import WriteReport

VENUE, SYMBOL, MINUTES = "demo", "DEMO/USD", 30.0


@dataclass(frozen=True)
class BookDemo:
    """What was written, the run over it, and its page."""

    written: list[WriteReport]
    run: BookBacktest
    report: Path


def run_book_demo(root: Path, report: Path, minutes: float = MINUTES) -> BookDemo:
    """Take a made-up market into the store at `root`, trade it and write `report`."""
    store, made = Store(root), demo_books(minutes)
    written = [
        store.write_books(made, venue=VENUE, symbol=SYMBOL, source="made up"),
        store.write_trades(made.trades, venue=VENUE, symbol=SYMBOL, source="made up"),
    ]
    run = backtest_books(
        load_strategy("l2_imbalance"),
        store.books(SYMBOL, depth=5, venue=VENUE),
        trades=store.trades(SYMBOL, venue=VENUE),
        costs=Costs(fee_bps=2.0),
        account="margin",
        symbol=SYMBOL,
    )
    return BookDemo(written, run, run.report(report))
