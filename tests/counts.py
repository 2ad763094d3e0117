"""How many cases a test runs: the full count under `-m full`, a twentieth of it otherwise."""

from __future__ import annotations

import os

FULL = os.environ.get("TRADE_RESEARCH_FULL") == "1"


def count(full: int) -> int:
    """`full` cases under `pytest -m full`, else a twentieth of them, at least 1."""
    return full if FULL else max(1, full // 20)
