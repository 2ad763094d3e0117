"""What it takes to make a run again, as one plain dictionary."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from trade_research.report.record import identity
from trade_research.research.health import versions
from trade_research.research.source import prelude_of
from trade_research.settings.in_force import hash_in_force

if TYPE_CHECKING:
    from trade_research.research.data import Data
    from trade_research.strategies.strategy import Strategy


def manifest_of(
    strategy: Strategy, params: Mapping[str, Any], data: Data, setup: Mapping[str, Any]
) -> dict[str, Any]:
    """Strategy, parameters, data, set-up and versions of a run, and an id made of them.

    Holds nothing that changes between two runs of the same inputs on one machine: no clock, no
    path. ``run_id`` is the SHA-256 of the rest, less `versions_of_data` (the store's versions that
    were read, by which they can be read again), the trials counted so far, and `config`, the hash
    of the configuration in force, where there is one.
    """
    manifest: dict[str, Any] = {
        "schema": "trade-research/run/1",
        **facts_of(strategy, data),
        "params": dict(params),
        "setup": dict(setup),
        "seed": None,
    }
    command = _command(strategy, params, data, setup) if data.query is not None else ""
    return named(manifest) | {"command": command}


def facts_of(strategy: Strategy, data: Data) -> dict[str, Any]:
    """What every manifest says of strategy, data, and the versions of all that took part."""
    times, query = data.frame["open_time"], data.query
    found: dict[str, Any] = {
        "strategy": {
            "name": strategy.name,
            "source_hash": strategy.source_hash,
            "source": strategy.source,
            "prelude": prelude_of(strategy),
        },
        "data": {
            "names": list(query.names) if query is not None else list(data.instruments),
            "interval": data.interval.text,
            "calendar": data.calendar.name if data.calendar is not None else None,
            "periods_per_year": data.periods_per_year,
            "sessions_per_year": data.sessions_per_year,
            "rows": data.frame.height,
            "first": str(times.min()),
            "last": str(times.max()),
            "hash": data.content_hash,
            "funding": data.funding_facts,
            "stored": query is not None,
            "start": _moment(query.start) if query is not None else None,
            "end": _moment(query.end) if query is not None else None,
            "adjust": query.adjust if query is not None else None,
        },
        "versions": versions() | {"cpu": _cpu()},
    }
    if query is not None:
        found["versions_of_data"] = [source.version for source in query.sources]
    return found


def named(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest with its id, and the configuration in force where there is one."""
    return manifest | hash_in_force() | {"run_id": identity(manifest)}


def _command(
    strategy: Strategy, params: Mapping[str, Any], data: Data, setup: Mapping[str, Any]
) -> str:
    """The call of the command line that makes the run again; the defaults are left out."""
    from trade_research.strategies.load import is_shipped

    query, costs, exits = data.query, setup["costs"], setup["exits"] or {}
    assert query is not None
    name = strategy.name if is_shipped(strategy.name) else f"FILE.py:{strategy.name}"
    words = ["trade-research", "backtest", name]
    for instrument in query.names:
        words += ["--data", instrument]
    words += ["--since", f"{query.start:%Y-%m-%dT%H:%M:%S}"] if query.start else []
    words += ["--until", f"{query.end:%Y-%m-%dT%H:%M:%S}"] if query.end else []
    for key, value in params.items():
        words += ["-p", f"{key}={value}"]
    for key in ("fee_bps", "spread_bps", "slippage_bps"):
        words += [f"--{key.replace('_', '-')}", f"{costs[key]:g}"]
    for key, value in exits.items():
        words += [f"--{key.replace('_', '-')}", f"{value:g}"] if value else []
    for key, usual in (("cash", 100_000.0), ("delay", 0)):
        words += [f"--{key}", f"{setup[key]:g}"] if setup[key] != usual else []
    if setup["account"]["kind"] != "spot":
        kind, leverage = setup["account"]["kind"], setup["account"]["leverage"]
        words += ["--account", f"{kind}:{leverage:g}" if leverage > 1.0 else kind]
    return shlex.join(words)


def _moment(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _cpu() -> str:
    """The processor LLVM compiles for: libm may differ in last bits between types."""
    from llvmlite import binding

    return str(binding.get_host_cpu_name())
