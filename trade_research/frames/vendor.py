"""What is wrong with a vendor's adjusted table: units, splits not applied, dividends not in it.

Such a table says of itself what must hold: prices are adjusted for its splits, so none of their
size may be left in them; adjusted closes step by each dividend, and by nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from trade_research.errors import SchemaError
from trade_research.frames.intervals import DAY, Interval, parse_interval
from trade_research.frames.suspicions import (
    HUNDRED,
    NEAR_HUNDRED,
    dense,
    level_steps,
    split_like,
    unit_jumps,
    usual_step,
)

if TYPE_CHECKING:
    from trade_research.kernels.jit import B8, F64

VENDOR_KINDS = {
    "unit_jump": "a price is about a hundred times another of its bar or of the bar before",
    "split_left": "a step of a split's size is left in prices that are adjusted for splits",
    "bad_adjustment": "the adjusted close does not step by the dividend that went ex",
}
_NEEDED = ("open", "high", "low", "close", "adj_close", "dividends", "splits")
_NEAR = 0.08  # of the logarithm, between a step and a split that the table lists


def audit_vendor(table: pl.DataFrame, interval: str | Interval) -> pl.DataFrame:
    """List what contradicts itself in a table of adjusted prices.

    Parameters
    ----------
    table : polars.DataFrame
        ``open_time, open, high, low, close, adj_close, dividends, splits`` by time; prices adjusted
        for splits, `adj_close` for dividends too. Rows without prices are passed over.
    interval : str or Interval
        Length of the bars. Dividends are checked on days and shorter ones only, since a week's
        price of the ex-date is not in the table.

    Returns
    -------
    polars.DataFrame
        ``kind, open_time, detail``, by time; `VENDOR_KINDS` explains each kind.
    """
    missing = [name for name in ("open_time", *_NEEDED) if name not in table.columns]
    if missing:
        raise SchemaError(f"a vendor's table needs {missing[0]!r}, found {table.columns}")
    table = table.drop_nulls(["open", "high", "low", "close", "adj_close"]).sort("open_time")
    value = dense(table, _NEEDED)
    step = level_steps(value["adj_close"])
    marks = {
        "unit_jump": _units(value, step),
        "split_left": _splits(value, step),
        "bad_adjustment": _dividends(value)
        if parse_interval(interval).us <= DAY
        else np.zeros(step.size, np.bool_),
    }
    frames = [
        table.filter(pl.Series(rows)).select(
            pl.lit(kind).alias("kind"), "open_time", pl.lit(VENDOR_KINDS[kind]).alias("detail")
        )
        for kind, rows in marks.items()
    ]
    return pl.concat(frames).sort("open_time", maintain_order=True)


def _units(value: dict[str, F64], step: F64) -> B8:
    """About a hundredfold against the bar before, or inside the bar."""
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = np.log(value["high"] / value["low"])
        across = np.abs(np.log(value["close"] / value["open"]))
    wide = (np.abs(inside - HUNDRED) < NEAR_HUNDRED) | (np.abs(across - HUNDRED) < NEAR_HUNDRED)
    out: B8 = unit_jumps(step) | wide
    return out


def _splits(value: dict[str, F64], step: F64) -> B8:
    """Steps of a listed split's size, and lasting ones of any split's."""
    usual = usual_step(step)
    marks = split_like(value["adj_close"], step, np.full(step.size, max(usual, 0.01)))
    for ratio in value["splits"][value["splits"] > 0]:
        size = abs(float(np.log(ratio)))
        listed = np.abs(np.abs(step) - size) < _NEAR
        marks |= listed & (np.abs(step) > 4 * usual) & (size > 0.15)
    return marks & ~unit_jumps(step)


def _dividends(value: dict[str, F64]) -> B8:
    """Ex-dates at which the factor between adjusted and plain close does not step as it must."""
    factor = value["adj_close"] / value["close"]
    paid = np.nan_to_num(value["dividends"])
    marks = np.zeros(paid.size, np.bool_)
    share = paid[1:] / value["close"][:-1]
    found = factor[:-1] / factor[1:]
    marks[1:] = (paid[1:] > 0) & (np.abs(found - (1 - share)) > np.maximum(0.25 * share, 2e-3))
    return marks
