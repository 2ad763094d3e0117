"""`data quality|consensus`: how healthy stored bars are, and what several sources agree on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trade_research.cli.output import JsonFlag, StoreRoot, emit_json, examples, print_table, say

QUALITY_EXAMPLES = examples(
    "data quality", "data quality index:SP500@1d --chart sp500.png", "data quality --json"
)
CONSENSUS_EXAMPLES = examples(
    "data consensus binance:BTC/USDT@1h kraken:BTC/USD@1h yahoo:BTC-USD@1h --into consensus"
)


def quality(
    name: Annotated[
        str | None, typer.Argument(help="Dataset, e.g. binance:BTC/USDT@1m; all when left out.")
    ] = None,
    chart: Annotated[
        Path | None, typer.Option(help="Draw the prices and what is flagged: .png, .svg, .pdf.")
    ] = None,
    below: Annotated[
        float, typer.Option(help="Exit code 3 when a score is lower.", min=0, max=100)
    ] = 0.0,
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """A health score for every dataset, and what costs it points."""
    from trade_research.errors import ConfigError
    from trade_research.research.quality import draw
    from trade_research.research.quality import quality as score
    from trade_research.store.store import Store

    opened = Store(store)
    rows = score(opened, name)
    artifacts = {}
    if chart is not None:
        if name is None:
            raise ConfigError("a chart is of one dataset: name it")
        drawn = draw(opened, name, chart)
        artifacts = {"chart": str(chart)}
    healthy = bool((rows["score"] >= below).all())
    if json:
        emit_json("data-quality", rows, ok=healthy, artifacts=artifacts)
    else:
        print_table("health of 100", rows)
        if chart is not None:
            say(f"{drawn:,} verdicts drawn into {chart}")
        else:
            say(f"Next: trade-research data check {rows['instrument'][0]}")
    if not healthy:
        raise typer.Exit(3)


def consensus(
    names: Annotated[list[str], typer.Argument(help="Datasets of one interval, two or more.")],
    into: Annotated[
        str | None, typer.Option(help="Store the agreed bars under this venue.")
    ] = None,
    symbol: Annotated[
        str | None, typer.Option(help="Their symbol there; the first dataset's when left out.")
    ] = None,
    tolerance_bps: Annotated[float, typer.Option(help="How near sources must be.")] = 10.0,
    at_least: Annotated[int, typer.Option(help="Sources that must agree.", min=2)] = 2,
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """What several sources agree on; a source that lies is left out and named.

    Exit code 3 when they cannot decide about more than one bar in twenty.
    """
    from trade_research.research.quality import stored_consensus
    from trade_research.store.layout import split_name
    from trade_research.store.store import Store

    opened = Store(store)
    found = stored_consensus(opened, names, tolerance_bps=tolerance_bps, at_least=at_least)
    counts = found.status["status"].value_counts(sort=True)
    undecided = (found.sources["verdict"] == "undecided").any()
    if into is not None and not found.bars.is_empty():
        _, first, interval = split_name(names[0])
        opened.write_bars(
            found.bars,
            venue=into,
            symbol=symbol or first,
            interval=interval,
            calendar=opened.query(names[0]).calendar.name,
            source=f"consensus of {', '.join(names)}",
        )
    if json:
        data = {"sources": found.sources, "status": counts, "bars": found.bars.height}
        emit_json("data-consensus", data, ok=not undecided)
    else:
        print_table("sources", found.sources)
        print_table("bars", counts)
        if into is not None:
            say(f"{found.bars.height:,} agreed bars stored under {into}")
    if undecided:
        raise typer.Exit(3)
