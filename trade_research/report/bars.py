"""Bar charts that several sections draw: a law with a mark, and means with their errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from trade_research.metrics.groups import Groups
from trade_research.report.charts import HALF, Chart, Plot
from trade_research.report.formats import whole


def histogram(
    title: str,
    finding: str,
    edges: Sequence[float],
    counts: Sequence[int],
    mark: float,
    *,
    across: str,
    up: str,
    label: Callable[[float], str],
    called: str,
    reordered: str = "Reordered",
) -> Chart:
    """Counts between edges, and an upright line where the run lies among them."""
    x, n = np.asarray(edges), np.asarray(counts, float)
    low, high = min(float(x[0]), mark), max(float(x[-1]), mark)
    room = 0.03 * (high - low or 1.0)
    plot = Plot(
        HALF, (190,), left=52, right=16, top=24, bottom=42, x_range=(low - room, high + room)
    )
    plot.values(0, 1.12 * max(float(n.max(initial=0)), 1), label=whole, most=4, title=up)
    step = float(x[1] - x[0])
    plot.bars((x[1:] + x[:-1]) / 2, np.zeros(n.size), n, "bench", width=0.86 * step)
    plot.upright(mark, "net")
    plot.across(across, label=label)
    key = [(reordered, "bench", "box"), (called, "net", "solid")]
    return plot.chart(title, finding, key=key, read=finding)


def means_chart(
    title: str,
    finding: str,
    groups: Groups,
    names: Sequence[str],
    *,
    across: str,
    up: str,
    label: Callable[[float], str],
    read: str,
) -> Chart:
    """A bar for the mean of each group, and a whisker of one standard error each way."""
    error = np.nan_to_num(groups.error)
    low, high = groups.mean - error, groups.mean + error
    bottom, top = min(0.0, float(low.min())), max(0.0, float(high.max()))
    room = 0.08 * (top - bottom or 1.0)
    plot = Plot(
        HALF, (170,), left=56, right=10, top=24, bottom=42, x_range=(-0.6, len(names) - 0.4)
    )
    plot.values(bottom - room, top + room, label=label, most=4, title=up)
    at = np.arange(len(names), dtype=float)
    gained = groups.mean > 0
    for mask, colour in ((gained, "gain"), (~gained, "loss")):
        plot.bars(at[mask], np.zeros(int(mask.sum())), groups.mean[mask], colour, width=0.7)
    plot.whiskers(at, low, high)
    plot.level(0.0)
    every = -(-len(names) // 8)
    for k in range(0, len(names), every):
        plot.below(float(at[k]), names[k])
    plot.below((len(names) - 1) / 2, across, drop=24)
    return plot.chart(title, finding, read=read)
