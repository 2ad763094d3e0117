"""Explorable panels: uPlot, read from its wheel at render time, over data embedded as JSON.

The page stays complete without them. Where the wheel is missing, or is not the one tested, there is
no script but the theme switch, and the manifest says so.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

# SHA-256 of the files tested: uplot-python 1.1.1, which carries uPlot 1.6.16.
TESTED = {
    "uPlot.iife.js": "655bc8aa33781e8721c5af6b59f1699c03c9bda951aa74a6ab518ac20cc4326d",
    "uPlot.min.css": "3f121cd4a997b634e07a887658850018e475c26f0bddd874109a8d382c19de87",
}
_DIGITS = 6
NOTICE = "uPlot, Copyright (c) 2021 Leon Sorokin, MIT licence; from the package uplot-python."


@dataclass(frozen=True)
class Series:
    """One line or set of markers over the panel's own times; NaN where there is nothing."""

    name: str
    values: NDArray[np.float64]
    colour: str
    dash: str = "solid"
    marker: str = ""


@dataclass(frozen=True)
class Panel:
    """One plot: `times` in seconds since 1970 and each series (n,); unit money, percent, price.

    With `has_candles` the first four series are opens, highs, lows and closes.
    """

    title: str
    times: NDArray[np.float64]
    series: Sequence[Series]
    unit: str = "money"
    log: bool = False
    height: int = 150
    has_candles: bool = False


@dataclass(frozen=True)
class Panels:
    """Panels with one cursor and one zoom."""

    panels: Sequence[Panel]
    note: str = ""
    title: str = "Explore"

    def data(self) -> str:
        """JSON for a data block: no `<`, `>` or `&` survives, so no name can end the block."""
        packed = [_packed(panel) for panel in self.panels]
        text = json.dumps(packed, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
        return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def library() -> tuple[str, str, str]:
    """uPlot's script (minified) and style, and why there is none (then both are "")."""
    spec = find_spec("uplot")  # the file is read, the package is not run
    if spec is None or not spec.submodule_search_locations:
        return "", "", "the package uplot-python is not installed"
    folder = Path(next(iter(spec.submodule_search_locations))) / "static"
    texts = {}
    for name, tested in TESTED.items():
        file = folder / name
        if not file.is_file():
            return "", "", f"uplot-python does not carry {name}"
        content = file.read_bytes()
        if hashlib.sha256(content).hexdigest() != tested:
            return "", "", f"{name} of uplot-python is not the version that was tested"
        texts[name] = content.decode("utf-8")
    return minified(texts["uPlot.iife.js"]), texts["uPlot.min.css"], ""


def minified(script: str) -> str:
    """A script with short names and without what people read; only the latter where that is all."""
    try:
        from minify import string
    except ImportError:
        from rjsmin import jsmin

        return str(jsmin(script))
    return str(string("application/javascript", script))


def _packed(panel: Panel) -> dict[str, Any]:
    """A panel as JSON holds it: times and values as whole steps from the one before."""
    micros = np.rint(panel.times * 1e6).astype(np.int64)
    steps = np.diff(micros, prepend=micros[:1])
    unit = int(np.gcd.reduce(steps)) if steps.size else 0
    return {
        "title": panel.title,
        "unit": panel.unit,
        "log": panel.log,
        "height": panel.height,
        "candles": panel.has_candles,
        "start": micros[0] / 1e6 if micros.size else 0.0,
        "step": (unit or 1) / 1e6,
        "x": (steps // (unit or 1)).tolist(),
        "series": [_line(series) for series in panel.series],
    }


def _line(series: Series) -> dict[str, Any]:
    """A series to six digits of its largest value, null for NaN; of markers the positions too."""
    out = {"name": series.name, "colour": series.colour, "dash": series.dash}
    known = np.flatnonzero(np.isfinite(series.values))
    values = series.values[known]
    top = float(np.abs(values).max(initial=0.0))
    scale = 10.0 ** (_DIGITS - 1 - math.floor(math.log10(top))) if top else 1.0
    units = np.rint(values * scale).astype(np.int64)
    steps = np.diff(units, prepend=0).tolist()
    if series.marker:
        out |= {"marker": series.marker, "at": np.diff(known, prepend=0).tolist()}
    elif known.size < series.values.size:
        rows: list[int | None] = [None] * series.values.size
        for row, step in zip(known.tolist(), steps, strict=True):
            rows[row] = step
        return out | {"scale": scale, "y": rows}
    return out | {"scale": scale, "y": steps}
