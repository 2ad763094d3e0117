"""What the strategies take to run, and what they make of 10,000 random walks: nothing.

Figures of the original engine for 3,000 bars, bar by bar on two cores, are from its own
measurement; ours are one compiled pass, which gives every bar's decision (a decision depends on its
past alone: the laws prove it), and beside it the growing past decided anew at every bar.
"""

from __future__ import annotations

import statistics
import sys
import time

import numpy as np

from tests.bench.table import Row
from tests.bench.walks import columns_of, outcomes
from trade_research.strategies import confirm, macd, rsi_divergence, shipped, vote

REPLAY = 3_000
WALKS = 10_000
ORIGIN = {"rsi_divergence": (11.4, "≤ 5 ms"), "macd": (2.81, "≤ 1 ms")}
"""Seconds that the original engine takes, and our goal."""


def rows(walks: int = WALKS) -> list[Row]:
    """Times of passes and replays, then the outcome on random walks by strategy."""
    cols = columns_of(0, REPLAY)
    made = [row for one in (rsi_divergence, macd) for row in _replay(one, cols)]
    made += [_long(one) for one in (*shipped().values(), *_compositions())]
    return made + _walks(walks)


def _compositions() -> list:
    voters = [shipped()[name] for name in ("macd", "donchian", "rsi_reversion")]
    return [vote(voters, k=2, name="vote_of_3"), confirm(macd, by=rsi_divergence, name="confirmed")]


def _timed(call, rounds: int = 21) -> float:
    call()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _replay(one, cols) -> list[Row]:
    given = {name: cols[name] for name in one.columns}
    origin, goal = ORIGIN[one.name]
    whole = _timed(lambda: one.compute(given))

    def anew() -> None:
        for t in range(1, REPLAY + 1):
            one.compute({name: values[:t] for name, values in given.items()})

    head = f"{one.name}, {REPLAY:,} bars"
    return [
        Row(f"{head}, one pass", 1e3 * whole, 1e3 * origin, "the origin", "ms", goal),
        Row(
            f"{head}, anew at every bar",
            1e3 * _timed(anew, 3),
            1e3 * origin,
            "the origin",
            "ms",
            "",
        ),
    ]


def _long(one) -> Row:
    cols = columns_of(1, 1_000_000)
    given = {name: cols[name] for name in one.columns}
    seconds = _timed(lambda: one.compute(given), 5)
    return Row(f"{one.name}, 1M bars", 1e9 * seconds / 1e6, None, "", "ns/bar", "")


def _walks(walks: int) -> list[Row]:
    names = list(shipped())
    found = outcomes([(one, {}) for one in shipped().values()], walks)
    return [
        Row(
            f"random walks, {name}: growth without costs",
            100.0 * one.gross,
            None,
            f"{one.sides:.1f} sides a walk take {100 * one.cost:.3f} ± {100 * one.cost_width:.3f}",
            "%",
            f"± {100 * one.gross_width:.3f} holds 0: {'yes' if one.has_no_edge else 'NO'}; "
            f"loses its costs: {'yes' if one.loses_its_costs else 'NO'}",
        )
        for name, one in zip(names, found, strict=True)
    ]


def false_divergences(walks: int = 2_000) -> dict[str, float]:
    """Share of bars of random walks on which `rsi_divergence` finds one, by form."""
    share = dict.fromkeys(("regular", "hidden"), 0.0)
    for seed in range(walks):
        cols = columns_of(seed)
        given = {name: cols[name] for name in rsi_divergence.columns}
        for form in share:
            found = rsi_divergence.compute(given, form=form).extras["divergence"]
            share[form] += float(np.nanmean(np.abs(found))) / walks
    return share


if __name__ == "__main__":
    from tests.bench.__main__ import line

    for row in rows(int(sys.argv[1]) if len(sys.argv) > 1 else WALKS):
        print(line(row), flush=True)
    print("divergences on random walks, share of bars:", false_divergences(200))
