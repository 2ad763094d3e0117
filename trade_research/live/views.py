"""The journal as frames: what happened, for people and for DuckDB."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from trade_research.live.journal import scan

if TYPE_CHECKING:
    import duckdb

META = ("v", "seq", "ts", "t_ns", "event", "sid", "h")
VIEWS = {
    "fills": "select seq, ts, record->>'symbol' symbol, record->>'side' side, "
    "(record->>'qty')::double qty, (record->>'price')::double price, "
    "(record->>'fee')::double fee, record->>'reason' reason, "
    "(record->>'position')::double position, record->>'order_id' order_id "
    "from journal where event = 'fill'",
    "signals": "select seq, ts, record->'signal'->>'symbol' symbol, "
    "record->'signal'->>'side' side, (record->'signal'->>'weight')::double weight, "
    "(record->'signal'->>'qty')::double qty, (record->'signal'->>'price')::double price, "
    "record->'signal'->'reason' reason, record->'signal'->>'id' id "
    "from journal where event = 'signal_generated'",
    "refusals": "select seq, ts, record->>'limit' \"limit\", record->>'reason' reason, "
    "record->'signal'->>'symbol' symbol, record->'signal'->>'id' id "
    "from journal where event = 'risk_block'",
    "orders": "select seq, ts, record->>'order_id' order_id, record->>'symbol' symbol, "
    "record->>'side' side, (record->>'qty')::double qty, (record->>'weight')::double weight, "
    "(record->>'price')::double price from journal where event = 'order_intent'",
    "bars": "select seq, ts, b->>'symbol' symbol, "
    "make_timestamp((b->>'open_us')::bigint) open_time, (b->>'open')::double open, "
    "(b->>'high')::double high, (b->>'low')::double low, (b->>'close')::double \"close\", "
    "(b->>'volume')::double volume "
    "from (select seq, ts, record->'bar' b from journal where event = 'bar_received')",
    # A fee that a venue took in the coin itself is in the position, not in the cash.
    "pnl": "select symbol, count(*) fills, sum(fee) fees, sum(case side when 'sell' then qty else "
    "-qty end * price - if(starts_with(symbol, (record->>'fee_asset') || '/'), 0, fee)) cash_flow, "
    "arg_max(position, seq) position "
    "from fills join (select seq, record from journal) using (seq) group by symbol",
}

SUMMARY = (
    "select event, count(*) records, min(ts) first, max(ts) last from journal "
    "group by event order by min(seq)"
)


def journal_frame(folder: Path) -> pl.DataFrame:
    """Every record whose chain holds: ``seq, ts, event, sid, record`` (the rest, as JSON text)."""
    rows = [
        (r["seq"], r["ts"], r["event"], r["sid"], json.dumps(_rest(r), separators=(",", ":")))
        for r in scan(folder)
    ]
    schema = {
        "seq": pl.Int64,
        "ts": pl.String,
        "event": pl.String,
        "sid": pl.String,
        "record": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        pl.col("ts").str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ", time_unit="us", time_zone="UTC")
    )


def connect(folder: Path) -> duckdb.DuckDBPyConnection:
    """A connection in memory with the journal and `VIEWS` of it; nothing outside can be reached."""
    import duckdb

    db = duckdb.connect()
    frame = journal_frame(folder)
    db.register("records", frame)
    db.execute(
        "create table journal as select seq, ts, event, sid, record::json record from records"
    )
    db.unregister("records")
    for name, text in VIEWS.items():
        db.execute(f'create view "{name}" as {text}')  # both are our own constants
    db.execute("set enable_external_access=false")
    db.execute("set lock_configuration=true")
    return db


def _rest(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in META}
