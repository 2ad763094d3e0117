"""A walk forward as one page, or as a section of a sweep's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.report.arrays import F64, floats, seconds
from trade_research.report.carried import Carried
from trade_research.report.charts import HALF, WIDE, Chart, Plot
from trade_research.report.formats import (
    NONE,
    axis,
    count,
    day,
    percent,
    plural,
    ratio,
    short,
    short_money,
)
from trade_research.report.page import Head, document, write_whole
from trade_research.report.record import parquet_bytes
from trade_research.report.run import StrategyInfo
from trade_research.report.seal import sealed
from trade_research.report.section import (
    Beside,
    Card,
    Cards,
    Cell,
    Code,
    Fold,
    Part,
    Section,
    Table,
)
from trade_research.report.thin import thin

if TYPE_CHECKING:
    from trade_research.evidence.luck import Luck

_DRAWN, _SHOWN = 1_200, 60


@dataclass(frozen=True)
class WalkView:
    """What a page shows of a walk forward; see `research.WalkForward` for the frames."""

    title: str
    strategy: StrategyInfo
    instruments: tuple[str, ...]
    interval: str
    word: str
    verdict: str
    folds: pl.DataFrame
    equity: pl.DataFrame
    axes: tuple[str, ...]
    metric: str
    train: str
    test: str
    anchored: bool
    configurations: int
    initial_cash: float
    efficiency: float | None
    stability: Mapping[str, float]
    luck: Luck
    max_drawdown: float | None
    trials: int | None
    notes: Sequence[str] = ()
    manifest: Mapping[str, Any] = field(default_factory=dict)


def walk_page(view: WalkView) -> str:
    """The page as one HTML document, sealed; the same bytes for the same walk.

    It carries its spans, so that `verify` finds any change.
    """
    made = [verdict(view), *walk_sections(view), manifest(view)]
    names = ", ".join(short(name, 40) or "bars" for name in view.instruments)
    span = f"{day(view.folds['train_start'][0])} to {day(view.folds['test_end'][-1])}"
    facts = f"{names} · {view.interval} bars · {span}"
    what = f"{plural(view.folds.height, 'span')} with their choices"
    carried = Carried(parquet_bytes(view.folds), what, "spans.parquet", kind="walk")
    head = Head("WALK FORWARD", short(view.title), facts, view.word)
    return sealed(document(head, made, carried=carried))


def write_walk(view: WalkView, path: str | Path) -> Path:
    """Render and write the page, whole or not at all."""
    return write_whole(Path(path), walk_page(view).encode())


def verdict(view: WalkView) -> Section:
    """The word, the sentence, and the numbers it rests on."""
    found, ranks = view.luck, view.folds["rank"].drop_nulls()
    good = int((view.folds["return"] > 0).sum())
    cards = [
        Card(
            "Sharpe ratio out of sample",
            ratio(found.sharpe),
            (f"[{ratio(found.low)}, {ratio(found.high)}]", f"{count(found.days)} days"),
        ),
        Card("Growth kept", percent(view.efficiency, 0), ("a year outside over inside",)),
        Card("Spans with a profit", f"{good} of {view.folds.height}", (f"of {view.test} each",)),
        Card("Max drawdown", percent(view.max_drawdown), ("out of sample",)),
        Card(
            "Others beaten outside",
            percent(float(ranks.mean()), 0) if len(ranks) else NONE,  # type: ignore[arg-type]
            ("by the one chosen; 50% is chance",),
        ),
        Card("Chosen among", count(view.configurations), (f"by {view.metric}",)),
    ]
    return Section("Verdict", view.word, (after_word(view.verdict), Cards(cards), *view.notes))


def after_word(sentence: str) -> str:
    """A verdict's sentence below its word: what follows the first colon."""
    rest = sentence.partition(": ")[2] or sentence
    return rest[0].upper() + rest[1:]


def walk_sections(view: WalkView) -> list[Section]:
    """Equity out of sample, what was chosen when, and every fold."""
    return [_equity(view), _choices(view), _folds(view)]


