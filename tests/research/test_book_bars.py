"""Bars priced by books: every order costs the walked book of its moment, by brute force."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.counts import count
from trade_research.errors import ConfigError, SimulationError
from trade_research.frames.books import NANO
from trade_research.research.book_bars import at_books, backtest_bars
from trade_research.simulate.book_run import BookMarket

S = 1_000_000_000
START = int(datetime(2024, 1, 2, tzinfo=UTC).timestamp()) * S


@tr.strategy
def by_the_last_digit(close):
    """Long, flat or short by the tenths of the close; no opinion on some bars."""
    tenth = np.round(close * 10) % 10
    target = np.where(tenth < 3, 1.0, np.where(tenth < 6, 0.0, -0.5))
    target[tenth == 9] = np.nan
    return target


def bars_of(rng, n):
    close = np.round(1000 + np.cumsum(rng.normal(0, 1, n)), 1)
    begin, end = (
        pl.Series(START // 1000 + 60_000_000 * (k + np.arange(n))).cast(pl.Datetime("us", "UTC"))
        for k in (0, 1)
    )
    return pl.DataFrame(
        {
            "open_time": begin,
            "close_time": end,
            "open": close, "high": close + 1, "low": close - 1, "close": close,
            "volume": np.full(n, 5.0),
        }
    )  # fmt: skip


def books_of(rng, first, last, k=3):
    """Books at odd moments from minute `first` to `last`, some without a side."""
    time = first * 60 * S + np.sort(rng.choice((last - first) * 60_000, 400, replace=False)) * (
        S // 1000
    )
    n = time.size
    mid = 1000 + np.cumsum(rng.normal(0, 0.3, n))
    steps = np.cumsum(rng.integers(1, 5, (2, n, k)), axis=2) * 0.1
    size = rng.integers(1, 60, (2, n, k)) / 10
    hole = rng.random(n) < 0.1
    table = {"time": pl.Series(START + time).cast(NANO)}
    for s, (side, sign) in enumerate((("bid", -1), ("ask", 1))):
        price = np.round(mid[:, None] + sign * steps[s], 6)
        for j in range(k):
            for what, values in (("price", price), ("size", size[s])):
                level = values[:, j].copy()
                level[hole] = np.nan
                table[f"{side}_{what}_{j + 1}"] = pl.Series(level).fill_nan(None)
    return pl.DataFrame(table)


def walk(levels, quantity):
    """Money and units of taking level by level."""
    left, money = abs(quantity), 0.0
    for price, size in levels:
        take = min(left, size or 0.0)
        left, money = left - take, money + take * (price or 0.0)
    return abs(quantity) - left, money


@pytest.mark.parametrize("latency", [0, 700])
def test_each_order_walks_the_book_of_its_moment(latency):
    for seed in range(count(60)):
        rng = np.random.default_rng(seed)
        bars, books = bars_of(rng, 60), books_of(rng, 20, 50)
        run = tr.backtest(
            by_the_last_digit, bars, books=books, latency=f"{latency}ms", account="margin",
            costs=tr.Costs(fee_bps=4.0), cash=2_000.0,
        )  # fmt: skip
        rows, time = books.rows(named=True), books["time"].to_physical().to_list()
        closes = bars["close_time"].to_physical().to_list()
        target = by_the_last_digit.targets(bars)["target"].to_list()
        whole = [i for i, row in enumerate(rows) if row["bid_price_1"] and row["ask_price_1"]]
        wanted = {}
        for close, one in zip(closes, target, strict=True):
            first = next((i for i in whole if time[i] >= close * 1000), None)
            if first is not None and close * 1000 >= time[whole[0]]:
                wanted[first] = one
        found = {i: t for i, t in enumerate(run.target.tolist()) if t == t}
        assert found == {i: t for i, t in wanted.items() if t == t}
        assert run.orders.height > 3
        cash, held = 2_000.0, 0.0
        for order in run.orders.filter(pl.col("status") != "in_flight").iter_rows(named=True):
            arrival = time[order["row"]] + latency * S // 1000
            at = max(i for i, when in enumerate(time) if when <= arrival)
            side = "ask" if order["quantity"] > 0 else "bid"
            levels = [(rows[at][f"{side}_price_{j}"], rows[at][f"{side}_size_{j}"])
                      for j in (1, 2, 3)]  # fmt: skip
            got, money = walk(levels, order["quantity"])
            if arrival - time[at] > 5 * S:
                got = 0.0
            assert abs(order["filled"]) == pytest.approx(got, rel=1e-12)
            if got:
                assert order["price"] == pytest.approx(money / got, rel=1e-12)
                assert order["fee"] == pytest.approx(money * 4e-4, rel=1e-12)
                cash -= np.sign(order["quantity"]) * money + money * 4e-4
                held += order["filled"]
        last = next(i for i in reversed(whole))
        mid = (rows[last]["bid_price_1"] + rows[last]["ask_price_1"]) / 2
        assert run.equity["equity"][-1] == pytest.approx(cash + held * mid, rel=1e-10)
        assert run.equity["units"][-1] == pytest.approx(held, abs=1e-12)


def test_bars_before_the_books_warm_up_and_those_after_are_not_traded():
    one = np.ones((3, 1))
    market = BookMarket("", np.array([10, 20, 30]), one, one, one, one)
    closes, target = np.array([5, 10, 12, 15, 30, 31]), np.arange(6.0)
    np.testing.assert_array_equal(at_books(closes, target, market), [1.0, 3.0, 4.0])
    with pytest.raises(SimulationError, match="no bar closes while there are books"):
        at_books(np.array([31, 40]), np.zeros(2), market)
    with pytest.raises(SimulationError, match="no bar closes while there are books"):
        at_books(np.array([5]), np.zeros(1), market)


def test_what_cannot_be_run():
    rng = np.random.default_rng(0)
    bars, books = bars_of(rng, 60), books_of(rng, 20, 50)
    two = pl.concat([bars.with_columns(symbol=pl.lit(name)) for name in ("A", "B")])
    with pytest.raises(SimulationError, match="bars of one instrument, found 2: A, B"):
        backtest_bars(by_the_last_digit, two, books, params={})
    with pytest.raises(ConfigError, match="a duration such as"):
        tr.backtest(by_the_last_digit, bars, books=books, exits=tr.Exits(max_hold=5))
    with pytest.raises(ConfigError, match=r"books= prices market orders.*fill="):
        tr.backtest(by_the_last_digit, bars, books=books, fill="next_close")
