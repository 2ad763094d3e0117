"""`strategies list|show`: what there is to run, and what one strategy is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trade_research.cli.output import JsonFlag, StoreRoot, emit_json, examples, print_table, say
from trade_research.errors import TradeResearchError

if TYPE_CHECKING:
    from trade_research.strategies.strategy import Strategy

app = typer.Typer(help="Strategies that ship, and yours.", no_args_is_help=True)
_LEVELS = "▁▂▃▄▅▆▇█"
_WIDTH = 48
DataOption = Annotated[
    str | None,
    typer.Option("--data", help="Stored bars for the spark line; the S&P 500 when left out."),
]


@app.command(
    "list", epilog=examples("strategies list", "strategies list --spark", "strategies list --json")
)
def list_(
    spark: Annotated[bool, typer.Option("--spark", help="Run each one: takes a while.")] = False,
    data: DataOption = None,
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """The strategies that ship with the package."""
    import polars as pl

    from trade_research.strategies.load import panels, shipped

    rows = []
    for name, strategy in (shipped() | panels()).items():
        row: dict[str, Any] = {
            "name": name,
            "rule": strategy.doc.strip().splitlines()[0],
            "columns": ", ".join(strategy.columns),
            "parameters": _parameters(strategy) if json else _short(strategy),
            "warm-up": strategy.warmup(),
        }
        if spark:
            glance = _glance(strategy, data, store, width=16)
            row |= glance if json else {"net": f"{glance['spark']} {glance['said']}".strip()}
        rows.append(row)
    if json:
        emit_json("strategies-list", rows)
        return
    print_table("", pl.DataFrame(rows))
    say("Yours: any `file.py:function` or `package.module:function` works in their place.")


@app.command(
    epilog=examples(
        "strategies show ma_crossover",
        "strategies show rsi_reversion:connors",
        "strategies show my_strategy.py:trend --data index:NASDAQ@1d --json",
    )
)
def show(
    strategy: Annotated[
        str, typer.Argument(help="Name, name:preset, file.py:function or package.module:function.")
    ],
    data: DataOption = None,
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """One strategy: rule, parameters with ranges, presets, warm-up, a spark line, its source."""
    import polars as pl

    from trade_research.strategies.load import load_strategy

    found = load_strategy(strategy)
    glance = _glance(found, data, store)
    if json:
        emit_json(
            "strategies-show",
            {
                "name": found.name,
                "doc": found.doc,
                "columns": list(found.columns),
                "parameters": _parameters(found),
                "presets": {name: dict(values) for name, values in found.presets.items()},
                "warmup": found.warmup(),
                "source_hash": found.source_hash,
                "source": found.source,
            }
            | glance,
        )
        return
    say(f"{found.name}({', '.join(found.columns)})", "", found.doc.strip(), "")
    print_table("", pl.DataFrame(_parameters(found)), empty="no parameters")
    if found.presets:
        rows = [{"preset": k, "parameters": _pairs(v)} for k, v in found.presets.items()]
        print_table("", pl.DataFrame(rows))
        say(f"One runs as any strategy does: {strategy}:{rows[0]['preset']}", "")
    say(
        f"warm-up {found.warmup()} bars · source {found.source_hash[:12]}",
        f"{glance['spark']}  {glance['said']}".strip(),
        "",
        found.source.rstrip(),
    )


def _parameters(strategy: Strategy) -> list[dict[str, str]]:
    """Parameters with their ranges, one row each."""
    return [
        {
            "parameter": p.name,
            "type": p.type_name,
            "default": str(p.default),
            "range": p.range_text,
        }
        for p in strategy.params.values()
    ]


def _pairs(values: Mapping[str, object]) -> str:
    """Parameters of a preset on one line."""
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _short(strategy: Strategy) -> str:
    """The same on one line."""
    parts = [
        f"{p.name}={p.default}" + (f" ({p.range_text})" if p.range_text else "")
        for p in strategy.params.values()
    ]
    return ", ".join(parts)


def _glance(
    strategy: Strategy, data: str | None, store: Path, width: int = _WIDTH
) -> dict[str, str]:
    """Its equity at a glance: net of costs, with its own defaults, on stored or demo bars."""
    from trade_research.research.backtest import backtest
    from trade_research.sources.demo import demo_bars
    from trade_research.store.store import Store

    try:
        if data is None:
            run = backtest(strategy, demo_bars()["SP500"], account="margin", calendar="XNYS")
        else:
            run = backtest(strategy, Store(store).query(data), account="margin")
    except TradeResearchError as error:
        if data is not None:
            raise
        return {"spark": "", "said": f"no spark line: {error}".splitlines()[0]}
    equity, shown = run.result.equity, data or "S&P 500, 1999 to 2018"
    total = equity[-1] / run.result.initial_cash - 1.0
    said = f"{total:+.0%} net on {shown}, {len(run.result.trades)} trades"
    return {"spark": spark_line(equity.tolist(), width), "said": said}


def spark_line(values: list[float], width: int = _WIDTH) -> str:
    """A line of blocks: the last value of each of `width` equal stretches, from low to high."""
    if not values:
        return ""
    some = [values[(k + 1) * len(values) // width - 1] for k in range(min(width, len(values)))]
    if len(values) < width:
        some = values
    low, high = min(some), max(some)
    step = (high - low) / (len(_LEVELS) - 1) or 1.0
    return "".join(_LEVELS[round((value - low) / step)] for value in some)
