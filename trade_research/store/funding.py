"""Funding rates of a perpetual, versioned like its bars."""

from __future__ import annotations

import polars as pl

from trade_research.errors import SchemaError
from trade_research.frames.funding import FUNDING_SCHEMA, to_funding
from trade_research.store.side_tables import SideTable


def _checked(frame: pl.DataFrame) -> pl.DataFrame:
    table = to_funding(frame)
    if "symbol" in table.columns and table["symbol"].n_unique() > 1:
        raise SchemaError("funding holds several symbols. Write one instrument at a time.")
    return table.select(FUNDING_SCHEMA.keys())


FUNDING = SideTable("funding", FUNDING_SCHEMA, ["time"], _checked)
