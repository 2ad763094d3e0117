"""Figures for notebooks: Matplotlib's own, to be changed and saved as such."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import matplotlib
from matplotlib.figure import Figure

from trade_research.report.arrays import floats
from trade_research.report.charts import WIDE
from trade_research.report.formats import percent, short_money
from trade_research.report.palette import LIGHT
from trade_research.report.thin import thin
from trade_research.report.ticks import decades

if TYPE_CHECKING:
    import polars as pl


class Picture(Figure):
    """A figure that notebooks show by itself: no pyplot, no backend to choose."""

    def _repr_png_(self) -> bytes:
        """The picture at twice its size, for sharp screens."""
        out = BytesIO()
        self.savefig(out, format="png", dpi=2 * self.dpi)
        return out.getvalue()


def equity_figure(equity: pl.DataFrame, benchmark: pl.DataFrame | None = None) -> Picture:
    """Net equity (dotted: the benchmark), on a log axis where positive; the drawdown below it.

    Parameters
    ----------
    equity : DataFrame
        `close_time, equity, drawdown`, one row a bar, at least two.
    benchmark : DataFrame, optional
        `close_time, equity`.

    Returns
    -------
    Picture
        A Matplotlib figure, not registered with pyplot: a notebook shows it, `savefig` writes it.
    """
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        figure = Picture(figsize=(WIDE / 72, 410 / 72), dpi=72, layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(270, 96))
        _curve(above, equity, "equity", "net", "Net", lw=1.8)
        if benchmark is not None and benchmark.height:
            _curve(above, benchmark, "equity", "bench", "Benchmark", lw=1.4, ls=":")
        _curve(below, equity, "drawdown", "loss", "Drawdown", lw=1.1)
        below.fill_between(*below.lines[0].get_data(), color=LIGHT["loss"], alpha=0.22, lw=0)
        above.legend(loc="upper left", frameon=False)
        _money_axis(above)
        below.yaxis.set_major_formatter(lambda value, _: percent(value, 0))
        for axes in (above, below):
            axes.grid(color=LIGHT["grid"])
            axes.spines[:].set_visible(False)
            axes.tick_params(length=0, labelcolor=LIGHT["muted"])
            axes.margins(x=0)
    return figure


def _curve(
    axes: Any, frame: pl.DataFrame, column: str, colour: str, name: str, **look: Any
) -> None:
    """A thinned line over UTC dates."""
    values = floats(frame, column)
    rows = thin(values)
    times = frame["close_time"].dt.replace_time_zone(None).to_numpy()
    axes.plot(times[rows], values[rows], color=LIGHT[colour], label=name, **look)


def _money_axis(axes: Any) -> None:
    low, high = axes.get_ylim()
    if min(float(line.get_ydata().min()) for line in axes.lines) > 0:
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        axes.set_yticks(decades(low, high))
        axes.minorticks_off()
    axes.yaxis.set_major_formatter(lambda value, _: short_money(value))
