"""What was traded, and at which prices."""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, indicator, inline_kernel, kernel
from trade_research.kernels.rolling import carry_runs, room_of
from trade_research.kernels.windows import SHORT, rolling_sum, sum_of_block

_BLOCK = 128
"""Bars worked on together; a multiple of eight."""

_STEP = 64
"""The same where one sum waits for the other: the next bars are loaded meanwhile."""

_TIE = 1e-12
"""Share of the price below which two typical prices are equal but for the rounding of thirds."""


@kernel
def _typical(high: F64, low: F64, close: F64) -> F64:
    """Typical price of each bar, (n,) thrice to (n,)."""
    out = np.empty(close.size)
    for t in range(close.size):
        out[t] = (high[t] + low[t] + close[t]) / 3.0
    return out


@inline_kernel
def _pressure(high: F64, low: F64, close: F64, volume: F64, out: F64) -> None:
    """Volume by the place of the close in its bar: all of it at the high, −all at the low."""
    for i in range(out.size):
        span = high[i] - low[i]
        place = ((close[i] - low[i]) - (high[i] - close[i])) / (span if span != 0.0 else 1.0)
        out[i] = (place if span != 0.0 else 0.0 * close[i]) * volume[i]


@kernel
def _add_up(x: F64) -> None:
    """Sums since each run began, (n,) in place."""
    room, total = room_of(1, _BLOCK)[0], 0.0
    for first in range(0, x.size, _BLOCK):
        y = x[first : first + _BLOCK]
        part = room[: y.size]
        part[:] = y
        total = carry_runs(total, part, y)


@indicator
def vwap_session(high: F64, low: F64, close: F64, volume: F64, day: F64) -> F64:
    """Volume-weighted average of the typical price since the session began.

    Parameters
    ----------
    high, low, close, volume : float64 arrays of shape (n_bars,)
    day : float64 array of shape (n_bars,)
        Number of the session, e.g. of the day; the average starts anew where it changes.

    Returns
    -------
    float64 array of shape (n_bars,)
        In units of price, from bar 0; NaN until the session has volume. A NaN gives NaN to the end
        of the session: an average with a hole in it would look like one of the whole session.

    References
    ----------
    Berkowitz, Logue and Noser (1988), Journal of Finance 43(1). Over a single session equal to
    TA-Lib's ``VWAP``.
    """
    out, room = np.empty(close.size), np.empty((4, _BLOCK))
    base, paid, traded, before = 0.0, 0.0, 0.0, np.nan
    for first in range(0, close.size, _BLOCK):
        v, days, y = volume[first:], day[first:], out[first : first + _BLOCK]
        h, m, c = high[first:], low[first:], close[first:]
        typical, bases, sums, amounts = room[0], room[1], room[2], room[3]
        for i in range(y.size):
            typical[i] = (h[i] + m[i] + c[i]) / 3.0
        for i in range(y.size):
            if days[i] != before:
                base, paid, traded, before = typical[i], 0.0 * days[i], 0.0, days[i]
            paid += (typical[i] - base) * v[i]
            traded += v[i]
            bases[i], sums[i], amounts[i] = base, paid, traded
        for i in range(y.size):
            share = sums[i] / (amounts[i] if amounts[i] > 0.0 else np.nan)
            y[i] = bases[i] + share
    return out


@indicator
def vwap(high: F64, low: F64, close: F64, volume: F64, window: int = 20) -> F64:
    """Volume-weighted average of the typical price over the last `window` bars.

    First value at bar ``window - 1``; NaN where nothing was traded, and where a bar of the window
    has a NaN.
    """
    typical = _typical(high, low, close)
    for t in range(close.size):
        typical[t] *= volume[t]
    paid, traded = rolling_sum(typical, window), rolling_sum(volume, window)
    for t in range(close.size):
        paid[t] = paid[t] / traded[t] if traded[t] > 0.0 else np.nan
    return paid


@indicator
def obv(close: F64, volume: F64) -> F64:
    """On-balance volume: the sum of volumes, of falling bars taken away, of others none.

    From bar 0, which counts as risen. A NaN in either gives NaN, and the sum starts anew behind it.

    References
    ----------
    Granville (1963). Equal to TA-Lib's ``OBV``.
    """
    out, begun = np.empty(close.size), False
    if close.size > 0:
        out[0] = volume[0] + 0.0 * close[0]
    y, now, amount = out[1:], close[1:], volume[1:]
    for i in range(y.size):
        c, v = now[i] - close[i], amount[i]
        rise, fall = v if c > 0.0 else 0.0, v if c < 0.0 else 0.0
        y[i] = rise - fall + 0.0 * (c + v)
    # The first bar of a run has no change to go by, and counts as risen.
    for t in range(close.size):
        if out[t] != out[t] or not begun:
            begun = close[t] + volume[t] == close[t] + volume[t]
            out[t] = volume[t] if begun else np.nan
    _add_up(out)
    return out


