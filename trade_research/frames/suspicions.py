"""Marks of wrong units, unapplied splits and slipped hours: which bars, and what they look like."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from trade_research.frames.calendars import Calendar
from trade_research.frames.intervals import HOUR, Interval

if TYPE_CHECKING:
    from trade_research.kernels.jit import B8, F64, I64

HUNDRED = math.log(100)
RATIOS = np.log([2.0, 2.5, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 1000, 1e4])
NEAR_HUNDRED = 0.25  # of the logarithm: a price moves up to 28% while its unit slips
NEAR_RATIO = 0.06
VWAP_SLACK = 2e-3  # quote volume over volume may leave low to high by rounding


def unit_jumps(step: F64) -> B8:
    """Log steps of about a hundred times: pounds for pence, or back."""
    out: B8 = np.abs(np.abs(step) - HUNDRED) < NEAR_HUNDRED
    return out


def split_like(close: F64, step: F64, usual: F64) -> B8:
    """Steps near a split's ratio after which the price stays where it went (hindsight).

    A step counts where it is over ten usual ones, and where the median of the five closes from it
    on lies as far from the median of the five before as the step itself.
    """
    size = np.abs(step)
    near = np.abs(size[:, None] - RATIOS).min(axis=1) < NEAR_RATIO if size.size else size > 0
    near &= size > 10 * np.nan_to_num(usual, nan=0.0)
    at = np.flatnonzero(near)
    stays = np.zeros(close.size, np.bool_)
    for t in at.tolist():
        before, after = close[max(0, t - 5) : t], close[t : t + 5]
        if before.size and after.size >= 3:
            moved = math.log(float(np.median(after)) / float(np.median(before)))
            stays[t] = abs(moved - step[t]) < max(NEAR_RATIO, 0.2 * abs(step[t]))
    return stays & ~unit_jumps(step)


def wrong_volume(value: dict[str, F64], quote_volume: F64) -> tuple[B8, F64]:
    """Bars whose average price, quote volume over volume, lies outside of low to high.

    That is how volume in another unit shows: quote for base currency, lots for shares. The number
    beside each is how far the average price lies off the close.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        average = quote_volume / value["volume"]
        outside = (average < value["low"] * (1 - VWAP_SLACK)) | (
            average > value["high"] * (1 + VWAP_SLACK)
        )
        outside &= value["volume"] > 0
        return outside, average / value["close"] - 1


def slipped_hour(opens: I64, interval: Interval, market: Calendar, inside: B8) -> B8:
    """Bars outside of sessions that fill them when moved by an hour: summer time missed.

    Those of a day count where all its bars outside lie within an hour of the session, and at least
    as many are missing at its other end.
    """
    marks = np.zeros(opens.size, np.bool_)
    if market.continuous or interval.us > HOUR or inside.all():
        return marks
    day = opens // (24 * HOUR)
    for date in np.unique(day[~inside]).tolist():
        mine = day == date
        odd = opens[mine & ~inside]
        for shift in (HOUR, -HOUR):
            moved = market.is_open(odd + shift, interval)
            ahead = opens[mine] + shift
            if moved.all() and market.is_open(ahead, interval).mean() > 0.99:
                free = ~np.isin(odd + shift * (_length(opens[mine], interval)), opens)
                marks[mine & ~inside] = bool(free.any())
    return marks


def _length(opens: I64, interval: Interval) -> int:
    return max(1, int((opens[-1] - opens[0]) // interval.us))


def level_steps(close: F64) -> F64:
    """Log step to each close, 0 for the first."""
    with np.errstate(divide="ignore", invalid="ignore"):
        level = np.log(close)
    return np.nan_to_num(np.diff(level, prepend=level[:1]), posinf=0.0, neginf=0.0)


def usual_step(step: F64) -> float:
    """Median size of all steps of a short table."""
    return float(np.median(np.abs(step))) if step.size else 0.0


def dense(frame: pl.DataFrame, names: tuple[str, ...]) -> dict[str, F64]:
    """Columns as float64, null as NaN."""
    return {n: frame[n].cast(pl.Float64).fill_null(math.nan).to_numpy() for n in names}
