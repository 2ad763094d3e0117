"""How a strategy shows itself in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trade_research.strategies.declare import Param
    from trade_research.strategies.strategy import Strategy

_CELL = "text-align:left;padding:2px 12px 2px 0"


def card(strategy: Strategy) -> str:
    """Name, first line of the docstring, columns and parameters, as a small piece of HTML."""
    summary = escape(strategy.doc.partition("\n")[0])
    heads = "".join(
        f'<th style="{_CELL}">{head}</th>' for head in ("parameter", "type", "default", "search")
    )
    rows = "".join(_row(param) for param in strategy.params.values())
    table = f"<table><tr>{heads}</tr>{rows}</table>" if rows else "<p>No parameters.</p>"
    reads = ", ".join(f"<code>{escape(name)}</code>" for name in strategy.columns)
    return (
        f"<div><strong><code>{escape(strategy.name)}</code></strong> {summary}"
        f"<div>Reads {reads}.</div>{table}</div>"
    )


def _row(param: Param) -> str:
    cells = (param.name, param.type_name, str(param.default), param.range_text)
    return "<tr>" + "".join(f'<td style="{_CELL}">{escape(c)}</td>' for c in cells) + "</tr>"
