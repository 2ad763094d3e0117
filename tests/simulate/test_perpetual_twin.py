"""The perpetual account equals its naive twin on random cases: gaps, holes, stops, all costs."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from tests.counts import count
from tests.peers.perp_twin import PerpTwin
from tests.simulate.cases import (
    HOUR_US,
    assert_same,
    market_of,
    random_case,
    settings_of,
)
from trade_research.simulate import Account, simulate
from trade_research.simulate.codes import INSIDE

FAMILIES = {
    "one": {"costs": True},
    "exits": {"exits": True, "costs": True},
    "fills": {"exits": True, "fill": True},
    "many": {"many": True, "costs": True, "exits": True},
    "holes": {"many": True, "holes": True, "costs": True, "exits": True},
    "lots": {"many": True, "lots": True},
}


def random_rates(rng, n_bars, symbols):
    """Rates of both signs every one to eight hours, some within a bar, half with a mark."""
    rows = []
    for name in symbols:
        time = 0
        while time < n_bars * HOUR_US:
            mark = float(rng.uniform(5, 500)) if rng.random() < 0.2 else None
            rate = float(rng.choice([1e-4, -1e-4, 0.01, -0.01, 0.1]))
            rows.append((name, time, rate, mark))
            time += int(rng.choice([0.5, 1, 3, 8]) * HOUR_US)
    names, times, rates, marks = zip(*rows, strict=True)
    return pl.DataFrame(
        {
            "symbol": names,
            "time": pl.Series(times).cast(pl.Datetime("us", "UTC")),
            "funding_rate": rates,
            "mark_price": pl.Series(marks, dtype=pl.Float64),
        }
    )


def both(rng, bars, target, settings):
    settings = dict(settings) | {
        "leverage": float(rng.choice([1.0, 2.0, 5.0, 20.0])),
        "maintenance": float(rng.choice([0.0, 0.005, 0.04])),
    }
    settings.pop("margin", None)
    buffer = float(rng.choice([0.0, 0.15, 5.0, 20.0]))
    market = market_of(bars)
    market = market.with_funding(random_rates(rng, market.n_bars, market.symbols))
    due = [
        (int(f.bar), f.phase == INSIDE, int(f.symbol), float(f.rate), float(f.mark))
        for f in market.funding
    ]
    twin = PerpTwin(**settings, buffer=buffer, rates=due)
    account = Account("perp", settings["leverage"], settings["maintenance"], buffer)
    result = simulate(market, target, **settings_of(twin) | {"account": account})
    return result, twin.run([b.tolist() for b in bars], target.tolist())


def while_alive(result, twin):
    """Both up to where a millionth of the money is left: of what rounding leaves, the sign is."""
    left = np.array(twin.equity) < 1e-6 * result.initial_cash
    if not left.any():
        return result, twin
    end = int(left.argmax())
    ours = SimpleNamespace(
        fills=result.fills[result.fills["bar"] < end], equity=result.equity[:end], ambiguous=0
    )
    fills = [f for f in twin.fills if f[0] < end]
    return ours, SimpleNamespace(fills=fills, equity=twin.equity[:end], ambiguous=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_step_equals_the_twin_on_random_perpetuals(family):
    rng = np.random.default_rng(sum(map(ord, family)) + 1)
    seen = {"liquidation": 0, "deleverage": 0, "funding": 0}
    for _ in range(count(1_000)):
        bars, target, settings = random_case(rng, margin=True, **FAMILIES[family])
        target = target * float(rng.choice([1.0, 3.0, 10.0]))
        result, twin = both(rng, bars, target, settings)
        assert_same(*while_alive(result, twin), least=1e-3 * result.initial_cash)
        assert result.funding_paid == pytest.approx(twin.paid, rel=1e-9, abs=1e-6)
        seen["funding"] += twin.paid != 0.0
        for fill in twin.fills:
            seen[fill[-1]] = seen.get(fill[-1], 0) + 1
    assert min(seen.values()) > 0, seen


def test_without_costs_no_run_of_perpetuals_ends_below_zero():
    rng = np.random.default_rng(5)
    n_ruined = 0
    for _ in range(count(1_000)):
        bars, target, settings = random_case(rng, margin=True, many=True)
        result, _ = both(rng, bars, target * 10.0, settings)
        assert result.equity.min() > -1e-9 * result.initial_cash
        n_ruined += result.status == "ruined"
    assert n_ruined > 0
