"""`paper` and `kill`: trade on paper, look at it, and end it."""

from __future__ import annotations

import json as json_text
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trade_research.cli.data import Since, Until, utc
from trade_research.cli.evaluate import CalendarOption, Params, StrategyArg, open_data, parse_params
from trade_research.cli.output import JsonFlag, StoreRoot, emit_json, examples, say
from trade_research.errors import ConfigError, SessionError

if TYPE_CHECKING:
    from trade_research.live.runner import Ended
    from trade_research.research.feeds import Fundings
    from trade_research.research.paper import Paper

SessionOption = Annotated[
    str, typer.Option("--session", help="Name of the session; its journal lies in LOGS/NAME.")
]
LogsRoot = Annotated[
    Path, typer.Option("--logs", envvar="TRADE_RESEARCH_LOGS", help="Folder of the journals.")
]
StagesRoot = Annotated[Path, typer.Option("--stages", help="Folder of the stages.")]
DEFAULT = "paper"

app = typer.Typer(
    help="Trade on paper: the same function, one closed bar at a time.", no_args_is_help=True
)


def folder_of(logs: Path, session: str) -> Path:
    """Where a session's journal lies: the first's in the folder itself, others' below it."""
    if not session or not all(c.isalnum() or c in "-_" for c in session) or len(session) > 64:
        raise ConfigError(f"--session {session!r}: use letters, digits, - and _, 64 at most")
    return logs if session == DEFAULT else logs / session


