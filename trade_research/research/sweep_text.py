"""How a sweep shows itself: the verdict first, then the best rows."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from trade_research.research.swept import Sweep

_ROWS = 10
_SHOWN = ("total_return", "sharpe", "max_drawdown", "trades", "win_rate", "turnover", "status")


def shown_columns(sweep: Sweep) -> list[str]:
    """The columns people look at first: axes, what the sweep was searched by, a few metrics."""
    return list(dict.fromkeys((*sweep.axes, *sweep.by, *_SHOWN)))


def _top(sweep: Sweep) -> pl.DataFrame:
    return sweep.top(_ROWS).select(shown_columns(sweep))


def facts_of(sweep: Sweep) -> str:
    """How much was done, how fast, and by which path."""
    counts = sweep.scan().group_by("path").len().collect()
    rows = dict(counts.iter_rows())
    total = sum(rows.values())
    paths = ", ".join(f"{n:,} by {path or 'none'}" for path, n in sorted(rows.items()))
    data = sweep.scorer.data
    rate = total / max(sweep.seconds, 1e-9)
    return (
        f"{sweep.strategy.name}: {total:,} configurations of {data.frame.height:,} bars in "
        f"{sweep.seconds:.1f} s ({rate:,.0f}/s; {paths})"
    )


def text_of(sweep: Sweep) -> str:
    """Verdict, facts and the best rows, for a terminal."""
    with pl.Config(tbl_rows=_ROWS, tbl_cols=-1, tbl_hide_dataframe_shape=True, tbl_width_chars=160):
        table = str(_top(sweep))
    notes = [f"note: {note}" for note in sweep.warnings]
    return "\n".join([sweep.evidence.verdict, facts_of(sweep), table, *notes])


def html_of(sweep: Sweep) -> str:
    """The same for a notebook, the evidence below."""
    notes = "".join(f"<div>note: {escape(note)}</div>" for note in sweep.warnings)
    return (
        '<div style="font:13px system-ui,sans-serif">'
        f"<p><b>{escape(sweep.evidence.verdict)}</b></p>"
        f"<p>{escape(facts_of(sweep))}</p>{_top(sweep)._repr_html_()}{notes}</div>"
    )
