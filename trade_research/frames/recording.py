"""What came out of a recording: books, trades, and what is wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from trade_research.frames.books import TRADE_COLUMNS, depth_of


@dataclass(frozen=True, repr=False)
class Recording:
    """Books of one instrument in the wide layout, with their verdicts and the trades beside them.

    Attributes
    ----------
    books : DataFrame
        ``time, [recv_time], bid_price_1 …``; see `frames.to_books`. No row where the book was
        unknown.
    verdicts : DataFrame
        What is wrong with it; see `frames.audit_books`.
    trades : DataFrame
        Market trades of the same recording; perhaps none. See `frames.to_trades`.
    format : str
    notes : tuple of str
        What was done or assumed while reading.
    """

    books: pl.DataFrame
    verdicts: pl.DataFrame
    trades: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=TRADE_COLUMNS))
    format: str = ""
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        rows, depth = self.books.height, depth_of(self.books)
        lines = [f"{rows:,} books of {depth} levels, {self.trades.height:,} trades"]
        if rows:
            lines.append(f"{self.books['time'][0]:%Y-%m-%d %H:%M:%S} to {self.books['time'][-1]}")
        kinds = self.verdicts.group_by("kind").agg(pl.col("rows").sum()).sort("kind")
        lines.append(
            "wrong: " + (", ".join(f"{n} {kind}" for kind, n in kinds.iter_rows()) or "nothing")
        )
        return "\n".join([*lines, *self.notes])
