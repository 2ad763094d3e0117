"""Heat maps: cells in the page's tints, drawn as one path a tint, so that they stay small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trade_research.report.arrays import F64
from trade_research.report.charts import HALF, Chart, Plot

B8 = npt.NDArray[np.bool_]

MOST = 40  # cells along an axis; more are taken together
_UP = ("p1", "p2", "p3", "p4", "fill")
_DOWN = ("n1", "n2", "n3", "n4", "loss-fill")
_TALL = 240


@dataclass(frozen=True, eq=False)
class Cells:
    """A grid of values: `values` (n_y, n_x), NaN where there is none, and names along both axes.

    `together` is how many steps of each axis, (x, y), make a cell.
    """

    values: F64
    x_names: Sequence[str]
    y_names: Sequence[str]
    together: tuple[int, int] = (1, 1)


def cells_of(
    x: npt.NDArray[np.int64],
    y: npt.NDArray[np.int64],
    values: F64,
    x_names: Sequence[str],
    y_names: Sequence[str],
) -> Cells:
    """Median of the values in each cell; long axes are taken together, `MOST` cells at most.

    Parameters
    ----------
    x, y : int64 arrays of shape (n,)
        Place of each value among `x_names` and `y_names`.
    values : float64 array of shape (n,)
        NaN is left out.
    """
    steps = tuple(-(-len(names) // MOST) for names in (x_names, y_names))
    shape = tuple(-(-len(n) // s) for n, s in zip((x_names, y_names), steps, strict=True))
    at = (y // steps[1]) * shape[0] + x // steps[0]
    known = ~np.isnan(values)
    order = np.lexsort((values[known], at[known]))
    cell, sorted_values = at[known][order], values[known][order]
    out = np.full(shape[0] * shape[1], np.nan)
    begin = np.flatnonzero(np.append(True, cell[1:] != cell[:-1])[: cell.size])
    end = np.append(begin[1:], cell.size)
    low, high = (begin + (end - begin - 1) // 2), (begin + (end - begin) // 2)
    out[cell[begin]] = (sorted_values[low] + sorted_values[high]) / 2.0
    return Cells(
        out.reshape(shape[1], shape[0]),
        x_names[:: steps[0]],
        y_names[:: steps[1]],
        (steps[0], steps[1]),
    )


def heat_map(
    cells: Cells,
    title: str,
    finding: str,
    *,
    x_title: str,
    y_title: str,
    label: Callable[[float], str],
    marks: Sequence[tuple[float, float, str, str]] = (),
    read: str = "",
) -> Chart:
    """The map; `marks` are (x, y, marker, name) in steps of the axes before cells were made.

    Blue above zero, vermillion below, five tints each.
    """
    tall, wide = cells.values.shape
    plot = Plot(HALF, (_TALL,), left=64, right=12, top=26, bottom=44, x_range=(-0.5, wide - 0.5))
    plot.values(-0.5, tall - 0.5, label=_named(cells.y_names), most=9, title=y_title)
    plot.across(x_title, label=_named(cells.x_names), most=9)
    key: list[tuple[str, str, str]] = []
    for tint, low, high, mask in _classes(cells.values):
        y, x = np.nonzero(mask)
        plot.bars(x, y - 0.5, y + 0.5, tint, width=1.0)
        key.append((f"{label(low)} to {label(high)}", tint, "box"))
    for x_at, y_at, marker, name in marks:
        at = [(x_at + 0.5) / cells.together[0] - 0.5], [(y_at + 0.5) / cells.together[1] - 0.5]
        plot.points(*at, "fg", marker, size=9 if marker == "o" else 7)
        key.append((name, "fg", {"o": "dot", "^": "up", "v": "down"}[marker]))
    return plot.chart(title, finding, key=key, read=read)


def _named(names: Sequence[str]) -> Callable[[float], str]:
    def label(at: float) -> str:
        return names[int(at)] if at == int(at) and 0 <= at < len(names) else ""

    return label


def _classes(values: F64) -> list[tuple[str, float, float, B8]]:
    """Tint, bounds and cells of each class in use, best first; five even steps either way.

    Values of one sign are told apart from their lowest to their highest, others from zero.
    """
    known = values[~np.isnan(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    if low >= 0.0:
        scales = [(_UP, low, high)]
    elif high <= 0.0:
        scales = [(_DOWN, high, low)]
    else:
        top = max(high, -low)
        scales = [(_UP, 0.0, top), (_DOWN, 0.0, -top)]
    found: list[tuple[str, float, float, B8]] = []
    left = ~np.isnan(values)
    for tints, near, far in scales:
        edges = np.linspace(near, far, len(tints) + 1)
        for k in reversed(range(len(tints))):
            mask = left & (values >= edges[k] if far >= near else values <= edges[k])
            left &= ~mask
            if mask.any():
                bounds = sorted((float(edges[k]), float(edges[k + 1])))
                found.append((tints[k], bounds[0], bounds[1], mask))
    return sorted(found, key=lambda one: -one[1])
