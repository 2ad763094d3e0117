"""Screens over a store: what matches, as of when, and what is said of those that are not there."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.frames.make import grid, utc, walk
from trade_research.errors import ConfigError, ExpressionError, MissingDataError
from trade_research.research.presets import PRESETS

DAY = "1d"


def bars(n=300, start="2022-01-01", seed=0, scale=1.0):
    frame = walk(grid(n, DAY, start), DAY, seed=seed)
    prices = [pl.col(c) * scale for c in ("open", "high", "low", "close")]
    return frame.with_columns(*prices)


def stored(root, frames):
    store = tr.Store(root)
    for name, frame in frames.items():
        venue, _, symbol = name.partition(":")
        store.write_bars(frame, venue=venue, symbol=symbol, interval=DAY, calendar="24/7")
    return store


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    """One that lives, one dearer, one that ended, one that begins late."""
    return stored(
        tmp_path_factory.mktemp("store"),
        {
            "made:LIVE": bars(seed=1),
            "made:DEAR": bars(seed=2, scale=2.0),
            "made:GONE": bars(200, seed=3),
            "made:LATE": bars(50, "2022-09-08", seed=4),
        },
    )


def test_conditions_are_those_of_the_last_bar(market):
    found = tr.screen(market, where="close > 100000", show={"average": "sma(close, 20)"})
    assert found.instruments == ["made:DEAR"]
    close = market.bars("DEAR", DAY)["close"].to_numpy()
    row = found.matches.row(0, named=True)
    assert row["close"] == close[-1]
    assert row["average"] == tr.indicators.sma(close, 20)[-1]
    assert found.as_of == utc("2022-10-28")
    assert "1 of 3 instruments match" in found.headline


def test_who_was_there_is_said(market):
    found = tr.screen(market, where="close > 0")
    state = dict(found.frame.select("instrument", "status").iter_rows())
    assert state == {
        "made:LIVE": "ok",
        "made:DEAR": "ok",
        "made:GONE": "ended",
        "made:LATE": "ok",
    }
    assert "3 of 4 stored instruments" in found.notes[0]
    assert "1 had ended" in found.notes[0]
    assert any("Survivorship" in note for note in found.notes)
    early = tr.screen(market, where="close > 0", as_of="2022-06-01")
    state = dict(early.frame.select("instrument", "status").iter_rows())
    assert state["made:GONE"] == "ok"
    assert state["made:LATE"] == "not yet"
    assert "1 began later" in early.notes[0]


def test_too_few_bars_is_not_known(market):
    found = tr.screen(market, where={"long": "close > sma(close, 200)", "any": "close > 0"})
    late = found.frame.filter(pl.col("instrument") == "made:LATE").row(0, named=True)
    assert (late["long"], late["any"], late["match"], late["passed"]) == (None, True, None, 1)
    assert "1 have too few bars" in found.notes[0]
    one = tr.screen(
        market, where={"long": "close > sma(close, 200)", "any": "close > 0"}, at_least=1
    )
    assert "made:LATE" in one.instruments


@pytest.mark.parametrize("preset", [None, "breakout", "tradable"])
@pytest.mark.parametrize("as_of", ["2022-03-01", "2022-07-15T12:00:00Z"])
def test_the_future_changes_nothing(tmp_path, preset, as_of):
    """Another future, or none: the rows are the same, bit for bit."""
    whole = {f"made:S{k}": bars(seed=k) for k in range(4)}
    cut = {
        name: frame.filter(pl.col("close_time") <= utc(as_of.removesuffix("Z")))
        for name, frame in whole.items()
    }
    rng = np.random.default_rng(0)
    other = {}
    for name, frame in whole.items():
        later = pl.col("close_time") > utc(as_of.removesuffix("Z"))
        factor = float(rng.uniform(0.1, 10))
        changed = [
            pl.when(later).then(pl.col(c) * factor).otherwise(c).alias(c)
            for c in ("open", "high", "low", "close", "volume")
        ]
        other[name] = frame.with_columns(*changed)
    rule = None if preset else "rsi(close, 14) < 60 and close > sma(close, 10)"
    found = [
        tr.screen(
            stored(tmp_path / str(k), frames),
            where=rule,
            preset=preset,
            as_of=as_of,
            rank="roc(close, 20)",
            strategy=tr.strategies.ma_crossover,
            params={"fast": 3, "slow": 9},
        )
        for k, frames in enumerate((whole, cut, other))
    ]
    assert found[0].frame.equals(found[1].frame)
    assert found[0].frame.equals(found[2].frame)
    assert found[0].frame["close"].null_count() == 0
    assert found[0].as_of == utc(as_of.removesuffix("Z"))


def test_a_split_after_the_date_does_not_move_prices_of_it(tmp_path):
    store = stored(tmp_path, {"made:S": bars(seed=5)})
    ex = pl.DataFrame({"ex_date": [utc("2022-08-01").date()], "kind": ["split"], "value": [4.0]})
    before = tr.screen(store, where="close > 0", as_of="2022-07-01").frame
    store.write_actions(ex, venue="made", symbol="S")
    after = tr.screen(store, where="close > 0", as_of="2022-07-01").frame
    assert before.equals(after)
    then = tr.screen(store, where="close > 0", as_of="2022-08-03", show={"past": "ago(close, 9)"})
    raw = store.bars("S", DAY)["close"].to_numpy()
    at = then.frame.row(0, named=True)
    where = int(np.flatnonzero(raw == at["close"])[0])
    np.testing.assert_allclose(at["past"], raw[where - 9] / 4.0, rtol=1e-12)


def test_rank_orders_and_a_strategy_gives_columns(market):
    found = tr.screen(market, where="close > 0", rank="close", show=["close"])
    prices = found.matches["close"].to_list()
    assert prices == sorted(prices, reverse=True)
    held = tr.screen(
        market, where="target == 1", strategy=tr.strategies.ma_crossover, params={"fast": 5}
    )
    for name in ("LIVE", "DEAR"):
        wanted = tr.strategies.ma_crossover.targets(market.bars(name, DAY), fast=5)["target"][-1]
        assert (f"made:{name}" in held.instruments) == (wanted == 1)


def test_breakout_conditions_by_hand(tmp_path):
    """Flat for 60 days, then a tenth up on four times the volume: five of the seven hold."""
    n = 300
    close = np.concatenate([100.0 + 0.01 * np.arange(n - 1), [113.0]])
    frame = bars(n).with_columns(
        open=pl.Series(np.concatenate([close[:1], close[:-1]])),
        high=pl.Series(close + 0.5),
        low=pl.Series(np.minimum(close, np.concatenate([close[:1], close[:-1]])) - 0.5),
        close=pl.Series(close),
        volume=pl.Series(np.concatenate([np.full(n - 1, 100.0), [400.0]])),
    )
    found = tr.screen(stored(tmp_path, {"made:UP": frame}), preset="breakout")
    row = found.frame.row(0, named=True)
    assert [row[name] for name in PRESETS["breakout"].rules] == [
        True,  # price
        True,  # gain of 9.8 %
        True,  # volume: four times that of the days before
        True,  # above every high before
        True,  # 113 > average of 50 > average of 200
        row["macd"],
        False,  # RSI near 100
    ]
    assert row["match"]
    assert row["rvol"] == 4.0


def test_errors(market, tmp_path):
    with pytest.raises(ExpressionError, match="did you mean 'rsi'"):
        tr.screen(market, where="rsl(close) < 3")
    with pytest.raises(ExpressionError, match="reads 'clos'"):
        tr.screen(market, where="clos < 3")
    with pytest.raises(ConfigError, match="compare it with something"):
        tr.screen(market, where="rsi(close)")
    with pytest.raises(ConfigError, match="did you mean 'breakout'"):
        tr.screen(market, preset="brekout")
    with pytest.raises(ConfigError, match="say what to look for"):
        tr.screen(market)
    with pytest.raises(ConfigError, match="not both"):
        tr.screen(market, where="close > 0", preset="breakout")
    with pytest.raises(ConfigError, match="at_least is 3"):
        tr.screen(market, where="close > 0", at_least=3)
    with pytest.raises(MissingDataError, match="nothing has bars of 1h"):
        tr.screen(market, where="close > 0", interval="1h")
    with pytest.raises(MissingDataError, match="did you mean 'made:LIVE'"):
        tr.screen(market, where="close > 0", instruments=["made:LIV"])
    with pytest.raises(MissingDataError, match="no bars are stored"):
        tr.screen(tr.Store(tmp_path / "none"), where="close > 0")
