"""Splits and dividends of an instrument, versioned like its bars."""

from __future__ import annotations

import polars as pl

from trade_research.errors import SchemaError
from trade_research.frames.adjust import ACTION_SCHEMA, check_actions
from trade_research.store.side_tables import SideTable

_KEY = ["ex_date", "kind"]


def _checked(frame: pl.DataFrame) -> pl.DataFrame:
    missing = [name for name in ACTION_SCHEMA if name not in frame.columns]
    if missing:
        raise SchemaError(
            f"actions lack the column {missing[0]!r}; they need ex_date, kind and value, "
            f"found {', '.join(frame.columns) or 'none'}."
        )
    try:
        frame = frame.select(pl.col(name).cast(kind) for name, kind in ACTION_SCHEMA.items())
    except pl.exceptions.InvalidOperationError as error:
        what = str(error).splitlines()[0]
        raise SchemaError(f"actions hold values of the wrong type: {what}.") from error
    check_actions(frame)
    twice = frame.filter(pl.struct(_KEY).is_duplicated())
    if twice.height:
        kind, day = twice["kind"][0], twice["ex_date"][0]
        raise SchemaError(f"actions hold more than one {kind} on {day}. Add them up to one row.")
    return frame


ACTIONS = SideTable("actions", ACTION_SCHEMA, _KEY, _checked)
