"""The page of a run over order books: what it would have to cost to pay, then why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from trade_research.report.arrays import F64
from trade_research.report.charts import HALF, WIDE, Chart, Plot
from trade_research.report.execution import execution, signed
from trade_research.report.formats import basis_points, count, money, percent, plural
from trade_research.report.page import Head, document, write_whole
from trade_research.report.section import Beside, Card, Cards, Section, Table
from trade_research.report.thin import thin

DRAWN = 1_200
Number = float | int | None


@dataclass(frozen=True)
class BookView:
    """What the page shows; all of it computed by the desk.

    Attributes
    ----------
    metrics : mapping
        Of `research.books.book_metrics`.
    seconds, equity, touch : float64 arrays, (n,)
        Times since 1970, equity at the mid and were all closed at the best prices.
    latency, decay, decile, hours, depth, recording, markout, split, sizes, reasons : DataFrame
        Tables behind the sections; see `research.book_page` and `research.book_execution`.
    look : sequence of (title, Heat)
        Stretches of the book around chosen trades.
    """

    title: str
    facts: str
    metrics: Mapping[str, Number]
    fee_bps: float
    warnings: Sequence[str]
    seconds: F64
    equity: F64
    touch: F64
    latency: pl.DataFrame
    decay: pl.DataFrame
    decile: pl.DataFrame
    hours: pl.DataFrame
    depth: pl.DataFrame
    recording: pl.DataFrame
    markout: pl.DataFrame
    split: pl.DataFrame
    sizes: pl.DataFrame
    reasons: pl.DataFrame
    look: Sequence[Heat]


@dataclass(frozen=True)
class Heat:
    """A stretch of the book: log size by row of price (top first) and column of time."""

    title: str
    finding: str
    prices: F64
    seconds: F64
    size: F64
    mid: F64
    fills: Sequence[tuple[float, float, int]]


def write_microstructure(view: BookView, path: str | Path) -> Path:
    """Write the page; readers see the old file or the whole new one."""
    return write_whole(Path(path), render_microstructure(view).encode())


def render_microstructure(view: BookView) -> str:
    """The page as one HTML document."""
    head = Head("ORDER BOOKS", view.title, view.facts, _word(view))
    made = [make(view) for make in SECTIONS]
    return document(head, [section for section in made if section is not None])


def _word(view: BookView) -> str:
    broken = view.metrics["break_even_bps"]
    if broken is None:
        return "No trades"
    if broken <= 0:
        return "No edge"
    return "Pays its fees" if broken > view.fee_bps else "Fees eat it"


def verdict(view: BookView) -> Section:
    """Break-even first: what a trade earns and what takes it away."""
    m = view.metrics
    broken = m["break_even_bps"]
    if broken is None:
        return Section("Break-even", "Nothing was traded", tuple(view.warnings))
    claim = (
        f"It would break even at a fee of {broken:.2f} bp a side; it was charged "
        f"{view.fee_bps:g} bp"
    )
    rows = [
        ("What the mid paid, decision to decision", m["mid_bps"]),
        ("Moved away until orders arrived (latency)", _less(0.0, m["latency_bps"])),
        ("Half the spread", _less(0.0, m["spread_bps"])),
        ("Walking beyond the best price", _less(0.0, m["walk_bps"])),
        ("= Gross: the fee a side at which it breaks even", broken),
        ("Fees", _less(0.0, m["fee_bps"])),
        ("= Net", _less(broken, m["fee_bps"])),
    ]
    table = Table(
        "Where a traded dollar's edge goes, basis points of what was traded",
        ("Step", "bp a side"),
        [(what, f"{value + 0.0:+.3f}" if value is not None else "–") for what, value in rows],
    )
    cards = Cards(
        (
            Card("Net", money(_float(m["net"])), (f"gross {money(_float(m['gross']))}",)),
            Card("Fees", money(_float(m["fees"])), (f"on {money(_float(m['notional']))} traded",)),
            Card("Round trips", count(m["trades"]), (f"{count(m['fills'])} fills",)),
            Card(
                "Won before fees",
                percent(_float(m["win_rate_gross"])),
                (f"after fees {percent(_float(m['win_rate']))}",),
            ),
        )
    )
    return Section("Break-even", claim, (cards, table, *view.warnings))


def equity(view: BookView) -> Section:
    """Equity at the mid and at the touch."""
    net = _float(view.metrics["net"]) or 0.0
    chart = replace(_equity(view, WIDE, 8), narrow=_equity(view, HALF, 4))
    return Section("Equity", f"{money(net)} after fees", (chart,))


def _equity(view: BookView, width: int, marks: int) -> Chart:
    picked = thin(view.equity, DRAWN)
    plot = Plot(width=width, x_range=(float(view.seconds[0]), float(view.seconds[-1])))
    both = np.concatenate([view.equity[picked], view.touch[picked]])
    plot.values(float(both.min()), float(both.max()), label=lambda v: f"{v:,.0f}")
    plot.times(most=marks)
    plot.line(view.seconds[picked], view.touch[picked], "gross", dash="dashed")
    plot.line(view.seconds[picked], view.equity[picked], "net")
    return plot.chart(
        "Equity at the mid, and were all closed at once at the best prices",
        f"from {view.equity[0]:,.0f} to {view.equity[-1]:,.0f}",
        key=(("at the mid", "net", "solid"), ("at the touch", "gross", "dashed")),
    )


def latency(view: BookView) -> Section:
    """The same run at other latencies."""
    rows = [
        (
            row["latency"],
            money(row["gross"]),
            money(row["net"]),
            count(row["fills"]),
            basis_points(row["break_even_bps"], 2),
        )
        for row in view.latency.iter_rows(named=True)
    ]
    table = Table(
        "The same decisions, arriving later",
        ("Latency", "Gross", "Net", "Fills", "Break-even fee"),
        rows,
        note="Latencies below the distance between recorded books all meet the same book.",
    )
    first, last = view.latency["gross"][0], view.latency["gross"][-1]
    kept = last / first if first and first > 0 else None
    claim = (
        f"Half a second of latency keeps {percent(kept, 0)} of the gross result"
        if kept is not None
        else "There is no gross result for latency to take"
    )
    return Section("Latency", claim, (table,))


def signal(view: BookView) -> Section | None:
    """What the mid did after the signal, by decile and by horizon."""
    if not view.decay.height:
        return None
    best = view.decay.row(view.decay["ic"].abs().arg_max() or 0, named=True)
    decay = _decay(view.decay)
    names = [c for c in view.decile.columns if c not in ("decile", "signal")]
    decile = Table(
        "Mean move of the mid in bp, by decile of the signal",
        ("Decile", "Signal", *names),
        [(str(r["decile"]), f"{r['signal']:+.2f}", *(f"{r[n]:+.3f}" for n in names))
         for r in view.decile.iter_rows(named=True)],
    )  # fmt: skip
    claim = f"The signal says most about the next {best['seconds']:g} s: IC {best['ic']:+.2f}"
    return Section("Signal", claim, (Beside((decay, decile)),))


def _decay(table: pl.DataFrame) -> Chart:
    """Correlation by horizon, with twice its standard error."""
    at, ic = np.arange(table.height, dtype=float), table["ic"].to_numpy()
    error = 1.96 / np.sqrt(table["n"].to_numpy())
    plot = Plot(width=HALF, heights=(270,), x_range=(-0.5, table.height - 0.5))
    low, high = float((ic - error).min()), float((ic + error).max())
    plot.values(min(low, 0.0), max(high, 0.0), label=signed)
    for k, seconds in enumerate(table["seconds"]):
        plot.below(float(k), f"{seconds:g} s", "center")
    plot.bars(at, np.minimum(ic, 0.0), np.maximum(ic, 0.0), "net", width=0.6)
    plot.whiskers(at, ic - error, ic + error)
    return plot.chart(
        "IC: correlation of the signal with the move of the mid that follows, by horizon",
        "Whiskers are 95% as if books were independent; they overlap, so take them as too short.",
    )


def market(view: BookView) -> Section:
    """The terrain: spread and depth."""
    hours = Table(
        "Through the day, UTC",
        ("Hour", "Books", "Spread, bp", "Best size", "Volatility, bp/min"),
        [(f"{r['hour']:02d}", count(r["books"]), f"{r['spread']:.3f}", f"{r['size']:.4g}",
          f"{r['volatility']:.2f}") for r in view.hours.iter_rows(named=True)],
    )  # fmt: skip
    depth = Table(
        "Median size by level, and the middle half",
        ("Level", "Bid", "Bid 25–75%", "Ask", "Ask 25–75%"),
        [(str(r["level"]), f"{r['bid']:.4g}", f"{r['bid_low']:.3g}–{r['bid_high']:.3g}",
          f"{r['ask']:.4g}", f"{r['ask_low']:.3g}–{r['ask_high']:.3g}")
         for r in view.depth.iter_rows(named=True)],
    )  # fmt: skip
    spread = float(view.hours["spread"].mean() or 0.0)  # type: ignore[arg-type]
    recording = Table("The recording", ("", ""), list(view.recording.iter_rows()))
    return Section(
        "Market", f"The spread is {spread:.3g} bp wide", (Beside((recording, depth)), hours)
    )


def fills(view: BookView) -> Section | None:
    """How orders were executed."""
    return execution(view.markout, view.split, view.sizes)


def orders(view: BookView) -> Section:
    """What became of orders, by reason."""
    table = Table(
        "Orders by why they were sent and what became of them",
        ("Reason", "Status", "Orders", "Units filled", "Mean cost to mid, bp"),
        [(r["reason"], r["status"], count(r["orders"]), f"{r['units']:.4g}",
          basis_points(r["cost"], 3)) for r in view.reasons.iter_rows(named=True)],
        align="llrrr",
    )  # fmt: skip
    total = int(view.reasons["orders"].sum()) if view.reasons.height else 0
    return Section("Orders", f"{plural(total, 'order')} sent", (table,))


def look(view: BookView) -> Section | None:
    """The book around chosen trades."""
    if not view.look:
        return None
    return Section(
        "Look at it",
        "The book around the best, the worst and typical trades",
        (Beside([_heat(heat) for heat in view.look]),),
    )


def _heat(heat: Heat) -> Chart:
    """Size as shade (darker is more), the mid, and our fills."""
    plot = Plot(
        width=HALF, heights=(240,), x_range=(float(heat.seconds[0]), float(heat.seconds[-1]))
    )
    low, high = float(heat.prices.min()), float(heat.prices.max())
    plot.values(low, high, label=lambda v: f"{v:,.7g}")
    plot.across("seconds from the entry", label=lambda v: f"{v:g}")
    shade = np.clip(heat.size, 0.0, None)
    limits = np.quantile(shade[shade > 0], [0.5, 0.8, 0.95]) if (shade > 0).any() else [1, 2, 3]
    for limit, width in zip(limits, (1.2, 2.2, 3.6), strict=True):
        row, column = np.nonzero(shade >= limit)
        plot.points(heat.seconds[column], heat.prices[row], "muted", "o", size=width)
    plot.line(heat.seconds, heat.mid, "net")
    for at, price, side in heat.fills:
        marker = "^" if side > 0 else "v"
        plot.points([at], [price], "gain" if side > 0 else "loss", marker, size=12.0)
    return plot.chart(f"{heat.title}: {heat.finding}", "the triangles are our fills")


SECTIONS = (verdict, equity, fills, latency, signal, orders, market, look)


def _less(a: Number, b: Number) -> float | None:
    return None if a is None or b is None else float(a) - float(b)


def _float(value: Number) -> float | None:
    return None if value is None else float(value)
