"""Every number of the run with its formula, unit, and when it is undefined: ends arguments."""

from __future__ import annotations

from trade_research.metrics.definitions import DEFINITIONS
from trade_research.report.formats import by_unit
from trade_research.report.run import Run
from trade_research.report.section import Cell, Part, Section, Table
from trade_research.report.sections.headline import annualised
from trade_research.report.sections.peers import beside_quantstats


def definitions(run: Run) -> Section:
    """A table a group: value, benchmark's value, formula, source."""
    groups: dict[str, list[tuple[str | Cell, ...]]] = {}
    beside = bool(run.benchmark_metrics)
    for key, meaning in DEFINITIONS.items():
        row: list[str | Cell] = [
            Cell(meaning.label, "wrap", key),
            by_unit(run.metrics.get(key), meaning.unit),
        ]
        if beside:
            row.append(by_unit(run.benchmark_metrics.get(key), meaning.unit))
        row += [
            Cell(meaning.formula, "wrap"),
            Cell(f"– if {meaning.null_rule}" if meaning.null_rule != "never" else "", "wrap weak"),
            Cell("" if meaning.source == "-" else meaning.source, "wrap weak"),
        ]
        groups.setdefault(meaning.group, []).append(tuple(row))
    head = (
        "Number",
        "Value",
        *(("Benchmark",) if beside else ()),
        "Formula",
        "Undefined",
        "Source",
    )
    align = "lr" + "r" * beside + "lll"
    parts: list[Part] = [annualised(run)]
    parts += [Table(group.capitalize(), head, rows, align=align) for group, rows in groups.items()]
    parts.append(beside_quantstats())
    return Section("Definitions", "What every number means", parts, folded=True)
