"""`strategies list|show`: what there is to run, and what one strategy is."""

from __future__ import annotations

from typing import Annotated

import typer

from trade_research.cli.output import JsonFlag, emit_json, examples, print_table, say

app = typer.Typer(help="Strategies that ship, and yours.", no_args_is_help=True)


@app.command("list", epilog=examples("strategies list", "strategies list --json"))
def list_(json: JsonFlag = False) -> None:
    """The strategies that ship with the package."""
    import polars as pl

    from trade_research.strategies.load import shipped

    rows = pl.DataFrame(
        [
            {
                "name": name,
                "rule": strategy.doc.strip().splitlines()[0],
                "columns": ", ".join(strategy.columns),
                "parameters": ", ".join(f"{p.name}={p.default}" for p in strategy.params.values()),
                "warm-up": strategy.warmup(),
            }
            for name, strategy in shipped().items()
        ]
    )
    if json:
        emit_json("strategies-list", rows)
    else:
        print_table("", rows)
        say("Yours: any `file.py:function` or `package.module:function` works in their place.")


@app.command(
    epilog=examples("strategies show ma_crossover", "strategies show my_strategy.py:trend --json")
)
def show(
    strategy: Annotated[
        str, typer.Argument(help="Name, file.py:function or package.module:function.")
    ],
    json: JsonFlag = False,
) -> None:
    """One strategy: its rule, parameters with ranges, warm-up and source."""
    import polars as pl

    from trade_research.strategies.load import load_strategy

    found = load_strategy(strategy)
    params = [
        {
            "parameter": p.name,
            "type": p.type_name,
            "default": str(p.default),
            "range": p.range_text,
        }
        for p in found.params.values()
    ]
    if json:
        emit_json(
            "strategies-show",
            {
                "name": found.name,
                "doc": found.doc,
                "columns": list(found.columns),
                "parameters": params,
                "warmup": found.warmup(),
                "source_hash": found.source_hash,
                "source": found.source,
            },
        )
        return
    say(f"{found.name}({', '.join(found.columns)})", "", found.doc.strip(), "")
    print_table("", pl.DataFrame(params), empty="no parameters")
    say(
        f"warm-up {found.warmup()} bars · source {found.source_hash[:12]}",
        "",
        found.source.rstrip(),
    )
