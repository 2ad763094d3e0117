"""Does it hold over time? Rolling years, calendar years, halves, regimes, crises, a few days."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trade_research.evidence.regimes import Regimes
from trade_research.evidence.stability import BEST_DAYS, Concentration, Rolling, Span, Stability
from trade_research.evidence.states import State, States
from trade_research.report.arrays import F64
from trade_research.report.charts import HALF, WIDE, Chart, Plot
from trade_research.report.formats import NONE, count, percent, plural, ratio
from trade_research.report.run import Run
from trade_research.report.section import Cell, Part, Section, Table


def stability(run: Run) -> Section:
    """Everything about how evenly the result came."""
    if run.trades.is_empty():
        return Section("Stability", "It never traded: there is nothing that could hold", (), True)
    found = run.evidence.stability if run.evidence is not None else None
    if found is None:
        why = "evidence was not gathered for this run" if run.evidence is None else "too few days"
        return Section("Stability", f"Whether it holds over time is not known: {why}", (), True)
    parts: list[Part] = []
    if found.rolling is not None and sum(v is not None for v in found.rolling.sharpe) > 2:
        parts.append(_rolling(found.rolling))
    else:
        parts.append("No rolling year: the run is shorter than one, or its calendar is not known.")
    parts += [_spans("By year", found.years), _halves(found)]
    if found.regimes is not None:
        parts.append(_regimes(found.regimes))
    if found.states is not None:
        parts.append(_states(found.states))
    if found.crises:
        parts.append(_spans("Crises it lived through", found.crises))
    if found.missing:
        parts.append(f"Not in its span, so never tested on it: {', '.join(found.missing)}.")
    parts.append(_concentration(found.concentration))
    return Section("Stability", _claim(found), parts, folded=True)


def _claim(found: Stability) -> str:
    known = [span for span in found.years if span.days > 1]
    up = sum(span.net_return > 0 for span in known)
    claim = f"{up} of {plural(len(known), 'year')} made money"
    sharpe = [v for v in (found.rolling.sharpe if found.rolling else ()) if v is not None]
    if sharpe:
        claim += (
            f"; the Sharpe ratio of a year ran from {ratio(min(sharpe))} to {ratio(max(sharpe))}"
        )
    return claim


def _rolling(rolling: Rolling) -> Chart:
    """Sharpe ratio with its band, volatility, hit rate and beta of the year up to each day."""
    shown = [("Sharpe ratio", _numbers(rolling.sharpe), _one)]
    for title, values, label in (
        ("Volatility", rolling.volatility, _percent),
        ("Hit rate of days", rolling.hit_rate, _percent),
        ("Beta", rolling.beta, _one),
    ):
        if any(v is not None for v in values):
            shown.append((title, _numbers(values), label))
    days = (np.array(rolling.dates, "M8[D]").astype(np.int64) + 1) * 86_400.0
    finding = _outside(rolling)

    def draw(width: int, most: int, narrow: Chart | None) -> Chart:
        heights = (120, *[64] * (len(shown) - 1))
        plot = Plot(width, heights, top=24, gap=30, x_range=(float(days[0]), float(days[-1])))
        for panel, (title, values, label) in enumerate(shown):
            low, high = _range(values)
            if not panel and rolling.low is not None and rolling.high is not None:
                low, high = min(low, rolling.low), max(high, rolling.high)
            room = 0.08 * (high - low or 1.0)
            plot.values(
                low - room, high + room, label=label, panel=panel, most=4 if not panel else 3,
                title=title,
            )  # fmt: skip
        if rolling.low is not None and rolling.high is not None:
            ends = days[[0, -1]]
            plot.band(ends, [rolling.low] * 2, [rolling.high] * 2, "bench")
        plot.level(0.0)
        plot.times(most=most)
        for panel, (_, values, _label) in enumerate(shown):
            plot.line(days, values, "net", panel=panel)
        return plot.chart(
            f"The year up to each day ({count(rolling.window)} days)",
            finding,
            key=[
                ("This run", "net", "solid"),
                ("90% of years if nothing changed", "bench", "band"),
            ],
            read=finding,
            narrow=narrow,
        )

    return draw(WIDE, 9, draw(HALF, 4, None))


def _outside(rolling: Rolling) -> str:
    known = [v for v in rolling.sharpe if v is not None]
    if rolling.low is None or rolling.high is None or not known:
        return f"{count(len(known))} windows with a Sharpe ratio."
    out = sum(not rolling.low <= v <= rolling.high for v in known) / len(known)
    return (
        f"{percent(out, 0)} of the windows lie outside the band [{ratio(rolling.low)}, "
        f"{ratio(rolling.high)}]; windows overlap, so 10% is what to expect, but in clumps."
    )


def _spans(caption: str, spans: Sequence[Span]) -> Table:
    named = "year" in caption
    rows = [
        (
            span.name,
            *(() if named else (span.start, span.end)),
            count(span.days),
            Cell(percent(span.net_return), "word"),
            percent(span.benchmark),
            ratio(span.sharpe),
            *((percent(span.volatility),) if named else ()),
            percent(span.max_drawdown),
            percent(span.hit_rate, 0),
        )
        for span in spans
    ]
    head = (
        "", *(() if named else ("From", "To")), "Days", "Net return", "Benchmark", "Sharpe",
        *(("Volatility",) if named else ()), "Deepest fall", "Hit rate",
    )  # fmt: skip
    align = "l" + "r" * 7 if named else "lll" + "r" * 6
    return Table(caption, head, rows, align=align, note=f"Day returns; {NONE}: too few days.")


def _halves(found: Stability) -> Table:
    table = _spans("First and second half", found.halves)
    if found.halves_p is None:
        return table
    note = (
        f"Sharpe ratios so different come about in {percent(found.halves_p, 0)} of runs that never "
        "changed."
    )
    return Table(table.caption, table.head, table.rows, align=table.align, note=note)


def _regimes(found: Regimes) -> Table:
    rows = [
        (
            row.name,
            count(row.days),
            Cell(percent(row.net_return), "word") if row.days else NONE,
            percent(row.market) if row.days else NONE,
            ratio(row.sharpe),
            percent(row.hit_rate, 0),
        )
        for row in found.rows
    ]
    note = f"Known before each day: {found.rule}. {plural(found.unknown, 'day')} too early to tell."
    if found.absent:
        note += f" Hardly in this span, so not tested: {'; '.join(found.absent)}."
    head = ("Market", "Days", "Net return", "Market's", "Sharpe", "Hit rate")
    return Table("By kind of market", head, rows, note=note)


def _states(found: States) -> Table:
    def line(row: State) -> tuple[str | Cell, ...]:
        return (
            row.name,
            percent(row.share, 0),
            Cell(percent(row.net_return), "word") if row.bars else NONE,
            percent(row.market) if row.bars else NONE,
            ratio(row.sharpe),
            percent(row.hit_rate, 0),
        )

    rows = [line(row) for row in (*found.trends, *found.volatilities)]
    note = (
        f"Each bar's state is the one known at the close before it: {found.rule}. "
        f"{plural(found.unknown, 'bar')} too early to tell."
    )
    head = ("State of the market", "Time", "Net return", "Market's", "Sharpe", "Hit rate of bars")
    return Table("By state of the market, bar by bar", head, rows, note=note)


def _concentration(found: Concentration) -> Table:
    rows = [
        (f"Growth made by the best {BEST_DAYS} days", percent(found.best_share, 0)),
        ("Net return without them", percent(found.without_best)),
        ("Concentration of gaining days", ratio(found.gains, 4)),
        ("Concentration of losing days", ratio(found.losses, 4)),
        ("Concentration of active days over months", ratio(found.months, 4)),
    ]
    return Table(
        "How few days made it",
        ("", "Value"),
        rows,
        kind="slim",
        note="Concentration is Herfindahl's index: 0 when all days are alike, 1 when one made all.",
    )


def _numbers(values: Sequence[float | None]) -> F64:
    return np.array([np.nan if v is None else v for v in values])


def _range(values: F64) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    return (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)


def _one(value: float) -> str:
    return ratio(value, 1 if abs(value * 10 - round(value * 10)) < 1e-6 else 2)


def _percent(value: float) -> str:
    return percent(value, 0 if abs(value * 100 - round(value * 100)) < 1e-6 else 1)
