"""How long `check` takes: a moving-average crossover on 20k, 100k and 1M bars."""

from __future__ import annotations

import time

from tests.bench.table import Row
from tests.evidence.test_rebuilt import bars
from trade_research.evidence.check import check
from trade_research.strategies.load import shipped

SIZES = ((20_000, "2 s"), (100_000, "12 s"), (1_000_000, "60 s"))


def rows() -> list[Row]:
    """Seconds of a whole check, compiled code warm; the ten seconds for flips included."""
    one = shipped()["ma_crossover"]
    params = {"fast": 10, "slow": 30}
    check(one, bars(100_000), params)
    return [_row(one, params, size, goal) for size, goal in SIZES]


def _row(one, params, size: int, goal: str) -> Row:
    frame = bars(size)
    start = time.perf_counter()
    found = check(one, frame, params)
    seconds = time.perf_counter() - start
    assert found.passed, str(found)
    return Row(f"check, ma_crossover, {size:,} bars", seconds, None, "", "s", f"≤ {goal}")


if __name__ == "__main__":
    for row in rows():
        print(f"{row.work:40} {row.ours:6.2f} {row.unit}   {row.goal}")
