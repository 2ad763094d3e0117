"""`doctor`: is this installation healthy, and with `--warm`, compiled ahead of the first use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trade_research.cli.output import JsonFlag, StoreRoot, emit_json, print_table, say


def doctor(
    warm: Annotated[
        bool, typer.Option("--warm", help="Compile the shipped strategies and the simulator now.")
    ] = False,
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Check versions, the compile cache, the store and free disk; `--warm` compiles ahead.

    Exit code 3 when something is wrong.
    """
    import polars as pl

    from trade_research.research.health import examine, warm_up

    rows = examine(store)
    if warm:
        rows.append(warm_up())
    healthy = all(row["ok"] for row in rows)
    if json:
        emit_json("doctor", rows, ok=healthy)
    else:
        print_table("", pl.DataFrame(rows))
        say("all is well" if healthy else "something is wrong: see the lines with ok = no")
    if not healthy:
        raise typer.Exit(3)
