"""All evidence on a run in one record: kept as JSON, equal twice, and calm about odd runs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.evidence.test_statistics_grids import COSTS, dates_of, market_of, target_of
from trade_research.errors import ConfigError
from trade_research.evidence.statistics import Evidence, gather
from trade_research.simulate.costs import Costs
from trade_research.simulate.run import simulate


def evidence_of(market, target, *, per_year=365.0, costs=COSTS, with_grids=True, **given):
    run = simulate(market, target, costs=costs)
    hold = simulate(market, np.ones(market.n_bars), costs=costs)

    def again(costs, delay, target):
        return simulate(market, target, costs=costs, delay=delay)

    return gather(
        run,
        session_dates=dates_of(market),
        sessions_per_year=per_year,
        trades={series.name: series.to_numpy() for series in run.trades_frame},
        benchmark=hold,
        again=again if with_grids else None,
        target=target,
        costs=costs,
        **given,
    )


@pytest.fixture(scope="module")
def whole():
    return evidence_of(market_of(700), target_of(700), draws=200)


def test_a_record_survives_json(whole):
    text = json.dumps(whole.to_dict(), allow_nan=False)
    assert Evidence.from_dict(json.loads(text)) == whole
    assert len(text) < 150_000
    assert whole.notes == ()


def test_same_inputs_same_record_and_another_seed_another(whole):
    market, target = market_of(700), target_of(700)
    assert evidence_of(market, target, draws=200) == whole
    other = evidence_of(market, target, draws=200, seed=1)
    assert other.estimates["cagr"].low != whole.estimates["cagr"].low
    assert other.estimates["cagr"].value == whole.estimates["cagr"].value


def test_it_holds_what_the_page_shows(whole):
    assert {"cagr", "volatility_daily", "sharpe_daily", "max_drawdown", "excess_cagr"} < set(
        whole.intervals
    )
    assert {"win_rate", "expectancy", "expectancy_bp"} < set(whole.intervals)
    low, high, n = whole.intervals["sharpe_daily"]
    assert low < whole.estimates["sharpe_daily"].value < high
    assert n == whole.days == 700
    assert whole.luck.sharpe == pytest.approx(whole.estimates["sharpe_daily"].value)
    assert whole.drawdowns.depth == whole.estimates["max_drawdown"].value
    assert whole.capacity.fills > 30
    assert len(whole.bands.dates) == 300


def test_a_record_of_another_version_says_so(whole):
    values = whole.to_dict()
    del values["luck"]["psr"]
    with pytest.raises(ConfigError, match=r"luck\.psr"):
        Evidence.from_dict(values)


@pytest.mark.parametrize("n", [1, 2, 5, 40, 300])
@pytest.mark.parametrize("kind", ["flat", "hold", "trades"])
def test_short_and_idle_runs_give_a_record_and_reasons(n, kind):
    target = {"flat": np.zeros(n), "hold": np.ones(n), "trades": target_of(n, hold=3)}[kind]
    found = evidence_of(market_of(n), target, draws=50)
    assert Evidence.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found
    assert found.days == n
    for estimate in found.estimates.values():
        assert (estimate.low is None) == bool(estimate.why)
    if kind == "flat":
        assert found.shifted is None
        assert found.estimates["sharpe_daily"].value is None


def test_a_ruined_run_without_calendar_or_volume():
    market = market_of(200, seed=3)
    close = market.close.copy()
    close[100:] *= 0.2
    market = replace(
        market,
        open=np.vstack([close[:1], close[:-1]]),
        close=close,
        high=np.vstack([close[:1], np.maximum(close[1:], close[:-1])]),
        low=np.vstack([close[:1], np.minimum(close[1:], close[:-1])]),
        volume=np.full((200, 1), np.nan),
    )
    run = simulate(market, np.full(200, 3.0), costs=Costs(), account="margin")
    found = gather(
        run,
        session_dates=dates_of(market),
        sessions_per_year=None,
        trades={series.name: series.to_numpy() for series in run.trades_frame},
        draws=100,
    )
    assert Evidence.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found
    assert found.capacity is None
    assert found.grids is None
    assert len(found.notes) == 4


def test_several_symbols_and_bars_inside_the_day():
    market = market_of(600, bars_per_day=3, symbols=3)
    target = np.stack([target_of(600, s) / 3 for s in range(3)], axis=1)
    run = simulate(market, target, costs=COSTS)
    found = gather(
        run,
        session_dates=dates_of(market),
        sessions_per_year=365.0,
        trades={series.name: series.to_numpy() for series in run.trades_frame},
        again=lambda costs, delay, target: simulate(market, target, costs=costs, delay=delay),
        target=target,
        costs=COSTS,
        draws=100,
    )
    assert found.days == 200
    assert found.shifted is not None
    assert found.capacity.fills == len(run.fills) - found.capacity.unknown
    assert found.stability.regimes is None  # no benchmark: no market to tell them by
