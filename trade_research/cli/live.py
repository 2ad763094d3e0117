"""`live`: trade real money, where everything that has to be so is so."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trade_research.cli import sessions
from trade_research.cli.data import Since
from trade_research.cli.evaluate import Params, StrategyArg, open_data, parse_params
from trade_research.cli.output import JsonFlag, StoreRoot, emit_json, examples, say
from trade_research.cli.paper import limits_of
from trade_research.cli.sessions import LogsRoot, SessionOption, StagesRoot, folder_of
from trade_research.errors import SessionError

if TYPE_CHECKING:
    from trade_research.brokers.order_port import OrderPort
    from trade_research.settings.schema import Config

VENUE, LIVE = "binance", "live"
PARTIAL = 4

app = typer.Typer(
    help="Trade real money on Binance spot: guarded, journaled, closed by one command.",
    no_args_is_help=True,
)
Accepts = Annotated[
    bool, typer.Option("--i-accept-real-orders", help="Orders are sent and cost money.")
]


@app.command(epilog=examples("live run --account-id 35471100 --i-accept-real-orders"))
def run(
    strategy: StrategyArg = "ma_crossover",
    data: Annotated[
        list[str] | None, typer.Option("--data", help="Instrument, once for each.")
    ] = None,
    account_id: Annotated[
        str, typer.Option("--account-id", help="Of the account, as the venue shows it.")
    ] = "",
    accepts: Accepts = False,
    since: Since = None,
    param: Params = None,
    session: SessionOption = LIVE,
    logs: LogsRoot = Path("logs"),
    stages: StagesRoot = Path("reports/stages"),
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Trade a strategy that was promoted to live, with real orders, until stopped or killed.

    It needs all of: a configuration with mode live and every limit of risk, the flag, the variable
    TRADE_RESEARCH_LIVE=1, the account's id typed, a key that cannot withdraw, the stage live. The
    session has the account for itself, which begins with money only. Stopped, it keeps what it
    holds; started again, it goes on. Exit code 3 when it was killed, 4 when it failed.
    """
    from trade_research.cli.defaults import configured_limits
    from trade_research.cli.screens import watching
    from trade_research.live.guard import check_account, check_willing
    from trade_research.live.promotion import standing
    from trade_research.research.data import read_data
    from trade_research.research.feeds import feed_of
    from trade_research.research.trading import Trading, account_of
    from trade_research.settings.in_force import config_in_force
    from trade_research.strategies.load import load_strategy

    config, loaded = config_in_force(), load_strategy(strategy)
    bound = loaded.bind(**parse_params(param, loaded))
    stage = standing(stages, LIVE, loaded.source_hash, bound)
    config = check_willing(
        config, accepts=accepts, environ=os.environ, is_promoted=stage is not None
    )
    names = data or []
    symbols = _symbols(names, config)
    port = opened(symbols)(False)
    found = check_account(port, account_id)
    folder = folder_of(logs, session)
    account = account_of(port, found, folder)
    bars = read_data(open_data(names, since, None, store, None), None)
    made = Trading(
        name=session,
        folder=folder,
        strategy=loaded,
        params=bound,
        data=bars,
        setup=_setup(config, account["cash"]),
        limits=limits_of(config.cash, configured_limits(config.cash)),
        account=account,
        open_port=opened(symbols),
    )
    with watching(quiet=json) as look:
        ended = made.live(lambda _: feed_of(names, bars.interval), on_look=look)
    now = sessions.read_status(folder)
    if json:
        emit_json("live", {"ended": ended.how, "reason": ended.reason, "status": now})
    else:
        say(*sessions.summary(now), f"{ended.how}: {ended.reason}", f"journal: {folder}")
    if ended.how != "stopped":
        raise typer.Exit(3 if ended.how == "killed" else PARTIAL)


