"""`paper books`: trade on paper on an order book, a venue's as it happens or a stored one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trade_research.cli.books import Since, Until
from trade_research.cli.data import utc
from trade_research.cli.evaluate import Params, parse_params
from trade_research.cli.output import JsonFlag, StoreRoot, emit_json, examples, say
from trade_research.cli.paper import limits_of
from trade_research.cli.sessions import (
    DEFAULT,
    LogsRoot,
    SessionOption,
    StagesRoot,
    folder_of,
    read_status,
    summary,
)
from trade_research.errors import SessionError

if TYPE_CHECKING:
    from trade_research.research.book_paper import BookPaper

BOOKS_EXAMPLES = examples(
    "paper books demo DEMO/USD --replay --session book",
    "paper books binance BTC/USDT --strategy l2_imbalance -p buy=4 --for 8h --session btc",
)


def books(
    venue: Annotated[str, typer.Argument(help="Where the books are from, e.g. binance.")],
    symbol: Annotated[str, typer.Argument(help="Instrument, e.g. BTC/USDT.")],
    strategy: Annotated[
        str, typer.Option(help="A shipped strategy or FILE.py:FUNCTION.")
    ] = "l2_imbalance",
    replay: Annotated[
        bool, typer.Option("--replay", help="Stored books as if they came now; no network.")
    ] = False,
    speed: Annotated[
        float, typer.Option(help="With --replay: seconds of market in a second; 0: all there is.")
    ] = 0.0,
    since: Since = None,
    until: Until = None,
    duration: Annotated[
        str | None, typer.Option("--for", help="How long, e.g. 8h; until stopped when left out.")
    ] = None,
    depth: Annotated[int, typer.Option(help="Levels a side to record and to read.")] = 20,
    every: Annotated[str, typer.Option(help="Time between rows, whole milliseconds.")] = "100ms",
    param: Params = None,
    cash: Annotated[float, typer.Option(help="Paper money at the start.")] = 100_000.0,
    fee_bps: Annotated[float, typer.Option(help="Taker fee, basis points a side.")] = 10.0,
    latency: Annotated[str, typer.Option(help="From a book to an order's arrival.")] = "50ms",
    account: Annotated[str, typer.Option(help="spot or margin.")] = "margin",
    limit: Annotated[
        list[str] | None, typer.Option("--limit", help="A risk limit, e.g. max_daily_loss=500.")
    ] = None,
    session: SessionOption = DEFAULT,
    logs: LogsRoot = Path("logs"),
    stages: StagesRoot = Path("reports/stages"),
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
    to: Annotated[str, typer.Option(hidden=True)] = "",
) -> None:
    """Run a strategy on an order book with paper money until `paper stop`, Ctrl-C or `kill`.

    Every book is proven by the venue's sequence and recorded into the store before anything that
    it leads to is on record; where it cannot be proven, nothing is traded. Orders walk the recorded
    book at their arrival. Started again, a session goes on where its journal ends; `paper status`,
    `stop`, `release`, `report`, `kill` and `audit` work on it. Exit code 3 when it was killed, 4
    when it failed.
    """
    from trade_research.cli.defaults import configured_limits
    from trade_research.cli.screens import watching
    from trade_research.research.book_paper import BookPaper
    from trade_research.research.books import BookSetup
    from trade_research.simulate.costs import Costs
    from trade_research.store.store import Store
    from trade_research.strategies.load import load_strategy

    loaded = load_strategy(strategy)
    costs = Costs(fee_bps=fee_bps)
    made = BookPaper(
        name=session,
        folder=folder_of(logs, session),
        strategy=loaded,
        params=loaded.bind(**parse_params(param, loaded)),
        venue=venue,
        symbol=symbol,
        setup=BookSetup.of(loaded, costs=costs, account=account, cash=cash, latency=latency),
        limits=limits_of(cash, [*configured_limits(cash), *(limit or ())]),
    )
    with watching(quiet=json) as look:
        if replay:
            stream = Store(store).book_stream(
                symbol, utc(since), utc(until), depth=depth, venue=venue
            )
            ended, _ = made.replay(stream, speed=speed, on_look=look)
        else:
            check_promoted(made, stages)
            ended, _ = made.live(
                store=store, depth=depth, every=every, duration=duration, on_look=look, to=to
            )
    now: dict[str, Any] = read_status(made.folder)
    if json:
        emit_json("paper-books", {"ended": ended.how, "reason": ended.reason, "status": now})
    else:
        say(*summary(now), f"{ended.how}: {ended.reason}", f"journal: {made.folder}")
    if ended.how != "stopped":
        raise typer.Exit(3 if ended.how == "killed" else 4)


def check_promoted(made: BookPaper, stages: Path) -> None:
    """Refuse a strategy on a venue's book that was not promoted to paper."""
    from trade_research.live.promotion import standing

    if standing(stages, "paper", made.strategy.source_hash, made.params) is None:
        name, books = made.strategy.name, f"{made.venue}:{made.symbol}@books"
        raise SessionError(
            f"{name} with these parameters was not promoted to paper: `trade-research certify "
            f"{name} --data {books}`, then `promote`; or look at it with --replay first"
        )
