"""Which trades a page shows one by one, and where to look for them in the price panel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from trade_research.report.arrays import I64, floats, micros
from trade_research.report.run import Run

_LISTED = 10


def choose(trades: pl.DataFrame) -> list[tuple[str, int]]:
    """Why and which rows of `trades`: six different ones, in this order of choice."""
    pnl, bars, mae = (floats(trades, name) for name in ("pnl", "bars", "mae"))
    ranked = np.argsort(pnl, kind="stable")
    wishes = {
        "Best": ranked[::-1],
        "Worst": ranked,
        "Median": ranked[np.argsort(np.abs(np.arange(ranked.size) - ranked.size // 2))],
        "Longest": np.argsort(-bars, kind="stable"),
        "Deepest MAE": np.argsort(mae, kind="stable"),
        "Last": np.argsort(-micros(trades, "entry_time"), kind="stable"),
    }
    found: list[tuple[str, int]] = []
    for why, order in wishes.items():
        taken = {row for _, row in found}
        row = next((int(k) for k in order if int(k) not in taken), None)
        if row is not None:
            found.append((why, row))
    return found


def extremes(trades: pl.DataFrame) -> pl.DataFrame:
    """The ten best and the ten worst trades, best first; fewer of few."""
    ranked = trades.sort("pnl", "entry_time", descending=[True, False])
    half = _LISTED if ranked.height >= 2 * _LISTED else ranked.height // 2
    return pl.concat([ranked.head(half or 1), ranked.tail(half)]) if half else ranked


def shown_symbol(run: Run) -> str | None:
    """The symbol of the price panel, the one filled most often; None where prices name none."""
    if "symbol" not in run.prices.columns:
        return None
    if run.fills.height:
        return str(run.fills["symbol"].mode().sort()[0])
    return str(run.prices["symbol"][0])


def of_symbol(frame: pl.DataFrame, symbol: str | None) -> pl.DataFrame:
    """The rows of one symbol; all of them where there is one only."""
    if symbol is None or "symbol" not in frame.columns:
        return frame
    return frame.filter(pl.col("symbol") == symbol)


def window(opens: I64, closes: I64, trade: Mapping[str, Any]) -> slice:
    """The bars of a trade, and half its length (at least ten bars) on either side.

    `opens` and `closes` are those of its instrument's bars, microseconds.
    """
    start, end = (round(trade[k].timestamp() * 1e6) for k in ("entry_time", "exit_time"))
    entry = int(np.searchsorted(closes, start, side="right"))
    leave = max(entry, int(np.searchsorted(opens, end, side="right")) - 1)
    margin = max(10, (leave - entry) // 2)
    return slice(max(0, entry - margin), min(opens.size, leave + margin + 1))


def zoom_of(run: Run, symbol: str | None, trade: Mapping[str, Any]) -> tuple[float, float] | None:
    """The stretch of the price panel around a trade; None for another symbol's."""
    if symbol is not None and trade["symbol"] != symbol:
        return None
    start, end = (trade[k].timestamp() for k in ("entry_time", "exit_time"))
    bar = (run.prices["close_time"][0] - run.prices["open_time"][0]).total_seconds()
    margin = max(0.5 * (end - start), 10 * bar)
    return start - margin, end + margin
