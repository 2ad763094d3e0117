"""`walkforward`: parameters chosen on past bars, traded on the next, again and again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trade_research.cli.axes import Axes, WhereOption, parse_axes
from trade_research.cli.data import Since, Until
from trade_research.cli.evaluate import (
    CalendarOption,
    DataOption,
    StrategyArg,
    open_data,
)
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
    from trade_research.evidence.causality import CausalityVerdict
    from trade_research.research.walked import WalkForward

WALK_EXAMPLES = examples(
    "walkforward ma_crossover --data index:SP500@1d --train 1095d --test 180d -s fast=10:40:10",
    "walkforward bollinger --data index:SP500@1d --train 730d --test 90d -s window=10:50:10 --json",
)


def walkforward(
    strategy: StrategyArg,
    data: DataOption,
    train: Annotated[str, typer.Option(help="Bars to choose on, by the clock: 180d, 26w.")],
    test: Annotated[str, typer.Option(help="Bars to trade with the choice: 30d, 4w.")],
    space: Axes = None,
    where: WhereOption = None,
    anchored: Annotated[
        bool, typer.Option("--anchored", help="Train on everything since the first bar.")
    ] = False,
    metric: Annotated[str, typer.Option(help="What is wanted high in training.")] = "sharpe",
    min_trades: Annotated[int, typer.Option(help="Fewer in training, and not chosen.")] = 1,
    since: Since = None,
    until: Until = None,
    fee_bps: Annotated[float, typer.Option(help="Fee a side, basis points.")] = 10.0,
    spread_bps: Annotated[float, typer.Option(help="Full quoted spread, basis points.")] = 2.0,
    slippage_bps: Annotated[float, typer.Option(help="Slippage a side, basis points.")] = 1.0,
    account: Annotated[str, typer.Option(help="spot or margin.")] = "spot",
    cash: Annotated[float, typer.Option(help="Starting cash.")] = 100_000.0,
    calendar: CalendarOption = None,
    interval: Annotated[str | None, typer.Option(help="For files: bar length.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Also prove that no span saw its test bars. Slow.")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="Write the page here.")] = None,
    gate: Annotated[bool, typer.Option("--gate", help="Exit 3 unless it held up.")] = False,
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Choose parameters on past bars, trade them on the next ones, move on.

    Every configuration goes to the store's ledger of trials. Without -s, 200 draws from
    the space that the strategy declares.
    """
    from trade_research.research.walkforward import walk_forward
    from trade_research.simulate.costs import Costs
    from trade_research.strategies.load import load_strategy

    loaded = load_strategy(strategy)
    axes: dict[str, Any] = parse_axes(space, loaded)
    with progress() as bar:
        task = bar.add_task("walking forward", total=None)
        found = walk_forward(
            loaded,
            open_data(data, since, until, store, interval),
            train=train,
            test=test,
            anchored=anchored,
            metric=metric,
            min_trades=min_trades,
            where=where,
            costs=Costs(fee_bps=fee_bps, spread_bps=spread_bps, slippage_bps=slippage_bps),
            account=account,
            cash=cash,
            calendar=calendar,
            progress=lambda n: bar.advance(task, n),
            **axes,
        )
    proof = found.check() if check else None
    artifacts = {} if report is None else {"report": str(found.report(report))}
    if json:
        emit_json("walkforward", _told(found, proof), warnings=found.warnings, artifacts=artifacts)
    else:
        _print(found, proof)
        say(*(f"{name}: {place}" for name, place in artifacts.items()))
    if (gate and found.word != "Held up") or (proof is not None and not proof.passed):
        raise typer.Exit(3)


def _told(found: WalkForward, proof: CausalityVerdict | None) -> dict[str, Any]:
    """What JSON says of a walk forward."""
    return {
        "word": found.word,
        "verdict": found.verdict,
        "efficiency": found.efficiency,
        "stability": found.stability,
        "metrics": dict(found.metrics),
        "trials": None if found.trials is None else found.trials.n,
        "folds": found.folds,
        "check": None if proof is None else proof.to_dict(),
    }


def _print(found: WalkForward, proof: CausalityVerdict | None) -> None:
    print_table("", found.folds)
    say(repr(found))
    if proof is not None:
        say(f"  {'ok' if proof.passed else 'FAIL'}: {proof}")
    for note in found.warnings:
        warn(f"note: {note}")
