"""What the page of a quoter's run shows, computed once when the report is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from trade_research.frames.books import NANO
from trade_research.report.quoting import QuoteView, write_quoting
from trade_research.research.book_execution import market_trades, moves_after, split_of

if TYPE_CHECKING:
    from trade_research.research.book_quoter import QuoteBacktest

HORIZONS = (1.0, 10.0, 60.0)
ASKED = {
    "front": "nobody is ever ahead of us: an upper bound",
    "back": "what is cancelled was behind us: a lower bound",
    "proportional": "what is cancelled was ahead of us in proportion",
    "probability": "what is cancelled was more likely on the longer side of us (Rigtorp 2013)",
}


def write_page(run: QuoteBacktest, path: str | Path) -> Path:
    """Write the page of a quoter's run."""
    return write_quoting(view_of(run), path)


def view_of(run: QuoteBacktest) -> QuoteView:
    """All that the page shows."""
    market, fills, setup = run.market, run.fills, run.setup
    first, last = pl.Series(market.time[[0, -1]]).cast(NANO)
    when, side = fills["time"].to_physical().to_numpy(), fills["units"].sign().to_numpy()
    groups = {"takers from us": run.taken()} | market_trades(market, run.prints)
    return QuoteView(
        title=f"{run.quoter.name} on {market.symbol or 'order books'}",
        facts=f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC · "
        f"{market.time.size:,} books · {run.prints.height:,} market trades · "
        f"maker fee {setup.costs.resting_bps:g} bp · latency {setup.latency}",
        metrics=run.metrics,
        buys=int((fills["units"] > 0).sum()),
        parts=run.parts,
        units=run.equity["units"].to_numpy(),
        markout=moves_after(market, when, side, fills["price"].to_numpy()),
        split=split_of(market, groups, HORIZONS),
        queues=run.by_queue,
        queue=setup.queue,
        assumed=_assumed(run),
    )


def _assumed(run: QuoteBacktest) -> pl.DataFrame:
    """What the run takes for granted: ``what, found``."""
    setup = run.setup
    rows = [
        ("Quoter", ", ".join(f"{name} = {value:g}" for name, value in run.params.items()) or "–"),
        ("Queue", f"{setup.queue}: {ASKED[setup.queue]}"),
        ("Power of the probability model", f"{setup.power:g}"),
        ("A trade that reaches us fills", "what is left of it" if setup.partial else "all of ours"),
        ("Quotes are made every", setup.every),
        ("An order arrives after", setup.latency),
        ("A fill is heard of after", setup.response),
        ("Maker fee", f"{setup.costs.resting_bps:g} bp"),
        ("A quote that would take is", "refused: no fill is a taker's"),
        ("The recorded book", "does not react to our orders"),
    ]
    return pl.DataFrame(rows, schema=["what", "found"], orient="row")
