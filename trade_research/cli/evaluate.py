"""`backtest` and `check`: run a strategy over bars, and prove that it does not cheat."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trade_research.cli.data import Since, Until, utc
from trade_research.cli.defaults import configured_params
from trade_research.cli.output import (
    JsonFlag,
    StoreRoot,
    emit_json,
    examples,
    say,
    working,
)
from trade_research.cli.runs import RunsRoot
from trade_research.errors import ConfigError, ParameterError, nearest

if TYPE_CHECKING:
    from trade_research.research.backtest import Backtest
    from trade_research.strategies.strategy import Strategy

StrategyArg = Annotated[
    str, typer.Argument(help="Name, name:preset, file.py:function or package.module:function.")
]
DataOption = Annotated[
    list[str],
    typer.Option(
        "--data", help="Instrument such as binance:BTC/USDT@1h, once for each; or a file of bars."
    ),
]
Params = Annotated[
    list[str] | None, typer.Option("--param", "-p", help="A parameter, e.g. -p fast=20.")
]
CalendarOption = Annotated[str | None, typer.Option("--calendar", help="For files: 24/7, XNYS, …")]
BACKTEST_EXAMPLES = examples(
    "backtest ma_crossover --data index:SP500@1d -p fast=20 --report reports/ma.html",
    "backtest rsi_reversion:connors --data index:SP500@1d",
    "backtest bollinger --data index:NASDAQ@1d --stop 0.05 --costs index --json",
)
CHECK_EXAMPLES = examples(
    "check ma_crossover --data index:SP500@1d",
    "check my_strategy.py:trend --data index:SP500@1d -p fast=20 --json",
)


def open_data(
    names: list[str],
    since: datetime | None,
    until: datetime | None,
    store: Path,
    interval: str | None,
) -> Any:
    """The query of the instruments named, or the bars of the one file that is."""
    if len(names) == 1 and Path(names[0]).is_file():
        import polars as pl

        from trade_research.sources.files import read_bars

        frame = read_bars(names[0], interval=interval)
        if since is not None:
            frame = frame.filter(pl.col("open_time") >= utc(since))
        return frame if until is None else frame.filter(pl.col("open_time") < utc(until))
    for name in names:
        if "@" not in name:
            raise ConfigError(
                f"--data {name!r} is neither a file nor an instrument like binance:BTC/USDT@1h; "
                "`trade-research data list` shows what is stored"
            )
    from trade_research.store.store import Store

    return Store(store).query(names, utc(since), utc(until))


def parse_params(texts: list[str] | None, strategy: Strategy) -> dict[str, Any]:
    """`name=value` texts, and those of the configuration, as values of the declared types."""
    values: dict[str, Any] = {}
    for text in [*configured_params(strategy.name), *(texts or ())]:
        name, equals, value = text.partition("=")
        if not equals:
            raise ParameterError(f"-p {text!r} is not name=value, e.g. -p fast=20")
        if name not in strategy.params:
            known = nearest(name, strategy.params)
            raise ParameterError(f"{strategy.name} has no parameter {name!r}; {known}")
        values[name] = strategy.params[name].parse(value, strategy.name)
    return values


def backtest(
    strategy: StrategyArg,
    data: DataOption,
    since: Since = None,
    until: Until = None,
    param: Params = None,
    fee_bps: Annotated[float, typer.Option(help="Fee a side, basis points.")] = 10.0,
    spread_bps: Annotated[float, typer.Option(help="Full quoted spread, basis points.")] = 2.0,
    slippage_bps: Annotated[float, typer.Option(help="Slippage a side, basis points.")] = 1.0,
    costs_of: Annotated[
        str | None, typer.Option("--costs", help="A venue's costs instead, e.g. binance.")
    ] = None,
    account: Annotated[
        str, typer.Option(help="spot, margin or perp; perp:3 for three times leverage.")
    ] = "spot",
    cash: Annotated[float, typer.Option(help="Starting cash.")] = 100_000.0,
    delay: Annotated[int, typer.Option(help="Extra bars between decision and fill.")] = 0,
    stop: Annotated[float | None, typer.Option(help="Stop, fraction of the entry price.")] = None,
    take_profit: Annotated[float | None, typer.Option(help="Target, likewise.")] = None,
    trailing: Annotated[float | None, typer.Option(help="Trailing stop, likewise.")] = None,
    max_hold: Annotated[int | None, typer.Option(help="Longest hold, bars.")] = None,
    cooldown: Annotated[int, typer.Option(help="Bars without entry after an exit.")] = 0,
    calendar: CalendarOption = None,
    interval: Annotated[str | None, typer.Option(help="For files: bar length.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write the HTML report here.")] = None,
    gate: Annotated[
        bool, typer.Option("--gate", help="Exit 3 when the verdict is Invalid or No evidence.")
    ] = False,
    save: Annotated[
        bool, typer.Option("--save/--no-save", help="Keep the run with its evidence.")
    ] = True,
    runs: RunsRoot = Path("reports/runs"),
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Run a strategy over bars, costs included; decided at a close, filled at the next open."""
    from trade_research.research.backtest import backtest as run_backtest
    from trade_research.simulate.costs import Costs
    from trade_research.simulate.exits import Exits
    from trade_research.strategies.load import load_strategy

    loaded = load_strategy(strategy)
    costs = Costs.venue(costs_of) if costs_of else Costs(fee_bps, spread_bps, slippage_bps)
    with working("running the strategy"):
        run = run_backtest(
            loaded,
            open_data(data, since, until, store, interval),
            costs=costs,
            exits=Exits(stop, take_profit, trailing, max_hold, cooldown),
            account=account,
            cash=cash,
            delay=delay,
            calendar=calendar,
            **parse_params(param, loaded),
        )
    with working("proving the laws and gathering the evidence"):
        verdict = run.verdict
        artifacts = {"run": str(run.save(runs).folder)} if save else {}
    if report is not None:
        with working("writing the report"):
            artifacts["report"] = str(run.report(report))
    _tell(run, artifacts, json)
    if gate and verdict.word in ("Invalid", "No evidence"):
        raise typer.Exit(3)


