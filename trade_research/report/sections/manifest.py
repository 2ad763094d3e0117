"""What made these numbers: enough to make them again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from trade_research.report.formats import NONE, short
from trade_research.report.panels import NOTICE, library
from trade_research.report.run import Run
from trade_research.report.section import Cell, Code, Fold, Part, Section, Table

_SHOWN = ("strategy", "params", "command", "run_id", "trials")  # in the first table, or not twice


def manifest(run: Run) -> Section:
    """Strategy, parameters and hashes; folded: set-up, versions, law checks and the source."""
    parts: list[Part] = []
    command = run.manifest.get("command")
    if command:
        parts += ["To repeat it:", Code(str(command))]
    parts.append(Table("What was run", ("What", "Value"), _identity(run), align="ll"))
    rest = {name: value for name, value in run.manifest.items() if name not in _SHOWN}
    rows = [(name, Cell(text, "wrap")) for name, text in _flat(rest)]
    rows.append(("charts", Cell(library()[2] or NOTICE, "wrap")))
    table = Table("Everything else the numbers depend on", ("What", "Value"), rows, align="ll")
    parts.append(Fold("Set-up and versions", (table,)))
    if run.check is not None:
        parts.append(Fold("The law checks, in their own words", (Code(str(run.check)),)))
    if run.strategy.source:
        parts.append(Fold("The strategy's source, whole", (Code(run.strategy.source),)))
    return Section("Manifest", "How to get the same numbers again", parts, folded=True)


def _identity(run: Run) -> list[tuple[str | Cell, ...]]:
    """Names and hashes: what two equal runs share."""
    strategy = run.strategy
    params = ", ".join(f"{name} = {_text(value)}" for name, value in strategy.params.items())
    trials = run.manifest.get("trials")
    counted = f"{trials['n']:,}, by the ledger" if trials else "unknown, counted as 1"
    facts = [
        ("strategy", short(strategy.name, 200)),
        ("parameters", short(params, 400) or "none"),
        ("strategy hash", strategy.source_hash or NONE),
        *((f"data {short(info.name, 60)}", info.hash or "not hashed") for info in run.data),
        ("trials behind it", counted),
        ("run id", str(run.manifest.get("run_id") or NONE)),
    ]
    return [(name, Cell(value, "wrap")) for name, value in facts]


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested mappings as dotted names."""
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            rows += _flat(value, f"{prefix}{name}.")
        else:
            rows.append((short(f"{prefix}{name}", 80), short(_text(value), 400)))
    return rows


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, default=str)
    return NONE if value is None else str(value)