@indicator
def ad(high: F64, low: F64, close: F64, volume: F64) -> F64:
    """Accumulation and distribution: running sum of volume by the place of the close in its bar.

    ``((close - low) - (high - close)) / (high - low) * volume``, 0 where the bar has no range. From
    bar 0. A NaN gives NaN, and the sum starts anew behind it.

    References
    ----------
    Chaikin. Equal to TA-Lib's ``AD``.
    """
    out, room, total = np.empty(close.size), room_of(1, _STEP)[0], 0.0
    for first in range(0, close.size, _STEP):
        y = out[first : first + _STEP]
        part = room[: y.size]
        _pressure(high[first:], low[first:], close[first:], volume[first:], part)
        total = carry_runs(total, part, y)
    return out


@indicator
def cmf(high: F64, low: F64, close: F64, volume: F64, window: int = 20) -> F64:
    """Chaikin's money flow: what `ad` adds up over `window` bars as a share of their volume.

    −1 to 1; first value at bar ``window - 1``; NaN where nothing was traded, and where a bar of the
    window has a NaN.

    References
    ----------
    Chaikin. Equal to TA-Lib's ``CMF`` where there is volume; TA-Lib has 0 where there is none.
    """
    out = np.empty(close.size)
    if not 1 <= window <= SHORT:
        _pressure(high, low, close, volume, out)
        out, traded = rolling_sum(out, window), rolling_sum(volume, window)
        for t in range(close.size):
            out[t] = out[t] / (traded[t] if traded[t] > 0.0 else np.nan)
        return out
    out[: window - 1] = np.nan
    room, rows = room_of(2, _BLOCK + window), room_of(2, _BLOCK + window)
    for first in range(0, close.size - window + 1, _BLOCK):
        y, v = out[first + window - 1 :][:_BLOCK], volume[first : first + _BLOCK - 1 + window]
        part, traded = rows[0][: v.size], rows[1][: y.size]
        _pressure(high[first:], low[first:], close[first:], v, part)
        sum_of_block(part, window, room, y)
        sum_of_block(v, window, room, traded)
        for i in range(y.size):
            y[i] /= traded[i] if traded[i] > 0.0 else np.nan
    return out


@indicator
def mfi(high: F64, low: F64, close: F64, volume: F64, window: int = 14) -> F64:
    """Money flow index: the share of money traded in rising bars, of the last `window`, 0 to 100.

    Money is typical price times volume; a bar rises where its typical price is above that of the
    bar before, and one without a change counts for neither. First value at bar `window`. 0 where
    no money has moved. NaN where a bar of the window, or the one before it, has a NaN.

    References
    ----------
    Quong and Soudack (1989). Equal to TA-Lib's ``MFI``, but that TA-Lib has 0 where less than one
    unit of money has moved.
    """
    rises, falls = _typical(high, low, close), np.empty(close.size)
    before = np.nan
    for t in range(close.size):
        typical = rises[t]
        d, money = typical - before, typical * volume[t]
        blank = 0.0 * (d + money)
        tie = _TIE * typical
        rises[t] = money if d > tie and money == money else blank
        falls[t] = money if d < -tie and money == money else blank
        before = typical + 0.0 * volume[t]
    up, down = rolling_sum(rises, window), rolling_sum(falls, window)
    for t in range(close.size):
        both = up[t] + down[t]
        up[t] = 100.0 * up[t] / both if both != 0.0 else 0.0
    return up


@indicator
def relative_volume(volume: F64, window: int = 20) -> F64:
    """Volume as a multiple of the mean of the `window` bars before it.

    First value at bar `window`; NaN where those had none, and where one of them is NaN.

    References
    ----------
    Equal to TA-Lib's ``RVOL``.
    """
    out = np.empty(volume.size)
    if not 1 <= window < volume.size:
        out[:] = np.nan
        return out
    out[:window] = np.nan
    sums, y, now = rolling_sum(volume, window)[window - 1 :], out[window:], volume[window:]
    for i in range(y.size):
        y[i] = now[i] / (sums[i] / window) if sums[i] > 0.0 else np.nan
    return out
