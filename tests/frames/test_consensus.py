"""Several sources of one truth, one of them lying: the truth is kept and the liar named."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tests.frames.make import MINUTE, grid, us, utc, walk
from trade_research.errors import ConfigError
from trade_research.frames.bars import to_bars
from trade_research.frames.consensus import consensus

HOUR = 60 * MINUTE
PRICE = ["open", "high", "low", "close"]


def truth(n=3000):
    return walk(grid(n, "1h"), "1h")


def seen(bars, seed, bps=1.0):
    """The bars as a venue saw them: a bp or so beside."""
    rng = np.random.default_rng(seed)
    off = np.exp(rng.normal(0, bps / 1e4, bars.height))
    return bars.with_columns(pl.col(n) * pl.Series(off) for n in PRICE)


def times_hundred(bars):
    return bars.with_columns(pl.col(n) * 100 for n in PRICE)


def shifted(bars):
    later = bars.with_columns(pl.col("open_time") + pl.duration(hours=1)).drop("close_time")
    return to_bars(later, "1h")


def stale(bars):
    at = (np.arange(bars.height) // 24 * 24).tolist()
    return bars.with_columns(bars[n][at].alias(n) for n in PRICE)


def noisy(bars):
    return seen(bars, 99, 80.0)


LIES = {"unit": times_hundred, "shifted": shifted, "stale": stale, "noisy": noisy}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("liar", ["a", "b", "c"])
def test_one_of_three_lies(lie, liar):
    real = truth()
    frames = {name: seen(real, i) for i, name in enumerate("abc")}
    frames[liar] = LIES[lie](frames[liar])
    found = consensus(frames, "1h")
    assert found.liars == {liar: lie}
    both = found.bars.join(real, on="open_time", suffix="_true")
    assert both.height >= 0.98 * real.height
    for name in PRICE:
        # Two honest sources of 1 bp each: nothing of the liar's size is left.
        off = (both[name] / both[f"{name}_true"] - 1).abs()
        assert off.max() < 12e-4
        assert off.median() < 2e-4


@pytest.mark.parametrize("lie", LIES)
def test_of_two_that_disagree_neither_is_right(lie):
    real = truth()
    frames = {"a": seen(real, 0), "b": LIES[lie](seen(real, 1))}
    found = consensus(frames, "1h")
    assert set(found.sources["verdict"]) == {"undecided"}
    assert found.liars == {}
    both = found.bars.join(real, on="open_time", suffix="_true")
    assert ((both["close"] / both["close_true"] - 1).abs() < 60e-4).all()
    assert found.status.filter(status="undecided").height > 0.25 * real.height


def test_two_that_agree_and_three():
    real = truth(500)
    two = consensus({"a": seen(real, 0), "b": seen(real, 1)}, "1h")
    assert two.sources["verdict"].to_list() == ["ok", "ok"]
    assert two.bars.height == 500
    assert set(two.status["status"]) == {"agreed"}
    assert two.used.drop("open_time").to_numpy().all()


def test_thin_and_unaligned_bars_are_marked_and_not_passed_through():
    real = truth(100)
    alone = seen(real, 1).filter(pl.int_range(pl.len()) != 40)
    odd = walk([us("2024-01-02T00:30")], "1h")
    frames = {"a": pl.concat([seen(real, 0), odd]).sort("open_time"), "b": alone}
    found = consensus(frames, "1h")
    status = dict(found.status.select("open_time", "status").iter_rows())
    assert status[utc("2024-01-02T16:00")] == "thin"
    assert status[utc("2024-01-02T00:30")] == "unaligned"
    assert found.bars.height == 99
    assert utc("2024-01-02T16:00") not in found.bars["open_time"].to_list()


def test_volume_in_the_quote_currency_is_converted_and_said():
    real = truth(400)
    quoted = seen(real, 2).with_columns(pl.col("volume") * pl.col("close"))
    found = consensus({"a": seen(real, 0), "b": seen(real, 1), "c": quoted}, "1h")
    assert found.sources["detail"].to_list() == ["", "", "volume is in the quote currency"]
    both = found.bars.join(real, on="open_time", suffix="_true")
    assert ((both["volume"] / both["volume_true"] - 1).abs() < 1e-9).all()


def test_a_prefix_gives_the_prefix():
    real = truth(900)
    frames = {name: seen(real, i, 3.0) for i, name in enumerate("abc")}
    frames["b"] = noisy(frames["b"])
    quoted = pl.when(pl.int_range(900) >= 300).then("close").otherwise(1.0)  # from then on
    frames["c"] = frames["c"].with_columns(volume=pl.col("volume") * quoted)
    whole = consensus(frames, "1h")
    for n in (10, 333, 700):
        part = consensus({k: f[:n] for k, f in frames.items()}, "1h")
        want = whole.bars.filter(pl.col("open_time") <= real["open_time"][n - 1])
        assert part.bars.equals(want)
        assert part.status.equals(whole.status[:n])


def test_one_source_is_no_consensus():
    with pytest.raises(ConfigError, match="two"):
        consensus({"a": truth(10)}, "1h")
