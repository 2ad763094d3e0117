"""Two runs or more on one page: what differs in what went in, then in what came out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from trade_research.metrics.definitions import DEFINITIONS
from trade_research.metrics.periods import Dates
from trade_research.report.arrays import F64, floats, seconds
from trade_research.report.charts import HALF, WIDE, Chart, Plot
from trade_research.report.formats import (
    NONE,
    by_unit,
    count,
    made,
    minute,
    percent,
    plural,
    price,
    ratio,
    short,
    short_money,
)
from trade_research.report.page import Head, document, write_whole
from trade_research.report.run import Run
from trade_research.report.section import Beside, Cell, Part, Section, Table
from trade_research.report.thin import thin

DRAWN, SHOWN = 1_200, 40
_LOOKS = (("net", "solid"), ("gross", "dashed"), ("bench", "dotted"))
HEADLINE = (
    "total_return",
    "cagr",
    "volatility",
    "sharpe",
    "sharpe_daily",
    "sortino",
    "max_drawdown",
    "max_drawdown_days",
    "turnover",
    "cost_paid",
    "exposure",
    "trades",
    "win_rate",
    "expectancy_bp",
    "excess_cagr",
)


@dataclass(frozen=True)
class DataDiff:
    """Bars of one run against those of the base: how many are revised, or in one of them only."""

    revised: int
    only_base: int
    only_other: int
    same: bool
    examples: tuple[tuple[str, str, str, str], ...] = ()  # (symbol, time, column, values)

    def __str__(self) -> str:
        if self.same:
            return "the same bars"
        parts = [
            f"{plural(self.revised, 'revised bar')}" if self.revised else "",
            f"{plural(self.only_base, 'bar')} only in A" if self.only_base else "",
            f"{plural(self.only_other, 'bar')} only in the other" if self.only_other else "",
        ]
        found = ", ".join(part for part in parts if part)
        return f"data differs: {found or 'not in prices (volume, or other columns)'}"


@dataclass(frozen=True)
class TradeDiff:
    """Round trips of one run against those of the base, matched by symbol, side and entry time.

    `rows` has `found` (only base, only other, different), the key, and both sides' exits and
    prices. Sizes are not compared: they follow the equity.
    """

    same: int
    only_base: int
    only_other: int
    different: int
    rows: pl.DataFrame

    def __str__(self) -> str:
        return (
            f"{count(self.same)} equal, {count(self.different)} with another price or exit, "
            f"{count(self.only_base)} only in A, {count(self.only_other)} only in the other"
        )


@dataclass(frozen=True)
class Difference:
    """Day returns of one run less the base's, a year, over windows of `window` days.

    `gap` (n,) ends at `dates`; `low` and `high` hold nine in ten windows if it always were `mean`
    and its days independent.
    """

    dates: Dates
    gap: F64
    window: int
    low: float
    high: float
    mean: float


@dataclass(frozen=True)
class Comparison:
    """Runs side by side; the first is the base that the others are compared with.

    `inputs` has a row for everything that differs in what went in (`what`, then one column a run);
    `correlation` is that of day returns on common days with the base, None where undefined.
    """

    names: tuple[str, ...]
    runs: tuple[Run, ...]
    inputs: pl.DataFrame
    data: tuple[DataDiff, ...]
    trades: tuple[TradeDiff, ...]
    correlation: tuple[float | None, ...]
    days: tuple[int, ...]
    differences: tuple[Difference | None, ...]


def compare_page(found: Comparison) -> str:
    """The comparison as one HTML document; the same bytes for the same runs."""
    made = [inputs(found), headline(found), equity(found), trades(found), together(found)]
    facts = " · ".join(f"{letter(k)} = {name}" for k, name in enumerate(found.names))
    return document(Head("COMPARISON", _title(found), facts, ""), made)


def _title(found: Comparison) -> str:
    """The strategies' names; of one strategy, the parameters in which its runs differ."""
    titles = [short(run.title, 40) for run in found.runs]
    changed = found.inputs.filter(pl.col("what").str.starts_with("params."))
    if len(set(titles)) > 1 or changed.is_empty():
        return " against ".join(titles)
    names = [what.removeprefix("params.") for what in changed["what"]]
    runs = [
        ", ".join(f"{name}={value}" for name, value in zip(names, column, strict=True))
        for column in changed.drop("what")
    ]
    return f"{titles[0]}: " + " against ".join(short(run, 60) for run in runs)


def write_comparison(found: Comparison, path: str | Path) -> Path:
    """Render and write the page, whole or not at all."""
    return write_whole(Path(path), compare_page(found).encode())


