"""Order book: the imbalance signal behind a filter made of slower bars of the mid."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from trade_research.indicators.trend import sma
from trade_research.indicators.volatility import atr, bollinger_bands
from trade_research.kernels.book_signal import bars_of_mid, entry_side, is_back, top_ratio
from trade_research.kernels.jit import F64, kernel
from trade_research.strategies.strategy import Span, strategy

_MINUTE = 60e6  # columns give times in microseconds


class Filtered(NamedTuple):
    """Targets, size bid over size asked, and what the filter lets through.

    `allowed`: 1 longs, −1 shorts, 2 both, 0 neither; NaN while the filter is not known.
    """

    target: F64
    ratio: F64
    allowed: F64


@kernel
def filtered(
    bid_size: F64,
    ask_size: F64,
    allowed: F64,
    buy: float,
    sell: float,
    depth: int,
) -> Filtered:
    """Entries of the imbalance that `allowed` lets through; exits need no leave."""
    n = bid_size.shape[0]
    target, ratio = np.full(n, np.nan), np.empty(n)
    before = np.nan
    for t in range(n):
        ratio[t] = top_ratio(bid_size[t], ask_size[t], depth)
        side = entry_side(ratio[t], buy, sell, 0.0)
        if side != 0.0 and (allowed[t] == side or allowed[t] == 2.0):
            target[t] = side
        elif is_back(before, ratio[t]):
            target[t] = 0.0
        before = ratio[t] if ratio[t] == ratio[t] else before
    return Filtered(target, ratio, allowed)


@strategy(warmup=1, presets={"origin": {"fast": 50, "slow": 200, "minutes": 15}})
def l2_trend(
    time: F64,
    bid_price: F64,
    bid_size: F64,
    ask_price: F64,
    ask_size: F64,
    buy: Annotated[float, Span(1.2, 10.0)] = 3.0,
    sell: Annotated[float, Span(0.1, 0.9)] = 0.33,
    depth: Annotated[int, Span(1, 20)] = 5,
    fast: Annotated[int, Span(2, 100)] = 50,
    slow: Annotated[int, Span(5, 400)] = 200,
    minutes: Annotated[int, Span(1, 60)] = 15,
) -> Filtered:
    """The book's imbalance, longs only while the trend is up and shorts only while it is down.

    Rule: as `l2_imbalance`; an entry must agree with the sign of the average of the last `fast`
    closes less that of the last `slow`, closes of the mid over bars of `minutes` that are over.

    Parameters: as `l2_imbalance`; `fast`, `slow` (bars), `minutes` (length of a bar).

    Source: Cao, Hansch and Wang (2009); Brock, Lakonishok and LeBaron (1992). Market: days of a
    book, since nothing is traded before `slow` bars are known. Cost to trade: as `l2_imbalance`.
    """
    n = time.size
    known, bars = np.empty(n), np.empty((n, 3))
    mid = 0.5 * (bid_price[:, 0] + ask_price[:, 0])
    count = bars_of_mid(time, mid, minutes * _MINUTE, known, bars)
    close = bars[:count, 2].copy()
    quick, calm = sma(close, fast), sma(close, slow)
    allowed = np.full(n, np.nan)
    for t in range(n):
        b = int(known[t]) - 1
        if b >= 0 and calm[b] == calm[b]:
            allowed[t] = np.sign(quick[b] - calm[b])
    return filtered(bid_size, ask_size, allowed, buy, sell, depth)


@strategy(
    warmup=1,
    presets={"origin": {"buy": 3.5, "sell": 0.28, "window": 20, "width": 2.0, "minutes": 5}},
)
def l2_reversion(
    time: F64,
    bid_price: F64,
    bid_size: F64,
    ask_price: F64,
    ask_size: F64,
    buy: Annotated[float, Span(1.2, 10.0)] = 3.5,
    sell: Annotated[float, Span(0.1, 0.9)] = 0.28,
    depth: Annotated[int, Span(1, 20)] = 5,
    window: Annotated[int, Span(5, 100)] = 20,
    width: Annotated[float, Span(1.0, 4.0)] = 2.0,
    minutes: Annotated[int, Span(1, 60)] = 5,
    within: Annotated[float, Span(10.0, 3_600.0)] = 300.0,
) -> Filtered:
    """After a close outside of the bands, the book's imbalance back towards the middle.

    Rule: for `within` seconds after a bar of `minutes` closed below the lower Bollinger band longs
    are let through, above the upper one shorts; entries and exits as `l2_imbalance`.

    Parameters: as `l2_imbalance`; `window` (bars), `width` (standard deviations), `minutes` (length
    of a bar), `within` (seconds).

    Source: Bollinger (2001), Bollinger on Bollinger Bands; Cao, Hansch and Wang (2009). Market:
    books that swing within the hour. Cost to trade: as `l2_imbalance`, less often.
    """
    n = time.size
    known, bars = np.empty(n), np.empty((n, 3))
    mid = 0.5 * (bid_price[:, 0] + ask_price[:, 0])
    count = bars_of_mid(time, mid, minutes * _MINUTE, known, bars)
    close = bars[:count, 2].copy()
    band = bollinger_bands(close, window, width)
    allowed, side, until, seen = np.full(n, np.nan), 0.0, -np.inf, -1
    for t in range(n):
        b = int(known[t]) - 1
        if b >= 0 and b != seen:
            seen = b
            if close[b] < band.lower[b]:
                side, until = 1.0, time[t] + within * 1e6
            elif close[b] > band.upper[b]:
                side, until = -1.0, time[t] + within * 1e6
        if b >= 0 and band.lower[b] == band.lower[b]:
            allowed[t] = side if time[t] < until else 0.0
    return filtered(bid_size, ask_size, allowed, buy, sell, depth)


@strategy(warmup=1, presets={"origin": {"window": 20, "low": 0.5, "high": 3.0, "minutes": 1}})
def l2_volatility(
    time: F64,
    bid_price: F64,
    bid_size: F64,
    ask_price: F64,
    ask_size: F64,
    buy: Annotated[float, Span(1.2, 10.0)] = 3.0,
    sell: Annotated[float, Span(0.1, 0.9)] = 0.33,
    depth: Annotated[int, Span(1, 20)] = 5,
    window: Annotated[int, Span(5, 100)] = 20,
    usual: Annotated[int, Span(10, 500)] = 100,
    low: Annotated[float, Span(0.0, 1.0)] = 0.5,
    high: Annotated[float, Span(1.0, 10.0)] = 3.0,
    minutes: Annotated[int, Span(1, 60)] = 1,
) -> Filtered:
    """The book's imbalance while volatility is neither dead nor wild.

    Rule: entries are let through while the average true range of the last `window` bars of
    `minutes` lies between `low` and `high` times its mean over the last `usual` bars; entries and
    exits as `l2_imbalance`.

    Parameters: as `l2_imbalance`; `window`, `usual` (bars), `low`, `high` (ratios), `minutes`
    (length of a bar).

    Source: Wilder (1978), New Concepts in Technical Trading Systems; Cao, Hansch and Wang (2009).
    Market: any book watched for hours. Cost to trade: as `l2_imbalance`, less often.
    """
    n = time.size
    known, bars = np.empty(n), np.empty((n, 3))
    mid = 0.5 * (bid_price[:, 0] + ask_price[:, 0])
    count = bars_of_mid(time, mid, minutes * _MINUTE, known, bars)
    upper, lower, close = bars[:count, 0].copy(), bars[:count, 1].copy(), bars[:count, 2].copy()
    ranges = atr(upper, lower, close, window)
    mean = sma(ranges, usual)
    allowed = np.full(n, np.nan)
    for t in range(n):
        b = int(known[t]) - 1
        if b >= 0 and mean[b] > 0.0:
            share = ranges[b] / mean[b]
            allowed[t] = 2.0 if low <= share <= high else 0.0
    return filtered(bid_size, ask_size, allowed, buy, sell, depth)
