"""How a sweep shows itself: the verdict first, then the best rows."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import polars as pl

from trade_research.sweep.search import LOWER_IS_BETTER

if TYPE_CHECKING:
    from trade_research.research.sweep import Sweep

_ROWS = 10
_SHOWN = ("total_return", "sharpe", "max_drawdown", "trades", "win_rate", "turnover", "status")


def _top(sweep: Sweep) -> pl.DataFrame:
    """The best rows in the columns people look at first."""
    by = sweep.by[0]
    columns = [*sweep.axes, *dict.fromkeys((by, *_SHOWN))]
    down = by not in LOWER_IS_BETTER
    return (
        sweep.scan().sort(by, descending=down, nulls_last=True, maintain_order=True)
        .select(columns).head(_ROWS).collect()
    )  # fmt: skip


def _facts(sweep: Sweep) -> str:
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
    return "\n".join([sweep.evidence.verdict, _facts(sweep), table, *notes])


def html_of(sweep: Sweep) -> str:
    """The same for a notebook, the evidence below."""
    notes = "".join(f"<div>note: {escape(note)}</div>" for note in sweep.warnings)
    return (
        f'<div style="font:13px system-ui,sans-serif"><p><b>{escape(sweep.evidence.verdict)}</b></p>'
        f"<p>{escape(_facts(sweep))}</p>{_top(sweep)._repr_html_()}{notes}</div>"
    )
