"""The shipped rules against their sentences, a bar at a time in plain Python, and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.bench.walks import columns_of
from tests.laws.shipped import CASES, IDS
from trade_research import indicators as i
from trade_research.errors import ParameterError
from trade_research.strategies import (
    bollinger,
    book_pressure,
    breakout,
    breakout_perp,
    donchian,
    ma_crossover,
    macd,
    oi_funding,
    put_call,
    rsi_divergence,
    rsi_reversion,
    rvol,
    time_series_momentum,
)
from trade_research.strategies.brackets import hold_in_brackets

NAN = np.nan
SEEDS = pytest.mark.parametrize("seed", [0, 1, 2])


def raw(one, cols, **params):
    return one.raw({name: cols[name] for name in one.columns}, **params)


@pytest.mark.parametrize(("one", "params"), CASES, ids=IDS)
def test_compiled_and_plain_python_agree(one, params):
    cols = columns_of(4, 300)
    cols["close"][150] = NAN
    columns = [cols[name] for name in one.columns]
    plain = one.fn(*columns, **params)
    plain = plain._asdict() if hasattr(plain, "_asdict") else {"target": plain}
    found = raw(one, cols, **params)
    for name, values in {"target": found.target, **found.extras}.items():
        known = ~np.isnan(values)
        np.testing.assert_allclose(plain[name][known], values[known], rtol=1e-9, err_msg=name)


@SEEDS
@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("trigger", ["signal", "zero", "histogram"])
@pytest.mark.parametrize("zero", [False, True])
def test_macd(seed, short, trigger, zero):
    cols = columns_of(seed, 500)
    lines = i.macd(cols["close"], 5, 9, 4)
    gap = {
        "signal": lines.histogram,
        "zero": lines.line,
        "histogram": np.diff(lines.histogram, prepend=NAN),
    }[trigger]
    side, wanted = 0.0, np.full(500, NAN)
    for t in range(500):
        if np.isnan(gap[t] + lines.signal[t]):
            continue
        side = 1.0 if gap[t] > 0 else (-1.0 if short else 0.0)
        wanted[t] = side if not zero or side * lines.line[t] > 0 else 0.0
    ours = raw(macd, cols, fast=5, slow=9, signal=4, trigger=trigger, zero=zero, short=short)
    np.testing.assert_array_equal(ours.target, wanted)
    np.testing.assert_array_equal(ours.extras["histogram"], lines.histogram)


def test_crossover_keeps_inside_its_band_and_goes_short():
    """Averages over 1 and 2 bars: 8 of 9, 11 of 11.5 … the gap is half the step, 10% the band."""
    x = np.array([10.0, 10.0, 13.0, 12.0, 8.0, 9.0, 12.0])
    # gaps over slow averages: 0, 1.5/11.5, −0.5/12.5, −2/10, 0.5/8.5, 1.5/10.5
    found = ma_crossover(x, fast=1, slow=2, band=0.1, short=True)
    np.testing.assert_array_equal(found, [0, 0, 1, 1, -1, -1, 1])
    np.testing.assert_array_equal(
        ma_crossover(x, fast=1, slow=2, short=True), [0, 0, 1, -1, -1, 1, 1]
    )


@pytest.mark.parametrize("kind", ["sma", "ema", "wma", "dema", "tema", "hma", "kama", "wilder"])
def test_crossover_of_any_average(kind):
    close = columns_of(3, 400)["close"]
    quick, calm = (getattr(i, kind)(close, n) for n in (4, 11))
    found = ma_crossover.raw({"close": close}, fast=4, slow=11, kind=kind)
    known = ~np.isnan(quick + calm)
    np.testing.assert_array_equal(found.target[known], (quick > calm)[known].astype(float))
    assert np.isnan(found.target[~known]).all()
    np.testing.assert_array_equal(found.extras["calm"], calm)


@SEEDS
@pytest.mark.parametrize("mode", ["breakout", "reversion"])
@pytest.mark.parametrize("until", ["middle", "band"])
@pytest.mark.parametrize("lag", [0, 1])
@pytest.mark.parametrize("squeeze", [100.0, 30.0])
def test_bollinger(seed, mode, until, lag, squeeze):
    x = columns_of(seed, 600)["close"]
    up, mid, low = (np.concatenate([np.full(lag, NAN), v])[:600] for v in i.bollinger_bands(x, 9))
    rank = i.bollinger_ribbon(x, 9, 2.0, 120).squeeze
    turn = 1.0 if mode == "breakout" else -1.0
    held, wanted = 0.0, np.full(600, NAN)
    for t in range(600):
        if np.isnan(mid[t]):
            continue
        outside = turn * ((x[t] > up[t]) - float(x[t] < low[t]))
        may = squeeze == 100.0 or (t > 0 and rank[t - 1] <= squeeze)
        crossed = turn * np.sign(x[t] - mid[t]) == -held
        if outside and outside != held and may:
            held = outside
        elif outside != held and (until == "band" or crossed):
            held = 0.0
        wanted[t] = held
    params = {"window": 9, "mode": mode, "until": until, "lag": lag, "squeeze": squeeze}
    ours = bollinger.raw({"close": x}, short=True, **params)
    np.testing.assert_array_equal(ours.target, wanted)
    assert {-1.0, 0.0, 1.0} <= set(ours.target)
    place = (x - i.bollinger_bands(x, 9).lower) / (4 * i.rolling_std(x, 9))
    np.testing.assert_allclose(ours.extras["percent_b"], place, rtol=1e-9)


def test_bollinger_refuses_bands_that_no_close_can_leave():
    """Of n values none is further than √(n − 1) deviations (ddof 0) from their mean."""
    for window, width in ((5, 2.0), (2, 1.0), (10, 3.0)):
        with pytest.raises(ParameterError, match="no close can leave its own bands"):
            bollinger.warmup(window=window, width=width)
        bollinger.warmup(window=window, width=width, lag=1)
        x = np.append(np.zeros(window - 1), 1.0)
        assert abs(x[-1] - x.mean()) / x.std() <= width + 1e-9
        assert bollinger.warmup(window=window + 1, width=width) == window + 1


@SEEDS
@pytest.mark.parametrize("kind", ["wilder", "cutler"])
def test_rsi_reversion(seed, kind):
    x = columns_of(seed, 800)["close"]
    index = (i.rsi if kind == "wilder" else i.rsi_cutler)(x, 6)
    held, wanted = 0.0, np.full(800, NAN)
    for t in range(6, 800):
        if index[t] <= 25:
            held = 1.0
        elif index[t] >= 75:
            held = -1.0
        elif (held > 0 and index[t] >= 55) or (held < 0 and index[t] <= 45):
            held = 0.0
        wanted[t] = held
    params = {"window": 6, "oversold": 25.0, "overbought": 75.0, "middle": 55.0, "kind": kind}
    found = rsi_reversion.raw({"close": x}, short=True, **params)
    np.testing.assert_array_equal(found.target, wanted)
    np.testing.assert_array_equal(found.extras["rsi"], index)


@pytest.mark.parametrize("kind", ["wilder", "cutler"])
def test_a_price_that_does_not_move_is_not_oversold(kind):
    flat = np.full(300, 0.1)
    assert not np.nansum(rsi_reversion.raw({"close": flat}, kind=kind).target)


@SEEDS
@pytest.mark.parametrize("skip", [False, True])
def test_donchian(seed, skip):
    cols = columns_of(seed, 800)
    high, low, close = cols["high"], cols["low"], cols["close"]
    reach = i.atr(high, low, close, 20)
    held, size, entry, gained, wanted = 0.0, 0.0, 0.0, False, np.full(800, NAN)
    for t in range(21, 800):
        top, bottom = high[t - 8 : t].max(), low[t - 8 : t].min()
        stop = low[t - 4 : t].min() if held > 0 else high[t - 4 : t].max()
        if held and held * (close[t] - stop) < 0:
            gained, held = bool(held * (close[t] - entry) > 0), 0.0
        side = float(close[t] > top) - float(close[t] < bottom)
        if side and side != held:
            far = t >= 24 and not low[t - 24 : t].min() <= close[t] <= high[t - 24 : t].max()
            if not (skip and gained) or far:
                held, entry = side, close[t]
                size = round(1_000 * min(1.0, 0.01 * close[t] / reach[t])) / 1_000
            gained = gained and far
        wanted[t] = held * size
    params = {"entry": 8, "leave": 4, "risk": 0.01, "skip": skip, "short": True}
    found = raw(donchian, cols, **params)
    np.testing.assert_array_equal(found.target[21:], wanted[21:])
    np.testing.assert_array_equal(found.extras["upper"][100], high[92:100].max())


def test_time_series_momentum():
    close = columns_of(0, 400)["close"]
    found = time_series_momentum.raw(
        {"close": close}, lookback=30, gap=5, threshold=2.0, short=True
    )
    for t in range(35, 400):
        change = 100 * (close[t - 5] / close[t - 35] - 1)
        assert found.target[t] == (change > 2) - float(change < -2)
        assert found.extras["change"][t] == pytest.approx(change)
    sized = time_series_momentum.raw({"close": close}, lookback=30, risk=0.005, window=20).target
    spread = i.volatility_close(close, 20)
    for t in range(31, 400):
        full = min(1.0, 0.005 / spread[t])
        assert sized[t] == (math.ceil(10 * full) / 10 if close[t] > close[t - 30] else 0.0)


def test_brackets_by_hand():
    """Stop 2, goal 3, at most 4 bars, one bar of rest."""
    close = np.array([10, 10, 9, 8, 8, 8, 11, 11, 11, 11, 11, 11, 12, 9, 9.0])
    side = np.array([0, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0, -1, NAN])
    found = hold_in_brackets(side, close, np.full(15, 2.0), np.full(15, 3.0), 4, 2)
    #  in at 10; out at 8 (bar 3); rest until bar 5; in at 8, goal at 11 (bar 6); in at 11 (bar 8),
    #  four bars later out; short at 9; unknown.
    np.testing.assert_array_equal(found, [0, 1, 1, 0, 0, 1, 0, 0, 1, 1, 1, 1, 0, 0, NAN])
    turned = hold_in_brackets(
        np.array([1.0, -1.0, 0.0]), np.full(3, 5.0), np.ones(3), np.ones(3), 9, 9
    )
    np.testing.assert_array_equal(turned, [1, -1, -1])


def naive_sides(n, rule):
    return np.array([rule(t) for t in range(n)])


@SEEDS
def test_rvol(seed):
    cols = columns_of(seed, 600)
    high, low, close, volume = (cols[c] for c in ("high", "low", "close", "volume"))
    reach = i.atr(high, low, close, 7)

    def side(t):
        if t < 10:
            return NAN
        move = close[t] / close[t - 1] - 1
        surge = volume[t] >= 1.5 * volume[t - 10 : t].mean()
        return np.sign(move) * (surge and abs(move) >= 0.005)

    wanted = hold_in_brackets(naive_sides(600, side), close, 1.5 * reach, 3 * reach, 50, 3)
    found = raw(rvol, cols, window=10, ratio=1.5, span=7, short=True)
    np.testing.assert_array_equal(found.target, wanted)
    assert {-1.0, 0.0, 1.0} <= set(found.target)


@SEEDS
def test_oi_funding(seed):
    cols = columns_of(seed, 600)
    close, interest, rate = cols["close"], cols["open_interest"], 100 * cols["funding_rate"]

    def side(t):
        if t < 4:
            return NAN
        move, grown = (100 * (x[t] / x[t - 4] - 1) for x in (close, interest))
        if grown < 5:
            return 0.0
        if abs(rate[t]) > 0.1:
            return -np.sign(rate[t])
        with_it = move * rate[t] > 0 and abs(rate[t]) >= 0.01 and abs(move) >= 1
        return np.sign(move) if with_it else 0.0

    wanted = hold_in_brackets(naive_sides(600, side), close, 0.02 * close, 0.04 * close, 48, 4)
    np.testing.assert_array_equal(raw(oi_funding, cols).target, wanted)
    assert {-1.0, 0.0, 1.0} <= set(wanted)


def test_put_call_by_hand():
    ratio = np.array([0.3, 0.5, 0.9, 1.3, 1.6, 0.5, NAN])
    age = np.array([0.0, 0, 0, 0, 0, 90_000, 0])
    found = put_call.compute({"put_call_ratio": ratio, "put_call_age": age})
    np.testing.assert_array_equal(found.target, [-1, 1, 0, -1, 1, 0, NAN])
    np.testing.assert_array_equal(found.extras["stale"][:6], [0, 0, 0, 0, 0, 1])


def test_book_pressure_by_hand():
    """Imbalances 1/3, −1/3, 0, 1/3 behind walls of 4 asks among thin ones, old, empty."""
    bids = np.array([[2.0, 2], [1, 1], [1, 1], [2, 2], [2, 2], [0, 0]])
    asks = np.array([[1.0, 1], [2, 2], [1, 1], [1, 1], [1, 1], [1, 1]])
    age = np.array([0.0, 60, 0, 61, 0, 0])
    cols = {"bid_size": bids, "ask_size": asks, "book_age": age}
    found = book_pressure.compute(cols)
    np.testing.assert_array_equal(found.target, [1, -1, 0, 0, 1, NAN])
    np.testing.assert_allclose(found.extras["imbalance"][:3], [1 / 3, -1 / 3, 0])
    # Bids 20 and 0, asks 4, 4: mean 7; with wall=0.5 both asks stand in the way of a rise.
    walled = {"bid_size": np.array([[20.0, 0.0]]), "ask_size": np.array([[4.0, 4.0]])}
    walled["book_age"] = np.zeros(1)
    for walls, wanted in ((1, 0.0), (2, 1.0)):
        assert book_pressure.compute(walled, wall=0.5, walls=walls).target[0] == wanted


def naive_divergences(high, low, index, left, right, apart, form):
    """Divergences bar by bar: pivots told `right` bars late, neighbours compared."""
    n, found = len(high), np.zeros(len(high))
    found[np.isnan(index)] = NAN
    last = {}
    for t in range(left + right, n):
        at = t - right
        for sign, x in ((1, low), (-1, high)):
            v = -sign * x
            before, behind = v[at - left : at], v[at + 1 : t + 1]
            if not (v[at] > before.max() and v[at] >= behind.max()) or np.isnan(index[t]):
                continue
            if sign in last and at - last[sign] <= apart:
                was = last[sign]
                further, firmer = sign * (x[was] - x[at]), sign * (index[at] - index[was])
                limit = index[was] <= 30 if sign > 0 else index[was] >= 70
                regular = further > 0 and firmer > 0 and limit
                hidden = further < 0 and firmer < 0
                if (regular and form != "hidden") or (hidden and form != "regular"):
                    found[t] = sign if found[t] == 0 else 0
            last[sign] = at
            if np.isnan(index[at]):
                del last[sign]
    return found


@SEEDS
@pytest.mark.parametrize("form", ["regular", "hidden", "both"])
def test_rsi_divergence_finds_what_the_rule_says(seed, form):
    cols = columns_of(seed, 2_000)
    index = i.rsi(cols["close"], 5)
    wanted = naive_divergences(cols["high"], cols["low"], index, 4, 2, 40, form)
    found = raw(rsi_divergence, cols, window=5, left=4, right=2, apart=40, form=form, short=True)
    np.testing.assert_array_equal(found.extras["divergence"], wanted)
    assert {-1.0, 1.0} <= set(wanted)
    began = np.flatnonzero(np.diff(np.abs(found.target), prepend=0) > 0)
    assert (wanted[began] == found.target[began]).all()
    assert set(began) <= set(np.flatnonzero(wanted))


def test_rsi_divergence_by_hand():
    """A fall to 90, a bounce, a slower fall to 89: told two bars behind it, void below it."""
    close = np.array(
        [100, 97, 94, 91, 90, 93, 96, 95.5, 94, 92.5, 91, 89.5, 89, 90, 91, 92, 93, 88.0]
    )
    cols = {"high": close + 0.1, "low": close - 0.1, "close": close}
    index = i.rsi(close, 3)
    assert index[4] <= 30 < 100
    assert index[12] > index[4]
    found = raw(rsi_divergence, cols, window=3, left=3, right=2, overbought=99.0)
    np.testing.assert_array_equal(np.flatnonzero(found.extras["divergence"] == 1), [14])
    np.testing.assert_array_equal(found.target[4:], [0] * 10 + [1, 1, 1, 0])


def naive_breakouts(cols, derivatives=None):
    """Score of the first close clear of resistance, bar by bar; NaN elsewhere."""
    high, close, volume = (cols[c] for c in ("high", "close", "volume"))
    n = len(close)
    index, line = i.rsi(close, 14), i.macd(close).line
    upper, middle, lower = i.bollinger_bands(close, 20)
    wide = (upper - lower) / middle
    score, levels = np.full(n, NAN), np.full(n, NAN)
    for t in range(60, n):
        peaks = [
            high[p]
            for p in range(t - 52, t - 2)
            if high[p] > high[p - 2 : p].max() and high[p] >= high[p + 1 : p + 3].max()
        ]
        if not peaks:
            continue
        levels[t] = max(peaks)
        bar = levels[t] * 1.005
        if not (close[t] > bar >= close[t - 1]) or index[t] > 75:
            continue
        surge = volume[t] >= 2 * volume[t - 20 : t].mean()
        rose = line[t] > 0 and not (line[t - 5 : t] > 0).all()
        parts = {
            0.30: 1.0 if surge else 0.5,
            0.25: 0.5 * (index[t] >= 55) + 0.5 * rose,
            0.15: wide[t] >= 1.5 * np.nanmin(wide[t - 19 : t + 1]),
            0.10: 1 - 0.98 * levels[t] / close[t] <= 0.04,
        }
        if derivatives is not None:
            parts[0.20] = derivatives[t]
        score[t] = sum(w * p for w, p in parts.items()) / sum(parts)
    return score, levels


@SEEDS
def test_breakout(seed):
    cols = columns_of(seed, 1_500)
    score, levels = naive_breakouts(cols)
    found = raw(breakout, cols)
    np.testing.assert_allclose(found.extras["resistance"][60:], levels[60:], rtol=1e-12)
    known = np.flatnonzero(~np.isnan(score))
    assert known.size > 10
    np.testing.assert_allclose(found.extras["score"][known], score[known], rtol=1e-9)
    loss = cols["close"] - 0.98 * levels
    side = np.where(score >= 0.7, 1.0, 0.0)
    wanted = hold_in_brackets(side, cols["close"], loss, 2 * loss, 100, 0)
    np.testing.assert_array_equal(found.target[60:], wanted[60:])


def test_breakout_of_perpetuals_counts_interest_and_funding():
    cols = columns_of(1, 1_500)
    grown = 100 * (cols["open_interest"][24:] / cols["open_interest"][:-24] - 1)
    share = np.full(1_500, NAN)
    rate = 100 * cols["funding_rate"][24:]
    share[24:] = 0.5 * (grown >= 10) + 0.5 * ((rate >= 0.01) & (rate <= 0.05))
    score, _ = naive_breakouts(cols, share)
    known = np.flatnonzero(~np.isnan(score))
    found = raw(breakout_perp, cols).extras["score"]
    np.testing.assert_allclose(found[known], score[known], rtol=1e-9)
