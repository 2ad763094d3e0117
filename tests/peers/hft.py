"""Our events and orders put to hftbacktest, in a process of its own: it wants another NumPy.

Name a Python that has it in TRADE_RESEARCH_HFTBACKTEST.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trade_research.simulate.book_quoting import BookEvents

PYTHON = os.environ.get("TRADE_RESEARCH_HFTBACKTEST")
_BUY, _SELL, _BOTH_CLOCKS = 1 << 29, 1 << 28, 3 << 30
_FIELDS = ["ev", "exch_ts", "local_ts", "px", "qty", "order_id", "ival", "fval"]
_FORMATS = ["<u8", "<i8", "<i8", "<f8", "<f8", "<u8", "<i8", "<f8"]


def events_of(made: BookEvents) -> np.ndarray:
    """Events in the peer's format; a price is the double nearest to its decimal."""
    out = np.zeros(made.time.size, np.dtype({"names": _FIELDS, "formats": _FORMATS}, align=True))
    side = np.where(made.side > 0, _BUY, _SELL).astype(np.uint64)
    out["ev"] = _BOTH_CLOCKS | side | made.kind.astype(np.uint64)
    out["exch_ts"], out["local_ts"] = made.time, made.recv
    out["px"], out["qty"] = (made.base + made.at) / round(1 / made.tick), made.size
    return out


def run(script: str, folder: Path) -> str:
    """Run a script beside this file with the folder as its argument; what it printed."""
    assert PYTHON is not None
    done = subprocess.run(
        [PYTHON, str(Path(__file__).with_name(script)), str(folder)],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def ask(requests: Sequence[tuple[BookEvents, Mapping[str, Any]]]) -> list[np.ndarray]:
    """Events and settings to the rows that `hft_run` writes, all by one process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for k, (made, asked) in enumerate(requests):
            # Its orders may go no further than the ladder; inside of it they are "at any price".
            limit = ((made.base + 2) * made.tick, (made.base + made.width - 3) * made.tick)
            np.savez(
                folder / f"asked_{k:02d}.npz",
                events=events_of(made), tick=made.tick, limit=limit, **asked,
            )  # fmt: skip
        run("hft_run.py", folder)
        return [np.load(folder / f"told_{k:02d}.npy") for k in range(len(requests))]
