"""`data fetch|update|sources|symbols|quote`: market data from outside into the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trade_research.cli.output import (
    JsonFlag,
    StoreRoot,
    emit_json,
    examples,
    print_table,
    progress,
    say,
    warn,
)

if TYPE_CHECKING:
    from trade_research.research.download import Wanted
    from trade_research.sources.fetch import Fetched
    from trade_research.sources.source import Quote

FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
FETCH_EXAMPLES = examples(
    "data fetch binance:BTC/USDT@1h --since 2024-01-01",
    "data fetch yahoo:AAPL@1d yahoo:MSFT@1d --all",
    "data fetch binance:BTC/USDT@1m --source archive:/data/binance --since 2021-01-01",
)
UPDATE_EXAMPLES = examples("data update", "data update --list watch.txt")
SOURCES_EXAMPLES = examples(
    "data sources", "data symbols binance --like BTC", "data quote kraken:BTC/USD"
)
Until = Annotated[
    datetime | None, typer.Option(help="First open time left out, UTC; now.", formats=FORMATS)
]
AtOnce = Annotated[int, typer.Option("--jobs", help="Instruments at a time.", min=1, max=32)]


def fetch(
    names: Annotated[list[str], typer.Argument(help="Datasets, e.g. binance:BTC/USDT@1h.")],
    since: Annotated[
        datetime | None,
        typer.Option(help="First open time, UTC; from the last stored bar on.", formats=FORMATS),
    ] = None,
    until: Until = None,
    everything: Annotated[
        bool, typer.Option("--all", help="From the beginning of the source's history.")
    ] = False,
    source: Annotated[
        str | None, typer.Option(help="Who is asked, where it is not the venue in the name.")
    ] = None,
    jobs: AtOnce = 4,
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Fetch bars into the store: only closed ones, resumable, holes asked for again.

    Run it again to go on where it stopped. Exit code 4 when some of it failed.
    """
    from trade_research.errors import ConfigError
    from trade_research.research.download import Wanted
    from trade_research.sources.fetch import BEGINNING

    if everything and since is not None:
        raise ConfigError("say --since or --all, not both")
    begin = BEGINNING if everything else _utc(since)
    _run([Wanted.parse(name, source, begin) for name in names], store, _utc(until), jobs, json)


def update(
    watch: Annotated[
        Path | None,
        typer.Option("--list", help="File of names, `binance:BTC/USDT@1h since 2020-01-01`."),
    ] = None,
    until: Until = None,
    jobs: AtOnce = 4,
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Bring everything up to date: the configuration's `data.watch` and all that was fetched.

    With --list only what the list names. A name without a date that is not stored yet comes from
    the beginning of its source's history.
    """
    from trade_research.research.download import everything, read_watch_list
    from trade_research.settings.in_force import config_in_force
    from trade_research.store.store import Store

    config, opened = config_in_force(), Store(store)
    names = config.data.watch if config is not None else []
    wanted = read_watch_list(watch, opened) if watch else everything(opened, names)
    if not wanted:
        say("nothing was fetched yet: `data fetch` something, give a --list, or fill data.watch")
        return
    _run(wanted, store, _utc(until), jobs, json)


def sources(json: JsonFlag = False) -> None:
    """What can be asked, what it gives, and which key it wants."""
    from trade_research.research.download import list_sources

    rows = list_sources()
    if json:
        emit_json("data-sources", rows)
    else:
        print_table("sources", rows)
        say(
            "also `archive:PLACE` (Binance's public archive, a folder or an address), and any "
            "other exchange by ccxt's name, e.g. `bybit`"
        )


def symbols(
    source: Annotated[str, typer.Argument(help="A source, e.g. binance.")],
    like: Annotated[str | None, typer.Option(help="Only symbols with this text.")] = None,
    limit: Annotated[int, typer.Option(help="Lines to print for people.")] = 40,
    json: JsonFlag = False,
) -> None:
    """What a source can be asked for."""
    import polars as pl

    from trade_research.sources.registry import open_source

    rows = open_source(source).symbols()
    if like is not None:
        text = pl.col("symbol").str.to_lowercase()
        rows = rows.filter(text.str.contains(like.lower(), literal=True))
    if json:
        emit_json("data-symbols", rows)
        return
    print_table(source, rows.head(limit), empty="nothing like that")
    if rows.height > limit:
        say(f"… {rows.height:,} in all: --like narrows, --limit or --json shows more")


def quote(
    names: Annotated[list[str], typer.Argument(help="Instruments, e.g. binance:BTC/USDT.")],
    agree: Annotated[
        bool, typer.Option("--agree", help="The price they agree on; exit code 3 without one.")
    ] = False,
    json: JsonFlag = False,
) -> None:
    """The price now, of one source or several side by side."""
    import polars as pl

    from trade_research.errors import ConfigError
    from trade_research.sources.registry import open_source

    quotes = []
    for name in names:
        source, colon, symbol = name.partition(":")
        if not colon:
            raise ConfigError(f"{name!r} names no source: write binance:{name}")
        quotes.append(open_source(source).quote(symbol))
    if agree:
        _agree(quotes, json)
        return
    columns = ("source", "symbol", "price", "bid", "ask", "spread_bps", "volume_24h", "time")
    frame = pl.DataFrame([{name: getattr(one, name) for name in columns} for one in quotes])
    if json:
        emit_json("data-quote", frame)
    else:
        print_table("", frame)


def _agree(quotes: list[Quote], json: bool) -> None:
    from trade_research.research.quotes import agree_on_quotes

    found = agree_on_quotes(quotes)
    agreed = found.status == "agreed"
    if json:
        emit_json("data-quote-agree", vars(found), ok=agreed)
    else:
        print_table(f"{found.status}: {found.price}" if agreed else found.status, found.quotes)
    if not agreed:
        raise typer.Exit(3)


def _run(wanted: list[Wanted], store: Path, until: datetime | None, jobs: int, json: bool) -> None:
    from trade_research.research.download import download

    with _bars([str(one.name) for one in wanted]) as moved:
        done = download(wanted, store, until=until, at_once=jobs, progress=moved)
    failed = [one for one in done if one.error]
    if json:
        emit_json(
            "data-fetch",
            [vars(one) for one in done],
            ok=not failed,
            warnings=[note for one in done for note in one.notes],
        )
    else:
        _print(done)
    if failed:
        raise typer.Exit(4 if len(failed) < len(done) or any(one.added for one in failed) else 1)


def _print(done: list[Fetched]) -> None:
    for one in done:
        span = f", {one.first:%F} to {one.last:%F %H:%M}" if one.first and one.last else ""
        gaps = f"; {one.missing:,} expected bars are missing" if one.missing else ""
        say(
            f"{one.name}: {one.added:,} added, {one.unchanged:,} unchanged, {one.revised:,} "
            f"revised{span}{gaps}"
        )
        for note in one.notes:
            say(f"  note: {note}")
        if one.error:
            warn(f"error: {one.error}")
    if any(one.added for one in done):
        say(f"Next: trade-research data quality {done[0].name}")


@contextmanager
def _bars(names: list[str]) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar for each dataset that is being fetched."""
    with progress() as shown:
        tasks = {name: shown.add_task(name, total=None, start=False) for name in names}

        def moved(name: str, done: int, total: int) -> None:
            shown.start_task(tasks[name])
            shown.update(tasks[name], completed=done, total=total)

        yield moved


def _utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.replace(tzinfo=time.tzinfo or UTC)
