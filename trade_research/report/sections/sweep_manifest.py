"""What made the sweep, and what its numbers mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trade_research.metrics.definitions import DEFINITIONS
from trade_research.report.formats import NONE, count, short
from trade_research.report.section import Cell, Code, Fold, Part, Section, Table
from trade_research.report.sections.sweep_parameters import counted
from trade_research.report.sweep import SweepView

_MEANINGS = (
    (
        "Deflated Sharpe ratio",
        "probability that the true ratio is above the best that luck gives from N trials: "
        "Φ((SR - SR0)·√(n-1) / √(1 - γ3·SR + (γ4-1)/4·SR²)), SR0 = √V·((1-γ)z(1-1/N) + γz(1-1/Ne))",
        "Bailey & López de Prado (2014); V: variance across the trials, at most 1/n",
    ),
    (
        "Trials",
        "distinct source, parameters and exits tried on this instrument and interval over an "
        "overlapping span; costs and revisions of the data add nothing",
        "the store's ledger",
    ),
    ("Effective trials", "ρ + (1 - ρ)·N, ρ the mean correlation", "Bailey & López de Prado (2014)"),
    (
        "As good without skill",
        "consistent p-value of the test for superior predictive ability, studentised, stationary "
        "bootstrap of days; for N trials of which some were tested 1 - (1 - p)^k",
        "Hansen (2005); Politis & Romano (1994)",
    ),
    ("Better than cash (StepM)", "stepwise, 5% for any wrong one", "Romano & Wolf (2005)"),
    (
        "Overfitting (PBO)",
        "share of the 12,870 halvings of 16 blocks of days in which the best of one half is at or "
        "below the median of the other; rank / (N + 1), ties averaged",
        "Bailey, Borwein, López de Prado & Zhu (2017)",
    ),
    ("Kept outside", "mean Sharpe ratio of the best outside over that inside, over all splits", ""),
    (
        "Neighbours agree",
        "median ratio of the configurations one step away on every axis over that of the best",
        "",
    ),
)


def manifest(view: SweepView) -> Section:
    """Strategy, space, costs and hashes."""
    facts: list[tuple[str, Any]] = [
        ("strategy", view.strategy.name),
        ("strategy hash", view.strategy.source_hash or NONE),
        ("configurations", f"{count(view.results.height)} of {counted(view)} values"),
        ("constraint", view.where or "none"),
        *_flat({k: v for k, v in view.manifest.items() if k != "strategy"}),
    ]
    rows = [(name, Cell(short(str(value), 400), "wrap")) for name, value in facts]
    parts: list[Part] = [Table("What was run", ("What", "Value"), rows, align="ll")]
    if view.strategy.source:
        parts.append(Fold("The strategy's source, whole", (Code(view.strategy.source),)))
    return Section("Manifest", "How to get the same numbers again", parts, folded=True)


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            rows += _flat(value, f"{prefix}{name}.")
        else:
            rows.append((short(f"{prefix}{name}", 80), NONE if value is None else value))
    return rows


def definitions(view: SweepView) -> Section:
    """Every number of the page: formula and source."""
    evidence = [(Cell(a, "wrap"), Cell(b, "wrap"), Cell(c, "wrap weak")) for a, b, c in _MEANINGS]
    metrics = [
        (Cell(d.label, "wrap", name), Cell(d.formula, "wrap"), Cell(d.source, "wrap weak"))
        for name, d in DEFINITIONS.items()
        if name in view.results.columns
    ]
    head = ("Number", "Formula", "Source")
    parts = (
        Table("Evidence", head, evidence, align="lll"),
        Table("Metrics of a configuration", head, metrics, align="lll"),
    )
    return Section("Definitions", "What every number means", parts, folded=True)
