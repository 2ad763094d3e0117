"""How a store shows itself in a notebook: its datasets, and when each has bars."""

from __future__ import annotations

from html import escape
from pathlib import Path

from trade_research.errors import StoreError
from trade_research.store.catalog import list_datasets
from trade_research.store.commit import Manifest, Part, read_current
from trade_research.store.layout import Name
from trade_research.store.times import moment

MOST = 40  # datasets shown
_STRETCHES = 20  # of a strip: files next to each other are drawn as one
_BOX = "font:13px system-ui,sans-serif;max-width:70em;font-variant-numeric:tabular-nums"
_LEFT = ' style="text-align:left"'  # notebooks align cells right
_HEADS = ("dataset", "rows", "first", "last", "version", "coverage, all on one time axis")


def card(root: Path) -> str:
    """A table of datasets with a strip of the spans their files cover; read from manifests only."""
    try:
        found = [(name, read_current(folder)) for name, folder in list_datasets(root)]
    except StoreError as error:
        return f'<div style="{_BOX}"><b>{escape(str(root))}</b>: {escape(str(error))}</div>'
    held = [(name, m) for name, m in found if m is not None and m.parts]
    title = f"<b>{escape(str(root))}</b>: {len(held)} datasets of bars"
    if not held:
        return f'<div style="{_BOX}">{title}</div>'
    first = min(m.parts[0].start for _, m in held)
    last = max(m.parts[-1].close for _, m in held)
    rows = "".join(_row(name, m, first, last) for name, m in held[:MOST])
    heads = "".join(
        f'<th scope="col"{_LEFT if k in (0, 5) else ""}>{head}</th>'
        for k, head in enumerate(_HEADS)
    )
    more = len(held) - MOST
    note = f"… and {more} more: <code>.catalog()</code>" if more > 0 else ""
    axis = f"coverage from {moment(first):%Y-%m-%d} to {moment(last):%Y-%m-%d}"
    return (
        f'<div style="{_BOX}">{title}, {axis}'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{note}</div>"
    )


def _row(name: Name, manifest: Manifest, first: int, last: int) -> str:
    parts = manifest.parts
    text = str(name)
    cells = (
        escape(text if len(text) <= 60 else f"{text[:57]}…"),
        f"{manifest.rows:,}",
        f"{moment(parts[0].start):%Y-%m-%d}",
        f"{moment(parts[-1].end):%Y-%m-%d}",
        str(manifest.version),
        _strip(parts, first, last),
    )
    shown = "".join(f"<td{'' if k else _LEFT}>{cell}</td>" for k, cell in enumerate(cells))
    return f"<tr>{shown}</tr>"


def _strip(parts: tuple[Part, ...], first: int, last: int) -> str:
    """Spans that have files, joined where the next begins within a twentieth of the whole."""
    spans: list[list[int]] = []
    close_by = max((last - first) // _STRETCHES, 1)
    for part in parts:
        if spans and part.start - spans[-1][1] < close_by:
            spans[-1][1] = max(spans[-1][1], part.close)
        else:
            spans.append([part.start, part.close])
    whole = max(last - first, 1)
    boxes = [(240 * (a - first) / whole, max(240 * (b - a) / whole, 1)) for a, b in spans]
    path = "".join(f"M{x:.1f} 2h{wide:.1f}v8h-{wide:.1f}z" for x, wide in boxes)
    label = f"bars in {len(spans)} stretches" if len(spans) > 1 else "bars without a large hole"
    return (
        f'<svg role="img" aria-label="{label}" width="240" height="12">'
        f'<path fill="#0072B2" d="{path}"/></svg>'
    )
