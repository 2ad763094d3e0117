"""Rolling years, parts, regimes, crises and concentration, against NumPy and by hand."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from tests.data import needs_data, shared
from tests.evidence.series import day_returns, days
from trade_research.evidence.crises import BTC, CRISES, SP500, crises_in
from trade_research.evidence.regimes import (
    HISTORY_DAYS,
    NAMES,
    TREND_DAYS,
    VOLATILITY_DAYS,
    classify,
    regimes_of,
)
from trade_research.evidence.stability import (
    herfindahl,
    rolling_year,
    span_of,
    stability_of,
)
from trade_research.sources.demo import demo_bars


def test_rolling_years_are_those_of_numpy():
    rng = np.random.default_rng(0)
    r, b = day_returns("fat", 600, rng), day_returns("normal", 600, rng)
    run = days(r, b)
    found = rolling_year(run)
    assert (found.window, len(found.dates)) == (252, 300)
    for k in (0, 150, 299):
        end = int(np.flatnonzero(run.dates == np.datetime64(found.dates[k]))[0])
        x, y = r[end - 251 : end + 1], b[end - 251 : end + 1]
        expected = [
            x.mean() / x.std(ddof=1) * math.sqrt(252),
            x.std(ddof=1) * math.sqrt(252),
            np.cov(x, y)[0, 1] / y.var(ddof=1),
            (x > 0).mean(),
        ]
        ours = [found.sharpe[k], found.volatility[k], found.beta[k], found.hit_rate[k]]
        np.testing.assert_allclose(ours, expected, rtol=1e-9)
    assert found.dates[-1] == str(run.dates[-1])
    whole = r.mean() / r.std(ddof=1) * math.sqrt(252)
    assert found.low < whole < found.high
    assert found.high - found.low == pytest.approx(2 * 1.645, rel=0.1)  # about 1/√(1 year)


def test_without_a_year_or_a_benchmark_nothing_is_made_up():
    assert rolling_year(days(np.full(100, 0.01))) is None
    found = rolling_year(days(day_returns("normal", 300, np.random.default_rng(1))))
    assert set(found.beta) == {None}
    flat = rolling_year(days(np.zeros(300)))
    assert set(flat.sharpe) == {None}


def test_parts_add_up_to_the_whole():
    rng = np.random.default_rng(2)
    run = days(day_returns("fat", 900, rng), day_returns("normal", 900, rng))
    found = stability_of(run)
    whole = run.equity[-1] / 1_000.0
    for parts in (found.years, found.halves):
        assert sum(part.days for part in parts) == 900
        assert math.prod(1 + part.net_return for part in parts) == pytest.approx(whole)
    assert [part.name for part in found.years] == ["2001", "2002", "2003"]
    regimes = found.regimes
    assert regimes.unknown + sum(row.days for row in regimes.rows) == 900


def test_a_span_by_hand():
    run = days(np.array([0.10, -0.50, 0.20, 0.0]))
    span = span_of(run, "x", np.array([False, True, True, True]))
    assert span.net_return == pytest.approx(-0.4)
    assert span.max_drawdown == pytest.approx(-0.5)
    assert span.hit_rate == 0.5
    assert span.sharpe is None  # three days are no sample
    scattered = span_of(run, "x", np.array([True, False, True, False]))
    assert (scattered.max_drawdown, scattered.net_return) == (None, pytest.approx(0.32))


def test_halves_differ_by_chance_as_often_as_the_p_value_says():
    low = 0
    for k in range(200):
        run = days(day_returns("fat", 500, np.random.default_rng(k)))
        low += stability_of(run).halves_p < 0.1
    assert 6 <= low <= 36  # 20 expected, ± 4 deviations of √18
    rng = np.random.default_rng(5)
    broken = np.concatenate([rng.normal(0.002, 0.01, 400), rng.normal(-0.002, 0.01, 400)])
    assert stability_of(days(broken)).halves_p < 0.001


def naive_regimes(logs):
    out = []
    for t in range(logs.size):
        spreads = sorted(
            np.var(logs[u - VOLATILITY_DAYS : u]) for u in range(VOLATILITY_DAYS, t + 1)
        )
        if t < TREND_DAYS or len(spreads) < HISTORY_DAYS:
            out.append(-1)
            continue
        now, top = np.var(logs[t - VOLATILITY_DAYS : t]), len(spreads) - 1
        third = int(now > spreads[top // 3]) + int(now > spreads[2 * top // 3])
        out.append(3 * int(logs[t - TREND_DAYS : t].sum() > 0) + third)
    return np.array(out)


def test_regimes_are_those_of_the_naive_rule_and_know_no_future():
    logs = day_returns("fat", 420, np.random.default_rng(6))
    found = classify(logs)
    np.testing.assert_array_equal(found, naive_regimes(logs))
    changed = logs.copy()
    changed[300:] = -0.2
    np.testing.assert_array_equal(classify(changed)[:301], found[:301])


def test_a_rising_calm_market_is_called_so_and_the_others_absent():
    market = np.tile([0.002, 0.001], 300)
    run = days(np.full(600, 0.001), market)
    found = regimes_of(run, market)
    rising = {row.name: row.days for row in found.rows if row.days}
    assert all(name.startswith("rising") for name in rising)
    assert {name for name in NAMES if name.startswith("falling")} <= set(found.absent)
    assert found.unknown == 200


def test_concentration_by_hand():
    assert herfindahl(np.array([1.0, 1.0, 1.0, 1.0])) == pytest.approx(0.0)
    assert herfindahl(np.array([1.0, 0.0, 0.0, 0.0])) == pytest.approx(1.0)
    # Shares ½, ¼, ¼: Σw² = 3/8; (3/8 − 1/3) / (2/3) = 1/16.
    assert herfindahl(np.array([2.0, 1.0, 1.0])) == pytest.approx(1 / 16)
    assert herfindahl(np.array([1.0, 2.0])) is None
    r = np.concatenate([np.full(10, 0.05), np.zeros(40), np.full(5, 0.01)])
    found = stability_of(days(r)).concentration
    best, rest = 10 * math.log(1.05), 5 * math.log(1.01)
    assert found.best_share == pytest.approx(best / (best + rest))
    assert found.without_best == pytest.approx(1.01**5 - 1)


def test_crises_inside_and_missing():
    dates = np.arange("2009-01-01", "2018-12-24", dtype="datetime64[D]")
    lived, missed = crises_in(dates)
    assert lived[0].name == "global financial crisis"  # its last weeks
    assert {c.name for c in missed} >= {"Covid crash", "dot-com crash"}
    assert len(lived) + len(missed) == len(CRISES)
    assert all(c.start < c.end for c in CRISES)
    spans = stability_of(days(np.zeros(400), start="2019-06-01")).crises
    assert [span.name for span in spans] == ["Covid crash"]
    assert spans[0].days == 34  # 2020-02-19 to 2020-03-23, both included


def _within(day, crisis):
    first, last = pl.lit(crisis.start), pl.lit(crisis.end)
    return day.cast(pl.String).is_between(first, last)


def test_dates_of_shares_are_peaks_and_troughs_of_the_index():
    bars = demo_bars()["SP500"].select(day=pl.col("open_time").dt.date(), close="close")
    inside = [c for c in CRISES if c.source == SP500 and "1999" < c.start < c.end < "2019"]
    assert len(inside) == 7
    for crisis in inside:
        span = bars.filter(_within(pl.col("day"), crisis))
        assert str(span["day"][0]) == crisis.start
        assert str(span["day"][-1]) == crisis.end
        assert span["close"].arg_max() == 0
        assert span["close"].arg_min() == span.height - 1


@needs_data
def test_dates_of_coins_are_peaks_and_troughs_of_bitcoin():
    bars = pl.read_parquet(shared("ohlcv/binance_spot_1d_10symbols.parquet"))
    bars = bars.filter(pl.col("symbol") == "BTCUSDT").sort("ts")
    coins = [c for c in CRISES if c.source == BTC]
    assert len(coins) == 3
    for crisis in coins:
        day = pl.col("ts").dt.date()
        span = bars.filter(_within(day, crisis))["close"]
        assert (span.arg_max(), span.arg_min()) == (0, span.len() - 1)
