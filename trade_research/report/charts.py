"""Charts as small SVG: Matplotlib draws with sentinel colours, which become the page's variables.

Object interface only (no pyplot), fixed margins, numeric axes with labels of our own: a chart takes
some ten milliseconds, follows light, dark and print, and has the same bytes every time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path

from trade_research.report.palette import SENTINEL
from trade_research.report.svg import clean
from trade_research.report.ticks import dates, decades, nice

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

WIDE, HALF = 960, 468
TEXT_SIZE = 12
# Dashes in points, so that lines differ without their colour.
DASHES: dict[str, Any] = {"solid": "solid", "dashed": (0, (6, 3)), "dotted": (0, (1.5, 2.2))}
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "trade_research",
    "path.simplify": True,
    "path.simplify_threshold": 1.0,
    "axes.unicode_minus": False,
    "font.size": TEXT_SIZE,
    "font.family": ["DejaVu Sans"],
}
# Our style over Matplotlib's own defaults: a user's matplotlibrc must not change the bytes.
_SETTINGS: Any = {
    name: value
    for name, value in matplotlib.rcParamsDefault.items()
    if name.partition(".")[0] in {"svg", "path", "axes", "font", "lines", "text", "patch", "figure"}
} | _STYLE


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

    @property
    def scope(self) -> str:
        """Placeholder that the page replaces by an id of its own."""
        return "CHARTID"


class _XAxis(XAxis):
    """Never has a tick: those that Matplotlib makes and hides take half of a chart's time."""

    def reset_ticks(self) -> None:
        """Two empty lists."""
        self.majorTicks, self.minorTicks = [], []


class _YAxis(YAxis):
    """Never has a tick."""

    def reset_ticks(self) -> None:
        """Two empty lists."""
        self.majorTicks, self.minorTicks = [], []


class Bare(Axes):
    """Axes that never show their own axis; labels and grid are the plot's."""

    def _init_axis(self) -> None:
        """As every projection's own; where Matplotlib stops calling it only time is lost."""
        self.xaxis, self.yaxis = _XAxis(self, clear=False), _YAxis(self, clear=False)
        self.spines.bottom.register_axis(self.xaxis)
        self.spines.top.register_axis(self.xaxis)
        self.spines.left.register_axis(self.yaxis)
        self.spines.right.register_axis(self.yaxis)


class Drawing(Figure):
    """A figure that notebooks show by itself: no pyplot, no backend to choose."""

    def _repr_png_(self) -> bytes:
        """The picture at twice its size, for sharp screens."""
        out = BytesIO()
        with drawing():
            self.savefig(out, format="png", dpi=2 * self.dpi)
        return out.getvalue()


