"""Settings shared by all tests: Hypothesis profile, and the counts of `-m full`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings


def pytest_configure(config):
    if config.option.markexpr == "full":
        os.environ["TRADE_RESEARCH_FULL"] = "1"
        config.option.markexpr = ""  # every test, at its full count


settings.register_profile(
    "ours", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ours")
