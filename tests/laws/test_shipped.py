"""The laws over every strategy that ships, also with Numba's bounds check on."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.evidence.test_rebuilt import bars
from trade_research.evidence.check import check
from trade_research.strategies.load import shipped

ALL = sorted(shipped())


@pytest.mark.fast
@pytest.mark.parametrize("name", ALL)
def test_the_laws_hold(name):
    found = check(shipped()[name], bars(3_000))
    assert found.passed, str(found)


@pytest.mark.fast
@pytest.mark.parametrize("mode", ["breakout", "reversion"])
def test_the_laws_hold_for_both_ways_of_bollinger(mode):
    assert check(shipped()["bollinger"], bars(3_000), {"mode": mode}).passed


@pytest.mark.fast
def test_the_laws_hold_for_exponential_averages():
    found = check(shipped()["ma_crossover"], bars(3_000), {"kind": "ema", "fast": 5, "slow": 30})
    assert found.passed, str(found)


CHECKED = """
from tests.evidence.test_rebuilt import bars
from trade_research.evidence import check_causality, check_warmup
from trade_research.strategies.load import shipped
for one in shipped().values():
    for law in (check_causality, check_warmup):
        found = law(one, bars(700))
        assert found.passed, str(found)
"""


def test_no_shipped_strategy_reads_outside_its_arrays(tmp_path):
    env = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "TRADE_RESEARCH_CACHE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", CHECKED], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2_000:]