@dataclass
class Plot:
    """A figure under construction: stacked panels that share one x axis.

    Parameters
    ----------
    width, heights : int
        Pixels: the whole width, and the height of each panel from the top.
    left, right : int
        Margins for the value labels.
    """

    width: int = WIDE
    heights: Sequence[int] = (220,)
    left: int = 58
    right: int = 12
    top: int = 10
    gap: int = 22
    bottom: int = 24
    x_range: tuple[float, float] = (0.0, 1.0)
    colours: Mapping[str, str] = field(default_factory=lambda: SENTINEL)
    figure: Drawing = field(init=False)
    panels: list[Any] = field(init=False)

    def __post_init__(self) -> None:
        tall = self.height
        self.figure = Drawing(figsize=(self.width / 72, tall / 72), dpi=72)
        FigureCanvasSVG(self.figure)
        self.figure.patch.set_visible(False)
        self.panels, y = [], self.top
        inner = self.width - self.left - self.right
        for high in self.heights:
            box = self.left / self.width, 1 - (y + high) / tall, inner / self.width, high / tall
            panel = Bare(self.figure, box)
            self.figure.add_axes(panel)
            panel.set_axis_off()
            panel.set_xlim(*_apart(*self.x_range))
            self.panels.append(panel)
            y += high + self.gap

    @property
    def height(self) -> int:
        """Pixels from top to bottom."""
        return self.top + sum(self.heights) + self.gap * (len(self.heights) - 1) + self.bottom

    def values(
        self,
        low: float,
        high: float,
        *,
        label: Any,
        panel: int = 0,
        log: bool = False,
        most: int = 5,
        title: str = "",
    ) -> None:
        """Set a panel's value range and draw its grid lines and their labels."""
        axes = self.panels[panel]
        if log:
            axes.set_yscale("log")
        low, high = _apart(low, high, log=log)
        axes.set_ylim(low, high)
        marks = decades(low, high, most) if log else nice(low, high, most)
        start, end = axes.get_xlim()
        ends = np.array([[start, end]] * len(marks)), np.array([[mark, mark] for mark in marks])
        self._strokes(*ends, "grid", 1.0, panel)
        for mark in marks:
            axes.annotate(
                label(mark),
                (0, mark),
                xycoords=("axes fraction", "data"),
                xytext=(-8, 0),
                textcoords="offset points",
                ha="right",
                va="center_baseline",
                color=self.colours["muted"],
            )

        if title:
            axes.annotate(
                title,
                (0, 1),
                xycoords="axes fraction",
                xytext=(-8, 6),
                textcoords="offset points",
                ha="left",
                va="bottom",
                color=self.colours["muted"],
            )

    def times(self, *, most: int = 8) -> None:
        """Date labels under the lowest panel, fine lines through all."""
        start, end = self.panels[-1].get_xlim()
        marks = dates(start, end, most)
        for panel in range(len(self.panels)):
            self._uprights([at for at, _ in marks], panel)
        for at, text in marks:
            share = (at - start) / (end - start)
            self.below(
                at, text, "center" if 0.04 < share < 0.96 else "left" if share < 0.5 else "right"
            )

    def across(self, title: str, *, label: Any, most: int = 5) -> None:
        """Number labels under the lowest panel, fine lines, and what they measure."""
        panel = self.panels[-1]
        start, end = panel.get_xlim()
        marks = nice(start, end, most)
        self._uprights(marks, len(self.panels) - 1)
        for at in marks:
            self.below(at, label(at))
        self.below((start + end) / 2, title, drop=24)

    def below(self, at: float, text: str, align: str = "center", *, drop: int = 8) -> None:
        """A label under the lowest panel."""
        self.panels[-1].annotate(
            text,
            (at, 0),
            xycoords=("data", "axes fraction"),
            xytext=(0, -drop),
            textcoords="offset points",
            ha=align,
            va="top",
            color=self.colours["muted"],
        )

    def note(
        self,
        x: float,
        y: float,
        text: str,
        *,
        panel: int = 0,
        align: str = "left",
        above: bool = True,
        colour: str = "fg",
    ) -> None:
        """Text at a point of the data."""
        self.panels[panel].annotate(
            text,
            (x, y),
            xytext=(0, 4 if above else -4),
            textcoords="offset points",
            ha=align,
            va="bottom" if above else "top",
            color=self.colours[colour],
        )

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
        """A line through the points."""
        self.panels[panel].plot(
            x,
            y,
            color=self.colours[colour],
            linestyle=DASHES[dash],
            linewidth=width,
            solid_joinstyle="round",
        )

    def area(self, x: NDArray[Any], y: NDArray[Any], colour: str, *, panel: int = 0) -> None:
        """The surface between the points and zero, with its edge."""
        outline = np.concatenate([[0.0], y, [0.0]])
        across = np.concatenate([x[:1], x, x[-1:]])
        codes = np.append(Path.MOVETO, np.full(across.size - 1, Path.LINETO))
        self.panels[panel].add_patch(
            PathPatch(
                Path(np.stack([across, outline], axis=-1), codes),
                facecolor=self.colours[colour],
                edgecolor="none",
                alpha=0.22,
                linewidth=0,
            )
        )
        self.line(x, y, colour, panel=panel, width=1.1)

    def band(
        self, x: ArrayLike, low: ArrayLike, high: ArrayLike, colour: str, *, panel: int = 0
    ) -> None:
        """The surface between two lines, faint."""
        axes = self.panels[panel]
        axes.fill_between(x, low, high, color=self.colours[colour], alpha=0.16, linewidth=0)

    def whiskers(
        self, x: ArrayLike, low: ArrayLike, high: ArrayLike, colour: str = "fg", *, panel: int = 0
    ) -> None:
        """Upright lines from `low` to `high`: how far off a value may be."""
        at = np.asarray(x, float)
        ends = np.stack([at, at], axis=-1), np.stack([np.asarray(low), np.asarray(high)], axis=-1)
        self._strokes(*ends, colour, 1.2, panel, zorder=3)

    def _uprights(self, marks: Sequence[float], panel: int) -> None:
        """Fine lines of the grid, from the bottom of a panel to its top."""
        x = np.array([[at, at] for at in marks])
        y = np.array([self.panels[panel].get_ylim()] * len(marks))
        self._strokes(x, y, "grid", 0.6, panel)

    def _strokes(
        self,
        x: NDArray[Any],
        y: NDArray[Any],
        colour: str,
        width: float,
        panel: int,
        zorder: float = 0.0,
    ) -> None:
        """Straight strokes, (n, 2) each, as one path."""
        if not x.size:
            return
        codes = np.tile([Path.MOVETO, Path.LINETO], len(x))
        path = Path(np.stack([x, y], axis=-1).reshape(-1, 2), codes)
        look = {"edgecolor": self.colours[colour], "linewidth": width, "zorder": zorder}
        self.panels[panel].add_patch(PathPatch(path, fill=False, **look))

    def upright(self, x: float, colour: str, dash: str = "solid", *, panel: int = 0) -> None:
        """A line over the whole height of the panel."""
        self.panels[panel].axvline(
            x, color=self.colours[colour], linewidth=1.4, linestyle=DASHES[dash]
        )

    def shade(self, start: float, end: float, *, panel: int = 0) -> None:
        """A stretch of the x axis, from top to bottom."""
        self.panels[panel].axvspan(
            start, end, color=self.colours["muted"], alpha=0.10, linewidth=0, zorder=0
        )

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
        """Upright bars from `low` to `high`."""
        at, low, high = (np.asarray(values, float) for values in (x, low, high))
        if at.size:
            self._boxes(at - width / 2, at + width / 2, low, high, colour, panel)

    def _boxes(
        self,
        left: NDArray[Any],
        right: NDArray[Any],
        low: NDArray[Any],
        high: NDArray[Any],
        colour: str,
        panel: int,
    ) -> None:
        """Rectangles as one path: a tenth of the bytes and the time of as many patches."""
        ends = (left, low), (left, high), (right, high), (right, low)
        corners = np.stack([np.stack(pair, axis=-1) for pair in ends], axis=-2)
        codes = np.tile([Path.MOVETO, *[Path.LINETO] * 3], left.size)
        path = Path(corners.reshape(-1, 2), codes)
        self.panels[panel].add_patch(
            PathPatch(path, facecolor=self.colours[colour], edgecolor="none", linewidth=0)
        )

    def sideways(self, at: float, amount: float, colour: str, name: str) -> None:
        """A bar from zero to the right or left, with its name in the left margin."""
        axes = self.panels[0]
        ends = np.array([0.0]), np.array([amount]), np.array([at - 0.36]), np.array([at + 0.36])
        self._boxes(*ends, colour, 0)
        axes.annotate(
            name,
            (0, at),
            xycoords=("axes fraction", "data"),
            xytext=(-8, 0),
            textcoords="offset points",
            ha="right",
            va="center_baseline",
            color=self.colours["fg"],
        )

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
        """Markers, open enough to see those beneath."""
        self.panels[panel].plot(
            x,
            y,
            linestyle="none",
            marker=marker,
            markersize=size,
            color=self.colours[colour],
            alpha=0.65,
            markeredgewidth=0,
        )

    def level(
        self, y: float, *, panel: int = 0, colour: str = "muted", dash: str = "solid"
    ) -> None:
        """A horizontal line across the panel."""
        self.panels[panel].axhline(
            y, color=self.colours[colour], linewidth=1, linestyle=DASHES[dash]
        )

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
        """Draw it."""
        out = StringIO()
        self.figure.savefig(
            out,
            format="svg",
            metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
        )
        body, size = clean(out.getvalue()), (self.width, self.height)
        return Chart(body, title, finding, *size, tuple(key), read, narrow, is_quiet)


@contextmanager
def drawing() -> Iterator[None]:
    """Matplotlib's settings for our charts, and the caller's back again."""
    with matplotlib.rc_context(_SETTINGS):
        yield


def _apart(low: float, high: float, *, log: bool = False) -> tuple[float, float]:
    """A range with room: equal or undefined ends would have none."""
    if not (np.isfinite(low) and np.isfinite(high)):
        return 0.0, 1.0
    if high > low:
        return low, high
    return (low / 1.1, low * 1.1) if log else (low - 0.5, high + 0.5)
