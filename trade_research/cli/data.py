"""`data import|fetch|update|list|check|sql|export`: bars in, what is there, what is wrong, out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trade_research.cli import fetch, quality
from trade_research.cli.output import (
    JsonFlag,
    StoreRoot,
    emit_json,
    examples,
    print_table,
    progress,
    say,
)

if TYPE_CHECKING:
    import polars as pl

app = typer.Typer(
    help="Bars in the store: import, fetch, list, check, query, export.", no_args_is_help=True
)
app.command(epilog=fetch.FETCH_EXAMPLES)(fetch.fetch)
app.command(epilog=fetch.UPDATE_EXAMPLES)(fetch.update)
app.command(epilog=fetch.SOURCES_EXAMPLES)(fetch.sources)
app.command(epilog=fetch.SOURCES_EXAMPLES)(fetch.symbols)
app.command(epilog=fetch.SOURCES_EXAMPLES)(fetch.quote)
app.command(epilog=quality.QUALITY_EXAMPLES)(quality.quality)
app.command(epilog=quality.CONSENSUS_EXAMPLES)(quality.consensus)
FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
NameArg = Annotated[str, typer.Argument(help="Instrument, e.g. binance:BTC/USDT@1h.")]
Since = Annotated[datetime | None, typer.Option(help="First open time, UTC.", formats=FORMATS)]
Until = Annotated[
    datetime | None, typer.Option(help="First open time left out, UTC.", formats=FORMATS)
]


def utc(time: datetime | None) -> datetime | None:
    """A time from the command line: what has no zone is UTC."""
    return None if time is None else time.replace(tzinfo=time.tzinfo or UTC)


@app.command(
    "import",
    epilog=examples(
        "data import BTC_2020.parquet BTC_2021.parquet --venue binance --symbol BTC/USDT",
        "data import bars.csv --venue us_equity --symbol AAPL --interval 1d",
    ),
)
def import_(
    files: Annotated[list[Path], typer.Argument(help="Files of bars of one instrument or more.")],
    venue: Annotated[str, typer.Option(help="Where the bars come from, e.g. binance.")],
    symbol: Annotated[
        str | None, typer.Option(help="Instrument; left out where files have a symbol column.")
    ] = None,
    interval: Annotated[
        str | None, typer.Option(help="Bar length, e.g. 1m; read off the times when left out.")
    ] = None,
    calendar: Annotated[
        str | None, typer.Option(help="Trading calendar, e.g. 24/7, XNYS; known for known venues.")
    ] = None,
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Read files of bars into the store. What was there stays; what differs is a revision."""
    from trade_research.research.ingest import import_files

    with progress() as bar:
        task = bar.add_task("reading", total=len(files))
        reports = import_files(
            files,
            store,
            venue=venue,
            symbol=symbol,
            interval=interval,
            calendar=calendar,
            on_file=lambda path: bar.update(task, advance=1, description=path.name),
        )
    if json:
        emit_json(
            "data-import",
            [
                {
                    "name": report.name,
                    "added": report.added,
                    "unchanged": report.unchanged,
                    "revised": report.revised,
                    "version": report.version,
                    "verdicts": report.verdicts,
                }
                for report in reports
            ],
        )
        return
    for report in reports:
        say(
            f"{report.name}: {report.added:,} added, {report.unchanged:,} unchanged, "
            f"{report.revised:,} revised; version {report.version}"
        )
        print_table("flagged in it", by_kind(report.verdicts), empty="nothing")
    say(f"Next: trade-research data check {reports[0].name}")


def by_kind(verdicts: pl.DataFrame) -> pl.DataFrame:
    """Verdicts counted by kind: stretches, rows, first and last."""
    import polars as pl

    return (
        verdicts.group_by("kind")
        .agg(
            pl.len().alias("stretches"),
            pl.col("rows").sum(),
            pl.col("open_time").min().alias("first"),
            pl.col("open_time").max().alias("last"),
        )
        .sort("kind")
    )


@app.command("list", epilog=examples("data list", "data list --json"))
def list_(store: StoreRoot = Path("datasets"), json: JsonFlag = False) -> None:
    """What the store holds: one line an instrument and interval."""
    import polars as pl

    from trade_research.store.store import Store

    catalog = Store(store).catalog()
    if json:
        emit_json("data-list", catalog)
    else:
        shown = catalog.select(
            pl.format("{}:{}@{}", "venue", "symbol", "interval").alias("name"),
            *("calendar", "rows", "start", "end", "version", "bytes"),
        )
        print_table(f"bars in {store}", shown, empty="nothing; `trade-research demo` adds some")


@app.command(epilog=examples("data check", "data check index:SP500@1d --kind outlier"))
def check(
    name: Annotated[
        str | None, typer.Argument(help="Instrument, e.g. binance:BTC/USDT@1m; all when left out.")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="Only this kind, e.g. gap.")] = None,
    limit: Annotated[int, typer.Option(help="Stretches to print in full.")] = 40,
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """What is wrong with stored bars: gaps, zero volume, outliers and the like."""
    import polars as pl

    from trade_research.store.store import Store

    verdicts = Store(store).verdicts(name)
    if kind is not None:
        verdicts = verdicts.filter(pl.col("kind") == kind)
    if json:
        emit_json("data-check", verdicts)
        return
    print_table("verdicts by kind", by_kind(verdicts), empty="nothing is flagged")
    if not verdicts.is_empty():
        print_table("", verdicts.head(limit))
        if verdicts.height > limit:
            say(f"… and {verdicts.height - limit:,} more: --limit {verdicts.height} or --json")


@app.command(
    epilog=examples(
        'data sql "select symbol, count(*) bars, max(high) top from bars group by 1"',
        "data sql \"select * from bars where symbol = 'SP500' limit 5\" --json",
    )
)
def sql(
    query: Annotated[str, typer.Argument(help="One SELECT over the view `bars`.")],
    limit: Annotated[int, typer.Option(help="Rows to print for people.")] = 50,
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Ask the store in DuckDB's SQL, read-only."""
    from trade_research.store.store import Store

    rows = Store(store).sql(query)
    if json:
        emit_json("data-sql", rows)
        return
    print_table("", rows.head(limit), empty="no rows")
    if rows.height > limit:
        say(f"… {rows.height:,} rows in all: --limit or --json shows more")


@app.command(
    epilog=examples(
        "data export index:SP500@1d sp500.parquet",
        "data export index:SP500@1w sp500.csv --since 2010-01-01",
    )
)
def export(
    name: NameArg,
    file: Annotated[Path, typer.Argument(help="Where to write: .parquet, .csv or .feather.")],
    since: Since = None,
    until: Until = None,
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Write stored bars to a plain file for other programs."""
    from trade_research.store.store import Store

    opened = Store(store)
    frame = opened.query(name, utc(since), utc(until)).frame()
    opened.export(frame, file)
    if json:
        emit_json("data-export", {"rows": frame.height}, artifacts={"file": str(file)})
    else:
        say(f"{frame.height:,} bars of {name} written to {file}")
