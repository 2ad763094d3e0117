"""How the orders of a run over books were executed: markouts, who paid whom, cost by size."""

from __future__ import annotations

import numpy as np
import polars as pl

from trade_research.report.charts import HALF, Chart, Plot
from trade_research.report.formats import basis_points, count, percent
from trade_research.report.section import Beside, Section, Table


def execution(markout: pl.DataFrame, split: pl.DataFrame, sizes: pl.DataFrame) -> Section | None:
    """What happened to the mid around fills, and what walking the book costs by size."""
    if not markout.height:
        return None
    sure = markout.filter(pl.col("seconds") >= 0, pl.col("all") > pl.col("error"))
    claim = "After a fill the mid moves our way by no more than chance"
    if sure.height:
        row = sure.sort("all", descending=True).row(0, named=True)
        claim = (
            f"At best, {row['seconds']:g} s after a fill, the mid is {row['all']:.2f} bp past our "
            "price, before the fee"
        )
    parts = [Beside((_curve(markout), _split(split)))]
    if sizes.height:
        parts.append(Beside((_sizes(sizes),)))
    return Section("Execution", claim, tuple(parts))


def signed(value: float) -> str:
    """A value at an axis, with its sign."""
    return f"{value:+.2g}" if value else "0"


def _curve(markout: pl.DataFrame) -> Chart:
    at = np.arange(markout.height, dtype=float)
    mean, error = markout["all"].to_numpy(), markout["error"].to_numpy()
    plot = Plot(width=HALF, heights=(250,), x_range=(-0.4, markout.height - 0.6))
    lines = [markout[name].cast(pl.Float64).fill_null(np.nan).to_numpy()
             for name in ("buys", "sells")]  # fmt: skip
    every = np.concatenate([mean - error, mean + error, *lines, [0.0]])
    plot.values(float(np.nanmin(every)), float(np.nanmax(every)), label=signed)
    for k, seconds in enumerate(markout["seconds"]):
        if k % 2 == 1 or markout.height < 8:
            plot.below(float(k), f"{seconds:g} s", "center")
    plot.level(0.0)
    plot.band(at, mean - error, mean + error, "net")
    for line, colour, dash in zip(lines, ("gain", "loss"), ("dashed", "dotted"), strict=True):
        plot.line(at, line, colour, dash)
    plot.line(at, mean, "net")
    return plot.chart(
        "Markout: the mid past our price, in our favour, bp",
        "By time from the fill; the band is 95% of the mean. Before the fee.",
        key=(("all", "net", "solid"), ("buys", "gain", "dashed"), ("sells", "loss", "dotted")),
    )


def _split(split: pl.DataFrame) -> Table:
    return Table(
        "Half-spread paid = adverse selection + kept by the maker, bp",
        ("Who", "After", "Paid", "Moved", "Kept", "Trades"),
        [(r["who"], f"{r['seconds']:g} s", f"{r['paid']:+.3f}", f"{r['moved']:+.3f}",
          f"{r['kept']:+.3f}", count(r["n"])) for r in split.iter_rows(named=True)],
        note="Moved: the mid, the taker's way: the maker's adverse selection. The mid before a "
        "trade is that of the last recorded book.",
    )  # fmt: skip


def _sizes(sizes: pl.DataFrame) -> Table:
    return Table(
        "Cost of taking at once, to the mid, by size",
        ("Times the median order", "Units", "Buy, bp", "Sell, bp", "Book too thin"),
        [(f"{r['multiple']:g}", f"{r['units']:.4g}", basis_points(r["buy"], 3),
          basis_points(r["sell"], 3), percent(r["short"], 0)) for r in sizes.iter_rows(named=True)],
    )  # fmt: skip