def letter(k: int) -> str:
    """A, B, C, …: short names for columns."""
    return chr(ord("A") + k) if k < 26 else f"#{k + 1}"


def inputs(found: Comparison) -> Section:
    """What differs in what went in: data first, then parameters and set-up."""
    letters = [letter(k) for k in range(len(found.runs))]
    claims = [str(diff) for diff in found.data]
    n = found.inputs.height
    settings = f"{plural(n, 'setting')} differ{'s' if n == 1 else ''}" if n else "the same settings"
    claim = f"{'; '.join(dict.fromkeys(claims))}; {settings}"
    parts: list[Part] = []
    for k, diff in enumerate(found.data, start=1):
        if diff.examples:
            caption = f"The first bars that differ between A and {letter(k)}"
            head = ("Symbol", "Time (UTC)", "Column", "Values")
            parts.append(Table(caption, head, list(diff.examples), align="llll"))
    rows = [
        tuple(Cell(short(str(v), 200), "wrap") for v in row) for row in found.inputs.iter_rows()
    ]
    if rows:
        parts.append(
            Table("Settings that differ", ("What", *letters), rows, align="l" * (1 + len(letters)))
        )
    else:
        parts.append("Strategy, parameters, costs, account and versions are the same.")
    return Section("What differs", claim[0].upper() + claim[1:], parts)


def headline(found: Comparison) -> Section:
    """Numbers side by side, with the difference from the base."""
    letters = [letter(k) for k in range(len(found.runs))]
    rows: list[tuple[str | Cell, ...]] = []
    for name in HEADLINE:
        unit = DEFINITIONS[name].unit
        values = [run.metric(name) for run in found.runs]
        base = values[0]
        gaps = [None if v is None or base is None else v - base for v in values[1:]]
        label = Cell(DEFINITIONS[name].label, hint=DEFINITIONS[name].formula)
        rows.append((label, *(by_unit(v, unit) for v in values), *(_signed(g, unit) for g in gaps)))
    head = ("After costs", *letters, *(f"{name} less A" for name in letters[1:]))
    ends = [run.metric("total_return") for run in found.runs]
    claim = ", ".join(f"{name} {made(e)}" for name, e in zip(letters, ends, strict=True))
    return Section("Headline", f"{claim} after costs", (Table("Side by side", head, rows),))


def equity(found: Comparison) -> Section:
    """Growth of one and drawdown of each, on the same axes."""
    shown = [run for run in found.runs[: len(_LOOKS)] if run.equity.height > 1]
    if not shown:
        return Section("Equity", "There are too few bars to draw", ())
    last = [floats(run.equity, "equity")[-1] / run.initial_cash for run in shown]
    claim = "; ".join(f"1 became {ratio(end)} in {letter(k)}" for k, end in enumerate(last))
    finding = f"{claim}."
    if len(found.runs) > len(shown):
        finding += f" The first {len(shown)} of {len(found.runs)} runs are drawn."
    narrow = _plot(shown, HALF, 4).chart("Growth of 1 and drawdown", finding)
    key = [(letter(k), *_LOOKS[k]) for k in range(len(shown))]
    read = "Above the growth of 1 after costs, below the share of its peak lost."
    chart = _plot(shown, WIDE, 9).chart(
        "Growth of 1 and drawdown", finding, key=key, read=f"{read} {finding}", narrow=narrow
    )
    return Section("Equity", claim, (chart,))


def trades(found: Comparison) -> Section:
    """Which round trips only one of two runs made, or made at another price."""
    parts: list[Part] = []
    for k, diff in enumerate(found.trades, start=1):
        caption = f"Trades of A against those of {letter(k)}: {diff}"
        rows = [_trade_row(row, letter(k)) for row in diff.rows.head(SHOWN).iter_rows(named=True)]
        if not rows:
            parts.append(f"{caption}.")
            continue
        more = diff.rows.height - len(rows)
        note = "Matched by symbol, side and entry time; sizes follow the equity and are left out."
        note += f" {count(more)} more are in the run folders." if more > 0 else ""
        pair = [f"{name} {what}" for what in ("in", "out", "exit") for name in ("A", letter(k))]
        head = ("Found", "Entry (UTC)", "Symbol", "Side", *pair)
        parts.append(Table(caption, head, rows, align="llllrrrrll", note=note))
    claim = str(found.trades[0]) if len(found.trades) == 1 else "Which trades are the same"
    return Section("Trades", claim, parts)


