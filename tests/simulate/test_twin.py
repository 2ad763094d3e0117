"""The compiled step equals the naive twin on random cases of every rule it has."""

from __future__ import annotations

import numpy as np
import pytest

from tests.counts import count
from tests.simulate.cases import FAMILIES, assert_same, both, random_case


@pytest.mark.parametrize("family", FAMILIES)
def test_step_equals_the_twin_on_random_cases(family):
    rng = np.random.default_rng(sum(map(ord, family)))
    for _ in range(count(500)):
        bars, target, settings = random_case(rng, **FAMILIES[family])
        assert_same(*both(bars, target, **settings))
