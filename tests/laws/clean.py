"""Strategies that use the past alone, in all the ways that look suspicious. None may be accused."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


def always_in(close):
    return np.ones(close.size)


def never_in(close):
    return np.zeros(close.size)


def no_opinion_ever(close):
    return np.full(close.size, np.nan)


def average_cross(close):
    out = np.zeros(close.size)
    fast = slow = 0.0
    for t in range(close.size):
        fast += close[t] - (close[t - 5] if t >= 5 else 0.0)
        slow += close[t] - (close[t - 20] if t >= 20 else 0.0)
        if t >= 19 and fast / 5.0 > slow / 20.0:
            out[t] = 1.0
    return out


def ema_from_the_first_close(close):
    out = np.zeros(close.size)
    fast = slow = close[0]
    for t in range(close.size):
        fast += 0.2 * (close[t] - fast)
        slow += 0.05 * (close[t] - slow)
        out[t] = 1.0 if fast > slow else -1.0
    return out


def ema_seeded_with_an_average(close):
    out = np.zeros(close.size)
    mean = 0.0
    for t in range(close.size):
        if t < 10:
            mean += close[t] / 10.0
        else:
            mean += 2.0 / 11.0 * (close[t] - mean)
            out[t] = 1.0 if close[t] > mean else 0.0
    return out


def rsi_reversion(close):
    out = np.full(close.size, np.nan)
    up = down = 0.0
    for t in range(1, close.size):
        change = close[t] - close[t - 1]
        up += (max(change, 0.0) - up) / 14.0
        down += (max(-change, 0.0) - down) / 14.0
        strength = 100.0 * up / (up + down) if up + down > 0 else 50.0
        if strength < 30.0:
            out[t] = 1.0
        elif strength > 70.0:
            out[t] = 0.0
    return out


def bollinger_breakout(close):
    out = np.zeros(close.size)
    for t in range(20, close.size):
        window = close[t - 19 : t + 1]
        if close[t] > window.mean() + window.std():
            out[t] = 1.0
    return out


def channel_of_the_bars_before(close, high, low):
    out = np.zeros(close.size)
    for t in range(20, close.size):
        out[t] = out[t - 1]
        if close[t] > high[t - 20 : t].max():
            out[t] = 1.0
        elif close[t] < low[t - 20 : t].min():
            out[t] = 0.0
    return out


def momentum(close):
    out = np.zeros(close.size)
    for t in range(10, close.size):
        if close[t] > close[t - 10]:
            out[t] = 1.0
    return out


def trailing_stop_loop(close):
    out = np.zeros(close.size)
    held, peak = False, 0.0
    for t in range(1, close.size):
        if held:
            peak = max(peak, close[t])
            held = close[t] > peak * 0.97
        elif close[t] > close[t - 1] * 1.01:
            held, peak = True, close[t]
        out[t] = 1.0 if held else 0.0
    return out


def state_machine_with_a_rest(close):
    out = np.zeros(close.size)
    rest, side = 0, 0.0
    for t in range(1, close.size):
        if rest > 0:
            rest -= 1
        elif side == 0.0 and close[t] < close[t - 1] * 0.99:
            side = 1.0
        elif side == 1.0 and close[t] > close[t - 1] * 1.01:
            side, rest = 0.0, 7
        out[t] = side
    return out


def season_by_bar_number(close):
    out = np.zeros(close.size)
    for t in range(close.size):
        if t % 24 < 8:
            out[t] = 1.0
    return out


def flips_every_bar(close):
    out = np.empty(close.size)
    for t in range(close.size):
        out[t] = 1.0 if t % 2 == 0 else -1.0
    return out


def above_the_mean_so_far(close):
    out = np.zeros(close.size)
    total = 0.0
    for t in range(close.size):
        total += close[t]
        if close[t] > total / (t + 1):
            out[t] = 1.0
    return out


def zscore_so_far(close):
    out = np.zeros(close.size)
    mean = spread = 0.0
    for t in range(close.size):
        before = mean
        mean += (close[t] - mean) / (t + 1)
        spread += (close[t] - before) * (close[t] - mean)
        if t > 1:
            out[t] = -np.tanh((close[t] - mean) / np.sqrt(spread / t + 1e-12))
    return out


def drawdown_so_far(close):
    out = np.zeros(close.size)
    top = 0.0
    for t in range(close.size):
        top = max(top, close[t])
        if close[t] < 0.9 * top:
            out[t] = 1.0
    return out


def triggers_between_nan(close):
    out = np.full(close.size, np.nan)
    for t in range(1, close.size):
        if close[t] > close[t - 1] * 1.015:
            out[t] = 1.0
        elif close[t] < close[t - 1] * 0.985:
            out[t] = 0.0
    return out


def nan_until_ready(close):
    out = np.full(close.size, np.nan)
    for t in range(30, close.size):
        out[t] = 1.0 if close[t] > close[t - 30] else 0.0
    return out


def negative_zero(close):
    out = np.zeros(close.size)
    for t in range(1, close.size):
        if close[t] < close[t - 1]:
            out[t] = -0.0
    return out


def volatility_target(close):
    out = np.zeros(close.size)
    power = 1e-4
    for t in range(1, close.size):
        power += 0.06 * (np.log(close[t] / close[t - 1]) ** 2 - power)
        out[t] = min(1.0, 0.01 / np.sqrt(power))
    return out


def range_channel(close, high, low):
    out = np.zeros(close.size)
    spread = 0.0
    for t in range(1, close.size):
        span = max(high[t], close[t - 1]) - min(low[t], close[t - 1])
        spread += (span - spread) / 14.0
        out[t] = out[t - 1]
        if close[t] > close[t - 1] + spread:
            out[t] = 1.0
        elif close[t] < close[t - 1] - spread:
            out[t] = -1.0
    return out


def convergence(close):
    out = np.zeros(close.size)
    fast = slow = close[0]
    signal = 0.0
    for t in range(close.size):
        fast += 2.0 / 13.0 * (close[t] - fast)
        slow += 2.0 / 27.0 * (close[t] - slow)
        signal += 0.2 * (fast - slow - signal)
        out[t] = 1.0 if fast - slow > signal else 0.0
    return out


def balance_of_volume(close, volume):
    out = np.zeros(close.size)
    balance = mean = 0.0
    for t in range(1, close.size):
        balance += volume[t] if close[t] > close[t - 1] else -volume[t]
        mean += 0.1 * (balance - mean)
        out[t] = 1.0 if balance > mean else 0.0
    return out


def anchored_vwap(close, volume):
    out = np.zeros(close.size)
    money = shares = 0.0
    for t in range(close.size):
        money += close[t] * volume[t]
        shares += volume[t]
        out[t] = 1.0 if close[t] < money / shares else 0.0
    return out


def rolling_median(close):
    out = np.zeros(close.size)
    for t in range(10, close.size):
        if close[t] > np.median(close[t - 10 : t + 1]):
            out[t] = 1.0
    return out


def rolling_rank(close):
    out = np.zeros(close.size)
    for t in range(20, close.size):
        below = 0
        for s in range(t - 20, t):
            if close[s] < close[t]:
                below += 1
        out[t] = below / 20.0
    return out


def rolling_slope(close):
    out = np.zeros(close.size)
    for t in range(9, close.size):
        slope = 0.0
        for i in range(10):
            slope += (i - 4.5) * close[t - 9 + i]
        out[t] = 1.0 if slope > 0 else -1.0
    return out


def hysteresis(close):
    out = np.zeros(close.size)
    mean = close[0]
    for t in range(1, close.size):
        mean += 0.05 * (close[t] - mean)
        out[t] = out[t - 1]
        if close[t] < mean * 0.98:
            out[t] = 1.0
        elif close[t] > mean:
            out[t] = 0.0
    return out


def kalman_level(close):
    out = np.zeros(close.size)
    level, doubt = close[0], 1.0
    for t in range(close.size):
        doubt += 0.01
        gain = doubt / (doubt + 1.0)
        level += gain * (close[t] - level)
        doubt *= 1.0 - gain
        out[t] = 1.0 if close[t] > level else 0.0
    return out


def averaged_candles(open, high, low, close):
    out = np.zeros(close.size)
    body = open[0]
    for t in range(close.size):
        mean = (open[t] + high[t] + low[t] + close[t]) / 4.0
        out[t] = 1.0 if mean > body else 0.0
        body = (body + mean) / 2.0
    return out


def pivots_confirmed_late(close, low):
    out = np.zeros(close.size)
    for t in range(6, close.size):
        if low[t - 3] <= low[t - 6 : t + 1].min():
            out[t] = 1.0
    return out


def zigzag_when_confirmed(close):
    out = np.zeros(close.size)
    turn, up = close[0], True
    for t in range(1, close.size):
        if up:
            turn = max(turn, close[t])
            if close[t] < turn * 0.97:
                turn, up = close[t], False
        else:
            turn = min(turn, close[t])
            if close[t] > turn * 1.03:
                turn, up = close[t], True
        out[t] = 1.0 if up else -1.0
    return out


def yesterday_by_bar_number(close):
    """The last whole block of 24 bars, never the one under way."""
    out = np.zeros(close.size)
    for t in range(48, close.size):
        end = t // 24 * 24 - 1
        if close[end] > close[end - 24]:
            out[t] = 1.0
    return out


def running_sums(close):
    total = np.cumsum(close)
    out = np.zeros(close.size)
    for t in range(10, close.size):
        if close[t] > (total[t] - total[t - 10]) / 10.0:
            out[t] = 1.0
    return out


def lagged_volume(close, volume):
    out = np.zeros(close.size)
    for t in range(1, close.size):
        if volume[t - 1] > 30.0:
            out[t] = 1.0
    return out


def remembers_one_bar_for_ever(close):
    """A decision taken on bar 50 and held: state longer than any tile."""
    out = np.zeros(close.size)
    for t in range(50, close.size):
        out[t] = 1.0 if close[50] > close[0] else -1.0
    return out


class Banded(NamedTuple):
    target: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


def with_columns_beside(close):
    target = np.zeros(close.size)
    lower, upper = np.full(close.size, np.nan), np.full(close.size, np.nan)
    for t in range(10, close.size):
        window = close[t - 10 : t]
        lower[t], upper[t] = window.min(), window.max()
        if close[t] > upper[t]:
            target[t] = 1.0
    return Banded(target, lower, upper)


CLEAN = (
    always_in,
    never_in,
    no_opinion_ever,
    average_cross,
    ema_from_the_first_close,
    ema_seeded_with_an_average,
    rsi_reversion,
    bollinger_breakout,
    channel_of_the_bars_before,
    momentum,
    trailing_stop_loop,
    state_machine_with_a_rest,
    season_by_bar_number,
    flips_every_bar,
    above_the_mean_so_far,
    zscore_so_far,
    drawdown_so_far,
    triggers_between_nan,
    nan_until_ready,
    negative_zero,
    volatility_target,
    range_channel,
    convergence,
    balance_of_volume,
    anchored_vwap,
    rolling_median,
    rolling_rank,
    rolling_slope,
    hysteresis,
    kalman_level,
    averaged_candles,
    pivots_confirmed_late,
    zigzag_when_confirmed,
    yesterday_by_bar_number,
    running_sums,
    lagged_volume,
    remembers_one_bar_for_ever,
    with_columns_beside,
)