def _equity(view: WalkView) -> Section:
    made = floats(view.equity, "equity")
    end = float(made[-1]) / view.initial_cash
    kind = "everything before" if view.anchored else f"the {view.train} before"
    claim = f"1 became {ratio(end)} on bars that no choice had seen"
    read = (
        f"Each span of {view.test} is traded with the parameters that were best on {kind}; "
        "every second span is shaded. Below, the share of the peak lost."
    )
    narrow = _curve(view, HALF, 4).chart("Growth of 1 out of sample", f"{claim}.")
    chart = _curve(view, WIDE, 9).chart(
        "Growth of 1 out of sample", f"{claim}.", read=read, narrow=narrow
    )
    return Section("Out of sample", claim, (chart,))


def _curve(view: WalkView, width: int, labels: int) -> Plot:
    times, level = seconds(view.equity), floats(view.equity, "equity") / view.initial_cash
    depth = floats(view.equity, "drawdown")
    plot = Plot(width, (250, 90), x_range=(float(times[0]), float(times[-1])))
    low, high = float(level.min()), float(level.max())
    is_log = low > 0 and high / low > 3
    room = (high / max(low, 1e-9)) ** 0.04 if is_log else 0.05 * (high - low or 1.0)
    span = (low / room, high * room) if is_log else (low - room, high + room)
    plot.values(*span, label=lambda v: short_money(v, 3), log=is_log)
    deepest = min(float(depth.min()), -0.001)
    plot.values(deepest * 1.05, 0.0, label=lambda v: percent(v, 0), panel=1, most=3)
    plot.times(most=labels)
    starts = view.folds["test_start"].to_physical().to_numpy() / 1e6
    ends = view.folds["test_end"].to_physical().to_numpy() / 1e6
    for k in range(1, len(starts), 2):
        plot.shade(float(starts[k]), float(ends[k]))
    plot.level(1.0)
    rows = thin(level, _DRAWN * width // WIDE)
    plot.line(times[rows], level[rows], "net")
    rows = thin(depth, _DRAWN * width // WIDE)
    plot.area(times[rows], depth[rows], "loss", panel=1)
    return plot


def _choices(view: WalkView) -> Section:
    """The path of every parameter through time."""
    moved = {name: view.stability[name] for name in view.axes if name in view.stability}
    least = min(moved, key=lambda name: moved[name]) if moved else None
    claim = (
        "The choice never mattered: there was one configuration"
        if least is None
        else f"{short(least, 40)} moved most between spans: stability {percent(moved[least], 0)}"
    )
    charts: list[Part] = [
        _path(view, name) for name in view.axes if name in moved and _is_number(view.folds[name])
    ]
    rows = [(short(name, 60), percent(value, 0)) for name, value in moved.items()]
    note = "100%: never changed. 0%: from one end of its values to the other each time."
    table = Table(
        "Stability of the choice", ("Parameter", "Stability"), rows, note=note, kind="slim"
    )
    return Section("Choices", claim, [Beside(charts), table] if charts else [table])


def _is_number(column: pl.Series) -> bool:
    return column.dtype.is_numeric() and column.null_count() < len(column)


def _path(view: WalkView, name: str) -> Chart:
    """Value of one parameter by test span, as steps."""
    starts = view.folds["test_start"].to_physical().to_numpy() / 1e6
    ends = view.folds["test_end"].to_physical().to_numpy() / 1e6
    values = view.folds[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    room = 0.1 * (high - low or 1.0)
    plot = Plot(HALF, (120,), top=24, x_range=(float(starts[0]), float(ends[-1])))
    plot.values(low - room, high + room, label=axis, most=4, title=short(name, 40))
    plot.times(most=4)
    plot.line(np.stack([starts, ends], 1).ravel(), np.repeat(values, 2), "net")
    distinct = len(np.unique(values[~np.isnan(values)]))
    finding = f"{short(name, 40)} took {plural(distinct, 'value')} between {low:g} and {high:g}."
    return plot.chart(f"{short(name, 40)} chosen for each span", finding, read=finding)


def _folds(view: WalkView) -> Section:
    """Inside against outside, and the table of all folds."""
    inside, outside = f"{view.metric}_inside", f"{view.metric}_outside"
    both = view.folds.drop_nulls([inside, outside])
    parts: list[Part] = []
    claim = f"{plural(view.folds.height, 'span')}, chosen again every {view.test}"
    if both.height >= 3:
        x, y = floats(both, inside), floats(both, outside)
        worse = int((y < x).sum())
        claim = f"In {worse} of {both.height} spans the choice did worse outside than inside"
        parts.append(Beside((_scatter(view, x, y, claim), _means(view, x, y))))
    rows = [_row(view, row) for row in view.folds.head(_SHOWN).iter_rows(named=True)]
    head = ("Trained from", "Traded", "until", *(short(a, 24) for a in view.axes))
    head += (f"{view.metric} inside", "outside", "Return", "Others beaten")
    more = view.folds.height - len(rows)
    note = "Inside and outside each from a flat start; the return is that of the stitched equity."
    note += f" {count(more)} more are in `.folds`." if more > 0 else ""
    table = Table(
        "Every span", head, rows, align="lll" + "r" * (len(head) - 3), note=note, kind="sort"
    )
    return Section("Spans", claim, [*parts, Fold("Every span with its choice", (table,))])


def _scatter(view: WalkView, x: F64, y: F64, claim: str) -> Chart:
    low, high = min(x.min(), y.min(), 0.0), max(x.max(), y.max(), 0.0)
    room = 0.05 * (high - low or 1.0)
    ends = float(low - room), float(high + room)
    plot = Plot(HALF, (240,), left=52, right=16, top=24, bottom=42, x_range=ends)
    plot.values(*ends, label=axis, title=f"{view.metric} outside")
    plot.across(f"{view.metric} inside", label=axis)
    plot.line(ends, ends, "muted", "dashed", width=1.0)
    plot.level(0.0)
    plot.points(x, y, "net", "o")
    read = "One point a span; on the dashed line nothing is lost by leaving the sample."
    return plot.chart("Inside and outside of the sample", f"{claim}.", read=read)


def _means(view: WalkView, x: F64, y: F64) -> Table:
    """What is left on average."""
    rows = [
        (f"Mean {view.metric} inside", ratio(float(x.mean()))),
        (f"Mean {view.metric} outside", ratio(float(y.mean()))),
        ("Spans that did worse outside", f"{count(float((y < x).sum()))} of {count(x.size)}"),
        ("Spans below zero outside", f"{count(float((y < 0).sum()))} of {count(x.size)}"),
        ("Growth kept a year", percent(view.efficiency, 0)),
    ]
    note = "Spans in which the chosen configuration did not trade have no ratio."
    return Table("Inside against outside", ("", "Value"), rows, note=note)


def _row(view: WalkView, row: Mapping[str, Any]) -> tuple[str | Cell, ...]:
    made = row["return"]
    kind = "" if made is None else ("p2" if made > 0 else "n2" if made < 0 else "")
    return (
        day(row["train_start"]),
        day(row["test_start"]),
        day(row["test_end"]),
        *(short(plain(row[name]), 24) for name in view.axes),
        ratio(row[f"{view.metric}_inside"]),
        ratio(row[f"{view.metric}_outside"]),
        Cell(percent(made), kind),
        percent(row["rank"], 0),
    )


def plain(value: object) -> str:
    """A parameter's value; "none" for an exit that is off."""
    if value is None:
        return "none"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def manifest(view: WalkView) -> Section:
    """How to get the same numbers again."""
    facts = [
        ("strategy", short(view.strategy.name, 200)),
        ("strategy hash", view.strategy.source_hash or NONE),
        ("trials on these bars", count(view.trials) if view.trials else "unknown"),
        *((name, str(value)) for name, value in view.manifest.items()),
    ]
    rows = [(name, Cell(short(value, 400), "wrap")) for name, value in facts]
    parts: list[Part] = [Table("What was run", ("What", "Value"), rows, align="ll")]
    if view.strategy.source:
        parts.append(Fold("The strategy's source, whole", (Code(view.strategy.source),)))
    return Section("Manifest", "How to get the same numbers again", parts, folded=True)
