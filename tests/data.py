"""Where the real market data lies that some tests use; they skip where it is absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"
_FOLDER = Path(os.environ.get("TRADE_RESEARCH_TEST_DATA", _BESIDE))

SHARED: Path | None = _FOLDER if (_FOLDER / "ohlcv").is_dir() else None
needs_data = pytest.mark.skipif(SHARED is None, reason="the market data for tests is not here")


def shared(part: str) -> Path:
    """Path of a file of the test data, e.g. ``shared("ohlcv/binance_spot_1m")``."""
    assert SHARED is not None, "mark the test with @needs_data"
    return SHARED / part
