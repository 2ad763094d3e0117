"""The defects that `systems.md` lists of the original engine's S2 to S10, row by row.

Each row names the defect and the function that shows that ours does not have it.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tests.bench.bench_strategies import false_divergences
from tests.bench.walks import columns_of
from tests.frames.make import grid, us, walk
from tests.portfolio import test_origin_defects as portfolio
from trade_research.errors import ParameterError, StrategyError
from trade_research.frames.align import align
from trade_research.indicators import bollinger_ribbon, hurst, regime
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits
from trade_research.simulate.market import Market
from trade_research.simulate.run import simulate
from trade_research.strategies import (
    bollinger,
    book_pressure,
    confirm,
    ma_crossover,
    macd,
    only_in_regime,
    put_call,
    rsi_divergence,
    shipped,
    vote,
)
from trade_research.strategies.strategy import strategy

NAN = np.nan
COLS = columns_of(11, 3_000)
CLOSE = {"close": COLS["close"]}


@strategy
def says(wanted):
    """Wants what its column says."""
    return wanted * 1.0


@strategy
def other(view):
    """Another one."""
    return view * 1.0


def bar_by_bar(one, cols, **params):
    """The last decision of every growing past."""
    n = len(next(iter(cols.values())))
    pasts = ({name: values[:t] for name, values in cols.items()} for t in range(1, n + 1))
    return np.array([one.compute(past, **params).target[-1] for past in pasts])


# S2 Bollinger breakout


def bollinger_is_a_position_not_a_bell():
    """S2 "emits on every bar beyond the band (no edge trigger, no exit rule)"."""
    found = bollinger.compute(CLOSE)
    beyond = COLS["close"] > found.extras["upper"]
    entries = np.flatnonzero(np.diff(found.target) > 0) + 1
    exits = np.flatnonzero(np.diff(found.target) < 0) + 1
    assert beyond[entries].all()
    assert (COLS["close"][exits] < found.extras["middle"][exits]).all()
    assert len(entries) < beyond.sum() / 3


def a_squeeze_is_computed():
    """S2 "squeeze is described, not computed"."""
    rank = bollinger_ribbon(COLS["close"], 20, 2.0, 120).squeeze
    target = bollinger.compute(CLOSE, squeeze=20.0).target
    entries = np.flatnonzero(np.diff(target) > 0) + 1
    assert len(entries) > 3
    assert (rank[entries - 1] <= 20.0).all()


def bands_that_cannot_be_left_are_refused():
    """S2 "with k = 2 no period below 6 can ever fire, and nothing warns"."""
    with pytest.raises(ParameterError, match="take a longer window or lag=1"):
        bollinger.compute(CLOSE, window=5)
    assert bollinger.compute(CLOSE, window=5, lag=1).target.any()


# S3 MA crossover


def one_pass_is_every_bar():
    """S3, S4 "recomputed from scratch per bar": one pass gives each bar's decision."""
    cut = {"close": COLS["close"][:600]}
    for one in (ma_crossover, macd, bollinger):
        np.testing.assert_array_equal(one.compute(cut).target, bar_by_bar(one, cut))


def a_touch_is_no_crossing():
    """S3 "equality on both sides lets a touch-and-return emit twice"."""
    x = np.array([1.0, 2.0, 3.0, 3.0, 3.0, 4.0, 5.0])  # averages over 1 and 2 meet at bar 4
    np.testing.assert_array_equal(ma_crossover(x, fast=1, slow=2), [0, 0, 1, 1, 1, 1, 1])


def every_average_is_there():
    """S3 "SMA only"."""
    assert len(ma_crossover.params["kind"].choices) == 8


def costs_stops_and_positions_are_seen():
    """S3 "no cost, stop or position view"."""
    n = COLS["close"].size
    times = np.arange(n) * 3_600_000_000
    prices = (COLS[name] for name in ("open", "high", "low", "close", "volume"))
    market = Market(times, times + 3_600_000_000, *prices, ("X",))
    target = ma_crossover.compute(CLOSE).target
    plain = simulate(market, target)
    free = simulate(market, target, costs=Costs.zero())
    stopped = simulate(market, target, exits=Exits(stop=0.02))
    assert plain.equity[-1] < free.equity[-1]
    assert len(stopped.trades_frame.filter(pl.col("exit_reason") == "stop")) > 0
    assert set(np.unique(target)) == {0.0, 1.0}


# S4 MACD


def where_history_starts_plays_no_part_after_the_warmup():
    """S4 "value depends on window length: 0.3764 on 600 bars, 0.3931 on the last 60"."""
    warm = macd.warmup()
    whole = macd.compute(CLOSE)
    for start in (500, 1_000, 2_000):
        later = macd.compute({"close": COLS["close"][start:]})
        np.testing.assert_array_equal(later.target[4 * warm :], whole.target[start + 4 * warm :])
        np.testing.assert_allclose(
            later.extras["line"][4 * warm :], whole.extras["line"][start + 4 * warm :], rtol=1e-6
        )


