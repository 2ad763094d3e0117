"""How long would I have suffered? The deepest falls, from peak to recovery."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from trade_research.metrics.drawdowns import drawdown_episodes
from trade_research.report.arrays import floats, micros
from trade_research.report.bars import histogram
from trade_research.report.formats import count, day, percent, plural
from trade_research.report.run import Run
from trade_research.report.section import Beside, Cell, Part, Section, Table

_SHOWN = 10


def drawdowns(run: Run) -> Section | None:
    """The ten deepest drawdowns of net equity."""
    if run.equity.is_empty():
        return None
    times = micros(run.equity)
    found = drawdown_episodes(floats(run.equity, "equity"), run.initial_cash)
    if not found.peak.size:
        return Section("Drawdowns", "Equity never closed below an earlier peak", ())
    worst = found.worst(_SHOWN)
    start = int(micros(run.prices, "open_time")[0]) if run.prices.height else None
    at, days = worst.times(times, start), worst.days(times, start)
    rows = [
        (
            str(k + 1),
            percent(worst.depth[k]),
            _date(at["peak"][k]),
            _date(at["valley"][k]),
            Cell("still open", "word") if worst.open[k] else _date(at["end"][k]),
            count((at["valley"][k] - at["peak"][k]) / 86_400e6),
            Cell("–", "weak")
            if worst.open[k]
            else count((at["end"][k] - at["valley"][k]) / 86_400e6),
            count(days[k]),
            count(worst.bars[k]),
        )
        for k in range(worst.peak.size)
    ]
    head = (
        "Rank",
        "Depth",
        "Peak",
        "Trough",
        "Recovered",
        "Days down",
        "Days to recover",
        "Days in all",
        "Bars",
    )
    table = Table(
        f"The {plural(worst.peak.size, 'deepest drawdown')} of {count(found.peak.size)}",
        head,
        rows,
        note="Net equity at bar closes, the starting capital included. Days are calendar days.",
    )
    claim = _claim(run, bool(worst.open[0]), worst.depth[0], days[0])
    return Section("Drawdowns", claim, (table, *_law(run)))


def _law(run: Run) -> Sequence[Part]:
    """The worst drawdown among those of the same days in other orders."""
    if run.evidence is None or run.evidence.drawdowns is None:
        return ("How deep it might have fallen in another order of its days was not computed.",)
    law = run.evidence.drawdowns
    finding = (
        f"{percent(law.deeper, 0)} of {count(run.evidence.draws)} reorderings of the run's own "
        f"days fell as deep as {percent(law.depth)} or deeper."
    )
    chart = histogram(
        "The deepest drawdown, and that of its days in other orders",
        finding,
        law.edges,
        law.counts,
        law.depth,
        across="Deepest drawdown",
        up="Reorderings",
        label=lambda v: percent(v, 0),
        called="This run",
    )
    shares = ("5%", "25%", "Median", "75%", "95%")
    rows: list[tuple[str | Cell, ...]] = [
        (name, percent(depth), count(length))
        for name, depth, length in zip(shares, law.depths, reversed(law.lengths), strict=True)
    ]
    rows.append((Cell("This run", "word"), percent(law.depth), count(law.days)))
    table = Table(
        "On day closes",
        ("Of the reorderings", "As deep as", "As long as, days"),
        rows,
        note="Worst first. A run much deeper than they are: losses cluster more than chance; much "
        "milder: the order was kind.",
    )
    return (Beside((chart, table)),)


def _claim(run: Run, still_open: bool, depth: float, days: float) -> str:
    share = run.metric("time_under_water")
    under = f"; {percent(share, 0)} of bars lie below an earlier peak" if share is not None else ""
    if still_open:
        return f"The deepest fall, {percent(depth)}, is not over after {count(days)} days{under}"
    return f"The deepest fall was {percent(depth)}, over after {count(days)} days{under}"


def _date(at: int) -> str:
    return day(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(at)))
