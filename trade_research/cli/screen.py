"""`screen`: one rule over every stored instrument, as of any date."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from trade_research.cli.data import FORMATS, utc
from trade_research.cli.output import (
    JsonFlag,
    StoreRoot,
    emit_json,
    examples,
    print_table,
    progress,
    say,
)

SCREEN_EXAMPLES = examples(
    'screen "rsi(close, 14) < 30 and close > sma(close, 200)"',
    'screen "close > ago(rolling_max(high, 20), 1)" --as-of 2015-08-20 --show "roc(close, 20)"',
    "screen --preset breakout --json",
)


def screen(
    rules: Annotated[
        list[str] | None,
        typer.Argument(help="Conditions over columns and indicators; all must hold."),
    ] = None,
    preset: Annotated[str | None, typer.Option(help="breakout or tradable, without rules.")] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(help="Only bars that had closed by then, UTC.", formats=FORMATS),
    ] = None,
    interval: Annotated[str, typer.Option(help="Bar length, e.g. 1h.")] = "1d",
    at_least: Annotated[int | None, typer.Option(help="How many conditions must hold.")] = None,
    rank: Annotated[str | None, typer.Option(help="An expression; the largest first.")] = None,
    show: Annotated[
        list[str] | None, typer.Option(help="An expression to print, once for each.")
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="Its target becomes a column of the rules.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Matches to print.")] = 40,
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Instruments for which a rule holds: `screen "rsi(close, 14) < 30"`.

    Rules know every indicator, + - * / %, comparisons, and, or, not; ago(x, n), crosses_above(x,
    y), within(condition, n), count(condition, n), total(x, n), spread(n), min, max, abs, log, sqrt.
    """
    from trade_research.research.screen import screen as find
    from trade_research.strategies.load import load_strategy

    with progress() as bar:
        task = bar.add_task("screening", total=None)
        found = find(
            str(store),
            rules or None,
            preset=preset,
            as_of=utc(as_of),
            interval=interval,
            at_least=at_least,
            rank=rank,
            show=show or (),
            strategy=None if strategy is None else load_strategy(strategy),
            on_done=lambda name: bar.update(task, advance=1, description=name),
        )
    if json:
        facts = {"as_of": found.as_of, "interval": interval, "rules": dict(found.rules)}
        emit_json(
            "screen",
            facts | {"at_least": found.at_least, "rows": found.frame},
            warnings=found.notes,
        )
        return
    shown = [name for name in found.frame.columns if name not in ("status", "match")]
    print_table(found.headline, found.matches.select(shown).head(limit), empty="nothing matches")
    if len(found) > limit:
        say(f"… and {len(found) - limit:,} more: --limit {len(found)} or --json")
    say("", *found.notes)
