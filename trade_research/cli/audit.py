"""`audit`: read a session's journal, prove that it is whole, take it elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trade_research.cli.output import JsonFlag, emit_json, examples, print_table, say
from trade_research.cli.sessions import DEFAULT, LogsRoot, SessionOption, folder_of
from trade_research.errors import ConfigError, JournalError, nearest

app = typer.Typer(help="What happened in a session, from its journal.", no_args_is_help=True)
Event = Annotated[str | None, typer.Option("--event", help="Only these, e.g. fill.")]


@app.command(epilog=examples("audit tail", "audit tail --event risk_block -n 50"))
def tail(
    n: Annotated[int, typer.Option("-n", help="How many.")] = 20,
    event: Event = None,
    session: SessionOption = DEFAULT,
    logs: LogsRoot = Path("logs"),
    json: JsonFlag = False,
) -> None:
    """The last records, the newest at the end."""
    import polars as pl

    from trade_research.live.views import journal_frame

    rows = journal_frame(_found(logs, session))
    if event is not None:
        rows = rows.filter(pl.col("event") == event)
    rows = rows.tail(n).drop("sid")
    if json:
        emit_json("audit", rows)
    else:
        print_table("", rows, empty="no records")


@app.command(epilog=examples("audit show", "audit show refusals", "audit show pnl --json"))
def show(
    what: Annotated[
        str, typer.Argument(help="summary, fills, signals, orders, refusals, bars or pnl.")
    ] = "summary",
    session: SessionOption = DEFAULT,
    logs: LogsRoot = Path("logs"),
    json: JsonFlag = False,
) -> None:
    """What happened: counts of events, or one of the views that SQL sees."""
    from trade_research.live.views import SUMMARY, VIEWS, connect

    if what != "summary" and what not in VIEWS:
        raise ConfigError(f"no view {what!r}; {nearest(what, ['summary', *VIEWS])}")
    with connect(_found(logs, session)) as db:
        rows = db.sql(SUMMARY if what == "summary" else f'select * from "{what}"').pl()
    if json:
        emit_json("audit", rows)
    else:
        print_table(what, rows)


@app.command(epilog=examples("audit verify", "audit verify --session trend --json"))
def verify(
    session: SessionOption = DEFAULT, logs: LogsRoot = Path("logs"), json: JsonFlag = False
) -> None:
    """Follow the chain of hashes; exit code 3, with the first bad record, when it is broken."""
    from trade_research.live.journal import Damage, scan

    damage: list[Damage] = []
    folder = _found(logs, session)
    count, head = 0, ""
    for record in scan(folder, damage):
        count, head = record["seq"], record["h"]
    found = str(damage[0]) if damage else ""
    if json:
        emit_json("audit", {"records": count, "head": head, "damage": found}, ok=not damage)
    else:
        say(f"{count:,} records follow from one another; head {head}")
        if damage:
            say(f"then: {found}")
    if damage:
        raise typer.Exit(3)


@app.command(epilog=examples("audit export fills.csv", "audit export --what bars bars.parquet"))
def export(
    path: Annotated[Path, typer.Argument(help="A .csv, .parquet or .jsonl file.")],
    what: Annotated[str, typer.Option(help="journal, or a view of `audit show`.")] = "fills",
    session: SessionOption = DEFAULT,
    logs: LogsRoot = Path("logs"),
) -> None:
    """Write a view, or all records, to a file."""
    from trade_research.live.views import VIEWS, connect, journal_frame
    from trade_research.store.export import export as write

    folder = _found(logs, session)
    if what == "journal":
        rows = journal_frame(folder)
    elif what in VIEWS:
        with connect(folder) as db:
            rows = db.sql(f'select * from "{what}"').pl()
    else:
        raise ConfigError(f"no view {what!r}; {nearest(what, ['journal', *VIEWS])}")
    say(f"{rows.height:,} rows: {write(rows, path)}")


def _found(logs: Path, session: str) -> Path:
    from trade_research.live.journal import files_of

    folder = folder_of(logs, session)
    if not files_of(folder):
        raise JournalError(f"there is no journal in {folder}; `paper run` makes one")
    return folder