@app.command(
    epilog=examples(
        "paper run ma_crossover --replay",
        "paper run my_strategy.py:trend --data index:SP500@1d --replay --session mine",
    )
)
def run(
    strategy: StrategyArg = "ma_crossover",
    data: Annotated[
        list[str] | None, typer.Option("--data", help="Instrument, once for each; embedded days.")
    ] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Stored bars as if they closed now; no network.")
    ] = False,
    speed: Annotated[
        float, typer.Option(help="With --replay: seconds of market in a second; 0: all there is.")
    ] = 0.0,
    since: Since = None,
    until: Until = None,
    param: Params = None,
    cash: Annotated[float, typer.Option(help="Paper money at the start.")] = 100_000.0,
    fee_bps: Annotated[float, typer.Option(help="Fee a side, basis points.")] = 10.0,
    spread_bps: Annotated[float, typer.Option(help="Full quoted spread, basis points.")] = 2.0,
    slippage_bps: Annotated[float, typer.Option(help="Slippage a side, basis points.")] = 1.0,
    costs_of: Annotated[
        str | None, typer.Option("--costs", help="A venue's costs instead, e.g. binance.")
    ] = None,
    account: Annotated[str, typer.Option(help="spot, margin or perp.")] = "spot",
    limit: Annotated[
        list[str] | None, typer.Option("--limit", help="A risk limit, e.g. max_daily_loss=500.")
    ] = None,
    session: SessionOption = DEFAULT,
    logs: LogsRoot = Path("logs"),
    stages: StagesRoot = Path("reports/stages"),
    calendar: CalendarOption = None,
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Run a strategy on paper until the bars end, `paper stop`, Ctrl-C or `kill`.

    Limits are those of `Limits.of_cash` unless the configuration or --limit says otherwise.
    Started again, a session goes on where its journal ends. Exit code 3 when it was killed, 4 when
    it failed.
    """
    from trade_research.cli.defaults import configured_limits
    from trade_research.cli.screens import watching
    from trade_research.research.data import funded, read_data
    from trade_research.research.paper import Paper
    from trade_research.research.setup import Setup
    from trade_research.simulate.accounts import Account
    from trade_research.simulate.costs import Costs
    from trade_research.strategies.load import load_strategy

    loaded = load_strategy(strategy)
    bars = open_data(data, since, until, store, None) if data else _embedded(store, since, until)
    made = Paper(
        name=session,
        folder=folder_of(logs, session),
        strategy=loaded,
        params=loaded.bind(**parse_params(param, loaded)),
        data=funded(read_data(bars, calendar), account=account, reads=loaded.reads),
        setup=Setup(
            costs=Costs.venue(costs_of) if costs_of else Costs(fee_bps, spread_bps, slippage_bps),
            account=Account.of(account),
            exits=None,
            rules=None,
            cash=cash,
            fill="next_open",
            delay=0,
            rebalance=None,
            finalize=False,
        ),
        limits=limits_of(cash, [*configured_limits(cash), *(limit or ())]),
    )
    with watching(quiet=json) as look:
        if replay:
            ended = made.replay(speed=speed, on_look=look)
        else:
            ended = _live(made, data or [], stages, look)
    status = read_status(made.folder)
    if json:
        emit_json("paper", {"ended": ended.how, "reason": ended.reason, "status": status})
    else:
        say(*summary(status), f"{ended.how}: {ended.reason}", f"journal: {made.folder}")
    if ended.how != "stopped":
        raise typer.Exit(3 if ended.how == "killed" else 4)


@app.command(epilog=examples("paper status", "paper status --session trend --json"))
def status(
    session: SessionOption = DEFAULT,
    logs: LogsRoot = Path("logs"),
    watch: Annotated[bool, typer.Option("--watch", help="Until Ctrl-C, once a second.")] = False,
    json: JsonFlag = False,
) -> None:
    """What a session holds, has made and is doing."""
    from trade_research.cli.screens import screen

    folder = folder_of(logs, session)
    if watch and not json:
        from rich.live import Live

        with Live(screen(read_status(folder)), screen=True, refresh_per_second=2) as live:
            while True:
                time.sleep(1.0)
                live.update(screen(read_status(folder)))
    found = read_status(folder)
    if json:
        emit_json("paper-status", found)
    else:
        say(*summary(found))


@app.command(epilog=examples("paper stop", "paper stop --session trend"))
def stop(session: SessionOption = DEFAULT, logs: LogsRoot = Path("logs")) -> None:
    """Ask a session to end after the bar it is at; positions stay as they are."""
    found = read_status(folder_of(logs, session))
    if not is_alive(found):
        raise SessionError(f"session {session!r} is not running")
    os.kill(found["pid"], signal.SIGTERM)
    say(f"session {session!r} was asked to stop")


StrategyFile = Annotated[
    str | None, typer.Option("--strategy", help="Its file, FILE.py:name, if it is not shipped.")
]


@app.command(epilog=examples("paper report -o paper.html", "paper report -o p.html --json"))
def report(
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the page goes.")],
    session: SessionOption = DEFAULT,
    strategy: StrategyFile = None,
    logs: LogsRoot = Path("logs"),
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """The page of a session, as of a backtest: its money, trades and evidence, from its journal."""
    from trade_research.research.relived import read_session

    found = read_session(folder_of(logs, session), strategy=strategy, store=store)
    path = found.run.report(out)
    if json:
        told = {"refusals": found.refusals, "errors": found.errors, "difference": found.difference}
        emit_json("paper-report", told, artifacts={"report": str(path)})
        return
    same = found.difference and f"differs from a backtest without limits: {found.difference}"
    say(
        f"{len(found.run.fills):,} fills; {same or 'equal to the backtest of the same bars'}",
        f"refused by risk: {found.refusals:,}; failures of the strategy: {found.errors:,}",
        f"report: {path}",
    )


@app.command(epilog=examples("paper check reports/certificates/ma_crossover.json"))
def check(
    certificate: Annotated[Path, typer.Argument(help="What the session was promoted with.")],
    session: SessionOption = DEFAULT,
    strategy: StrategyFile = None,
    logs: LogsRoot = Path("logs"),
    stages: StagesRoot = Path("reports/stages"),
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Is a session still what was certified? Once a day; exit code 3 and demoted when it is not."""
    from trade_research.live.certificate import Certificate
    from trade_research.live.promotion import recheck
    from trade_research.research.relived import paper_facts, read_session

    found = Certificate.load(certificate)
    again = read_session(folder_of(logs, session), strategy=strategy, store=store)
    facts = paper_facts(again, found)
    reason = recheck(found, stages, facts)
    if json:
        emit_json("paper-check", dict(facts) | {"demoted": reason}, ok=not reason)
    else:
        say(
            f"days: {facts['days']}; parity: {facts['difference'] or 'equal'}",
            f"drift: {facts['drift']}",
            f"demoted: {reason}" if reason else "it stays where it is",
        )
    if reason:
        raise typer.Exit(3)