# S5 RSI divergence


def two_points_are_no_divergence():
    """S5 "compares end points, no swing highs/lows": a fall without a bounce has no pivots."""
    close = 100 - np.arange(60.0) ** 0.7
    cols = {"high": close + 0.1, "low": close - 0.1, "close": close}
    found = rsi_divergence.compute(cols, window=5, oversold=50.0).extras["divergence"]
    assert not np.nan_to_num(found).any()


def noise_is_called_divergence_rarely():
    """S5 "fires on 2 323 of 60 000 random-walk bars (3.9 %)"; the docstring states ours."""
    share = false_divergences(60)
    assert 0.004 < share["regular"] < 0.006
    assert 0.012 < share["hidden"] < 0.016
    assert "0.5% of bars and a hidden one on 1.4%" in " ".join(rsi_divergence.doc.split())


def a_wrong_parameter_is_an_error():
    """S5 "the config passes look-back and strength keys the class does not accept"."""
    with pytest.raises(ParameterError, match="rsi_divergence has no parameter 'lookback'"):
        rsi_divergence.compute(COLS, lookback=5)


# S6 Market regime


def market(close, reach=0.001):
    return close * (1 + reach), close * (1 - reach), close


def a_regime_has_direction_strength_and_volatility():
    """S6 "two labels from one threshold … no direction, volatility"."""
    found = regime(COLS["high"], COLS["low"], COLS["close"], calm=0.9, wild=1.25)
    for states, values in zip(found, ({-1, 0, 1}, {0, 1, 2}, {0, 1, 2}), strict=True):
        assert set(states[~np.isnan(states)]) == values


def a_regime_lasts():
    """S6 "no hysteresis (flips on each crossing)"."""
    for dwell in (1, 3, 10):
        found = regime(COLS["high"], COLS["low"], COLS["close"], dwell=dwell)
        trend = (found.direction * found.strength)[113:]
        turns = np.flatnonzero(np.diff(trend)) + 1
        assert len(turns) > 5
        assert np.diff(turns).min() >= dwell


def a_dead_market_is_a_calm_range():
    """S6 "a dead-flat market is unknown and series lose alignment"."""
    found = regime(*market(np.full(300, 50.0), 0.0))
    np.testing.assert_array_equal(found.strength[113:], 0.0)
    np.testing.assert_array_equal(found.volatility[113:], 0.0)
    assert all(line.size == 300 for line in found)


def the_strong_threshold_is_used():
    """S6 "strong threshold 50 (validated, never used)"."""
    close = 100 * 1.002 ** np.arange(400.0)
    for strong, wanted in ((25.0, 2.0), (100.1, 1.0)):
        assert regime(*market(close), strong=strong).strength[-1] == wanted
    assert hurst(np.log(close), 100)[-1] > 0.9


def a_misspelt_regime_is_an_error():
    """S6 "S11 compares these labels in upper case while S6 emits lower case"."""
    with pytest.raises(StrategyError, match="there is no regime 'TREND_UP'"):
        only_in_regime(macd, "TREND_UP")


# S7 Signal confirmation


def no_signals_are_no_error():
    """S7 "divides by zero on an empty list"."""
    for n in (0, 5):
        cols = {"wanted": np.zeros(n), "view": np.ones(n)}
        assert not confirm(says, by=other).compute(cols).target.any()


@strategy
def opposite(view):
    """Wants the opposite."""
    return -view


def boosts_and_penalties_multiply():
    """S7 "boost and penalty both restart from the original confidence"."""
    cols = {"wanted": np.array([0.0, 1.0]), "view": np.array([0.0, 1.0])}
    for by, factor in (
        ([other, opposite], 1.2 * 0.7),
        ([other, other.variant("another")], 1.2 * 1.2),
        ([opposite], 0.7),
    ):
        found = confirm(says, by=by, required=False, confidence=0.5).compute(cols)
        assert found.target[1] == pytest.approx(0.5 * factor)


def required_means_confirmed():
    """S7 "'required' only rejects conflicts, neutral or missing L2 passes"."""
    cols = {"wanted": np.array([0.0, 1, 0, 1, 0, 1]), "view": np.array([0.0, 1, 0, 0, 0, NAN])}
    found = confirm(says, by=other).compute(cols)
    np.testing.assert_array_equal(found.target, [0, 1, 0, 0, 0, 0])