def _tell(run: Backtest, artifacts: dict[str, str], json: bool) -> None:
    """What came out, for people or as one JSON document."""
    verdict = run.verdict
    if json:
        found = {
            "verdict": {"word": verdict.word, "sentence": verdict.sentence},
            "metrics": dict(run.metrics),
            "manifest": run.manifest,
        }
        emit_json("backtest", found, warnings=run.warnings, artifacts=artifacts)
        return
    say(repr(run), "", f"{verdict.word}: {verdict.sentence}", "")
    say(*(f"{name + ':':8}{place}" for name, place in artifacts.items()))


def check(
    strategy: StrategyArg,
    data: DataOption,
    since: Since = None,
    until: Until = None,
    param: Params = None,
    seconds: Annotated[
        float, typer.Option(help="Longest that each stage of the search may take.")
    ] = 10.0,
    calendar: CalendarOption = None,
    interval: Annotated[str | None, typer.Option(help="For files: bar length.")] = None,
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Prove the three laws on these bars: no look-ahead, honest warm-up, replay equals backtest.

    Exit code 3 when a law is broken; the leak is named with its bar and smallest example.
    """
    from trade_research.research.check import check as run_check
    from trade_research.strategies.load import load_strategy

    loaded = load_strategy(strategy)
    with working("searching for leaks, replaying bar by bar"):
        found = run_check(
            loaded,
            open_data(data, since, until, store, interval),
            calendar=calendar,
            budget_s=seconds,
            **parse_params(param, loaded),
        )
    if json:
        emit_json("check", found.to_dict(), ok=found.passed)
    else:
        say(str(found))
    if not found.passed:
        raise typer.Exit(3)
