"""The frame of a chart: stacked panels over one x axis, their grid and their words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from trade_research.report import svg
from trade_research.report.ticks import dates, decades, nice

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

WIDE, HALF = 960, 468
# Tenths of a pixel, so that lines differ without their colour.
DASHES = {"solid": "", "dashed": ";stroke-dasharray:70 40", "dotted": ";stroke-dasharray:20 30"}
GRID, SURFACE, LINE, TOP = range(4)  # what is drawn over what


@dataclass
class _Panel:
    """Where a panel lies in pixels, the values at its ends, and its marks by layer."""

    top: int
    height: int
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    layers: tuple[list[str], ...] = field(default_factory=lambda: ([], [], [], []))


@dataclass
class Frame:
    """Where everything of a chart lies, and what surrounds its marks.

    Colours are names of the page's palette, lengths are pixels, panels count from the top. NaN is
    left out.

    Parameters
    ----------
    width, heights : int
        The whole width, and the height of each panel.
    left, right : int
        Margins for the value labels.
    x_range : (float, float)
        Values at the left and right end of every panel.
    """

    width: int = WIDE
    heights: Sequence[int] = (220,)
    left: int = 58
    right: int = 12
    top: int = 10
    gap: int = 22
    bottom: int = 24
    x_range: tuple[float, float] = (0.0, 1.0)
    _panels: list[_Panel] = field(init=False, default_factory=list)
    _labels: list[str] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.x_range = _apart(*self.x_range)
        y = self.top
        for height in self.heights:
            self._panels.append(_Panel(y, height))
            y += height + self.gap

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return self.top + sum(self.heights) + self.gap * (len(self.heights) - 1) + self.bottom

    def values(
        self,
        low: float,
        high: float,
        *,
        label: Callable[[float], str],
        panel: int = 0,
        log: bool = False,
        most: int = 5,
        title: str = "",
    ) -> None:
        """Set a panel's value range and draw its grid lines and their labels."""
        place = self._panels[panel]
        place.low, place.high, place.log = *_apart(low, high, log=log), log
        span = place.low, place.high
        marks = decades(*span, most) if log else nice(*span, most)
        self._grid(np.array(self.x_range), np.array(marks)[:, None], 1.0, panel)
        for mark, y in zip(marks, self._y(marks, panel), strict=True):
            self._labels.append(svg.label(self.left - 8, y + 4, label(mark), "right"))
        if title:
            self._labels.append(svg.label(self.left - 8, place.top - 9, title, "left"))

    def rows(self, n: int) -> None:
        """Make the first panel's values 0 to n - 1 from its top: rows for `sideways`."""
        self._panels[0].low, self._panels[0].high = n - 0.4, -0.6

    def times(self, *, most: int = 8) -> None:
        """Date labels under the lowest panel, fine lines through all."""
        start, end = self.x_range
        marks = dates(start, end, most)
        for panel in range(len(self._panels)):
            self._uprights([at for at, _ in marks], panel)
        for at, text in marks:
            share = (at - start) / (end - start)
            align = "center" if 0.04 < share < 0.96 else "left" if share < 0.5 else "right"
            self.below(at, text, align)

    def across(self, title: str, *, label: Callable[[float], str], most: int = 5) -> None:
        """Number labels under the lowest panel, fine lines, and what they measure."""
        marks = nice(*self.x_range, most)
        self._uprights(marks, len(self._panels) - 1)
        for at in marks:
            self.below(at, label(at))
        self.below(sum(self.x_range) / 2, title, drop=24)

    def below(self, at: float, text: str, align: str = "center", *, drop: int = 8) -> None:
        """A label under the lowest panel."""
        x, y = float(self._x(at)), self.height - self.bottom + drop + 10
        self._labels.append(svg.label(x, y, text, align))

    def note(self, x: float, y: float, text: str, *, panel: int = 0, align: str = "left") -> None:
        """Text above a point of the data."""
        at = float(self._x(x)), float(self._y(y, panel)) - 6
        self._labels.append(svg.label(*at, text, align, is_strong=True))

    def _x(self, values: ArrayLike) -> NDArray[np.float64]:
        """Pixels from the left."""
        start, end = self.x_range
        inner = self.width - self.left - self.right
        at: NDArray[np.float64] = (np.asarray(values, float) - start) / (end - start)
        return self.left + inner * at

    def _y(self, values: ArrayLike, panel: int) -> NDArray[np.float64]:
        """Pixels from the top."""
        place = self._panels[panel]
        ends, at = np.array([place.low, place.high]), np.asarray(values, float)
        if place.log:
            with np.errstate(invalid="ignore", divide="ignore"):
                ends, at = np.log(ends), np.log(at)
        share: NDArray[np.float64] = (ends[1] - at) / (ends[1] - ends[0])
        return place.top + place.height * share

    def _uprights(self, marks: Sequence[float], panel: int) -> None:
        """Fine lines of the grid, from the bottom of a panel to its top."""
        place = self._panels[panel]
        self._grid(np.array(marks)[:, None], np.array([place.low, place.high]), 0.6, panel)

    def _grid(self, x: NDArray[Any], y: NDArray[Any], width: float, panel: int) -> None:
        """Straight lines: one of x and y has a row for each, the other both ends of all."""
        ends = np.broadcast_arrays(x, y)
        pairs = zip(self._x(ends[0]), self._y(ends[1], panel), strict=True)
        path = "".join(svg.line(*pair) for pair in pairs)
        self._stroke(path, "grid", width, panel, layer=GRID)

    def _stroke(
        self,
        path: str,
        colour: str,
        width: float,
        panel: int,
        dash: str = "solid",
        layer: int = LINE,
    ) -> None:
        pen = f"stroke:var(--{colour});stroke-width:{10 * width:g}{DASHES[dash]}"
        self._mark(layer, path, pen, panel)

    def _mark(self, layer: int, path: str, style: str, panel: int) -> None:
        if path:
            self._panels[panel].layers[layer].append(f'<path d="{path}" style="{style}"/>')


def _apart(low: float, high: float, *, log: bool = False) -> tuple[float, float]:
    """A range with room: equal or undefined ends would have none."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return 0.0, 1.0
    if high > low:
        return low, high
    return (low / 1.1, low * 1.1) if log else (low - 0.5, high + 0.5)
