"""What the run was fed: spans, holes and flags of each instrument."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from trade_research.metrics.definitions import DEFINITIONS
from trade_research.report.formats import by_unit, count, minute, percent, plural, short
from trade_research.report.run import DataInfo, Run
from trade_research.report.section import Cell, Fold, Part, Section, Strip, Table

_LISTED = 25
_COMPARED = ("total_return", "cagr", "sharpe_daily", "max_drawdown", "volatility_daily")


def data(run: Run) -> Section | None:
    """Rows, span and coverage of each instrument, and every verdict by kind."""
    if not run.data:
        return Section("Data", "Nothing is known about where the bars came from", (), folded=True)
    parts: list[Part] = [_table(run)]
    flags = run.verdicts if run.verdicts is not None else pl.DataFrame()
    parts.extend(_strip(info, flags) for info in run.data[:16])
    if run.verdicts is None:
        parts.append("The bars were not audited.")
    elif flags.height:
        parts += [_kinds(flags), _stretches(flags)]
    parts.append(_unflagged(run, flags))
    return Section("Data", _claim(run, flags), parts, folded=True)


def _unflagged(run: Run, flags: pl.DataFrame) -> Part:
    """The same run without the bars that were flagged."""
    if run.verdicts is not None and flags.is_empty():
        return "No bar is flagged, so the result without flagged bars is the result."
    if run.unflagged is None:
        return "The result without flagged bars was not computed for this run."
    rows = [
        (
            DEFINITIONS[key].label,
            by_unit(run.metrics.get(key), DEFINITIONS[key].unit),
            by_unit(run.unflagged.get(key), DEFINITIONS[key].unit),
        )
        for key in _COMPARED
    ]
    return Table(
        "The result without flagged bars",
        ("", "As run", "Without them"),
        rows,
        kind="slim",
        note="What the run made in flagged bars is left out. Far apart: it lives on bad data.",
    )


def _claim(run: Run, flags: pl.DataFrame) -> str:
    total = sum(info.rows for info in run.data)
    claim = plural(total, "bar")
    if run.verdicts is None:
        return claim + ", not audited"
    if flags.is_empty():
        return claim + ", no gap and nothing flagged"
    gaps = flags.filter(pl.col("kind") == "gap")
    others = flags.height - gaps.height
    missing = int(gaps["rows"].sum()) if gaps.height else 0
    claim += f", {plural(gaps.height, 'gap')}"
    if missing:
        claim += f" ({plural(missing, 'bar')} missing)"
    return claim + (f", {plural(others, 'other flag')}" if others else "")


def _table(run: Run) -> Table:
    rows = [
        (
            Cell(short(info.name, 60), "wrap"),
            count(info.rows),
            minute(info.start),
            minute(info.end),
            percent(info.rows / info.expected_rows, 2) if info.expected_rows else "–",
            Cell(info.hash[:12] or "not hashed", "" if info.hash else "weak", info.hash),
        )
        for info in run.data
    ]
    head = ("Instrument", "Bars", "First open", "Last open", "Coverage", "Content hash")
    note = "Coverage is bars found over bars the calendar has."
    if run.calendar is None:
        note += " No calendar is known for these bars."
    return Table("What was read", head, rows, note=note, align="lrllrl")


def _strip(info: DataInfo, flags: pl.DataFrame) -> Strip:
    """The span as a line: blue where there are bars, holes left open, other flags below it."""
    start, end = info.start, info.end
    whole = (end - start).total_seconds() or 1.0
    mine = (
        flags.filter(pl.col("instrument") == info.name) if "instrument" in flags.columns else flags
    )

    def share(moment: datetime) -> float:
        return min(1.0, max(0.0, (moment - start).total_seconds() / whole))

    pieces = [(0.0, 1.0, "net")]
    holes = 0
    for row in mine.head(2_000).iter_rows(named=True):
        gap = row["kind"] == "gap"
        holes += gap
        pieces.append((share(row["open_time"]), share(row["end_time"]), "bg" if gap else "loss"))
    pieces.sort(key=lambda piece: piece[2] == "bg")
    found = f"{plural(holes, 'gap')}, {plural(mine.height - holes, 'other flag')}"
    finding = f"{found} from {minute(start)} to {minute(end)}."
    return Strip(f"Coverage of {short(info.name, 60)}", finding, pieces)


def _kinds(flags: pl.DataFrame) -> Table:
    from trade_research.frames.verdicts import KINDS

    found = (
        flags.group_by("kind")
        .agg(pl.len().alias("stretches"), pl.col("rows").sum(), pl.col("open_time").min())
        .sort("rows", "kind", descending=[True, False])
    )
    rows = []
    for row in found.iter_rows(named=True):
        causal, meaning = KINDS.get(row["kind"], (False, ""))
        rows.append(
            (
                row["kind"].replace("_", " "),
                count(row["stretches"]),
                count(row["rows"]),
                minute(row["open_time"]),
                "at the time" if causal else "afterwards",
                Cell(meaning, "wrap"),
            )
        )
    head = ("Flag", "Stretches", "Bars", "First", "Knowable", "Meaning")
    return Table("Flags by kind", head, rows, align="lrrlll")


def _stretches(flags: pl.DataFrame) -> Fold:
    some = flags.sort("rows", "open_time", descending=[True, False]).head(_LISTED)
    rows = [
        (
            short(str(row["instrument"]), 40),
            row["kind"].replace("_", " "),
            minute(row["open_time"]),
            minute(row["end_time"]),
            count(row["rows"]),
            Cell(short(str(row["detail"] or ""), 120), "wrap"),
        )
        for row in some.iter_rows(named=True)
    ]
    head = ("Instrument", "Flag", "From", "Until", "Bars", "Detail")
    return Fold(
        f"The {some.height} longest stretches of {count(flags.height)}",
        (Table("Flagged stretches, longest first", head, rows, align="llllrl"),),
    )
