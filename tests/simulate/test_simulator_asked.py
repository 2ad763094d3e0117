"""Nothing is asked for where a quick look says that nothing is new."""

from __future__ import annotations

import numpy as np
import pytest

import trade_research as tr
from trade_research.simulate.simulator import Simulator


@pytest.mark.parametrize("rebalance", [None, 3])
@pytest.mark.parametrize("exits", [None, tr.Exits(stop=0.01, cooldown=2)])
def test_what_is_not_new_asks_for_nothing(rebalance: int | None, exits: tr.Exits | None) -> None:
    rng, found = np.random.default_rng(1), set()
    account = Simulator(("A", "B"), costs=tr.Costs(), rebalance=rebalance, exits=exits)
    price = np.full(2, 100.0)
    for t in range(400):
        price = price * np.exp(rng.normal(0.0, 0.01, 2))
        bar = np.tile(price, (5, 1))
        bar[:, rng.random(2) < 0.1] = np.nan
        account.advance(60 * t, 60 * t + 60, bar, rng.choice([np.nan, 0.0, 0.25, 0.5], 2))
        for _ in range(5):
            target = rng.choice([np.nan, 0.0, 0.25, 0.5, np.inf], 2)
            is_new, asks = account.is_asked(target), (account.asked(target) != 0.0).any()
            assert account.is_asked(target[::-1].copy()[::-1]) == is_new  # in any layout
            assert is_new or not asks
            found.add(is_new)
    assert found == {True, False}