def together(found: Comparison) -> Section:
    """How alike the day returns are."""
    rows = [
        (letter(k), ratio(value), count(n))
        for k, (value, n) in enumerate(zip(found.correlation, found.days, strict=True), start=1)
    ]
    table = Table("Correlation of day returns with A", ("Run", "Correlation", "Common days"), rows)
    values = ", ".join(f"{name}: {value}" for name, value, _ in rows)
    charts = [_rolling(letter(k), d) for k, d in enumerate(found.differences, start=1) if d]
    parts: list[Part] = [table, Beside(charts)] if charts else [table]
    return Section("Together", f"Correlation of day returns with A: {values}", parts)


def _rolling(name: str, found: Difference) -> Chart:
    """What one run earned more than the base in the window up to each day."""
    at = (found.dates.astype(np.int64) + 1) * 86_400.0
    low, high = min(found.low, float(found.gap.min())), max(found.high, float(found.gap.max()))
    room = 0.06 * (high - low or 1.0)
    plot = Plot(HALF, (190,), left=52, right=12, top=24, x_range=(float(at[0]), float(at[-1])))
    plot.values(
        low - room, high + room, label=lambda v: percent(v, 0 if high - low > 0.04 else 1), most=5,
        title=f"{name} less A, a year",
    )  # fmt: skip
    plot.times(most=4)
    plot.band(at[[0, -1]], [found.low] * 2, [found.high] * 2, "bench")
    plot.level(0.0)
    plot.line(at, found.gap, "net")
    out = float(((found.gap < found.low) | (found.gap > found.high)).mean())
    finding = (
        f"{percent(found.mean)} a year over the whole span, from {percent(float(found.gap.min()))} "
        f"to {percent(float(found.gap.max()))} over {count(found.window)} days; {percent(out, 0)} "
        "of the windows lie outside the band."
    )
    band = ("90% of windows if it never changed", "bench", "band")
    title = f"Day returns of {name} less those of A, in the {count(found.window)} days up to each"
    return plot.chart(title, finding, key=[band], read=finding)


def _plot(runs: Sequence[Run], width: int, labels: int) -> Plot:
    curves = [_growth(run) for run in runs]
    lows = min(float(np.nanmin(level)) for _, level, _ in curves)
    highs = max(float(np.nanmax(level)) for _, level, _ in curves)
    is_log = lows > 0
    start, end = (f(times) for f, times in zip((min, max), _ends(curves), strict=True))
    plot = Plot(width, (270, 110), x_range=(start, end))
    room = (highs / lows) ** 0.03 if is_log else 0.03 * (highs - lows)
    span = (lows / room, highs * room) if is_log else (lows - room, highs + room)
    plot.values(*span, label=lambda v: short_money(v, 3), log=is_log)
    deepest = min(min(float(np.nanmin(depth)) for _, _, depth in curves), -0.001)
    plot.values(
        deepest * 1.04, 0, label=lambda v: percent(v, 0 if deepest < -0.04 else 1), panel=1, most=3
    )
    plot.times(most=labels)
    for (times, level, depth), (colour, dash) in zip(curves, _LOOKS, strict=False):
        for panel, values in enumerate((level, depth)):
            rows = thin(values, DRAWN * width // WIDE)
            plot.line(times[rows], values[rows], colour, dash, panel=panel, width=1.4)
    return plot


def _growth(run: Run) -> tuple[F64, F64, F64]:
    """Times in seconds, growth of 1, drawdown."""
    level = floats(run.equity, "equity") / run.initial_cash
    return seconds(run.equity), level, floats(run.equity, "drawdown")


def _ends(curves: Sequence[tuple[F64, F64, F64]]) -> tuple[list[float], list[float]]:
    return [float(c[0][0]) for c in curves], [float(c[0][-1]) for c in curves]


def _signed(gap: float | None, unit: str) -> str:
    text = by_unit(gap, unit)
    return f"+{text}" if gap is not None and gap > 0 and text != NONE else text


def _trade_row(row: dict[str, object], other: str) -> tuple[str, ...]:
    def at(name: str, form: object) -> str:
        value = row[name]
        return NONE if value is None else str(form(value))  # type: ignore[operator]  # a formatter

    found = str(row["found"]).replace("only base", "only A").replace("only other", f"only {other}")
    return (
        found,
        at("entry_time", minute),
        short(str(row["symbol"]), 24),
        str(row["side"]),
        at("entry_price", price),
        at("entry_price_other", price),
        at("exit_price", price),
        at("exit_price_other", price),
        at("exit_time", minute),
        at("exit_time_other", minute),
    )
