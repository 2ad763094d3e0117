"""Strategies of order books: by hand, against a second telling of their rules, and the laws."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.counts import count
from trade_research.sources.book_demo import demo_books

S = tr.strategies
MINUTE = 60_000_000
FAMILY = {
    "l2_imbalance": {},
    "l2_trend": {"fast": 2, "slow": 5, "minutes": 1},
    "l2_reversion": {"buy": 1.3, "sell": 0.8, "window": 5, "width": 1.0, "minutes": 1},
    "l2_volatility": {"window": 5, "usual": 10, "low": 0.7, "high": 1.3, "minutes": 1},
}


def books_of(ratio, spread=0.1, price=100.0):
    """Sides of one level: `ratio` to 1 in size, `spread` around a price."""
    n = len(ratio)
    one = np.ones((n, 1))
    return {
        "bid_price": (price - spread / 2) * one,
        "ask_price": (price + spread / 2) * one,
        "bid_size": np.array(ratio, float)[:, None],
        "ask_size": one.copy(),
    }


def test_imbalance_by_hand():
    nan = np.nan
    ratio = [1.0, 3.0, 2.0, 1.0, 0.9, 0.33, 0.5, 1.2, 1.1, nan, 0.8, 4.0, nan, nan, 0.9]
    wanted = [0.0, 1.0, nan, 0.0, nan, -1.0, nan, 0.0, nan, nan, 0.0, 1.0, nan, nan, 0.0]
    found = S.l2_imbalance.compute(books_of(ratio), depth=1)
    np.testing.assert_array_equal(found.target, wanted)
    np.testing.assert_array_equal(found.extras["ratio"], ratio)
    np.testing.assert_allclose(found.extras["spread"], 10.0)  # 0.1 on 100
    spot = S.l2_imbalance.compute(books_of(ratio), depth=1, spot_only=True).target
    assert (spot != -1.0).all()
    assert spot[4] != spot[4]


@pytest.mark.parametrize(
    ("params", "entries"),
    [
        ({}, 1),
        ({"max_spread": 5.0}, 0),  # an entry pays at most five basis points of spread
        ({"min_price": 101.0}, 0),
        ({"min_strength": 2.5}, 0),  # three is two above one
        ({"buy": 3.1}, 0),
    ],
)
def test_filters_stop_the_way_in_and_not_the_way_out(params, entries):
    target = S.l2_imbalance.compute(books_of([1.5, 3.0, 0.9]), depth=1, **params).target
    assert (target[1] == 1.0) == bool(entries)
    assert target[2] == 0.0


def wilder(high, low, close, n):
    """Average true range, seeded with the mean of the first n true ranges after the first bar."""
    tr_ = [max(h, c) - min(lo, c) for h, lo, c in zip(high[1:], low[1:], close[:-1], strict=True)]
    out = [np.nan] * len(close)
    for t in range(n, len(close)):
        done = tr_[:t]
        out[t] = np.mean(done[:n]) if t == n else (out[t - 1] * (n - 1) + done[-1]) / n
    return out


def allowed_by(name, time, mid, params):
    """What the filter lets through at each row, from the bars that are over by then."""
    out, marks, side, until = [], [], 0.0, -1.0
    rows: dict[int, list[float]] = {}
    for now, price in zip(time, mid, strict=True):
        bucket = int(now // (params["minutes"] * MINUTE))
        over = [rows[b] for b in sorted(rows) if b < bucket]
        rows.setdefault(bucket, []).append(price)
        close = [r[-1] for r in over]
        let = np.nan
        if name == "l2_trend" and len(close) >= params["slow"]:
            let = np.sign(np.mean(close[-params["fast"] :]) - np.mean(close[-params["slow"] :]))
        if name == "l2_reversion" and len(close) >= params["window"]:
            last = close[-params["window"] :]
            gap = params["width"] * np.std(last)
            if len(close) != len(marks):
                out_of = np.sign(np.mean(last) - close[-1]) * (abs(close[-1] - np.mean(last)) > gap)
                side, until = (out_of, now + 300e6) if out_of else (side, until)
            let = side if now < until else 0.0
        if name == "l2_volatility" and len(close) > params["window"] + params["usual"] - 1:
            ranges = wilder([max(r) for r in over], [min(r) for r in over], close, params["window"])
            share = ranges[-1] / np.mean(ranges[-params["usual"] :])
            let = 2.0 if params["low"] <= share <= params["high"] else 0.0
        marks = close
        out.append(let)
    return np.array(out)


@pytest.mark.parametrize("name", ["l2_trend", "l2_reversion", "l2_volatility"])
def test_filters_say_what_their_rules_say(name):
    params = FAMILY[name]
    for seed in range(count(40)):
        rng = np.random.default_rng(seed)
        n = 400
        time = np.cumsum(rng.integers(1, 15, n)) * 1e6
        mid = 1000 + np.cumsum(rng.normal(0, 1, n))
        ratio = np.exp(np.cumsum(rng.normal(0, 0.7, n)) * 0.3)
        cols = books_of(ratio, price=mid[:, None]) | {"time": time}
        found = getattr(S, name).compute(cols, **params, depth=1)
        allowed = allowed_by(name, time, (cols["bid_price"] + cols["ask_price"])[:, 0] / 2, params)
        np.testing.assert_array_equal(found.extras["allowed"], allowed)
        buy, sell = params.get("buy", 3.0), params.get("sell", 0.33)
        wanted = np.full(n, np.nan)
        for t in range(1, n):
            side = 1.0 if ratio[t] >= buy else -1.0 if ratio[t] <= sell else 0.0
            if side and allowed[t] in (side, 2.0):
                wanted[t] = side
            elif (ratio[t - 1] > 1 >= ratio[t]) or (ratio[t - 1] < 1 <= ratio[t]):
                wanted[t] = 0.0
        wanted[0] = 0.0
        np.testing.assert_array_equal(found.target, wanted)


@pytest.fixture(scope="module")
def books() -> pl.DataFrame:
    return demo_books(30, every="2s", depth=5).books


@pytest.mark.parametrize("name", FAMILY)
def test_the_laws_hold_on_books(name, books):
    found = tr.check(
        getattr(S, name), books, setup={"account": "margin"}, budget_s=5.0, **FAMILY[name]
    )
    assert found.passed, str(found)
    assert found.replay.alone == books.height
    assert found.replay.fills > 3
    assert "every book of 900" in str(found)
    assert "moments the run had the same orders and equity" in str(found)


@tr.strategy
def knows_the_day(bid_size, ask_size):
    """Compares each book with the mean over all books, those to come among them."""
    ratio = bid_size[:, 0] / ask_size[:, 0]
    return np.where(ratio > np.nanmean(ratio), 1.0, -1.0)


def test_a_book_strategy_that_looks_ahead_is_caught(books):
    found = tr.check(knows_the_day, books, budget_s=1.0)
    assert not found.passed
    assert not found.causality.passed
    assert "FAIL causality" in str(found)
    assert " bar " not in str(found)
