"""The compiled step equals the naive twin on random cases of every rule it has."""

from __future__ import annotations

import numpy as np
import pytest

from tests.counts import count
from tests.simulate.cases import assert_same, both, random_bars, random_targets

FAMILIES = {
    "plain": {},
    "costs": {"costs": True},
    "exits": {"exits": True, "costs": True},
    "margin": {"margin": True, "costs": True},
    "margin_exits": {"margin": True, "exits": True, "costs": True},
    "fills": {"exits": True, "fill": True},
    "holes": {"holes": True, "exits": True},
    "many": {"many": True, "costs": True},
    "many_margin": {"many": True, "margin": True, "exits": True, "holes": True},
    "lots": {"many": True, "lots": True, "costs": True},
}


def random_case(
    rng, *, costs=False, exits=False, margin=False, fill=False, holes=False, many=False, lots=False
):
    """Bars, targets and settings of one case."""
    n = int(rng.integers(2, 120))
    n_symbols = int(rng.integers(2, 6)) if many else 1
    vol = float(rng.choice([0.002, 0.01, 0.05]))
    hole = 0.2 if holes else 0.0
    bars = random_bars(rng, n, n_symbols, holes=hole, dry=hole / 2, vol=vol)
    levels = [0.0, 1.0, 0.5, 0.3] if not many else [0.0, 0.2, 0.5, 1.0 / n_symbols]
    set_: dict = {"cash": float(rng.choice([1_000.0, 1e6]))}
    if margin:
        levels += [-1.0, -0.4, 1.5]
        set_ |= {"margin": True, "leverage": float(rng.choice([1.0, 2.0, 3.0]))}
        set_["maintenance"] = float(rng.choice([0.0, 0.1, 0.25]))
    elif rng.random() < 0.2:
        levels += [-0.5]
    if costs:
        set_ |= {"fee": float(rng.choice([0.0, 0.001])), "slip": float(rng.choice([0.0, 0.0005]))}
        extra = rng.choice(["", "fixed", "least", "per_unit", "tax", "impact", "maker"])
        size = {"fixed": 1.0, "least": 2.0, "per_unit": 0.01, "tax": 0.002, "impact": 0.01}
        if extra:
            set_[str(extra)] = size.get(str(extra), -0.0001)
    if exits:
        for name, low, high in (("stop", 0.5, 4), ("take_profit", 0.5, 4), ("trailing", 0.5, 5)):
            if rng.random() < 0.6:
                set_[name] = float(rng.uniform(low, high)) * vol
        if rng.random() < 0.3:
            set_["max_hold"] = int(rng.integers(1, 12))
        set_["cooldown"] = int(rng.choice([0, 0, 1, 3]))
        set_["optimistic"] = False
    if fill:
        set_["fill"] = str(rng.choice(["next_open", "next_close", "this_close"]))
        set_["delay"] = int(rng.integers(0, 3))
        set_["start"] = int(rng.integers(0, 5))
    if rng.random() < 0.2:
        set_["every"] = int(rng.choice([1, 5]))
    if lots:
        set_ |= {"lot": float(rng.choice([0.1, 1.0])), "min_notional": 50.0}
    silent = float(rng.choice([0.0, 0.0, 0.3, 0.8]))
    target = random_targets(rng, n, n_symbols, levels, float(rng.uniform(0.05, 0.6)), silent)
    return bars, target, set_


@pytest.mark.parametrize("family", FAMILIES)
def test_step_equals_the_twin_on_random_cases(family):
    rng = np.random.default_rng(sum(map(ord, family)))
    for _ in range(count(500)):
        bars, target, settings = random_case(rng, **FAMILIES[family])
        assert_same(*both(bars, target, **settings))
