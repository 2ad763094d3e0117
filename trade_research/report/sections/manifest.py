"""What made these numbers: enough to make them again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from trade_research.report.formats import NONE, short
from trade_research.report.panels import NOTICE, library
from trade_research.report.run import Run
from trade_research.report.section import Cell, Code, Fold, Part, Section, Table


def manifest(run: Run) -> Section:
    """Strategy, parameters, costs, hashes, versions, the checks, and the command to repeat it."""
    strategy = run.strategy
    parts: list[Part] = []
    command = run.manifest.get("command")
    if command:
        parts += ["To repeat it:", Code(str(command))]
    rows: list[tuple[str | Cell, ...]] = [
        ("strategy", Cell(short(strategy.name, 200), "wrap")),
        ("strategy hash", Cell(strategy.source_hash or NONE, "wrap")),
        *(
            (f"parameter {name}", Cell(_text(value), "wrap"))
            for name, value in strategy.params.items()
        ),
        *(
            (f"data {short(info.name, 60)}", Cell(info.hash or "not hashed", "wrap"))
            for info in run.data
        ),
        *((name, Cell(text, "wrap")) for name, text in _flat(run.manifest) if name != "command"),
        ("charts", Cell(library()[2] or NOTICE, "wrap")),
    ]
    parts.append(Table("Everything the numbers depend on", ("What", "Value"), rows, align="ll"))
    if run.check is not None:
        parts.append(Fold("The law checks, in their own words", (Code(str(run.check)),)))
    if strategy.source:
        parts.append(Fold("The strategy's source, whole", (Code(strategy.source),)))
    return Section("Manifest", "How to get the same numbers again", parts)


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
