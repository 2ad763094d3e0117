"""Settings shared by all tests: Hypothesis profile, and the counts of `-m full`."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings


def pytest_configure(config):
    if config.option.markexpr == "full":
        os.environ["TRADE_RESEARCH_FULL"] = "1"
        os.environ.setdefault("PYTEST_TIMEOUT", "14400")  # twenty times the cases, and on any load
        config.option.markexpr = ""  # every test, at its full count


settings.register_profile(
    "ours", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ours")
