"""A made-up order-book market for people without recordings: seeded, and with real habits.

Zero intelligence with clustered flow: limit orders arrive at a rate that falls with the distance
from the best price, resting size is cancelled at a constant rate per unit, market orders arrive in
bursts (a self-exciting process) and keep their side for a while. Prices come out of the book alone.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from trade_research.frames.book_verdicts import audit_books
from trade_research.frames.books import NANO, SIDES, check_books
from trade_research.frames.durations import parse_duration
from trade_research.frames.recording import Recording
from trade_research.kernels.book_market import Market, make_market

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64

START = datetime(2024, 1, 2, tzinfo=UTC)
TICK, LOT = 0.1, 0.001


def demo_books(
    minutes: float = 30.0, *, seed: int = 7, every: str = "100ms", depth: int = 20
) -> Recording:
    """Books and trades of a seeded market; the same seed gives the same bits.

    Parameters
    ----------
    minutes : float
        Length of the recording.
    seed : int
    every : str
        Time between books.
    depth : int
        Levels a side.

    Returns
    -------
    Recording

    References
    ----------
    Smith, Farmer, Gillemot and Krishnamurthy (2003), Quantitative Finance 3(6); bursts after Hawkes
    (1971), Biometrika 58(1); persistent signs after Lillo, Mike and Farmer (2005), Phys. Rev. E 71.
    """
    step = parse_duration(every)
    rows = max(int(minutes * 60e9) // step, 1)
    room = int(minutes * 60 * 400) + 1000
    books, prints = np.empty((4, rows, depth)), np.empty((room, 4))
    setup = Market(
        mid=60_000, width=40_000, limit_rate=16.0, reach=8.0, cancel_rate=0.08, market_rate=1.0,
        excite=0.75, decay=3.0, persist=0.9, lean=0.5, calm=120.0, moody=0.6,
    )  # fmt: skip
    found = make_market(np.random.default_rng(seed), setup, step / 1e9, books, prints)
    begin = int(START.timestamp()) * 1_000_000_000
    time = begin + step * np.arange(1, rows + 1)
    table = {"time": pl.Series(time).cast(NANO)}
    for which, side in enumerate(SIDES):
        scale = 1 / TICK if side.endswith("price") else 1 / LOT
        for k in range(depth):
            table[f"{side}_{k + 1}"] = pl.Series(_decimals(books[which, :, k], scale))
    frame = pl.DataFrame(table).fill_nan(None)
    check_books(frame)
    told = prints[:found]
    trades = pl.DataFrame(
        {
            "time": pl.Series(begin + (told[:, 0] * 1e9).astype(np.int64)).cast(NANO),
            "price": _decimals(told[:, 1], 1 / TICK),
            "size": _decimals(told[:, 2], 1 / LOT),
            "side": told[:, 3].astype(np.int8),
        }
    )
    note = f"a made-up market (seed {seed}): nothing in it can be traded"
    return Recording(frame, audit_books(frame), trades, "demo", (note,))


def _decimals(whole: F64, scale: float) -> F64:
    """Whole ticks or lots as the doubles of their decimals."""
    return np.ascontiguousarray(whole / round(scale))
