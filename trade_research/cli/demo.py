"""`demo`: the main job on embedded real data, told in ten lines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trade_research.cli.data import by_kind
from trade_research.cli.output import JsonFlag, StoreRoot, emit_json, print_table, say, warn
from trade_research.cli.runs import ROOT, RunsRoot


def demo(
    report: Annotated[
        Path | None,
        typer.Option(help="Where the report goes: reports/demo.html, demo_books.html for --books."),
    ] = None,
    runs: RunsRoot = ROOT,
    books: Annotated[
        bool, typer.Option("--books", help="A made-up order-book market instead.")
    ] = False,
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Real S&P 500 and Nasdaq days into the store, a strategy checked, backtested, reported."""
    if books:
        from trade_research.cli.books import demo_books

        demo_books(store, report or Path("reports/demo_books.html"), as_json=json)
        return
    import polars as pl

    from trade_research.research.demo import NAME, run_demo

    made = run_demo(store, report or Path("reports/demo.html"), runs, on_step=warn)
    verdict = made.run.verdict
    if json:
        emit_json(
            "demo",
            {
                "verdict": {"word": verdict.word, "sentence": verdict.sentence},
                "check_passed": made.check.passed,
                "metrics": dict(made.run.metrics),
            },
            artifacts={
                "report": str(made.report),
                "run": str(made.saved.folder),
                "store": str(store),
            },
        )
        return
    for part in made.written:
        say(f"{part.name}: {part.added + part.unchanged:,} days in {store} ({part.added:,} new)")
    flagged = pl.concat([part.verdicts for part in made.written])
    print_table("what is wrong with them", by_kind(flagged), empty="nothing")
    say(str(made.check), "", repr(made.run), "", f"{verdict.word}: {verdict.sentence}", "")
    say(
        f"report: {made.report}",
        f"run:    {made.saved.folder}",
        "next:   trade-research strategies show ma_crossover",
        f"        trade-research backtest bollinger --data {NAME} --report reports/bollinger.html",
        f"        write yours in a file, then: trade-research check FILE.py:FUNCTION --data {NAME}",
    )
