"""The page of a quoter's run: what the spread paid, what holding cost, what was assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from trade_research.report.arrays import F64
from trade_research.report.charts import HALF, WIDE, Chart, Plot
from trade_research.report.execution import execution
from trade_research.report.formats import count, short_money
from trade_research.report.page import Head, document, write_whole
from trade_research.report.section import Card, Cards, Section, Table
from trade_research.report.thin import thin

DRAWN = 1_200


@dataclass(frozen=True)
class QuoteView:
    """What the page shows; all of it computed by the desk.

    Attributes
    ----------
    metrics : mapping
        Of `research.book_quoter.QuoteBacktest`.
    buys : int
        Fills of bids.
    parts : DataFrame
        ``time, spread, inventory, fees, net``, sums so far, one row a decision.
    units : float64 array
        Held at each decision.
    markout, split : DataFrame
        Of `research.book_execution`.
    queues : DataFrame
        ``queue, fills, spread, inventory, fees, net`` under each queue model; `queue` is the run's.
    assumed : DataFrame
        ``what, found``.
    """

    title: str
    facts: str
    metrics: Mapping[str, float | int]
    buys: int
    parts: pl.DataFrame
    units: F64
    markout: pl.DataFrame
    split: pl.DataFrame
    queues: pl.DataFrame
    queue: str
    assumed: pl.DataFrame


def write_quoting(view: QuoteView, path: str | Path) -> Path:
    """Write the page; readers see the old file or the whole new one."""
    word = "No fills" if not view.metrics["fills"] else "Earns" if _net(view) > 0 else "Loses"
    made = [make(view) for make in SECTIONS]
    head = Head("MARKET MAKING", view.title, view.facts, word)
    page = document(head, [section for section in made if section is not None])
    return write_whole(Path(path), page.encode())


def result(view: QuoteView) -> Section:
    """Net as the sum of its parts, to the cent."""
    m = view.metrics
    if not m["fills"]:
        return Section("Result", "Nothing was filled", ("No quote was reached by a trade.",))
    rows = [
        ("Spread: fills against the mid before them", m["spread"]),
        ("Inventory: moves of the mid on what was held", m["inventory"]),
        ("Fees", -m["fees"]),
        ("= Net", m["net"]),
    ]
    table = Table(
        "Where the result comes from",
        ("Part", "Money", "bp of what was traded"),
        [(what, _cents(value), f"{1e4 * value / m['notional']:+,.3f}") for what, value in rows],
        note="Net is at the last mid; what is still held is not yet sold.",
    )
    fills = int(m["fills"])
    cards = Cards(
        (
            Card("Net", _cents(m["net"]), (f"on {short_money(m['notional'])} traded",)),
            Card("Spread captured", _cents(m["spread"]), ("before anything moved",)),
            Card("Inventory", _cents(m["inventory"]), (f"at most {m['most_units']:g} units",)),
            Card(
                "Maker fills",
                count(fills),
                (f"{count(view.buys)} bought, {count(fills - view.buys)} sold", "no taker fills"),
            ),
        )
    )
    held = "paid" if m["inventory"] >= 0 else "cost"
    claim = f"The spread paid {m['spread']:,.2f}, what was held {held} {abs(m['inventory']):,.2f}"
    return Section("Result", claim, (cards, table))


def path(view: QuoteView) -> Section | None:
    """The parts and the inventory through time."""
    if not view.metrics["fills"]:
        return None
    most, last = view.metrics["most_units"], float(view.units[-1])
    chart = replace(_path(view, WIDE, 8), narrow=_path(view, HALF, 4))
    claim = f"At most {most:g} units were held; {last:g} at the end"
    return Section("Path", claim, (chart,))


def _path(view: QuoteView, width: int, marks: int) -> Chart:
    seconds = view.parts["time"].to_physical().to_numpy() / 1e9
    lines = {name: view.parts[name].to_numpy() for name in ("spread", "inventory", "net")}
    plot = Plot(width=width, heights=(240, 110), x_range=(float(seconds[0]), float(seconds[-1])))
    every = np.concatenate(list(lines.values()))
    plot.values(float(every.min()), float(every.max()), label=short_money)
    plot.times(most=marks)
    plot.level(0.0)
    for name, colour, dash in PARTS:
        picked = thin(lines[name], DRAWN)
        plot.line(seconds[picked], lines[name][picked], colour, dash)
    low, high = float(view.units.min()), float(view.units.max())
    plot.values(min(low, 0.0), max(high, 0.0), label=lambda v: f"{v:g}", panel=1)
    picked = thin(view.units, DRAWN)
    plot.level(0.0, panel=1)
    plot.line(seconds[picked], view.units[picked], "net", panel=1)
    return plot.chart(
        "Above, money so far by where it comes from; below, units held",
        f"net {_cents(float(lines['net'][-1]))}",
        key=tuple(PARTS),
    )


PARTS = (("spread", "gross", "dashed"), ("inventory", "loss", "dotted"), ("net", "net", "solid"))


def fills(view: QuoteView) -> Section | None:
    """What the mid did after fills: adverse selection."""
    made = execution(view.markout, view.split, pl.DataFrame())
    ours = view.split.filter(pl.col("who") == "takers from us")
    if made is None or not ours.height:
        return None
    row = ours.row(0, named=True)
    claim = (
        f"Of {row['paid']:.2f} bp of half-spread, the mid takes {row['moved']:.2f} away within "
        f"{row['seconds']:g} s"
    )
    return replace(made, title="Adverse selection", claim=claim)


def queues(view: QuoteView) -> Section:
    """The same quoter under other queue models."""
    net = view.queues["net"]
    rows = [
        (r["queue"] + (" (this run)" if r["queue"] == view.queue else ""), count(r["fills"]),
         _cents(r["spread"]), _cents(r["inventory"]), _cents(-r["fees"]), _cents(r["net"]))
        for r in view.queues.iter_rows(named=True)
    ]  # fmt: skip
    table = Table(
        "The same quoter under each assumption about its place in the queue",
        ("Queue", "Fills", "Spread", "Inventory", "Fees", "Net"),
        rows,
        note="Front and back bound what is possible; a result that needs the front is none.",
    )
    claim = f"Net from {_cents(_least(net))} to {_cents(_most(net))}, by the place in the queue"
    return Section("Queue", claim, (table,))


def assumed(view: QuoteView) -> Section:
    """What the run takes for granted."""
    table = Table("Settings of the run", ("", ""), list(view.assumed.iter_rows()), align="ll")
    return Section("Assumptions", "What the run takes for granted", (table,))


SECTIONS = (result, path, fills, queues, assumed)


def _cents(value: float) -> str:
    return f"{value + 0.0:+,.2f}"


def _net(view: QuoteView) -> float:
    return float(view.metrics["net"])


def _least(values: pl.Series) -> float:
    return float(values.min())  # type: ignore[arg-type]


def _most(values: pl.Series) -> float:
    return float(values.max())  # type: ignore[arg-type]
