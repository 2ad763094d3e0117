"""The shipped panel strategies against rules written out in plain Python."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.data import needs_data, shared
from tests.strategies.make_panel import HOUR, long_frame, ragged
from trade_research.strategies import cross_momentum, funding_carry, pairs_spread
from trade_research.strategies.cross_section import last_known, long_short
from trade_research.strategies.pairs_spread import sides

NAN = math.nan


def weights(score, top, short):
    out = np.empty(len(score))
    long_short(np.array(score, dtype=float), top, short, out)
    return out.tolist()


@pytest.mark.fast
@pytest.mark.parametrize(
    ("score", "top", "short", "want"),
    [
        ([1, 4, 3, 2], 0.25, True, [-0.5, 0.5, 0, 0]),
        ([1, 4, 3, 2], 0.5, True, [-0.25, 0.25, 0.25, -0.25]),
        ([1, 4, 3, 2], 0.9, True, [-0.25, 0.25, 0.25, -0.25]),  # never both long and short
        ([1, 4, 3, 2], 0.5, False, [0, 0.5, 0.5, 0]),
        ([1, 4, 3, 2], 0.01, False, [0, 1, 0, 0]),  # at least one
        ([NAN, 4, NAN, 2], 0.5, True, [0, 0.5, 0, -0.5]),  # who has no score is not ranked
        ([NAN, 4, NAN, NAN], 0.5, True, [0, 0, 0, 0]),  # alone there is no rank
        ([3, 3, 3, 3], 0.25, True, [0.5, 0, 0, -0.5]),  # of equals the earlier is the higher
        ([1, 2, 3], 1 / 3, True, [-0.5, 0, 0.5]),
    ],
)
def test_the_ends_of_a_ranking(score, top, short, want):
    assert weights(score, top, short) == want


@pytest.mark.fast
def test_last_known_value():
    table = np.array([[NAN, 1.0], [2.0, NAN], [NAN, NAN]])
    np.testing.assert_array_equal(last_known(table), [[NAN, 1], [2, 1], [2, 1]])


def by_hand(closes, lookback, skip, every, first_hour=0):
    """Targets of cross-sectional momentum, long and short one symbol, bar by bar."""
    n, k = closes.shape
    out, held = [], [0.0] * k
    for t in range(n):
        if t == 0 or (first_hour + t) % every == 0:
            change = {}
            for s in range(k):
                past = [x for x in closes[: t - skip - lookback + 1, s] if x == x]
                late = [x for x in closes[: t - skip + 1, s] if x == x]
                if t >= lookback + skip and past:
                    change[s] = late[-1] / past[-1] - 1
            held = [0.0] * k
            if len(change) > 1:
                best = max(change, key=lambda s: (change[s], -s))
                worst = min(change, key=lambda s: (change[s], -s))
                held[best], held[worst] = 0.5, -0.5
        out.append([NAN if math.isnan(closes[t, s]) else held[s] for s in range(k)])
    return np.array(out)


@pytest.mark.parametrize("first_hour", [0, 3])
@pytest.mark.parametrize(("lookback", "skip", "every"), [(20, 1, 7), (5, 0, 1), (10, 3, 24)])
def test_cross_momentum_is_what_it_says(lookback, skip, every, first_hour):
    rng = np.random.default_rng(4)
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, (200, 4)), axis=0))
    closes[:60, 1] = NAN
    closes[rng.random(closes.shape) < 0.05] = NAN
    closes[0, 0] = 100.0
    names = ["A", "B", "C", "D"]
    bars = long_frame(dict(zip(names, closes.T, strict=True)), first_us=first_hour * HOUR)
    given = cross_momentum.columns_of(bars)
    params = {"lookback": lookback, "skip": skip, "every": every, "top": 0.25}
    got = cross_momentum.raw(given, **params).target
    np.testing.assert_array_equal(got, by_hand(closes, lookback, skip, every, first_hour))


def test_the_schedule_is_the_clocks_and_not_the_datas():
    bars = ragged(300)
    later = bars.filter(
        pl.col("open_time") >= pl.lit(0).cast(pl.Datetime("us", "UTC")) + pl.duration(hours=5)
    )
    whole, part = (
        cross_momentum.targets(frame, lookback=10, every=24).filter(
            pl.col("open_time").dt.timestamp("us") > 60 * HOUR
        )
        for frame in (bars, later)
    )
    np.testing.assert_array_equal(whole["target"], part["target"])


def test_the_z_score_of_a_pair_is_that_of_an_ordinary_regression():
    rng = np.random.default_rng(1)
    x = np.exp(np.cumsum(rng.normal(0, 0.02, 200))) * 60_000.0
    y = 1e-6 * x**0.7 * np.exp(rng.normal(0, 0.01, 200))
    given = {"close": np.column_stack([y, x])}
    got = pairs_spread.raw(given, window=50).extras
    for t in (49, 50, 120, 199):
        a, b = np.log(x[t - 49 : t + 1]), np.log(y[t - 49 : t + 1])
        matrix = np.column_stack([np.ones(50), a])
        found, *_ = np.linalg.lstsq(matrix, b, rcond=None)
        rest = b - matrix @ found
        z = rest[-1] / math.sqrt(rest @ rest / 48)
        assert got["hedge"][t].tolist() == pytest.approx([found[1]] * 2, rel=1e-8)
        assert got["z"][t].tolist() == pytest.approx([z] * 2, rel=1e-6)
    assert np.isnan(got["z"][:49]).all()


def test_a_pair_is_entered_left_stopped_and_entered_again():
    z = np.array([0, 2.1, 1.0, 0.4, -2.5, -1.0, 0.9, 2.2, 4.1, 2.5, 0.4, 2.3, NAN, 2.0])
    one = machine(z, entry=2.0, leave=0.5, stop=4.0)
    #            in short       out  long        out  short stop      over  short
    assert one == [0, -1, -1, 0, 1, 1, 0, -1, 0, 0, 0, -1, -1, -1]
    # Through the other side within a bar: out of the long and into the short at once.
    assert machine(np.array([-2.5, 2.5, 0.0]), entry=2.0, leave=0.5, stop=4.0) == [1, -1, 0]
    # Beyond the stop nothing is entered at all.
    assert machine(np.array([4.5, 3.0]), entry=2.0, leave=0.5, stop=4.0) == [0, -1]


def machine(z, entry, leave, stop):
    """Sides of the first symbol when the z-scores are these."""
    return sides(z, entry, leave, stop).astype(int).tolist()


def test_both_legs_are_worth_what_the_slope_says_until_the_exit():
    rng = np.random.default_rng(2)
    x = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 400)))
    y = x**0.5 * np.exp(np.sin(np.arange(400) / 8) * 0.05)
    odd = np.full(400, 7.0)
    got = pairs_spread.raw({"close": np.column_stack([y, x, odd])}, window=60, entry=1.2)
    target, hedge = got.target, got.extras["hedge"]
    assert (target[:, 2] == 0.0).all()
    held = np.flatnonzero(target[:, 0] != 0.0)
    assert held.size > 50
    np.testing.assert_allclose(np.abs(target[held]).sum(axis=1), 1.0)
    entries = [t for t in held if target[t - 1, 0] == 0.0]
    assert len(entries) > 3
    for t in entries:
        assert -target[t, 1] / target[t, 0] == pytest.approx(hedge[t, 0], abs=6e-4)
    runs = [t for t in held if target[t - 1, 0] * target[t, 0] > 0.0]
    assert (target[runs] == target[[t - 1 for t in runs]]).all()


def test_carry_sells_who_is_paid_for_and_asks_for_enough():
    n = 60
    close = np.full((n, 4), 10.0)
    rate = np.tile([3e-4, 1e-4, -2e-4, 2e-4], (n, 1))
    times = np.arange(n) * float(HOUR)
    given = {"close": close, "funding_rate": rate, "open_time": times, "close_time": times + HOUR}
    target = funding_carry.compute(given, window=8, every=8, top=0.25).target
    np.testing.assert_array_equal(target[-1], [-0.5, 0.0, 0.5, 0.0])
    # It earns 0.5 × 3 + 0.5 × 2 = 2.5 basis points of equity a funding.
    assert not funding_carry.compute(given, window=8, every=8, top=0.25, least=2.6).target.any()
    assert funding_carry.compute(given, window=8, every=8, top=0.25, least=2.4).target.any()
    # A run earns it: 2.5 basis points every 8 hours, on the value of what is held.
    names = dict(zip("ABCD", close.T, strict=True))
    bars = long_frame(names, funding_rate=rate)
    stamps = [8 * HOUR * k for k in range(8)]
    table = pl.DataFrame(
        {
            "symbol": [s for s in names for _ in stamps],
            "time": pl.Series(stamps * 4).cast(pl.Datetime("us", "UTC")),
            "funding_rate": [r for r in rate[0] for _ in stamps],
        }
    )
    run = tr.backtest(
        funding_carry, bars, account="perp", funding=table, calendar="24/7",
        window=8, every=8, top=0.25, costs=tr.Costs.zero(),
    )  # fmt: skip
    first = run.fills["bar"].min()
    paid = sum(first * HOUR < t < n * HOUR for t in stamps)
    assert run.result.funding_paid == pytest.approx(-2.5e-4 * 100_000 * paid)


@needs_data
def test_carry_on_sixteen_perpetuals_from_the_store(tmp_path):
    from trade_research.frames import to_funding

    store = tr.Store(tmp_path)
    rates = to_funding(
        pl.read_parquet(shared("ohlcv/binance_usdm_funding_rate.parquet")),
        pl.read_parquet(shared("ohlcv/binance_usdm_mark_8h.parquet")),
    )
    files = sorted(shared("ohlcv/binance_usdm_1m").glob("*.parquet"))
    for file in files:
        where = {"venue": "binance_usdm", "symbol": file.stem}
        store.write_bars(pl.read_parquet(file), interval="1m", calendar="24/7", **where)
        store.write_funding(rates.filter(symbol=file.stem), **where)
    names = [f"binance_usdm:{file.stem}@1h" for file in files]
    run = tr.backtest(
        funding_carry,
        store.query(names, end="2025-06-03 08:00"),
        account=tr.Account("perp", leverage=2.0),
    )
    paid = run.result.funding_frame
    assert run.result.funding_paid < 0.0  # that is what it is for
    assert run.metrics["funding_paid"] == pytest.approx(paid["paid"].sum())
    assert set(paid["symbol"]) == {file.stem for file in files}
    # By hand: units × mark × rate of every stamp found in the vendor's files.
    again = paid.join(rates.rename({"mark_price": "given"}), on=["symbol", "time"], how="left")
    assert again["funding_rate"].null_count() == 0
    marked = again.filter(pl.col("given").is_not_null())
    assert (marked["mark"] == marked["given"]).all()
    np.testing.assert_allclose(
        again["paid"], again["position"] * again["mark"] * again["funding_rate"], rtol=1e-12
    )
    assert run.check.passed, str(run.check)
