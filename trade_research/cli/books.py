"""`books import|record|list|check|replay`: books in, what is there, what is wrong, a run on it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trade_research.cli.data import FORMATS, utc
from trade_research.cli.output import (
    JsonFlag,
    StoreRoot,
    emit_json,
    examples,
    print_table,
    say,
    working,
)

if TYPE_CHECKING:
    import polars as pl

app = typer.Typer(
    help="Order books in the store: import, record, list, check, replay.", no_args_is_help=True
)
Symbol = Annotated[str, typer.Argument(help="Instrument, e.g. BTC/USDT.")]
Venue = Annotated[str | None, typer.Option(help="Needed where several venues have the symbol.")]
Since = Annotated[datetime | None, typer.Option(help="First time, UTC.", formats=FORMATS)]
Until = Annotated[datetime | None, typer.Option(help="First time left out, UTC.", formats=FORMATS)]


@app.command(
    "import",
    epilog=examples(
        "books import l2_BTCUSDT_20240101.jsonl --venue binanceus --symbol BTC/USDT",
    ),
)
def import_(
    files: Annotated[list[Path], typer.Argument(help="Recordings that follow one another.")],
    venue: Annotated[str, typer.Option(help="Where they come from, e.g. binance_usdm.")],
    symbol: Annotated[str, typer.Option(help="Instrument, e.g. BTC/USDT:USDT.")],
    format: Annotated[
        str | None, typer.Option(help="Format; told from the file when left out.")
    ] = None,
    every: Annotated[str, typer.Option(help="Time between rows; 'all' keeps every change.")] = (
        "100ms"
    ),
    depth: Annotated[int, typer.Option(help="Levels a side.")] = 20,
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Read recordings of order books and trades into the store."""
    from trade_research.sources.books import read_books
    from trade_research.store.store import Store

    with working("rebuilding the books"):
        found = read_books(
            files, format=format, every=None if every == "all" else every, depth=depth
        )
        target, source = Store(store), ", ".join(path.name for path in files)
        reports = []
        if found.books.height:
            reports.append(target.write_books(found, venue=venue, symbol=symbol, source=source))
        if found.trades.height:
            reports.append(
                target.write_trades(found.trades, venue=venue, symbol=symbol, source=source)
            )
    if json:
        rows = [
            {
                "name": report.name,
                "added": report.added,
                "unchanged": report.unchanged,
                "revised": report.revised,
                "version": report.version,
            }
            for report in reports
        ]
        emit_json("books-import", {"written": rows, "verdicts": found.verdicts})
        return
    for report in reports:
        say(
            f"{report.name}: {report.added:,} added, {report.unchanged:,} unchanged, "
            f"{report.revised:,} revised; version {report.version}"
        )
    print_table("flagged in it", by_kind(found.verdicts), empty="nothing")
    say(f"Next: trade-research books replay {symbol} --strategy l2_imbalance")


