"""`paper`: trade on paper, from stored bars or a venue's."""

from __future__ import annotations

import json as json_text
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trade_research.cli.data import Since, Until, utc
from trade_research.cli.evaluate import CalendarOption, Params, StrategyArg, open_data, parse_params
from trade_research.cli.output import JsonFlag, StoreRoot, emit_json, examples, say
from trade_research.cli.sessions import (
    DEFAULT,
    LogsRoot,
    SessionOption,
    StagesRoot,
    check,
    folder_of,
    read_status,
    release,
    report,
    status,
    stop,
    summary,
)
from trade_research.errors import ConfigError, SessionError

if TYPE_CHECKING:
    from trade_research.live.runner import Ended
    from trade_research.research.feeds import Fundings
    from trade_research.research.paper import Paper

app = typer.Typer(
    help="Trade on paper: the same function, one closed bar at a time.", no_args_is_help=True
)
DEADLINE_S = 1_500.0
_KINDS: dict[str, Callable[[str], object]] = {
    "int": int,
    "bool": {"yes": True, "no": False}.__getitem__,
}


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
    Started again, a session goes on where its journal ends. On a venue's bars it asks itself what
    `paper check` asks, when each day begins: what is not any more what was certified is demoted,
    and takes no new risk until `paper release`. Exit code 3 when it was killed, 4 when it failed.
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
            ended = _live(made, data or [], strategy, stages, store, look)
    now = read_status(made.folder)
    if json:
        emit_json("paper", {"ended": ended.how, "reason": ended.reason, "status": now})
    else:
        say(*summary(now), f"{ended.how}: {ended.reason}", f"journal: {made.folder}")
    if ended.how != "stopped":
        raise typer.Exit(3 if ended.how == "killed" else 4)


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
            changes[name] = value if "str" in kind else _KINDS.get(kind, float)(value)
        except (ValueError, KeyError):
            what = "yes or no" if kind == "bool" else "a number"
            raise ConfigError(f"--limit {text!r}: {value!r} is not {what}") from None
    return Limits.of_cash(cash).but(**changes)


def _embedded(root: Path, since: datetime | None, until: datetime | None) -> Any:
    """The embedded days, of the last three years unless another span was asked for."""
    from trade_research.research.demo import NAME, fill
    from trade_research.store.store import Store

    store = Store(root)
    fill(store)
    return store.query(NAME, utc(since) or datetime(2016, 1, 1, tzinfo=UTC), utc(until))


def _live(
    made: Paper, names: list[str], strategy: str, stages: Path, store: Path, look: Any
) -> Ended:
    """The session on its venues' closed bars, if its strategy was promoted to paper."""
    from trade_research.live.certificate import Certificate
    from trade_research.research.feeds import PerpFeed, feed_of, fundings_for

    if not names or any(Path(name).is_file() for name in names):
        raise SessionError("a live feed needs --data VENUE:SYMBOL@INTERVAL; without one: --replay")
    path = _certificate(made, stages)
    made = replace(made, certificate=Certificate.load(path).hash)
    again = _checks(made, path, strategy, stages, store)
    if made.setup.account.kind != "perp":
        return made.live(lambda _: feed_of(names, made.data.interval), check=again, on_look=look)
    due: list[Fundings] = []

    def funding(since: int) -> Fundings:
        due.append(fundings_for(names, since))
        return due[0]

    def feed(_: int) -> PerpFeed:
        return PerpFeed(feed_of(names, made.data.interval), due[0])

    return made.live(feed, funding=funding, check=again, on_look=look)


def _certificate(made: Paper, stages: Path) -> Path:
    """The certificate that a session began with; of a new one, that led its strategy to paper.

    One that was demoted may go on: what it holds has to be closed.
    """
    from trade_research.live.journal import scan
    from trade_research.live.promotion import CERTIFICATE, folder_of, standing

    start = next(scan(made.folder, []), {})
    if "certificate" in start:
        return folder_of(stages, made.strategy.name, start["certificate"]) / CERTIFICATE
    found = standing(stages, "paper", made.strategy.source_hash, made.params)
    if found is None:
        raise SessionError(
            f"{made.strategy.name} with these parameters was not promoted to paper: "
            "`trade-research certify`, then `promote`; or look at it with --replay first"
        )
    return found


def _checks(
    made: Paper, certificate: Path, strategy: str, stages: Path, store: Path
) -> Callable[[], str]:
    """`paper check` of the session in a process of its own, which takes no bar's time."""
    logs = made.folder if made.name == DEFAULT else made.folder.parent
    words = {"session": made.name, "strategy": strategy, "logs": logs}
    words |= {"stages": stages, "store": store}
    flags = [str(part) for name, word in words.items() for part in (f"--{name}", word)]
    main = [sys.executable, "-c", "from trade_research.cli import main; main()"]
    command = [*main, "paper", "check", str(certificate), *flags, "--json"]

    def check() -> str:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S)
        if ran.returncode not in (0, 3):
            raise SessionError(" ".join(ran.stderr.split()) or f"exit code {ran.returncode}")
        reason: str = json_text.loads(ran.stdout)["data"]["demoted"]
        return reason

    return check


app.command(epilog=examples("paper status", "paper status --session trend --json"))(status)
app.command(epilog=examples("paper stop", "paper stop --session trend"))(stop)
app.command(epilog=examples("paper release", "paper release --session trend"))(release)
app.command(epilog=examples("paper report -o paper.html", "paper report -o p.html --json"))(report)
app.command(epilog=examples("paper check reports/certificates/ma_crossover.json"))(check)
