"""Strategies of every shape a sweep has to tell apart."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

import trade_research as tr
from trade_research.indicators import bollinger_bands, ema, rsi, sma


@tr.strategy(warmup=lambda slow: slow)
def crossing(close, fast: int = 5, slow: int = 20):
    """One bar at a time, as NumPy writes it."""
    return np.where(sma(close, fast) > sma(close, slow), 1.0, 0.0)


@tr.strategy(warmup=lambda slow: slow)
def with_opinions(close, fast: int = 5, slow: int = 20, band: float = 0.01):
    """No opinion while the averages are close."""
    quick, calm = sma(close, fast), ema(close, slow)
    up = (quick > calm * (1.0 + band)) & ~np.isnan(quick)
    return np.where(up, 1.0, np.where(quick < calm, 0.0, np.nan))


@tr.strategy(warmup=lambda slow: slow)
def looped(close, fast: int = 5, slow: int = 20):
    """A loop that keeps to its bar, with early ends."""
    quick, calm = sma(close, fast), sma(close, slow)
    target = np.zeros(close.size)
    for t in range(close.size):
        gap = quick[t] - calm[t]
        if gap != gap:
            target[t] = np.nan
            continue
        if gap > 0.0 and close[t] > calm[t]:
            target[t] = 1.0
    return target


class Held(NamedTuple):
    """Targets and bands."""

    target: np.ndarray
    upper: np.ndarray


@tr.strategy(warmup=lambda slow: slow)
def latched(close, slow: int = 20, width: float = 1.0, mode: Literal["out", "in"] = "out"):
    """A value carried on that is set and never looked at."""
    bands = bollinger_bands(close, slow, width)
    target, held = np.empty(close.size), 0.0
    for t in range(close.size):
        middle = bands.middle[t]
        if not (close[t] == close[t] and middle == middle):
            target[t], held = np.nan, 0.0
            continue
        if mode == "out":
            enters, leaves = close[t] > bands.upper[t], close[t] < middle
        else:
            enters, leaves = close[t] < bands.lower[t], close[t] > middle
        if enters:
            held = 1.0
        elif leaves:
            held = 0.0
        target[t] = held
    return Held(target, bands.upper)


@tr.strategy(warmup=lambda slow: slow)
def machine(close, slow: int = 20, low: float = 40.0):
    """A state that is looked at: needs whole arrays."""
    index = rsi(close, slow)
    target, held = np.empty(close.size), 0.0
    for t in range(close.size):
        if held == 0.0 and index[t] < low:
            held = 1.0
        elif held == 1.0 and index[t] > 100.0 - low:
            held = 0.0
        target[t] = held
    return target


@tr.strategy(warmup=lambda slow: slow)
def fractional(close, fast: int = 5, slow: int = 20, size: float = 0.5):
    """Long and short, in part."""
    return np.sign(sma(close, fast) - sma(close, slow)) * size


@tr.strategy
def triggers(close, step: float = 0.01):
    """Says something on few bars only."""
    out = np.full(close.size, np.nan)
    for t in range(1, close.size):
        move = close[t] / close[t - 1] - 1.0
        if move > step:
            out[t] = 1.0
        elif move < -step:
            out[t] = 0.0
    return out


ALL = (crossing, with_opinions, looped, latched, machine, fractional, triggers)
AXES = {
    "fast": [1, 3, 5, 8],
    "slow": [2, 10, 21],
    "band": [0.0, 0.02],
    "width": [0.5, 1.5],
    "mode": ["out", "in"],
    "low": [35.0, 48.0],
    "size": [1.0, 0.3],
    "step": [0.004, 0.02],
}


def axes_of(strategy):
    """Axes of a strategy's own parameters."""
    return {name: AXES[name] for name in strategy.params}
