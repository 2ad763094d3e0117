"""Charts as small SVG, drawn straight in the page's own colours.

A chart takes about a millisecond, follows light, dark and print because its colours are the page's
variables, and has the same bytes every time. Notebooks get Matplotlib's (`report.figures`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trade_research.report import svg
from trade_research.report.axes import GRID, HALF, LINE, SURFACE, TOP, WIDE, Frame

__all__ = ["HALF", "WIDE", "Chart", "Plot"]

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


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


class Plot(Frame):
    """A chart under construction: a frame with marks in it.

    Colours, lengths and panels as of `Frame`; NaN is left out.
    """

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
        self._mark(SURFACE, path, f"fill:var(--{colour})", panel)

    def sideways(self, at: float, amount: float, colour: str, name: str) -> None:
        """A bar from zero to the right or left, with its name in the left margin."""
        ends = self._x([min(0.0, amount)]), self._x([max(0.0, amount)])
        path = svg.boxes(*ends, self._y([at - 0.36], 0), self._y([at + 0.36], 0))
        self._mark(SURFACE, path, f"fill:var(--{colour})", 0)
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
            self._mark(LINE, svg.dots(*at), f"stroke:var(--{colour});{pen}", panel)
        else:
            path = svg.triangles(*at, size, is_up=marker == "^")
            rim = "stroke:var(--bg);stroke-width:4"
            self._mark(LINE, path, f"fill:var(--{colour});fill-opacity:.8;{rim}", panel)

    def whiskers(
        self, x: ArrayLike, low: ArrayLike, high: ArrayLike, colour: str = "fg", *, panel: int = 0
    ) -> None:
        """Upright lines from `low` to `high`: how far off a value may be."""
        at = np.repeat(np.asarray(x, float), 3)
        ends = np.stack([low, high, np.full(np.shape(low), np.nan)], axis=-1).ravel()
        self._stroke(svg.line(self._x(at), self._y(ends, panel)), colour, 1.2, panel, layer=TOP)

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
        self._mark(GRID, path, "fill:var(--muted);fill-opacity:.1", panel)

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
        self._mark(SURFACE, path, f"fill:var(--{colour});fill-opacity:{opacity}", panel)
