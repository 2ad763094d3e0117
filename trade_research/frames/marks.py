"""Which bars stand out: against the usual step and volume of the bars before, or those around."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from trade_research.kernels.jit import B8, F64

WINDOW = 256  # bars of history behind the usual step of `outlier` and `spike`
LEAST_STEP = 5e-4  # the usual step is never taken as less: half of all steps may be zero
BUSY = 5.0  # times the usual volume: then a step inside of the bar is news, not a fault


def usual_steps(close: F64) -> tuple[F64, F64]:
    """Log step to each close, and the usual size of a step in the bars before it (NaN: too few).

    Prices that are no price make a step of 0, so that Polars takes its fast path without nulls.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        level = np.log(close)
        step = np.nan_to_num(np.diff(level, prepend=level[:1]), posinf=0.0, neginf=0.0)
    steps, least = pl.Series(step), WINDOW // 8
    middle = steps.rolling_median(WINDOW, min_samples=least).shift(1, fill_value=0.0)
    apart = (steps - middle.fill_null(0.0)).abs()
    usual = apart.rolling_median(WINDOW, min_samples=least).shift(1).to_numpy() * 1.4826
    return step, np.maximum(usual, LEAST_STEP)


def inside_bar(value: dict[str, F64], step: F64) -> B8:
    """Steps most of which came after the open: traded through, not printed from nowhere."""
    ahead = np.zeros(step.size)
    with np.errstate(divide="ignore", invalid="ignore"):
        ahead[1:] = np.abs(np.log(value["open"][1:] / value["close"][:-1]))
    out: B8 = ahead < 0.5 * np.abs(step)
    return out


def busy(volume: F64, where: B8) -> B8:
    """Of the bars in question, those with several times the usual volume of the bars before."""
    out = np.zeros(volume.size, np.bool_)
    for t in np.flatnonzero(where).tolist():
        past = volume[max(0, t - WINDOW) : t]
        out[t] = past.size >= WINDOW // 8 and volume[t] > BUSY * np.median(past)
    return out


def stale(value: dict[str, F64], bars: int) -> B8:
    """True from the `bars`-th in a row on that repeats all prices and the volume, if any."""
    same = np.ones(value["close"].size, np.bool_)
    same[:1] = False
    for name in ("open", "high", "low", "close"):
        same[1:] &= value[name][1:] == value[name][:-1]
    volume = value["volume"]
    unknown = np.isnan(volume)
    same[1:] &= (volume[1:] == volume[:-1]) | (unknown[1:] & unknown[:-1])
    same &= volume != 0
    run = same.copy()
    for back in range(1, bars - 1):
        run[back:] &= same[:-back]
        run[:back] = False
    return run


def spikes(close: F64, most: F64) -> tuple[B8, F64]:
    """Closes far from the median of the seven around them that return to it (hindsight)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        level = np.log(close)
    around = pl.Series(level).rolling_median(7, center=True, min_samples=4).to_numpy()
    far = np.abs(level - around) > most
    return far, np.expm1(level - around)
