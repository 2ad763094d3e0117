"""Book and flow features against the formulas of their sources, written out row by row."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from trade_research.errors import ConfigError
from trade_research.frames.books import NANO, to_trades
from trade_research.frames.trade_bars import bars_of_trades
from trade_research.indicators import book, flow

RNG = np.random.default_rng(11)
N, K = 300, 6


def books() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    mid = 60_000 + np.cumsum(RNG.integers(-2, 3, N)) * 0.1
    steps = np.cumsum(RNG.integers(1, 4, (2, N, K)), axis=2) * 0.1
    sizes = RNG.integers(1, 500, (2, N, K)) / 100
    bid, ask = mid[:, None] - steps[0], mid[:, None] + steps[1]
    for price, size in ((bid, sizes[0]), (ask, sizes[1])):
        price[::7, 3:], size[::7, 3:] = np.nan, np.nan  # levels that are not there
        price[50], size[50] = np.nan, np.nan  # a hole
    return bid, sizes[0], ask, sizes[1]


BP, BS, AP, AS = books()
EVERY = [t for t in range(N) if t != 50]


def total(values: np.ndarray, weights: np.ndarray | float = 1.0) -> float:
    return float(np.nansum(values * weights))


def test_prices() -> None:
    mid, spread = book.book_mid(BP, AP), book.book_spread(BP, AP)
    micro = book.microprice(BP, BS, AP, AS)
    for t in EVERY:
        m = (BP[t, 0] + AP[t, 0]) / 2
        assert mid[t] == pytest.approx(m, rel=1e-15)
        assert spread[t] == pytest.approx(1e4 * (AP[t, 0] - BP[t, 0]) / m, rel=1e-12)
        share = BS[t, 0] / (BS[t, 0] + AS[t, 0])
        assert micro[t] == pytest.approx(BP[t, 0] + share * (AP[t, 0] - BP[t, 0]), rel=1e-12)
    assert np.isnan([mid[50], spread[50], micro[50]]).all()


@pytest.mark.parametrize("depth", [1, 3, 5, 9])
def test_imbalances(depth: int) -> None:
    plain = book.imbalance(BS, AS, depth)
    money = book.notional_imbalance(BP, BS, AP, AS, depth)
    faded = book.weighted_imbalance(BS, AS, depth, 0.3)
    fade = np.exp(-0.3 * np.arange(min(depth, K)))
    for t in EVERY:
        for found, b, a in (
            (plain, total(BS[t, :depth]), total(AS[t, :depth])),
            (money, total((BP * BS)[t, :depth]), total((AP * AS)[t, :depth])),
            (faded, total(BS[t, :depth], fade), total(AS[t, :depth], fade)),
        ):
            assert found[t] == pytest.approx((b - a) / (b + a), rel=1e-12, abs=1e-15)
    assert np.isnan([plain[50], money[50], faded[50]]).all()


def test_the_originals_three_definitions_convert() -> None:
    """A ratio of 3.0 is +0.5, 0.33 is -0.504 (systems 16)."""
    assert book.imbalance_of_ratio(3.0) == 0.5
    assert round(book.imbalance_of_ratio(0.33), 3) == -0.504
    assert book.imbalance_of_ratio(np.inf) == 1.0
    for value in (-0.9, -0.5, 0.0, 0.2, 0.99):
        assert book.imbalance_of_ratio(book.ratio_of_imbalance(value)) == pytest.approx(value)
    assert book.ratio_of_imbalance(1.0) == np.inf


def test_depth_and_slope() -> None:
    within, slope = book.depth_within(BP, BS, AP, AS, 0.05), book.book_slope(BP, BS, AP, AS, 4)
    for t in EVERY:
        m = (BP[t, 0] + AP[t, 0]) / 2
        near = BP[t] >= m * (1 - 0.05e-4), AP[t] <= m * (1 + 0.05e-4)
        assert within.bid[t] == pytest.approx(total(BS[t][near[0]]))
        assert within.ask[t] == pytest.approx(total(AS[t][near[1]]))
        far = 1e4 * (m - BP[t, :4]) / m
        held = np.cumsum(BS[t, :4])[: np.isfinite(far).sum()]
        far = far[np.isfinite(far)]
        assert slope.bid[t] == pytest.approx(float(far @ held / (far @ far)), rel=1e-9)
    assert np.isnan([within.bid[50], slope.ask[50]]).all()


@pytest.mark.parametrize("depth", [1, 4])
def test_order_flow_counts_what_was_added(depth: int) -> None:
    found = book.order_flow(BP, BS, AP, AS, depth)
    whole = [t for t in range(1, N) if t not in (50, 51) and t % 7 and (t - 1) % 7]
    for t in whole:
        e = 0.0
        for i in range(depth):
            e += BS[t, i] * (BP[t, i] >= BP[t - 1, i]) - BS[t - 1, i] * (BP[t, i] <= BP[t - 1, i])
            e += AS[t - 1, i] * (AP[t, i] >= AP[t - 1, i]) - AS[t, i] * (AP[t, i] <= AP[t - 1, i])
        assert found[t] == pytest.approx(e, abs=1e-9)
    assert np.isnan(found[[0, 50, 51]]).all()


def test_queue_age() -> None:
    time = np.cumsum(RNG.uniform(0.1, 1.0, N))
    age = book.queue_age(time, BP, AP)
    for t in range(52, N):
        first = t
        while first > 0 and BP[first - 1, 0] == BP[t, 0]:
            first -= 1
        assert age.bid[t] == pytest.approx(time[t] - time[first])
    assert np.isnan(age.bid[50])


def test_flows_and_impact() -> None:
    time = np.sort(RNG.integers(0, 1000, 400)).astype(float)
    side, size = RNG.choice([-1.0, 1.0, 0.0], 400), RNG.integers(1, 50, 400) / 10
    at = np.arange(0.0, 1000.0, 7.0)
    share, net = (
        flow.trade_flow(at, time, side, size, 50.0),
        flow.signed_volume(at, time, side, size),
    )
    for i, moment in enumerate(at):
        inside = (time <= moment) & (time > moment - 50.0)
        bought, sold = size[inside & (side > 0)].sum(), size[inside & (side < 0)].sum()
        both = bought + sold
        assert share[i] == pytest.approx((bought - sold) / both if both else 0.0)
        since = (time <= moment) & (time > (at[i - 1] if i else -1e9))
        assert net[i] == pytest.approx((side * size)[since].sum())
    mid = 100 + np.cumsum(0.02 * net)  # an impact of 0.02 a unit
    impact = flow.kyle_lambda(mid, net, 30)
    assert np.isnan(impact[:30]).all()
    np.testing.assert_allclose(impact[30:], 0.02, rtol=1e-6)
    rows = flow.last_before(time.astype(np.int64), at.astype(np.int64))
    np.testing.assert_array_equal(rows, np.searchsorted(time, at, side="right") - 1)


def test_spreads_that_a_trade_paid() -> None:
    price, side = np.array([101.0, 99.0, 100.5]), np.array([1.0, -1.0, 0.0])
    mid, after = np.full(3, 100.0), np.array([100.5, 99.2, 100.0])
    np.testing.assert_allclose(flow.effective_spread(price, side, mid)[:2], [200.0, 200.0])
    np.testing.assert_allclose(flow.realised_spread(price, side, mid, after)[:2], [100.0, 40.0])
    assert np.isnan(flow.effective_spread(price, side, mid)[2])


def test_vpin_of_whole_buckets() -> None:
    side, size = RNG.choice([-1.0, 1.0], 500), RNG.integers(1, 30, 500) / 4
    found = flow.vpin(side, size, 10.0, 5)
    units = np.repeat(side, (size * 4).astype(int))  # a quarter at a time
    full = np.abs(units[: units.size // 40 * 40].reshape(-1, 40).sum(axis=1)) / 40
    done = np.floor(np.cumsum(size) / 10.0).astype(int)
    for i in range(500):
        if done[i] >= 5:
            assert found[i] == pytest.approx(full[done[i] - 5 : done[i]].mean())
        else:
            assert np.isnan(found[i])


def trades(n: int = 500) -> pl.DataFrame:
    stamps = np.sort(RNG.integers(0, 200, n)) * 1_000_000_000
    return to_trades(
        pl.DataFrame(
            {
                "time": pl.Series(stamps).cast(NANO),
                "price": 100 + RNG.integers(-50, 50, n) / 10,
                "size": RNG.integers(1, 90, n) / 10,
                "side": RNG.choice([1, -1], n),
            }
        )
    )


def test_time_bars_are_groups_of_minutes() -> None:
    table = trades()
    bars = bars_of_trades(table, "10s")
    by = table.group_by(pl.col("time").dt.truncate("10s").alias("t"), maintain_order=True).agg(
        pl.col("price").first().alias("o"), pl.col("price").max().alias("h"),
        pl.col("price").min().alias("l"), pl.col("price").last().alias("c"),
        pl.col("size").sum().alias("v"), pl.len().alias("n"),
    )  # fmt: skip
    by = by[:-1]  # the last minute may not be over
    assert bars["trades"].to_list() == by["n"].to_list()
    for ours, theirs in (("open", "o"), ("high", "h"), ("low", "l"), ("close", "c")):
        assert bars[ours].to_list() == by[theirs].to_list()
    np.testing.assert_allclose(bars["volume"], by["v"])
    assert ((bars["close_time"] - bars["open_time"]).dt.total_seconds() == 10).all()


@pytest.mark.parametrize(("by", "amount"), [("ticks", 20), ("volume", 90.0), ("money", 9_000.0)])
def test_bars_by_amount_hold_just_enough(by: str, amount: float) -> None:
    table = trades()
    bars = bars_of_trades(table, by=by, amount=amount)  # type: ignore[arg-type]
    column = {"ticks": "trades", "volume": "volume", "money": "quote_volume"}[by]
    assert bars.height > 5
    assert (bars[column] >= amount).all()
    assert bars["trades"].sum() <= table.height
    assert bars["open_time"][1:].equals(bars["close_time"][:-1].alias("open_time"))
    assert (bars["close_time"].diff().drop_nulls().dt.total_microseconds() > 0).all()
    shares = bars["buy_volume"] / bars["volume"]
    assert shares.is_between(0, 1).all()


def test_imbalance_bars_end_where_one_side_leads() -> None:
    table = trades(2000)
    bars = bars_of_trades(table, by="volume_imbalance", amount=40.0)
    net = (2 * bars["buy_volume"] - bars["volume"]).abs()
    assert bars.height > 5
    assert net[0] >= 40.0
    assert (net >= 10.0 - 1e-9).all()
    with pytest.raises(ConfigError, match="amount must be above 0"):
        bars_of_trades(table, by="volume")
    with pytest.raises(ConfigError, match="either every"):
        bars_of_trades(table)
