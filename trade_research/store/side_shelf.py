"""Tables beside a store's bars, actions and funding: what `Store` offers for them."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from trade_research.frames.verdicts import VERDICT_SCHEMA
from trade_research.store.actions import ACTIONS
from trade_research.store.bars import WriteReport
from trade_research.store.funding import FUNDING
from trade_research.store.side_tables import SideTable


class SideShelf:
    """Writing and reading actions and funding below `root`."""

    root: Path

    def write_actions(
        self, frame: pl.DataFrame, *, venue: str, symbol: str, source: str = ""
    ) -> WriteReport:
        """Add splits and dividends in one commit; the same again changes nothing.

        Parameters
        ----------
        frame : DataFrame
            ``ex_date`` (Date), ``kind`` ("split" or "dividend"), ``value``: 7.0 for 7 new shares
            per old one, or cash per raw share. A different value for a stored date and kind counts
            as revised; the old one stays readable by `as_of`.
        """
        return _write(ACTIONS, self.root, frame, venue, symbol, source)

    def actions(self, venue: str, symbol: str) -> pl.DataFrame:
        """Splits and dividends stored for an instrument, by date; perhaps none."""
        return ACTIONS.read(self.root, venue, symbol)

    def write_funding(
        self, frame: pl.DataFrame, *, venue: str, symbol: str, source: str = ""
    ) -> WriteReport:
        """Add funding rates of a perpetual in one commit; the same again changes nothing.

        Queries of the instrument know them from then on: ``account="perp"`` pays them, and a
        strategy may read a column ``funding_rate``.

        Parameters
        ----------
        frame : DataFrame
            ``time`` (or ``ts``), ``funding_rate`` (0.0001 is one basis point of the position's
            value), perhaps ``mark_price``; see `frames.to_funding`, which also joins marks.
        """
        return _write(FUNDING, self.root, frame, venue, symbol, source)

    def funding(self, venue: str, symbol: str) -> pl.DataFrame:
        """Funding rates stored for an instrument, by time; perhaps none."""
        return FUNDING.read(self.root, venue, symbol)


def _write(
    table: SideTable, root: Path, frame: pl.DataFrame, venue: str, symbol: str, source: str
) -> WriteReport:
    """Write, and say what changed."""
    manifest, counts = table.write(root, frame, venue, symbol, source)
    return WriteReport(
        f"{venue}:{symbol}",
        manifest.version if manifest is not None else 0,
        counts.added,
        counts.unchanged,
        counts.revised,
        pl.DataFrame(schema=VERDICT_SCHEMA),
    )