@app.command(
    epilog=examples(
        "books record --venue binance --symbol BTC/USDT",
        "books record --venue binance_usdm --symbol BTC/USDT:USDT --for 30m --flush 2s",
    )
)
def record(
    venue: Annotated[str, typer.Option(help="binance, binance_usdm, kraken_futures.")],
    symbol: Annotated[str, typer.Option(help="Instrument, e.g. BTC/USDT.")],
    depth: Annotated[int, typer.Option(help="Levels a side.")] = 20,
    every: Annotated[str, typer.Option(help="Time between rows, whole milliseconds.")] = "100ms",
    duration: Annotated[
        str | None, typer.Option("--for", help="How long, e.g. 30m; until Ctrl-C when left out.")
    ] = None,
    flush: Annotated[str, typer.Option(help="Most that a crash loses.")] = "10s",
    commit: Annotated[str, typer.Option(help="After so long readers see what is new.")] = "10m",
    to: Annotated[str, typer.Option(hidden=True)] = "",
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Record an order book and its trades as they happen, until Ctrl-C or the end of --for.

    Every stored book was proven by the venue's own sequence; where a message is missing the book is
    marked as unknown. Started again, a recording goes on where it ended.
    """
    from trade_research.cli.recording import stopping, watching
    from trade_research.research.record import record_books

    with stopping() as over, watching(f"{venue}:{symbol}") as show:
        done = record_books(
            venue, symbol, store=store, depth=depth, every=every, duration=duration, flush=flush,
            commit=commit, to=to, on_look=lambda status, wrong: show(status, wrong) or over(),
        )  # fmt: skip
    if json:
        emit_json("books-record", asdict(done))
        return
    say(
        f"{venue}:{symbol}: {done.rows:,} books, {done.trades:,} trades; {done.gaps:,} gaps, "
        f"{done.losses:,} times without a book, all marked"
    )
    say(f"Next: trade-research books check {symbol}")


@app.command("list", epilog=examples("books list", "books list --json"))
def list_(store: StoreRoot = Path("datasets"), json: JsonFlag = False) -> None:
    """What the store holds: one line for each instrument's books and trades."""
    from trade_research.store.store import Store

    catalog = Store(store).book_catalog()
    if json:
        emit_json("books-list", catalog)
        return
    shown = catalog.drop("source")
    print_table(f"books in {store}", shown, empty="none; `trade-research demo --books` makes some")


@app.command(epilog=examples("books check DEMO/USD", "books check DEMO/USD --json"))
def check(
    symbol: Symbol,
    venue: Venue = None,
    limit: Annotated[int, typer.Option(help="Stretches to print in full.")] = 40,
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """What is wrong with stored books: gaps, crossed or one-sided, silence, skewed clocks."""
    from trade_research.store.store import Store

    verdicts = Store(store).book_verdicts(symbol, venue)
    if json:
        emit_json("books-check", verdicts)
        return
    print_table("verdicts by kind", by_kind(verdicts), empty="nothing is flagged")
    if not verdicts.is_empty():
        print_table("", verdicts.head(limit))


@app.command(
    epilog=examples(
        "books replay DEMO/USD --strategy l2_imbalance",
        "books replay DEMO/USD --fee-bps 0.5 --latency 200ms --report reports/book.html",
    )
)
def replay(
    symbol: Symbol,
    strategy: Annotated[
        str, typer.Option(help="A shipped strategy or FILE.py:FUNCTION.")
    ] = "l2_imbalance",
    venue: Venue = None,
    since: Since = None,
    until: Until = None,
    depth: Annotated[int, typer.Option(help="Levels a side to read.")] = 5,
    fee_bps: Annotated[float, typer.Option(help="Taker fee, basis points a side.")] = 10.0,
    latency: Annotated[str, typer.Option(help="From a book to an order's arrival.")] = "50ms",
    account: Annotated[str, typer.Option(help="spot or margin.")] = "margin",
    cash: Annotated[float, typer.Option(help="Money at the start.")] = 100_000.0,
    report: Annotated[Path | None, typer.Option(help="Write the page here.")] = None,
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Run a strategy over stored books, in event time, walking what was recorded."""
    from trade_research.research.books import backtest_books
    from trade_research.simulate.costs import Costs
    from trade_research.store.store import Store
    from trade_research.strategies.load import load_strategy

    with working("replaying"):
        books = Store(store).books(symbol, utc(since), utc(until), depth=depth, venue=venue)
        run = backtest_books(
            load_strategy(strategy), books, costs=Costs(fee_bps=fee_bps), account=account,
            cash=cash, latency=latency, symbol=symbol,
        )  # fmt: skip
        page = None if report is None else run.report(report)
    if json:
        artifacts = {} if page is None else {"report": str(page)}
        emit_json("books-replay", run.metrics, warnings=run.warnings, artifacts=artifacts)
        return
    say(repr(run))
    if page is not None:
        say(f"report: {page}")


def by_kind(verdicts: pl.DataFrame) -> pl.DataFrame:
    """Verdicts counted by kind: stretches, rows, first and last."""
    import polars as pl

    return (
        verdicts.group_by("kind")
        .agg(
            pl.len().alias("stretches"),
            pl.col("rows").sum(),
            pl.col("time").min().alias("first"),
            pl.col("end_time").max().alias("last"),
        )
        .sort("kind")
    )


def demo_books(store: Path, report: Path, *, as_json: bool) -> None:
    """The demo over order books: a made-up market stored, traded and reported."""
    from trade_research.research.book_demo import run_book_demo

    with working("making a market, storing it, trading it"):
        made = run_book_demo(store, report)
    if as_json:
        emit_json("demo-books", made.run.metrics, warnings=made.run.warnings,
                  artifacts={"report": str(made.report), "store": str(store)})  # fmt: skip
        return
    for written in made.written:
        say(f"{written.name}: {written.added:,} new, {written.unchanged:,} there already")
    say("", repr(made.run), "", f"report: {made.report}")
    say("next:   trade-research books replay DEMO/USD --fee-bps 0")
