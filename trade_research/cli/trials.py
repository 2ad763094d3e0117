"""`trials list|show`: the ledger, everything ever tried on stored bars."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trade_research.cli.data import Since, Until, utc
from trade_research.cli.output import (
    JsonFlag,
    StoreRoot,
    emit_json,
    examples,
    print_table,
    say,
)

app = typer.Typer(help="The ledger of trials: list, show.", no_args_is_help=True)


@app.command("list", epilog=examples("trials list", "trials list --json"))
def list_(store: StoreRoot = Path("datasets"), json: JsonFlag = False) -> None:
    """How many distinct trials there were on each dataset, and what luck alone gives the best."""
    from trade_research.store.ledger import Ledger

    found = Ledger(store).datasets()
    if json:
        emit_json("trials-list", found)
        return
    print_table(f"trials in {store}", found, empty="none yet; a backtest on stored bars is one")
    if found.height:
        say("Sharpe ratios are per day.")


@app.command(
    epilog=examples(
        "trials show index:SP500@1d", "trials show index:SP500@1d --since 2010-01-01 --json"
    )
)
def show(
    data: Annotated[str, typer.Argument(help="Instrument, e.g. index:SP500@1d")],
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(help="Trials to print, the best first.")] = 20,
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Trials on an instrument over a span, the best first, and what luck alone gives so many."""
    from trade_research.store.ledger import Ledger

    ledger = Ledger(store)
    found = ledger.of(data, utc(since), utc(until))
    counted = ledger.count(data, utc(since), utc(until))
    best = found.sort("sharpe", descending=True, nulls_last=True, maintain_order=True)
    if json:
        emit_json("trials-show", {"n": counted.n, "variance": counted.variance, "trials": best})
        return
    shown = best.select("strategy", "params", "exits", "sharpe", "days", "start", "end", "kind")
    print_table(f"{data}: {counted.n:,} trials", shown.head(limit), empty="none yet")
    if found.height > limit:
        say(f"… {found.height:,} in all: --limit {found.height} or --json")
    days = found["days"].max()
    if counted.n > 1 and isinstance(days, int) and days > 1:
        from trade_research.evidence.luck import luck_variance
        from trade_research.metrics.sharpe import expected_maximum_sharpe

        luck = expected_maximum_sharpe(counted.n, luck_variance(counted.variance, days))
        say(f"Sharpe ratios are per day. Luck alone gives the best of so many about {luck:.4f}.")