def kill(
    session: SessionOption = DEFAULT,
    reason: Annotated[str, typer.Option(help="For the record.")] = "by hand",
    logs: LogsRoot = Path("logs"),
) -> None:
    """Set a session's kill latch: nothing new is ordered, everything is closed, for good.

    The latch is on the disk when this returns, whether the session runs, hangs or is stopped.
    """
    from trade_research.live.latch import Latch

    folder = folder_of(logs, session)
    if not folder.is_dir():
        raise SessionError(f"there is no session {session!r} in {logs}")
    by = os.environ.get("USER") or "somebody"
    first = Latch(folder).set(by, reason[:400])
    say(f"the kill latch of {session!r} is {'set' if first else 'set already'}")


def limits_of(cash: float, texts: list[str] | None) -> Any:
    """`Limits.of_cash` with what `name=value` texts change."""
    from trade_research.risk.limits import Limits

    changes: dict[str, Any] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--limit {text!r} is not name=value, e.g. max_daily_loss=500")
        kind = Limits.__annotations__.get(name, "float")
        try:
            changes[name] = (
                value if "str" in kind else int(value) if kind == "int" else float(value)
            )
        except ValueError:
            raise ConfigError(f"--limit {text!r}: {value!r} is not a number") from None
    return Limits.of_cash(cash).but(**changes)


def read_status(folder: Path) -> dict[str, Any]:
    """The last status a session wrote."""
    try:
        found: dict[str, Any] = json_text.loads((folder / "status.json").read_text())
    except FileNotFoundError:
        raise SessionError(f"no session has run in {folder}; start one: `paper run`") from None
    except (OSError, ValueError) as error:
        raise SessionError(f"the status in {folder} cannot be read: {error}") from error
    return found


def is_alive(found: dict[str, Any]) -> bool:
    """Whether the process that wrote a status still runs."""
    if not found.get("is_running"):
        return False
    try:
        os.kill(found["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def summary(found: dict[str, Any]) -> list[str]:
    """A status in a few lines."""
    held = ", ".join(f"{symbol} {units:g}" for symbol, units in found["positions"].items())
    last = datetime.fromtimestamp(max(found["last_open_us"], 0) / 1e6).astimezone()
    lines = [
        f"session {found['session']}: {'running' if is_alive(found) else 'not running'}",
        f"  bars      {found['rows']:,}, the last opened {last:%Y-%m-%d %H:%M %Z}",
        f"  equity    {found['equity']:,.2f}  (today {found['day_pnl']:+,.2f}, "
        f"{found['drawdown']:,.2f} under the peak)",
        f"  holds     {held or 'nothing'}",
        f"  orders    {found['orders_today']} today; latch: {found['latch'] or 'none'}",
        f"  records   {found['records']:,}, head {found['head']}",
    ]
    if found["strategy_errors"]:
        lines.append(f"  errors    {found['strategy_errors']} of the strategy: `audit show`")
    return lines


def _embedded(root: Path, since: datetime | None, until: datetime | None) -> Any:
    """The embedded days, of the last three years unless another span was asked for."""
    from trade_research.research.demo import NAME, fill
    from trade_research.store.store import Store

    store = Store(root)
    fill(store)
    return store.query(NAME, utc(since) or datetime(2016, 1, 1, tzinfo=UTC), utc(until))


def _live(made: Paper, names: list[str], stages: Path, look: Any) -> Ended:
    """The session on its venues' closed bars, if its strategy was promoted to paper."""
    from trade_research.live.promotion import is_promoted
    from trade_research.research.feeds import PerpFeed, feed_of, fundings_for

    if not names or any(Path(name).is_file() for name in names):
        raise SessionError("a live feed needs --data VENUE:SYMBOL@INTERVAL; without one: --replay")
    if not is_promoted(stages, "paper", made.strategy.source_hash, made.params):
        raise SessionError(
            f"{made.strategy.name} with these parameters was not promoted to paper: "
            "`trade-research certify`, then `promote`; or look at it with --replay first"
        )
    if made.setup.account.kind != "perp":
        return made.live(lambda _: feed_of(names, made.data.interval), on_look=look)
    due: list[Fundings] = []

    def funding(since: int) -> Fundings:
        due.append(fundings_for(names, since))
        return due[0]

    def feed(_: int) -> PerpFeed:
        return PerpFeed(feed_of(names, made.data.interval), due[0])

    return made.live(feed, funding=funding, on_look=look)
