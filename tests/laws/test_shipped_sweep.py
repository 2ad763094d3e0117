"""A sweep scores every shipped strategy and composition as runs of their own do."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.walks import columns_of
from tests.counts import FULL, count
from tests.laws.shipped import COMPOSED, S
from tests.simulate.cases import market_of
from tests.sweep import naive
from tests.sweep.test_score import YEAR, assert_equal
from trade_research.errors import ParameterError
from trade_research.strategies.declare import Span
from trade_research.sweep import Space, score

EVERY = [*(s for s in S.values() if s.params), *COMPOSED]
SOME = EVERY if FULL else EVERY[::4]  # each compiles loops of its own
N_BARS = 1_200


def axes_of(strategy, rng, most=4):
    """A few of its parameters, each with values from where a search looks."""
    found = {}
    for name in rng.permutation(list(strategy.space))[:most]:
        where, param = strategy.space[name], strategy.params[name]
        if not isinstance(where, Span):
            found[name] = list(where)
        else:
            values = rng.uniform(where.lo, where.hi, 2)
            found[name] = sorted({param.type(round(v) if param.type is int else v) for v in values})
    return {str(name): values for name, values in found.items()}


@pytest.mark.parametrize("strategy", SOME, ids=lambda s: s.name)
def test_scores_are_those_of_full_runs(strategy):
    cols = columns_of(2, N_BARS)
    prices = ("open", "high", "low", "close", "volume")
    market = market_of([cols[name].reshape(-1, 1) for name in prices])
    columns = {name: cols[name] for name in strategy.columns}
    game = naive.as_game({})
    for seed in range(count(20)):
        rng = np.random.default_rng(seed)
        found = Space(axes_of(strategy, rng)).random(8, seed=seed)
        try:
            first = max(strategy.warmup(**found.row(i)) for i in range(len(found)))
        except ParameterError:  # bands that no close can leave
            continue
        scores = score(strategy, market, columns, found, threads=1, **YEAR)
        for i in range(len(found)):
            ranges = [(0, market.n_bars)]
            _, want = naive.one(
                strategy, market, columns, found.row(i), first, ranges, game, **YEAR
            )
            assert_equal(scores, i, 0, want[0])
