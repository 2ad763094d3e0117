"""Frames: several symbols, and inputs that are built from the bars that are left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import numpy as np
import polars as pl
import pytest

from tests.evidence.stand_in import prices
from trade_research.evidence import rebuilt
from trade_research.evidence.causality import check_causality
from trade_research.evidence.check import check
from trade_research.strategies.strategy import Col, strategy


def bars(n_bars, seed=0, symbol=None, start=datetime(2024, 1, 1, tzinfo=UTC)):
    hour = timedelta(hours=1)
    frame = pl.DataFrame(
        {
            "open_time": [start + i * hour for i in range(n_bars)],
            "close_time": [start + (i + 1) * hour for i in range(n_bars)],
            **prices(n_bars, seed),
        }
    ).cast({"open_time": pl.Datetime("us", "UTC"), "close_time": pl.Datetime("us", "UTC")})
    return frame if symbol is None else frame.insert_column(0, pl.lit(symbol).alias("symbol"))


@strategy
def above_the_four_hours(close, slow: Annotated[np.ndarray, Col("close", interval="4h")]):
    out = np.zeros(close.size)
    for t in range(close.size):
        if close[t] > slow[t]:
            out[t] = 1.0
    return out


@strategy
def follows_the_other(close, other: Annotated[np.ndarray, Col("close", symbol="B")]):
    out = np.zeros(close.size)
    for t in range(1, close.size):
        if other[t] > other[t - 1]:
            out[t] = 1.0
    return out


@strategy
def peeks(close):
    out = np.zeros(close.size)
    for t in range(close.size - 1):
        if close[t + 1] > close[t] * 1.001:
            out[t] = 1.0
    return out


def test_inputs_of_a_longer_interval_are_built_anew_and_pass():
    verdict = check_causality(above_the_four_hours, bars(300))
    assert verdict.passed, str(verdict.leak)
    assert verdict.rebuilt > 200


def test_an_input_joined_by_its_open_time_is_a_leak_of_the_input(monkeypatch):
    """The function is clean; the 4-hour close beside the first of its hours is not."""

    def joined_too_early(inputs, base, whole, calendar):
        closes = base["close"].to_numpy()
        last = np.minimum((np.arange(base.height) // 4 + 1) * 4, base.height) - 1
        return {"close": closes, "slow": closes[last]}

    monkeypatch.setattr(rebuilt, "arrays_of", joined_too_early)
    leak = check_causality(above_the_four_hours, bars(300)).leak
    assert leak is not None
    assert leak.ahead in (1, 2, 3)
    assert leak.time == datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=leak.bar + 1)


def test_another_symbols_next_close_is_a_leak_of_the_input(monkeypatch):
    def joined_ahead(inputs, base, whole, calendar):
        other = whole.filter(pl.col("symbol") == "B").select(
            "open_time", other=pl.col("close").shift(-1, fill_value=100.0)
        )
        joined = base.join(other, on="open_time", how="left", maintain_order="left")
        return {"close": base["close"].to_numpy(), "other": joined["other"].to_numpy()}

    monkeypatch.setattr(rebuilt, "arrays_of", joined_ahead)
    frame = pl.concat([bars(200, 1, "A"), bars(200, 2, "B")])
    leak = check_causality(follows_the_other, frame).leak
    assert (leak.symbol, leak.ahead, leak.how) == ("A", 1, "truncate")


def test_another_symbols_bars_are_cut_with_the_base():
    frame = pl.concat([bars(200, 1, "A"), bars(150, 2, "B")])
    verdict = check_causality(follows_the_other, frame)
    assert verdict.passed, str(verdict.leak)
    assert verdict.n_bars == 350
    assert verdict.rebuilt > 0


def test_each_symbol_is_checked_on_its_own_rows_and_named():
    frame = pl.concat([bars(200, 1, "A"), bars(150, 2, "B")])
    leak = check_causality(peeks, frame).leak
    assert leak.symbol == "A"
    assert "of A" in str(leak)


def test_the_time_of_a_leak_is_the_close_of_its_bar():
    leak = check_causality(peeks, bars(100)).leak
    assert leak.time == datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=leak.bar + 1)


@pytest.mark.parametrize("one", [peeks, above_the_four_hours], ids=lambda s: s.name)
def test_a_check_prints_and_dumps(one):
    import json

    found = check(one, bars(300))
    assert found.passed == found.causality.passed
    assert one.name in str(found)
    assert json.loads(json.dumps(found.to_dict()))["passed"] == found.passed
