"""Every metric of every configuration equals a run of its own; bits depend on nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from tests.counts import FULL, count
from tests.simulate.cases import market_of, random_bars
from tests.sweep import naive
from tests.sweep.zoo import ALL, axes_of
from trade_research.metrics.returns import returns_of
from trade_research.sweep import (
    METRICS,
    Space,
    day_returns,
    pool,
    scan,
    score,
    signals,
    tiles,
    work,
)
from trade_research.sweep.engine import largest_warmup

YEAR = {"periods_per_year": 8760.0, "sessions_per_year": 365.0}
RUN_AXES = {
    "stop": [None, 0.03],
    "take_profit": [0.05, None],
    "trailing": [0.04],
    "max_hold": [None, 9],
    "cooldown": [0, 4],
    "fee_bps": [0.0, 12.0],
    "slippage_bps": [3.0],
    "spread_bps": [5.0],
    "delay": [0, 2],
}


def case(seed, **rules):
    """Bars, a space, settings and a strategy."""
    rng = np.random.default_rng(seed)
    strategy = ALL[seed % len(ALL)]
    n = int(rng.choice([40, 200, 1030, 2500]))
    dry = float(rng.choice([0.0, 0.0, 0.02]))
    market = market_of(random_bars(rng, n, dry=dry, vol=float(rng.choice([0.002, 0.01, 0.03]))))
    own = axes_of(strategy)
    more = [name for name in RUN_AXES if rng.random() < 0.15]
    axes = own | {name: RUN_AXES[name] for name in more}
    found, settings = Space(axes).random(12, seed=seed), naive.game_of(rng, **rules)
    if settings["account"].kind == "perp":
        market = market.with_funding(naive.RATE)
    return rng, strategy, market, {"close": market.close[:, 0]}, found, settings


def assert_equal(scores, i, s, want):
    for name in METRICS:
        got = scores.metrics[name][i, s]
        if name == "trades":
            assert got == want[name], (name, scores.path[i])
        same = np.isnan(got) and np.isnan(want[name])
        near = abs(got - want[name]) <= 1e-9 * max(1.0, abs(want[name]))
        assert same or near, (name, got, want[name], scores.path[i], scores.why[i])


@pytest.mark.parametrize("family", ["plain", "exits", "general"])
def test_every_metric_equals_a_run_of_its_own(family):
    for seed in range(count(1_000)):
        rules = {"exits": family == "exits", "general": family == "general"}
        rng, strategy, market, columns, found, settings = case(seed, **rules)
        spans = None
        if rng.random() < 0.4 and "rebalance" not in settings:
            cuts = np.sort(rng.integers(0, market.n_bars + 1, (3, 2)), axis=1)
            spans = cuts[cuts[:, 1] > cuts[:, 0]]
            spans = spans if len(spans) else None
        start = int(rng.integers(0, 40)) if rng.random() < 0.3 else None
        rf = float(rng.choice([0.0, 0.04]))
        scores = score(
            strategy,
            market,
            columns,
            found,
            spans=spans,
            start=start,
            risk_free=rf,
            threads=1,
            **settings,
            **YEAR,
        )
        first = max(
            strategy.warmup(**{k: v for k, v in found.row(i).items() if k in strategy.params})
            for i in range(len(found))
        )
        game = naive.as_game(settings)
        for i in range(len(found)):
            ranges = [(0, market.n_bars)] if spans is None else spans
            runs, want = naive.one(
                strategy,
                market,
                columns,
                found.row(i),
                max(first, start or 0),
                ranges,
                game,
                risk_free=rf,
                **YEAR,
            )
            for s, numbers in enumerate(want):
                assert_equal(scores, i, s, numbers)
            assert scores.status[i] == (
                "ruined"
                if any(r.status == "ruined" for r in runs)
                else "no_trades"
                if all(r.status == "no_trades" for r in runs)
                else "ok"
            )
            run = runs[0]
            days = run.market.session_days()
            last = np.flatnonzero(np.append(days[1:] != days[:-1], True))
            daily = returns_of(run.equity[last], run.initial_cash)
            np.testing.assert_allclose(scores.blocks[i], naive.blocks(daily), atol=1e-9)


@pytest.fixture
def in_pieces(monkeypatch):
    """Cuts work as small as it can be: signals, tiles, targets and shared values at a time."""

    def cut():
        small = [(work, "MOST_SIGNALS", 3), (work, "_FEW", 1), (work, "_TARGETS", 1)]
        small += [(pool, "BUDGET", 1), (tiles, "TILES", 1)]
        if FULL:  # its code is compiled anew
            small += [(scan, "TILE", 192), (tiles, "TILE", 192), (signals, "_cuts", {})]
        for module, name, value in small:
            monkeypatch.setattr(module, name, value)

    return cut


@pytest.mark.parametrize("family", ["plain", "exits", "general"])
def test_no_bit_depends_on_how_the_work_is_cut(family, in_pieces):
    rules = {"exits": family == "exits", "general": family == "general"}
    cases = [case(seed, **rules) for seed in range(1_000, 1_000 + count(400))]
    more = [
        YEAR | settings | {"start": largest_warmup(strategy, found)}
        for _, strategy, _, _, found, settings in cases
    ]
    whole = [
        score(strategy, market, columns, found, threads=1, **given)
        for (_, strategy, market, columns, found, _), given in zip(cases, more, strict=True)
    ]
    in_pieces()
    for (rng, strategy, market, columns, found, _), given, want in zip(
        cases, more, whole, strict=True
    ):
        rows = rng.permutation(len(found))[: rng.integers(1, len(found) + 1)]
        got = score(strategy, market, columns, found[rows], threads=3, **given)
        for name in METRICS:
            np.testing.assert_array_equal(got.metrics[name], want.metrics[name][rows], name)
        for name in ("status", "path", "why", "blocks", "moments"):
            np.testing.assert_array_equal(getattr(got, name), getattr(want, name)[rows], name)


def test_day_returns_are_those_of_full_runs():
    _, strategy, market, columns, found, settings = case(0)
    start = 21
    table = day_returns(strategy, market, columns, found, start=start, **settings)
    game = naive.as_game(settings)
    for i in range(len(found)):
        (run,), _ = naive.one(
            strategy, market, columns, found.row(i), start, [(0, market.n_bars)], game, **YEAR
        )
        days = market.session_days()
        last = np.flatnonzero(np.append(days[1:] != days[:-1], True))
        np.testing.assert_array_equal(table[:, i], returns_of(run.equity[last], run.initial_cash))
