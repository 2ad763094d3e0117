"""`sweep`: many configurations over the same bars, the luck of the best first."""

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
    say,
    warn,
    working,
)
from trade_research.errors import ParameterError

if TYPE_CHECKING:
    from trade_research.research.swept import Sweep

SWEEP_EXAMPLES = examples(
    'sweep ma_crossover --data index:SP500@1d --fast 5:45:10 --slow 30,60 --where "fast < slow"',
    "sweep bollinger --data index:NASDAQ@1d --window 10:60:10 --stop none,0.05 --no-evidence",
    "sweep ma_crossover --data index:SP500@1d --method random --samples 200 --report sweep.html",
)
CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Options that are not ours are axes: `--fast 5:45:2`."""


def sweep(
    context: typer.Context,
    strategy: StrategyArg,
    data: DataOption,
    space: Axes = None,
    where: WhereOption = None,
    method: Annotated[
        str | None,
        typer.Option(help="grid, random, sobol, tpe or nsga2; grid when axes are given."),
    ] = None,
    samples: Annotated[int | None, typer.Option(help="How many to draw, but for a grid.")] = None,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    by: Annotated[str, typer.Option(help="Measure to sort by; several with commas.")] = "sharpe",
    folds: Annotated[int, typer.Option(help="tpe: stretches on which the poor drop out.")] = 1,
    top: Annotated[int, typer.Option(help="Rows to print.")] = 10,
    min_trades: Annotated[int, typer.Option(help="Fewer trades are left out of the rows.")] = 0,
    since: Since = None,
    until: Until = None,
    fee_bps: Annotated[str, typer.Option(help="Fee a side, basis points; or an axis.")] = "10",
    spread_bps: Annotated[str, typer.Option(help="Full spread; or an axis.")] = "2",
    slippage_bps: Annotated[str, typer.Option(help="Slippage a side; or an axis.")] = "1",
    account: Annotated[str, typer.Option(help="spot, margin or perp.")] = "spot",
    cash: Annotated[float, typer.Option(help="Starting cash.")] = 100_000.0,
    calendar: CalendarOption = None,
    interval: Annotated[str | None, typer.Option(help="For files: bar length.")] = None,
    threads: Annotated[int | None, typer.Option(help="As many as processors.")] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Folder to keep results in, and to go on from.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write all results here, as Parquet.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write the HTML report here.")] = None,
    evidence: Annotated[
        bool, typer.Option("--evidence/--no-evidence", help="Say what the best is worth.")
    ] = True,
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Score every configuration of a strategy; any further option is an axis: --fast 5:45:2.

    Axes are parameters, and stop, take-profit, trailing, max-hold, cooldown, delay, symbol:
    low:high:step with both ends, low:high:log9 for nine even steps of the logarithm, or a list
    a,b,c. Without any, 1,000 draws from the space that the strategy declares. On bars of the store
    every configuration is counted as a trial. Ctrl-C keeps what is done.
    """
    from trade_research.research.sweep import sweep as run
    from trade_research.research.sweep_text import shown_columns
    from trade_research.simulate.costs import Costs
    from trade_research.strategies.load import load_strategy

    loaded = load_strategy(strategy)
    axes: dict[str, Any] = parse_axes([*(space or ()), *axes_of(context.args)], loaded)
    costs, more = _costs(loaded, fee_bps=fee_bps, spread_bps=spread_bps, slippage_bps=slippage_bps)
    found = run(
        loaded,
        open_data(data, since, until, store, interval),
        where=where,
        method=method,
        samples=samples,
        seed=seed,
        by=tuple(by.split(",")),
        folds=folds,
        costs=Costs(**costs),
        account=account,
        cash=cash,
        calendar=calendar,
        resume=resume,
        threads=threads,
        **axes,
        **more,
    )
    rows = found.top(top, min_trades=min_trades)
    artifacts = _written(found, out, report)
    with working("weighing the luck of the best"):
        worth = found.evidence if evidence else None
    if json:
        data_ = {"configurations": found.size, "seconds": found.seconds, "best": rows}
        data_ |= {"evidence": None if worth is None else worth.to_dict()}
        emit_json("sweep", data_, warnings=found.warnings, artifacts=artifacts)
    else:
        say(*(() if worth is None else (str(worth), "")), found.facts, "")
        print_table("", rows.select(shown_columns(found)))
        for note in found.warnings:
            warn(f"note: {note}")
        say(*(f"{name + ':':9}{place}" for name, place in artifacts.items()))
    if not found.is_complete:
        raise typer.Exit(130)


def _written(found: Sweep, out: Path | None, report: Path | None) -> dict[str, str]:
    """The files asked for, written, by what they are."""
    made = {}
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        found.scan().sink_parquet(out)
        made["results"] = str(out)
    if report is not None:
        with working("gathering the evidence, writing the report"):
            made["report"] = str(found.report(report))
    return made


def axes_of(words: list[str]) -> list[str]:
    """Options that are not ours as `name=values` texts.

    Raises
    ------
    ParameterError
        A word that is no option, or an option without values.
    """
    out: list[str] = []
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        if not word.startswith("--"):
            raise ParameterError(
                f"{word!r} is not expected: an axis is --name values, e.g. --fast 5:45:2"
            )
        name, equals, values = word.removeprefix("--").partition("=")
        if not equals:
            if not waiting:
                raise ParameterError(f"{word} needs values: low:high:step, or a list a,b,c")
            values = waiting.pop(0)
        out.append(f"{name.replace('-', '_')}={values}")
    return out


def _costs(strategy: Any, **texts: str) -> tuple[dict[str, float], dict[str, Any]]:
    """Costs given as one number, and those that are axes."""
    axes: dict[str, Any] = parse_axes([f"{name}={text}" for name, text in texts.items()], strategy)
    single = {name: values[0] for name, values in axes.items() if len(values) == 1}
    return single, {name: values for name, values in axes.items() if len(values) > 1}
