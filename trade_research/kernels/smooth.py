"""Exponential smoothing seeded with a plain mean: one recurrence for EMA, Wilder, RSI and ATR."""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, kernel
from trade_research.kernels.rolling import next_hole, next_value


@kernel
def smooth_run(x: F64, window: int, alpha: float, out: F64) -> None:
    """``e += alpha * (x - e)`` over one run, e starting as the mean of the first `window` values.

    Four bars at a time: the chain from bar to bar is one multiplication and one addition in four.
    Which of the four expressions a bar gets is fixed by its distance from the seed, so a shorter
    array has the same bits.
    """
    e = 0.0
    for i in range(window):
        e += x[i]
        out[i] = np.nan
    e /= window
    out[window - 1] = e
    b = 1.0 - alpha
    b2, b3, b4 = b * b, b * b * b, b * b * (b * b)
    rest, y = x[window:], out[window:]
    last = rest.size // 4 * 4
    for i in range(0, last, 4):
        p = alpha * rest[i]
        q = alpha * rest[i + 1] + b * p
        r = alpha * rest[i + 2] + b * q
        s = alpha * rest[i + 3] + b * r
        y[i], y[i + 1], y[i + 2] = b * e + p, b2 * e + q, b3 * e + r
        e = b4 * e + s
        y[i + 3] = e
    left = rest.size - last
    if left > 0:
        p = alpha * rest[last]
        y[last] = b * e + p
        if left > 1:
            q = alpha * rest[last + 1] + b * p
            y[last + 1] = b2 * e + q
            if left > 2:
                y[last + 2] = b3 * e + (alpha * rest[last + 2] + b * q)


@kernel
def smooth(x: F64, window: int, alpha: float) -> F64:
    """`smooth_run` over every run, (n,) to (n,); NaN until a run has `window` values."""
    out = np.empty(x.size)
    if window < 1:
        out[:] = np.nan
        return out
    start = 0
    while start < x.size:
        end = next_hole(x, start)
        if end - start < window:
            out[start:end] = np.nan
        else:
            smooth_run(x[start:end], window, alpha, out[start:end])
        start = next_value(x, end)
        out[end:start] = np.nan
    return out


@kernel
def rsi_of_run(x: F64, window: int, out: F64) -> None:
    """Wilder's relative strength index over one run: see `indicators.rsi`."""
    up, down = 0.0, 0.0
    out[0] = np.nan
    for i in range(1, window + 1):
        d = x[i] - x[i - 1]
        up += max(d, 0.0)
        down += max(-d, 0.0)
        out[i] = np.nan
    up /= window
    down /= window
    alpha = 1.0 / window
    out[window] = 100.0 * up / (up + down) if up + down > 0.0 else 0.0
    for i in range(window + 1, x.size):
        d = x[i] - x[i - 1]
        up += alpha * (max(d, 0.0) - up)
        down += alpha * (max(-d, 0.0) - down)
        out[i] = 100.0 * up / (up + down) if up + down > 0.0 else 0.0


@kernel
def wilder_rsi(x: F64, window: int) -> F64:
    """`rsi_of_run` over every run, (n,) to (n,); NaN until a run has `window` changes."""
    out = np.empty(x.size)
    if window < 1:
        out[:] = np.nan
        return out
    start = 0
    while start < x.size:
        end = next_hole(x, start)
        if end - start <= window:
            out[start:end] = np.nan
        else:
            rsi_of_run(x[start:end], window, out[start:end])
        start = next_value(x, end)
        out[end:start] = np.nan
    return out