def what_confirmed_is_shown():
    """S7 "all survivors with data are tagged confirmed; weight is dropped"."""
    cols = {"wanted": np.array([0.0, 0.4, 0.0, 0.4]), "view": np.array([0.0, 1.0, 0.0, -1.0])}
    found = confirm(says, by=other, required=False).compute(cols)
    np.testing.assert_allclose(found.target, [0, 0.4, 0, 0.4 * 0.7])
    np.testing.assert_allclose(found.extras["confidence"], [0, 1.0, 0, 0.7])
    np.testing.assert_array_equal(found.extras["other_vote"], cols["view"])


def there_is_a_vote():
    """S7 "there is no multi-strategy vote at all"."""
    cols = {"wanted": np.array([1.0, 1, 0]), "view": np.array([1.0, 0, 0])}
    np.testing.assert_array_equal(vote([says, other], k=2).compute(cols).target, [1, 0, 0])


def an_old_snapshot_does_not_count():
    """S7 "snapshot age is unchecked": the age is a column, and the vote of a stale one is 0."""
    base = walk(grid(4, "1h"), "1h")
    options = pl.DataFrame(
        {
            "close_time": pl.Series([us("2024-01-01T01:30")]).cast(pl.Datetime("us", "UTC")),
            "put_call_ratio": [0.5],
        }
    )
    frame = align(base, options, age="put_call_age").with_columns(wanted=pl.Series([0.0, 1, 0, 1]))
    found = confirm(says, by=put_call).targets(frame, put_call__most_age=3_600.0)
    assert found["put_call_age"].fill_nan(None).to_list() == [None, 1_800, 5_400, 9_000]
    assert found["target"].to_list() == [0, 1, 0, 0]


def a_book_that_leans_confirms():
    """S7 "the balance term lowers liquidity exactly when imbalance confirms"."""
    cols = {"bid_size": np.full((1, 3), 10.0), "ask_size": np.ones((1, 3)), "book_age": np.zeros(1)}
    found = book_pressure.compute(cols)
    assert found.target[0] == 1.0
    assert found.extras["imbalance"][0] == pytest.approx(9 / 11)


def a_days_options_are_not_known_during_the_day():
    """S7 "options fixtures are derived from the same day's candle": joined by when they closed."""
    hours = walk(grid(48, "1h"), "1h")
    close = pl.Series([us("2024-01-02"), us("2024-01-03")]).cast(pl.Datetime("us", "UTC"))
    days = pl.DataFrame({"close_time": close, "put_call_ratio": [0.5, 1.4]})
    seen = align(hours, days)["put_call_ratio"].to_list()
    assert seen[:23] == [None] * 23
    assert seen[23:47] == [0.5] * 24
    assert seen[47] == 1.4


def votes_do_not_depend_on_their_order():
    """S7 "Better: … order-independent": one hash, one target."""
    parts = [shipped()[name] for name in ("macd", "donchian", "bollinger")]
    made = [vote(order, k=2) for order in (parts, parts[::-1])]
    assert made[0].source_hash == made[1].source_hash


TABLE = [
    bollinger_is_a_position_not_a_bell,
    a_squeeze_is_computed,
    bands_that_cannot_be_left_are_refused,
    one_pass_is_every_bar,
    a_touch_is_no_crossing,
    every_average_is_there,
    costs_stops_and_positions_are_seen,
    where_history_starts_plays_no_part_after_the_warmup,
    two_points_are_no_divergence,
    noise_is_called_divergence_rarely,
    a_wrong_parameter_is_an_error,
    a_regime_has_direction_strength_and_volatility,
    a_regime_lasts,
    a_dead_market_is_a_calm_range,
    the_strong_threshold_is_used,
    a_misspelt_regime_is_an_error,
    no_signals_are_no_error,
    boosts_and_penalties_multiply,
    required_means_confirmed,
    what_confirmed_is_shown,
    there_is_a_vote,
    an_old_snapshot_does_not_count,
    a_book_that_leans_confirms,
    a_days_options_are_not_known_during_the_day,
    votes_do_not_depend_on_their_order,
    *(
        getattr(kind(), name)
        for kind in (
            portfolio.TestS8AssetClassAdapter,
            portfolio.TestS9EqualWeight,
            portfolio.TestS10MaxPosition,
        )
        for name in dir(kind)
        if name.startswith("test_")
    ),
]


@pytest.mark.parametrize("shows", TABLE, ids=lambda f: f"{f.__doc__.split()[0]} {f.__name__}")
def test_ours_does_not_have_it(shows):
    shows()


def test_every_system_has_its_rows():
    """S11, the tracker, has its own beside its tests."""
    heads = " ".join(shows.__doc__.split('"')[0] for shows in TABLE)
    systems = set(heads.replace(",", " ").split())
    assert {f"S{n}" for n in range(2, 11)} <= systems
