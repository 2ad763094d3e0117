"""What it takes to make a run again, as one plain dictionary."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trade_research.research.health import versions

if TYPE_CHECKING:
    from trade_research.research.data import Data
    from trade_research.strategies.strategy import Strategy


def manifest_of(
    strategy: Strategy, params: Mapping[str, Any], data: Data, setup: Mapping[str, Any]
) -> dict[str, Any]:
    """Strategy, parameters, data, set-up and versions of a run, and an id made of them.

    Holds nothing that changes between two runs of the same inputs on one machine: no clock, no
    path. ``run_id`` is the SHA-256 of the rest.
    """
    times = data.frame["open_time"]
    query = data.query
    manifest: dict[str, Any] = {
        "schema": "trade-research/run/1",
        "strategy": {
            "name": strategy.name,
            "source_hash": strategy.source_hash,
            "source": strategy.source,
        },
        "params": dict(params),
        "data": {
            "names": list(query.names) if query is not None else list(data.instruments),
            "interval": data.interval.text,
            "calendar": data.calendar.name if data.calendar is not None else None,
            "periods_per_year": data.periods_per_year,
            "rows": data.frame.height,
            "first": str(times.min()),
            "last": str(times.max()),
            "hash": data.content_hash,
            "stored": query is not None,
        },
        "setup": dict(setup),
        "seed": None,
        "versions": versions() | {"cpu": _cpu()},
    }
    text = json.dumps(manifest, sort_keys=True, default=str)
    return manifest | {"run_id": hashlib.sha256(text.encode()).hexdigest()}


def _cpu() -> str:
    """The processor LLVM compiles for: libm may differ in last bits between types."""
    from llvmlite import binding

    return str(binding.get_host_cpu_name())
