"""What did not happen: orders without a fill, bars with two readings, a run that never traded."""

from __future__ import annotations

import polars as pl

from trade_research.report.formats import count, money, percent, plural, short
from trade_research.report.run import Run
from trade_research.report.section import Cell, Part, Section, Table
from trade_research.report.sections.trades import why_none
from trade_research.simulate.codes import EXPLAIN


def orders(run: Run) -> Section | None:
    """Orders by fate, ambiguous bars and what they are worth, warm-up, ruin, zero trades."""
    parts: list[Part] = []
    lost = pl.DataFrame()
    if run.orders.height:
        lost = run.orders.filter(pl.col("status") != "filled")
        parts.append(_fates(run))
    if run.trades.is_empty():
        parts.append(why_none(run))
    if run.status == "ruined":
        parts.append(
            "Equity reached zero or less: the account was closed there and the run is void."
        )
    parts.append(_ambiguity(run))
    parts.append(f"Targets are held at 0 during the warm-up of {plural(run.warmup_bars, 'bar')}.")
    return Section("Orders", _claim(run, lost.height), parts, folded=True)


def _claim(run: Run, lost: int) -> str:
    if run.status == "ruined":
        return "The account was ruined"
    if run.orders.is_empty():
        return "No order was ever placed"
    if not lost:
        return f"All {plural(run.orders.height, 'order')} filled whole"
    return f"{count(lost)} of {plural(run.orders.height, 'order')} did not fill whole"


def _fates(run: Run) -> Table:
    found = (
        run.orders.group_by("status", "reason")
        .len("n")
        .sort("n", "status", "reason", descending=[True, False, False], nulls_last=True)
    )
    rows = [
        (
            str(row["status"]),
            Cell(EXPLAIN.get(row["reason"], short(str(row["reason"] or ""), 80)), "wrap"),
            count(row["n"]),
            percent(row["n"] / run.orders.height),
        )
        for row in found.iter_rows(named=True)
    ]
    return Table("Orders by fate", ("Status", "Reason", "Orders", "Share"), rows, align="llrr")


def _ambiguity(run: Run) -> str:
    if not run.ambiguous:
        return (
            "No bar held a stop and a target at once, so no fill depends on the path inside a bar."
        )
    text = (
        f"{plural(run.ambiguous, 'bar')} held a stop and a target at once; the worse one was taken."
    )
    if run.pnl_bounds is None:
        return text + " No bound on the profit can be given for the other reading."
    low, high = run.pnl_bounds
    return f"{text} Between the two readings the profit lies in [{money(low)}, {money(high)}]."
