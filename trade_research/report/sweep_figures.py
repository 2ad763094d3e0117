"""Figures of a sweep's results: heat map, slices, parallel coordinates; Matplotlib's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import polars as pl
from matplotlib.figure import Figure

from trade_research.errors import ConfigError, nearest
from trade_research.report.figures import Picture
from trade_research.report.palette import LIGHT

KINDS = ("heatmap", "slices", "parallel")
_LINES = 1_000  # configurations drawn in parallel coordinates
_TICKS = 12


def draw(
    results: pl.DataFrame,
    axes: Sequence[str],
    metric: str,
    kind: str | None = None,
    x: str | None = None,
    y: str | None = None,
) -> Figure:
    """A picture of a metric over the axes of a sweep.

    Parameters
    ----------
    results : DataFrame
        One row a configuration: the axes and metrics; null where there is none.
    axes : sequence of str
        Columns that were varied.
    metric : str
        Column to show.
    kind : {"heatmap", "slices", "parallel"}, optional
        A heat map where two axes have several values, else slices.
    x, y : str, optional
        Axes of the heat map; those with most values when left out.

    Raises
    ------
    ConfigError
        No such metric, axis or kind, or too few axes for it.
    """
    if metric not in results.columns:
        raise ConfigError(
            f"no metric {metric!r} in the results: {nearest(metric, results.columns)}"
        )
    varied = [name for name in axes if results[name].n_unique() > 1]
    kind = kind or ("heatmap" if len(varied) > 1 else "slices")
    if kind not in KINDS:
        raise ConfigError(f"no picture {kind!r}: {nearest(kind, KINDS)}")
    for name in (x, y):
        if name is not None and name not in axes:
            raise ConfigError(f"no axis {name!r}: {nearest(name, axes)}")
    if not varied:
        raise ConfigError("a picture needs an axis with several values")
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        figure = Picture(figsize=(8.6, 5.0), dpi=72, layout="constrained")
        if kind == "heatmap":
            _heat_map(figure, results, metric, *_two(results, varied, x, y))
        elif kind == "slices":
            _slices(figure, results, varied, metric)
        else:
            _parallel(figure, results, varied, metric)
        return figure


def _two(
    results: pl.DataFrame, varied: Sequence[str], x: str | None, y: str | None
) -> tuple[str, str]:
    """The axes of a heat map: those asked for, else those with most values."""
    many = sorted(varied, key=lambda name: -results[name].n_unique())
    free = [name for name in many if name not in (x, y)]
    if len({x, y} - {None}) + len(free) < 2:
        raise ConfigError("a heat map needs two axes with several values; see kind='slices'")
    chosen = [x or free.pop(0), y or (free.pop(0) if free else "")]
    return chosen[0], chosen[1]


def _heat_map(figure: Figure, results: pl.DataFrame, metric: str, x: str, y: str) -> None:
    """The best of all other axes at every pair of values."""
    best = results.group_by(x, y).agg(pl.col(metric).max())
    across, up = (results[name].unique().sort(nulls_last=False) for name in (x, y))
    places = [{v: i for i, v in enumerate(s.to_list())} for s in (across, up)]
    values = np.full((len(up), len(across)), np.nan)
    for a, b, value in best.select(x, y, metric).iter_rows():
        values[places[1][b], places[0][a]] = np.nan if value is None else value
    plot = figure.subplots()
    limit = np.nanmax(np.abs(values), initial=1e-12)
    has_sign = np.nanmin(values, initial=0.0) < 0.0 < np.nanmax(values, initial=0.0)
    bounds = {"vmin": -limit, "vmax": limit} if has_sign else {}
    colours = _diverging() if has_sign else "cividis"
    picture = plot.imshow(values, origin="lower", aspect="auto", cmap=colours, **bounds)
    figure.colorbar(picture, label=f"{metric}, best of all other axes")
    _ticks(plot.xaxis, across)
    _ticks(plot.yaxis, up)
    plot.set(xlabel=x, ylabel=y)
    if not np.isnan(values).all():
        row, column = np.unravel_index(np.nanargmax(values), values.shape)
        plot.plot(column, row, marker="o", mfc="none", mec=LIGHT["fg"], ms=11, mew=1.6)


def _slices(figure: Figure, results: pl.DataFrame, varied: Sequence[str], metric: str) -> None:
    """The metric over each axis alone: best, median and worst of all others."""
    plots = figure.subplots(1, len(varied), sharey=True, squeeze=False)[0]
    for plot, name in zip(plots, varied, strict=True):
        parts = (
            results.group_by(name)
            .agg(
                pl.col(metric).max().alias("best"),
                pl.col(metric).median().alias("median"),
                pl.col(metric).min().alias("worst"),
            )
            .sort(name, nulls_last=False)
        )
        at = np.arange(parts.height)
        low, high = (parts[k].fill_null(float("nan")).to_numpy() for k in ("worst", "best"))
        plot.fill_between(
            at, low, high, color=LIGHT["net"], alpha=0.15, lw=0, label="worst to best"
        )
        plot.plot(at, high, color=LIGHT["net"], lw=1.6, label="best")
        plot.plot(at, parts["median"], color=LIGHT["fg"], lw=1.2, ls="--", label="median")
        _ticks(plot.xaxis, parts[name], max(_TICKS // len(varied), 3))
        plot.set_xlabel(name)
        plot.grid(color=LIGHT["grid"])
    plots[0].set_ylabel(metric)
    plots[0].legend(frameon=False)


def _parallel(figure: Figure, results: pl.DataFrame, varied: Sequence[str], metric: str) -> None:
    """One line a configuration through its values on every axis, best last and darkest."""
    known = results.filter(pl.col(metric).is_not_null()).sort(metric)
    if known.height > _LINES:
        known = known[np.linspace(0, known.height - 1, _LINES).round().astype(int)]
    plot = figure.subplots()
    columns = [_share(known[name]) for name in (*varied, metric)]
    lines = np.stack(columns, axis=1) if known.height else np.empty((0, len(columns)))
    tint = matplotlib.colormaps["cividis"]
    for rank, line in enumerate(lines):
        share = (rank + 1) / len(lines)
        plot.plot(line, color=tint(share), alpha=0.15 + 0.6 * share**3, lw=1.0)
    names = [*varied, metric]
    plot.set_xticks(range(len(names)), names)
    plot.set_yticks([])
    for at, name in enumerate(names):
        plot.axvline(at, color=LIGHT["rule"], lw=1.0, zorder=0)
        ends = known[name].unique().sort(nulls_last=False)
        if len(ends):
            plot.annotate(_text(ends[0]), (at, 0.0), (0, -4), "data", "offset points", va="top")
            plot.annotate(_text(ends[-1]), (at, 1.0), (0, 4), "data", "offset points")
    plot.set_ylim(-0.08, 1.08)
    for side in plot.spines.values():
        side.set_visible(False)


def _share(column: pl.Series) -> Any:
    """Values of a column by their place among its distinct ones, 0 to 1."""
    if column.dtype.is_numeric() and column.n_unique() > _TICKS:
        low, high = column.min(), column.max()
        values = column.fill_null(low).to_numpy().astype(float)
        return (values - low) / ((high - low) or 1.0)  # type: ignore[operator]
    order = {v: i for i, v in enumerate(column.unique().sort(nulls_last=False).to_list())}
    return np.array([order[v] for v in column.to_list()]) / max(len(order) - 1, 1)


def _ticks(axis: Any, values: pl.Series, most: int = _TICKS) -> None:
    """The values themselves as labels, some left out where there are many."""
    step = -(-len(values) // most)
    axis.set_ticks(range(0, len(values), step), [_text(v) for v in values[::step]])


def _text(value: Any) -> str:
    return "none" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _diverging() -> Any:
    """Loss over nothing to gain, in the colours of the reports."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(
        "loss to gain", [LIGHT["loss"], LIGHT["bg"], LIGHT["gain"]]
    )
