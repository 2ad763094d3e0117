"""The words of a chart's SVG: paths in whole tenths of a pixel, markers, labels."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    F64 = NDArray[np.float64]

_FAR = 1e6  # beyond any page: what lies farther is drawn there


def tenths(pixels: F64) -> NDArray[np.int64]:
    """Whole tenths of a pixel; all finite."""
    return np.rint(10.0 * np.clip(pixels, -_FAR, _FAR)).astype(np.int64)


def line(x: F64, y: F64) -> str:
    """Path through points in pixels, (n,) each, as steps; where one is not finite it breaks off."""
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    points = np.stack([tenths(x[known]), tenths(y[known])], axis=-1)
    pieces = np.split(points, np.flatnonzero(np.diff(known) > 1) + 1)
    return "".join(_steps(piece) for piece in pieces if len(piece))


def _steps(points: NDArray[np.int64]) -> str:
    steps = np.diff(points, axis=0)
    steps = steps[steps.any(axis=1)]
    text = " ".join(map(str, steps.ravel().tolist())).replace(" -", "-")
    return f"M{points[0, 0]} {points[0, 1]}" + (f"l{text}" if text else "h0")


def boxes(left: F64, right: F64, top: F64, bottom: F64) -> str:
    """Rectangles in pixels, (n,) each, as one path."""
    sides = zip(*(tenths(side).tolist() for side in (left, right, top, bottom)), strict=True)
    return "".join(f"M{a} {c}H{b}V{d}H{a}z" for a, b, c, d in sides)


def triangles(x: F64, y: F64, size: float, *, is_up: bool) -> str:
    """Markers of so many pixels across."""
    half = round(5.0 * size) * (1 if is_up else -1)
    step = f"l{abs(half)} {2 * half}h{-2 * abs(half)}z".replace(" -", "-")
    return "".join(f"M{a} {b - half}{step}" for a, b in _pairs(x, y))


def dots(x: F64, y: F64) -> str:
    """Points for a round pen."""
    return "".join(f"M{a} {b}h0" for a, b in _pairs(x, y))


def _pairs(x: F64, y: F64) -> Iterable[tuple[int, int]]:
    known = np.isfinite(x) & np.isfinite(y)
    return zip(tenths(x[known]).tolist(), tenths(y[known]).tolist(), strict=True)


def label(x: float, y: float, text: str, align: str, *, is_strong: bool = False) -> str:
    """Words at a pixel; `align` is left, center or right."""
    anchor = {"left": "", "center": ' text-anchor="middle"', "right": ' text-anchor="end"'}[align]
    kind = ' class="fg"' if is_strong else ""
    return f'<text x="{x:.4g}" y="{y:.4g}"{anchor}{kind}>{escape(text, quote=False)}</text>'