@app.command(epilog=examples("live flatten --i-accept-real-orders --symbol BTC/USDT"))
def flatten(
    symbol: Annotated[
        list[str] | None, typer.Option("--symbol", help="As the configuration; once for each.")
    ] = None,
    accepts: Accepts = False,
    session: SessionOption = LIVE,
    logs: LogsRoot = Path("logs"),
    json: JsonFlag = False,
) -> None:
    """Kill the session, cancel every open order and sell everything, by a connection of its own.

    For a trader that hangs or is gone: it needs neither strategy nor bars nor journal. Takes some
    seconds more, for orders that may still come. Exit code 4 when something is left.
    """
    from trade_research.brokers.emergency import flatten as close
    from trade_research.live.guard import check_accepted
    from trade_research.live.latch import Latch
    from trade_research.settings.in_force import config_in_force

    check_accepted(accepts, os.environ)
    config, folder = config_in_force(), folder_of(logs, session)
    symbols = symbol or (config.symbols if config is not None else [])
    if not symbols:
        raise SessionError("name what is to be sold: --symbol BTC/USDT")
    if folder.is_dir():
        Latch(folder).set(os.environ.get("USER") or "somebody", "flatten by hand")
    flat = close(opened(symbols)(True), session)
    told = {"is_flat": flat.is_flat, "left": flat.left, "dust": flat.dust}
    if json:
        emit_json("live-flatten", told | {"problems": flat.problems}, ok=flat.is_flat)
    else:
        say("the account is flat" if flat.is_flat else f"NOT flat, left: {flat.left or 'unknown'}")
        say(f"too little to sell: {flat.dust or 'nothing'}", *flat.problems[-3:])
    if not flat.is_flat:
        raise typer.Exit(PARTIAL)


def opened(symbols: list[str]) -> Callable[[bool], OrderPort]:
    """Opens connected ports to the account of the keys; with True, one that waits for nothing."""
    from trade_research.brokers.order_port import OrderPort
    from trade_research.settings.keys import need_secret
    from trade_research.sources.registry import STAND_IN

    key, secret = need_secret(VENUE, "key"), need_secret(VENUE, "secret")

    def open_port(is_urgent: bool) -> OrderPort:
        to = os.environ.get(STAND_IN, "")
        port = OrderPort(key, secret, symbols, to=to, is_patient=not is_urgent)
        port.connect()
        return port

    return open_port


def _symbols(names: list[str], config: Config) -> list[str]:
    """The venue's symbols of the instruments, which have to be of the one that is traded."""
    symbols = [name.partition(":")[2].rpartition("@")[0] for name in names]
    if not names or any(name.partition(":")[0] != VENUE for name in names) or not all(symbols):
        raise SessionError(f"real orders go to {VENUE} spot: --data {VENUE}:BTC/USDT@1h")
    if config.account != "spot":
        raise SessionError(f"real orders are for account: spot, not {config.account!r}")
    return symbols


def _setup(config: Config, cash: float) -> Any:
    from trade_research.research.setup import Setup
    from trade_research.simulate.accounts import Account
    from trade_research.simulate.costs import Costs

    costs = config.costs
    return Setup(
        costs=Costs(costs.fee_bps, costs.spread_bps, costs.slippage_bps),
        account=Account.of("spot"),
        exits=None,
        rules=None,
        cash=cash,
        fill="next_open",
        delay=0,
        rebalance=None,
        finalize=False,
    )


def _of_live(command: Callable[..., None]) -> Callable[..., None]:
    """A command about sessions, meaning `live` unless another is named."""

    @wraps(command)
    def made(**given: Any) -> None:
        command(**given)

    signature = inspect.signature(command)
    changed = [
        p.replace(default=LIVE) if p.name == "session" else p for p in signature.parameters.values()
    ]
    made.__signature__ = signature.replace(parameters=changed)  # type: ignore[attr-defined]
    return made


app.command(epilog=examples("live status", "live status --json"))(_of_live(sessions.status))
app.command(epilog=examples("live stop"))(_of_live(sessions.stop))
app.command(epilog=examples("live release"))(_of_live(sessions.release))
app.command(epilog=examples("live kill --reason 'venue is down'"))(_of_live(sessions.kill))
