"""How much of the time, and of the equity, was at risk; and how often it changed hands."""

from __future__ import annotations

import numpy as np

from trade_research.metrics.activity import shares_traded
from trade_research.metrics.groups import effective_number
from trade_research.report.arrays import F64, floats, means, micros, seconds
from trade_research.report.charts import HALF, WIDE, Chart, Plot
from trade_research.report.formats import NONE, count, percent, ratio, short, whole
from trade_research.report.run import Run
from trade_research.report.section import Beside, Part, Section, Table

_STRETCHES = 240


def exposure(run: Run) -> Section | None:
    """Long and short exposure over time, holding times, and what it adds up to."""
    if run.equity.height < 2:
        return None
    held = floats(run.trades, "bars") if run.trades.height else np.empty(0)
    parts: list[Part] = [_chart(run)]
    parts.append(Beside((_holding(held), _table(run, held))) if held.size else _table(run, held))
    share, turnover = run.metric("exposure"), run.metric("turnover")
    claim = "How much was at risk"
    if share is not None:
        claim = f"In the market {percent(share, 0)} of the time"
    if turnover is not None:
        claim += f", turning equity over {ratio(turnover, 1)} times a year"
    if run.weights is not None and run.weights.ndim == 2 and run.weights.shape[1] > 1:
        parts.append(_concentration(run, run.weights))
    return Section("Exposure", claim, parts, folded=True)


def _chart(run: Run) -> Chart:
    return _draw(run, WIDE, 9, _STRETCHES, _draw(run, HALF, 4, _STRETCHES // 2))


def _draw(run: Run, width: int, most: int, stretches: int, narrow: Chart | None = None) -> Chart:
    """Mean long and short exposure of equal stretches: single bars would be a black block."""
    net = floats(run.equity, "net")
    rows, long = means(np.maximum(net, 0), stretches)
    _, short = means(np.minimum(net, 0), stretches)
    times = seconds(run.equity)[rows]
    months = _turnover(run)
    panels = (120, 64) if months is not None else (120,)
    plot = Plot(width, panels, gap=34, x_range=(times[0], times[-1]))
    low, high = float(short.min()), max(0.05, float(long.max()))
    plot.values(1.06 * low, 1.06 * high, label=lambda v: percent(v, 0), most=4)
    if months is not None:
        at, traded, wide = months
        top = 1.1 * max(float(traded.max()), 1e-9)
        plot.values(0, top, label=lambda v: f"{v:g}×", panel=1, most=2, title="Turnover by month")
        plot.bars(at, np.zeros(at.size), traded, "bench", width=0.8 * wide, panel=1)
    plot.times(most=most)
    plot.area(times, long, "net")
    if low < 0:
        plot.area(times, short, "loss")
    plot.level(0.0)
    key = [("Long", "net", "box"), ("Short", "loss", "box")] if low < 0 else []
    finding = (
        f"Gross exposure {percent(run.metric('gross_exposure'), 0)} of equity on average, "
        f"net {percent(run.metric('net_exposure'), 0)}."
    )
    each = f"Means of {count(rows.size)} equal stretches. " if rows.size < net.size else ""
    return plot.chart(
        "Exposure as a share of equity",
        finding,
        key=key,
        narrow=narrow,
        read=f"{each}Long above zero, short below.",
    )


def _turnover(run: Run) -> tuple[F64, F64, float] | None:
    """Middle of each month (seconds), turnover in it, and its length; None under three months."""
    if run.fills.is_empty() or "bar" not in run.fills.columns:
        return None
    shares = shares_traded(
        run.fills["bar"].to_numpy(),
        floats(run.fills, "quantity"),
        floats(run.fills, "price"),
        floats(run.equity, "equity"),
        run.initial_cash,
    )
    month = micros(run.fills, "time").astype("M8[us]").astype("M8[M]").astype(np.int64)
    first, last = (
        int(np.datetime64(int(t), "us").astype("M8[M]").astype(np.int64))
        for t in micros(run.equity)[[0, -1]]
    )
    if last - first < 3 or not np.isfinite(shares).all():
        return None
    at = np.clip(month - first, 0, last - first)
    traded = np.asarray(np.bincount(at, shares, last - first + 1), np.float64)
    edges = np.arange(first, last + 2).astype("M8[M]").astype("M8[s]").astype(np.float64)
    ends = np.clip(edges, *seconds(run.equity)[[0, -1]])
    return (ends[1:] + ends[:-1]) / 2, traded, float(np.median(np.diff(edges)))


def _concentration(run: Run, weights: F64) -> Table:
    size = np.abs(np.nan_to_num(weights))
    held = size.sum(axis=1) > 0
    names = effective_number(weights[held]) if held.any() else np.full(1, np.nan)
    largest = size.max(axis=1)
    at = int(size.max(axis=0).argmax())
    rows = [
        ("Largest weight, average while invested", percent(float(largest[held].mean()))),
        ("Largest weight ever", f"{percent(float(largest.max()))} ({short(run.instruments[at])})"),
        ("Effective number of names, average", ratio(float(np.nanmean(names)), 1)),
        ("Fewest", ratio(float(np.nanmin(names)), 1)),
    ]
    return Table(
        "Concentration",
        ("", "Value"),
        rows,
        kind="slim",
        note="As many equal positions would be as concentrated: (sum of weights)² over the sum of "
        "their squares.",
    )


def _holding(held: F64) -> Chart:
    """How many trades lasted 1, 2, 3-4, 5-8 … bars."""
    top = max(1, int(np.ceil(np.log2(max(held.max(), 1)))))
    edges = [0, *(2**k for k in range(top + 1))]
    counts, _ = np.histogram(np.maximum(held, 1), bins=np.array(edges) + 0.5)
    names = [count(edge) for edge in edges[1:]]
    every = -(-len(names) // 7)
    plot = Plot(HALF, (170,), left=44, top=24, bottom=42, x_range=(-0.6, len(names) - 0.4))
    plot.values(0, 1.08 * max(counts.max(), 1), label=whole, most=4, title="Trades")
    plot.bars(np.arange(len(names)), np.zeros(len(names)), counts, "net", width=0.8)
    for at in range(0, len(names), every):
        plot.below(at, names[at])
    plot.below((len(names) - 1) / 2, "Bars held, up to", drop=24)
    most = names[int(counts.argmax())]
    return plot.chart(
        "How long trades were held", f"The fullest bar is trades held up to {most} bars."
    )


def _table(run: Run, held: F64) -> Table:
    net = floats(run.equity, "net")
    turnover = run.metric("turnover")
    rows = [
        ("Bars with a position", percent(run.metric("exposure"))),
        ("Long bars", percent(float((net > 0).mean()))),
        ("Short bars", percent(float((net < 0).mean()))),
        ("Gross exposure, average", percent(run.metric("gross_exposure"))),
        ("Gross exposure, largest", percent(float(np.nanmax(floats(run.equity, "gross"))))),
        ("Turnover a year", f"{ratio(turnover, 1)}×" if turnover is not None else NONE),
        ("Costs a year, of equity", percent(run.metric("cost_per_year"), 2)),
        ("Bars held, median", count(float(np.median(held))) if held.size else NONE),
        ("Bars held, longest", count(held.max()) if held.size else NONE),
    ]
    return Table(
        "Exposure and turnover",
        ("", "Value"),
        rows,
        kind="slim",
        note="Turnover counts one side: all in and all out again is 1.",
    )
