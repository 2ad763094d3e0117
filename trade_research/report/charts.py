"""Charts as small SVG, drawn straight in the page's own colours.

Stacked panels over one x axis, fixed margins, round labels: a chart takes about a millisecond,
follows light, dark and print because its colours are the page's variables, and has the same bytes
every time. Figures for notebooks are Matplotlib's (`report.figures`).
"""

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
_GRID, _SURFACE, _LINE, _TOP = range(4)  # what is drawn over what


@dataclass(frozen=True)
class Chart:
    """A drawn chart: SVG inside, what it is, and what it shows (read aloud instead of it)."""

    svg: str
    title: str
    finding: str
    width: int
    height: int
    key: tuple[tuple[str, str, str], ...] = ()  # (name, colour, dash or marker)
    read: str = ""
    narrow: Chart | None = None
    is_quiet: bool = False  # no caption: the chart says by itself what it is


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
class Plot:
    """A chart under construction: stacked panels that share one x axis.

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

    # Axes

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

    # Words

    def below(self, at: float, text: str, align: str = "center", *, drop: int = 8) -> None:
        """A label under the lowest panel."""
        x, y = float(self._x(at)), self.height - self.bottom + drop + 10
        self._labels.append(svg.label(x, y, text, align))

    def note(self, x: float, y: float, text: str, *, panel: int = 0, align: str = "left") -> None:
        """Text above a point of the data."""
        at = float(self._x(x)), float(self._y(y, panel)) - 6
        self._labels.append(svg.label(*at, text, align, is_strong=True))

    # Marks

    def line(
        self,
        x: ArrayLike,
        y: ArrayLike,
        colour: str,
        dash: str = "solid",
        *,
        panel: int = 0,
        width: float = 1.6,
    ) -> None:
        """A line through the points, (n,) each."""
        self._stroke(svg.line(self._x(x), self._y(y, panel)), colour, width, panel, dash)

    def area(self, x: NDArray[Any], y: NDArray[Any], colour: str, *, panel: int = 0) -> None:
        """The surface between the points and zero, with its edge."""
        self._fill(x, y, np.zeros(np.shape(y)), colour, 0.22, panel)
        self.line(x, y, colour, panel=panel, width=1.1)

    def band(
        self, x: ArrayLike, low: ArrayLike, high: ArrayLike, colour: str, *, panel: int = 0
    ) -> None:
        """The surface between two lines, faint."""
        self._fill(x, high, low, colour, 0.16, panel)

    def bars(
        self,
        x: ArrayLike,
        low: ArrayLike,
        high: ArrayLike,
        colour: str,
        *,
        width: float,
        panel: int = 0,
    ) -> None:
        """Upright bars from `low` to `high`; `width` in units of x."""
        at = np.asarray(x, float)
        sides = self._x(at - width / 2), self._x(at + width / 2)
        path = svg.boxes(*sides, self._y(high, panel), self._y(low, panel))
        self._mark(_SURFACE, path, f"fill:var(--{colour})", panel)

    def sideways(self, at: float, amount: float, colour: str, name: str) -> None:
        """A bar from zero to the right or left, with its name in the left margin."""
        ends = self._x([min(0.0, amount)]), self._x([max(0.0, amount)])
        path = svg.boxes(*ends, self._y([at - 0.36], 0), self._y([at + 0.36], 0))
        self._mark(_SURFACE, path, f"fill:var(--{colour})", 0)
        y = float(self._y(at, 0)) + 4
        self._labels.append(svg.label(self.left - 8, y, name, "right", is_strong=True))

    def points(
        self,
        x: ArrayLike,
        y: ArrayLike,
        colour: str,
        marker: str,
        *,
        panel: int = 0,
        size: float = 4.5,
    ) -> None:
        """Markers with a thin rim, so that those beneath are told apart: "^", "v" or "o"."""
        at = self._x(x), self._y(y, panel)
        if marker == "o":
            pen = f"stroke-linecap:round;stroke-width:{10 * size:g}"
            self._mark(_LINE, svg.dots(*at), f"stroke:var(--{colour});{pen}", panel)
        else:
            path = svg.triangles(*at, size, is_up=marker == "^")
            rim = "stroke:var(--bg);stroke-width:4"
            self._mark(_LINE, path, f"fill:var(--{colour});fill-opacity:.8;{rim}", panel)

    def whiskers(
        self, x: ArrayLike, low: ArrayLike, high: ArrayLike, colour: str = "fg", *, panel: int = 0
    ) -> None:
        """Upright lines from `low` to `high`: how far off a value may be."""
        at = np.repeat(np.asarray(x, float), 3)
        ends = np.stack([low, high, np.full(np.shape(low), np.nan)], axis=-1).ravel()
        self._stroke(svg.line(self._x(at), self._y(ends, panel)), colour, 1.2, panel, layer=_TOP)

    def level(self, y: float, *, panel: int = 0, dash: str = "solid") -> None:
        """A horizontal line across the panel."""
        self.line(self.x_range, [y, y], "muted", dash, panel=panel, width=1.0)

    def upright(self, x: float, colour: str, dash: str = "solid", *, panel: int = 0) -> None:
        """A line over the whole height of the panel."""
        ends = self._panels[panel].low, self._panels[panel].high
        self.line([x, x], ends, colour, dash, panel=panel, width=1.4)

    def shade(self, start: float, end: float, *, panel: int = 0) -> None:
        """A stretch of the x axis, from top to bottom."""
        place = self._panels[panel]
        ends = np.array([place.top, place.top + place.height], float)
        path = svg.boxes(self._x([start]), self._x([end]), ends[:1], ends[1:])
        self._mark(_GRID, path, "fill:var(--muted);fill-opacity:.1", panel)

    def chart(
        self,
        title: str,
        finding: str,
        *,
        key: Sequence[tuple[str, str, str]] = (),
        read: str = "",
        narrow: Chart | None = None,
        is_quiet: bool = False,
    ) -> Chart:
        """The finished chart; CHARTID stands for an id that the page gives."""
        drawn = []
        for n, panel in enumerate(self._panels):
            inner = 10 * (self.width - self.left - self.right)
            box = f'x="{10 * self.left - 20}" width="{inner + 40}"'
            tall = f'y="{10 * panel.top - 20}" height="{10 * panel.height + 40}"'
            marks = "\n".join(mark for layer in panel.layers for mark in layer)
            drawn.append(
                f'<clipPath id="CHARTID-{n}"><rect {box} {tall}/></clipPath>\n'
                f'<g clip-path="url(#CHARTID-{n})">\n{marks}</g>'
            )
        body = f'<g transform="scale(.1)" fill="none">{"".join(drawn)}</g>'
        body += "\n".join(["", *self._labels])
        size = self.width, self.height
        return Chart(body, title, finding, *size, tuple(key), read, narrow, is_quiet)

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
        self._stroke(path, "grid", width, panel, layer=_GRID)

    def _fill(
        self,
        x: ArrayLike,
        high: ArrayLike,
        low: ArrayLike,
        colour: str,
        opacity: float,
        panel: int,
    ) -> None:
        """The surface between two lines where both are known."""
        at, top, bottom = self._x(x), self._y(high, panel), self._y(low, panel)
        known = np.isfinite(top) & np.isfinite(bottom)
        path = svg.line(
            *(np.append(a[known], b[known][::-1]) for a, b in ((at, at), (top, bottom)))
        )
        self._mark(_SURFACE, path, f"fill:var(--{colour});fill-opacity:{opacity}", panel)

    def _stroke(
        self,
        path: str,
        colour: str,
        width: float,
        panel: int,
        dash: str = "solid",
        layer: int = _LINE,
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
