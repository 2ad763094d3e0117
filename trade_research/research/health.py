"""Is this installation healthy: versions, compile cache, store, disk; and compiling ahead."""

from __future__ import annotations

import os
import platform
import shutil
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from trade_research.errors import TradeResearchError

PACKAGES = ("numpy", "numba", "polars", "pyarrow", "duckdb", "scipy", "matplotlib")
LOW_DISK = 1 << 30


def versions() -> dict[str, str]:
    """Versions that numbers may depend on: Python, this package and its compiled dependencies."""
    from trade_research import __version__

    found = {"python": platform.python_version(), "trade_research": __version__}
    for name in (*PACKAGES, "llvmlite"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def examine(store: Path) -> list[dict[str, Any]]:
    """Rows of ``what, found, ok``: each package, the compile cache, the store, free disk."""
    rows = [
        {"what": name, "found": found, "ok": found != "missing"}
        for name, found in versions().items()
    ]
    rows += [_cache(), _store(store), _disk(store)]
    return rows


def warm_up() -> dict[str, Any]:
    """Compile every shipped strategy, the simulator and the checks on a small frame."""
    import polars as pl

    from trade_research.research.backtest import backtest
    from trade_research.research.check import check
    from trade_research.strategies.load import shipped

    start = time.perf_counter()
    bars = _wiggle()
    for strategy in shipped().values():
        if any(col.name not in bars.columns for col in strategy.inputs.values()):
            continue  # order books, funding and the like are compiled when there are some
        run = backtest(strategy, bars, calendar="24/7")
        dict(run.metrics)
        check(strategy, bars, calendar="24/7")
    seconds = time.perf_counter() - start
    assert isinstance(bars, pl.DataFrame)
    return {"what": "compiled", "found": f"{seconds:.1f} s", "ok": True}


def _wiggle(n_bars: int = 600) -> Any:
    """A few hundred daily bars that rise and fall, to compile on."""
    import numpy as np
    import polars as pl

    from trade_research.frames.bars import to_bars

    t = np.arange(n_bars)
    close = 100.0 + 10.0 * np.sin(t / 15.0) + 0.5 * np.cos(t)
    frame = pl.DataFrame(
        {
            "open_time": (np.datetime64("2020-01-01", "us") + t * np.timedelta64(1, "D")),
            "open": close,
            "high": close + 1.0,
            "low": close - 1.0,
            "close": close,
            "volume": np.ones(n_bars),
        }
    )
    return to_bars(frame, "1d")


def _cache() -> dict[str, Any]:
    from trade_research.kernels.jit import cache_folder

    folder = cache_folder()
    return {
        "what": "compile cache",
        "found": str(folder) if folder else "no writable folder: set TRADE_RESEARCH_CACHE",
        "ok": folder is not None,
    }


def _store(root: Path) -> dict[str, Any]:
    from trade_research.store.store import Store

    if not root.exists():
        return {"what": "store", "found": f"{root}: nothing yet", "ok": True}
    try:
        found, ok = f"{root}: {Store(root).catalog().height} series", os.access(root, os.W_OK)
    except TradeResearchError as error:
        found, ok = str(error), False
    return {"what": "store", "found": found if ok else f"{found}; not writable", "ok": ok}


def _disk(root: Path) -> dict[str, Any]:
    at = root if root.exists() else Path()
    free = shutil.disk_usage(at).free
    return {"what": "free disk", "found": f"{free / 1e9:.1f} GB", "ok": free > LOW_DISK}
