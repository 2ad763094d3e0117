"""Law 3: the replay equals the backtest, and every kind of difference is told."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tests.evidence.test_rebuilt import above_the_four_hours, bars, peeks
from trade_research.evidence import decisions, replay
from trade_research.evidence.replay import check_replay
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits
from trade_research.simulate.simulator import Simulator
from trade_research.strategies.load import shipped
from trade_research.strategies.strategy import strategy

FAST = {"fast": 5, "slow": 20}
SETUPS = {
    "as it comes": {},
    "stops": {"exits": Exits(stop=0.02, take_profit=0.03, trailing=0.02, max_hold=9, cooldown=2)},
    "margin, every day": {"account": "margin", "rebalance": "1d", "delay": 1},
    "minimum fees": {"costs": Costs(fee_bps=5.0, min_fee=2.0, impact_bps=10.0)},
}


@strategy
def long_and_short(close):
    out = np.zeros(close.size)
    for t in range(3, close.size):
        out[t] = 0.8 if close[t] > close[t - 3] else -0.8
    return out


@pytest.mark.parametrize("setup", SETUPS.values(), ids=SETUPS.keys())
@pytest.mark.parametrize("one", [shipped()["ma_crossover"], long_and_short], ids=lambda s: s.name)
def test_the_replay_equals_the_backtest(one, setup):
    params = FAST if one.name == "ma_crossover" else {}
    found = check_replay(one, bars(1_500), params, setup=setup)
    assert found.passed, str(found)
    assert found.fills > 20
    assert found.alone == found.n_bars == 1_500


def test_beyond_the_first_bars_changes_and_a_sample_are_decided_alone(monkeypatch):
    monkeypatch.setattr(decisions, "EACH_OF_FIRST", 200)
    monkeypatch.setattr(decisions, "SAMPLED", 100)
    found = check_replay(shipped()["ma_crossover"], bars(3_000), FAST)
    assert found.passed
    assert found.at_changes == found.changes > 100
    assert found.sampled == 100
    assert found.blocks == 64
    assert 300 < found.alone < 3_000


def test_several_symbols_are_replayed_together():
    frame = pl.concat([bars(400, 1, "A"), bars(300, 2, "B")])
    found = check_replay(shipped()["ma_crossover"], frame, FAST)
    assert found.passed, str(found)
    assert found.n_bars == 700


def test_inputs_of_a_longer_interval_are_decided_on_the_bars_so_far():
    found = check_replay(above_the_four_hours, bars(300))
    assert found.passed, str(found)
    assert found.alone == 300


def test_a_decision_that_needed_later_bars_is_told():
    found = check_replay(peeks, bars(200))
    assert not found.passed
    assert found.difference.startswith("the target at bar ")
    assert "when decided as its bar closed" in found.difference


class Forgetful(Simulator):
    """Misses what the strategy wants on bars 90 to 110."""

    def advance(self, open_time, close_time, bar, target, **more):
        wanted = np.full_like(target, np.nan) if 90 <= self.n_bars <= 110 else target
        return super().advance(open_time, close_time, bar, wanted, **more)


class Imprecise(Simulator):
    """Sees prices as float32."""

    def advance(self, open_time, close_time, bar, target, **more):
        rounded = bar.astype(np.float32).astype(np.float64)
        return super().advance(open_time, close_time, rounded, target, **more)


@pytest.mark.parametrize("faulty", [Forgetful, Imprecise])
def test_a_simulator_that_differs_is_told(monkeypatch, faulty):
    monkeypatch.setattr(replay, "Simulator", faulty)
    found = check_replay(long_and_short, bars(300), setup={"account": "margin"})
    assert not found.passed
    assert "differ" in found.difference
