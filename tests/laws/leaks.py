"""Forty ways to know the future by mistake. Each must be caught, with the bar named."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


def next_close(close):
    out = np.zeros(close.size)
    for t in range(close.size - 1):
        if close[t + 1] > close[t]:
            out[t] = 1.0
    return out


def five_bars_ahead(close):
    out = np.zeros(close.size)
    for t in range(close.size - 5):
        if close[t + 5] > close[t]:
            out[t] = 1.0
    return out


def centred_mean(close):
    out = np.zeros(close.size)
    for t in range(5, close.size - 5):
        if close[t] < close[t - 5 : t + 6].mean():
            out[t] = 1.0
    return out


def centred_median(close):
    out = np.zeros(close.size)
    for t in range(1, close.size - 1):
        if close[t] < max(close[t - 1], close[t + 1]):
            out[t] = 1.0
    return out


def sample_zscore(close):
    mean, std = close.mean(), close.std()
    out = np.zeros(close.size)
    for t in range(close.size):
        out[t] = -np.tanh((close[t] - mean) / (std + 1e-9))
    return out


def sample_mean_threshold(close):
    mean = close.mean()
    out = np.zeros(close.size)
    for t in range(close.size):
        if close[t] < mean:
            out[t] = 1.0
    return out


def scaled_by_sample_deviation(close):
    size = 1.0 / (1.0 + close.std())
    out = np.empty(close.size)
    for t in range(close.size):
        out[t] = size
    return out


def future_high(close, high):
    out = np.zeros(close.size)
    for t in range(close.size - 1):
        best = 0.0
        for s in range(t + 1, min(t + 11, close.size)):
            best = max(best, high[s])
        if best > close[t] * 1.02:
            out[t] = 1.0
    return out


def future_low(close, low):
    out = np.ones(close.size)
    for t in range(close.size - 1):
        for s in range(t + 1, min(t + 6, close.size)):
            if low[s] < close[t] * 0.98:
                out[t] = 0.0
    return out


def day_close_before_its_end(close):
    """A resample whose label is the start of the day."""
    out = np.zeros(close.size)
    for t in range(close.size):
        end = min((t // 24 + 1) * 24, close.size) - 1
        if close[end] > close[t]:
            out[t] = 1.0
    return out


def day_volume_before_its_end(close, volume):
    out = np.zeros(close.size)
    for t in range(close.size):
        start = t // 24 * 24
        if volume[start : start + 24].sum() > 24 * 25.0:
            out[t] = 1.0
    return out


def back_filled(close):
    """A signal known every 10 bars, filled backwards."""
    out = np.zeros(close.size)
    value = 0.0
    for i in range(close.size):
        t = close.size - 1 - i
        if t % 10 == 9:
            value = 1.0 if close[t] > close[t - 9] else 0.0
        out[t] = value
    return out


def interpolated(close):
    """Linear between values known every 10 bars."""
    out = np.zeros(close.size)
    for t in range(close.size):
        a = t // 10 * 10
        b = min(a + 10, close.size - 1)
        line = close[a] + (close[b] - close[a]) * (t - a) / 10.0
        if close[t] < line:
            out[t] = 1.0
    return out


def last_row_flat(close):
    out = np.ones(close.size)
    out[-1] = 0.0
    return out


def closes_before_the_end(close):
    out = np.ones(close.size)
    for t in range(max(0, close.size - 3), close.size):
        out[t] = 0.0
    return out


def parity_of_the_length(close):
    out = np.empty(close.size)
    for t in range(close.size):
        out[t] = 1.0 if (close.size - t) % 2 == 0 else 0.0
    return out


def after_the_sample_low(close):
    low = np.argmin(close)
    out = np.zeros(close.size)
    for t in range(close.size):
        if t >= low:
            out[t] = 1.0
    return out


def drawdown_from_sample_high(close):
    top = close.max()
    out = np.zeros(close.size)
    for t in range(close.size):
        if close[t] < 0.9 * top:
            out[t] = 1.0
    return out


def sample_range_scaled(close):
    low, high = close.min(), close.max()
    out = np.empty(close.size)
    for t in range(close.size):
        out[t] = 1.0 - (close[t] - low) / (high - low + 1e-9)
    return out


def sample_percentile(close):
    level = np.sort(close)[close.size // 4]
    out = np.zeros(close.size)
    for t in range(close.size):
        if close[t] <= level:
            out[t] = 1.0
    return out


def sample_ranks(close):
    order = np.argsort(close)
    out = np.empty(close.size)
    for i in range(close.size):
        out[order[i]] = i / close.size
    return out


def low_pass_of_the_sample(close):
    """Keeps the slowest cosines of the whole series, as an FFT filter does."""
    n = close.size
    smooth = np.zeros(n)
    for k in range(4):
        weight = 0.0
        for t in range(n):
            weight += close[t] * np.cos(np.pi * k * (t + 0.5) / n)
        for t in range(n):
            smooth[t] += weight * np.cos(np.pi * k * (t + 0.5) / n) * (1.0 if k == 0 else 2.0) / n
    out = np.zeros(n)
    for t in range(n):
        if close[t] < smooth[t]:
            out[t] = 1.0
    return out


def pivot_lows(close, low):
    out = np.zeros(close.size)
    for t in range(3, close.size - 3):
        if low[t] <= low[t - 3 : t + 4].min():
            out[t] = 1.0
    return out


def zigzag_known_at_the_turn(close):
    """Marks the turn itself, though a move of 3% confirms it only later."""
    out = np.zeros(close.size)
    turn, up = 0, True
    for t in range(1, close.size):
        if up and close[t] > close[turn]:
            turn = t
        elif up and close[t] < close[turn] * 0.97:
            out[turn:t] = -1.0
            turn, up = t, False
        elif not up and close[t] < close[turn]:
            turn = t
        elif not up and close[t] > close[turn] * 1.03:
            out[turn:t] = 1.0
            turn, up = t, True
    return out


def barrier_label(close):
    """1 where +2% comes before −2% in the next 20 bars: a training label used as a signal."""
    out = np.zeros(close.size)
    for t in range(close.size):
        for s in range(t + 1, min(t + 21, close.size)):
            if close[s] > close[t] * 1.02:
                out[t] = 1.0
                break
            if close[s] < close[t] * 0.98:
                break
    return out


def reversed_sum(close):
    out = np.zeros(close.size)
    total = 0.0
    for i in range(close.size - 1):
        t = close.size - 1 - i
        total += close[t] - close[t - 1]
        out[t - 1] = 1.0 if total > 0 else 0.0
    return out


def over_the_final_value(close):
    out = np.empty(close.size)
    for t in range(close.size):
        out[t] = min(1.0, close[t] / close[-1])
    return out


def detrended_by_the_end(close):
    slope = (close[-1] - close[0]) / close.size
    out = np.zeros(close.size)
    for t in range(close.size):
        if close[t] < close[0] + slope * t:
            out[t] = 1.0
    return out


def smoothed_same(close):
    """np.convolve(close, ones(5)/5, "same"): two bars of the window are ahead."""
    out = np.zeros(close.size)
    smooth = np.convolve(close, np.ones(5) / 5.0)
    for t in range(close.size):
        if close[t] < smooth[t + 2]:
            out[t] = 1.0
    return out


def backward_ema(close):
    out = np.zeros(close.size)
    mean = close[-1]
    for i in range(close.size):
        t = close.size - 1 - i
        mean += 0.2 * (close[t] - mean)
        if mean > close[t]:
            out[t] = 1.0
    return out


def forward_and_backward(close):
    """A zero-lag filter: an average run forward, then back."""
    smooth = close.copy()
    for t in range(1, close.size):
        smooth[t] = smooth[t - 1] + 0.2 * (close[t] - smooth[t - 1])
    out = np.zeros(close.size)
    for i in range(1, close.size):
        t = close.size - 1 - i
        smooth[t] = smooth[t + 1] + 0.2 * (smooth[t] - smooth[t + 1])
        if smooth[t + 1] > smooth[t]:
            out[t] = 1.0
    return out


def coming_volatility(close):
    out = np.ones(close.size)
    for t in range(close.size):
        if close[t : t + 20].std() > 0.02 * close[t]:
            out[t] = 0.0
    return out


def known_gap(close, open):
    out = np.zeros(close.size)
    for t in range(close.size - 1):
        if open[t + 1] > close[t] * 1.001:
            out[t] = 1.0
    return out


def coming_volume(close, volume):
    out = np.zeros(close.size)
    for t in range(close.size - 2):
        if volume[t + 2] > 30.0:
            out[t] = 1.0
    return out


def wraps_at_the_start(close):
    """close[t − 1] at t = 0 reads the last bar."""
    out = np.zeros(close.size)
    for t in range(close.size):
        if close[t] > close[t - 1]:
            out[t] = 1.0
    return out


def rolled(close):
    ahead = np.roll(close, -1)
    out = np.zeros(close.size)
    for t in range(close.size):
        if ahead[t] > close[t]:
            out[t] = 1.0
    return out


def best_lookback_of_the_sample(close):
    best, most = 5, -1e300
    for look in range(5, 30, 5):
        gain = 0.0
        for t in range(look, close.size - 1):
            if close[t] > close[t - look]:
                gain += close[t + 1] - close[t]
        if gain > most:
            best, most = look, gain
    out = np.zeros(close.size)
    for t in range(best, close.size):
        if close[t] > close[t - best]:
            out[t] = 1.0
    return out


def next_multiple_of_ten(close):
    out = np.zeros(close.size)
    for t in range(close.size):
        if close[min((t + 9) // 10 * 10, close.size - 1)] > close[t]:
            out[t] = 1.0
    return out


def rarely_ahead(close, volume):
    """Peeks only when volume is high."""
    out = np.zeros(close.size)
    for t in range(close.size - 1):
        if volume[t] > 150.0 and close[t + 1] > close[t]:
            out[t] = 1.0
    return out


def ahead_after_a_thousand(close):
    out = np.zeros(close.size)
    for t in range(1_000, close.size - 1):
        if close[t + 1] > close[t]:
            out[t] = 1.0
    return out


class Banded(NamedTuple):
    target: np.ndarray
    band: np.ndarray


def only_in_a_band(close):
    """The target is clean; a column beside it is not."""
    target, band = np.zeros(close.size), close.copy()
    for t in range(1, close.size):
        if close[t] > close[t - 1]:
            target[t] = 1.0
    for t in range(close.size - 1):
        band[t] = close[t + 1]
    return Banded(target, band)


LEAKS = (
    next_close,
    five_bars_ahead,
    centred_mean,
    centred_median,
    sample_zscore,
    sample_mean_threshold,
    scaled_by_sample_deviation,
    future_high,
    future_low,
    day_close_before_its_end,
    day_volume_before_its_end,
    back_filled,
    interpolated,
    last_row_flat,
    closes_before_the_end,
    parity_of_the_length,
    after_the_sample_low,
    drawdown_from_sample_high,
    sample_range_scaled,
    sample_percentile,
    sample_ranks,
    low_pass_of_the_sample,
    pivot_lows,
    zigzag_known_at_the_turn,
    barrier_label,
    reversed_sum,
    over_the_final_value,
    detrended_by_the_end,
    smoothed_same,
    backward_ema,
    forward_and_backward,
    coming_volatility,
    known_gap,
    coming_volume,
    wraps_at_the_start,
    rolled,
    best_lookback_of_the_sample,
    next_multiple_of_ten,
    rarely_ahead,
    ahead_after_a_thousand,
    only_in_a_band,
)


def one_price_in_100_000(close, volume):
    """A band peeks on the bar whose volume is of a kind seen once: no target changes by it."""
    target, band = np.zeros(close.size), close.copy()
    for t in range(close.size):
        if volume[t] > 1e6 and t + 1 < close.size:
            band[t] = close[t + 1]
        if t > 0 and close[t] > close[t - 1] * 1.02:
            target[t] = 0.5
    return Banded(target, band)


def one_bar_number_in_100_000(close):
    """Peeks on bar 77,777 alone: no window of the data shows it, the change of target does."""
    out = np.zeros(close.size)
    for t in range(1, close.size):
        if t == 77_777 and t + 1 < close.size:
            out[t] = 1.0 if close[t + 1] > close[t] else -1.0
        elif close[t] > close[t - 1] * 1.02:
            out[t] = 0.5
    return out
