"""`runs list|show|compare|rm`, `report` and `verify`: what was run, shown again and checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trade_research.cli.output import (
    JsonFlag,
    StoreRoot,
    emit_json,
    examples,
    print_table,
    say,
    warn,
)
from trade_research.errors import ConfigError, nearest

if TYPE_CHECKING:
    import polars as pl

app = typer.Typer(help="Saved runs: list, show, compare, remove.", no_args_is_help=True)
RunsRoot = Annotated[
    Path, typer.Option("--runs", envvar="TRADE_RESEARCH_RUNS", help="Folder of saved runs.")
]
RunArg = Annotated[str, typer.Argument(help="First digits of a run's id, latest, or latest~1.")]
Sections = Annotated[
    str | None, typer.Option(help="Only these, e.g. verdict,headline,trades; all when left out.")
]
ROOT = Path("reports/runs")
SHOWN = "run,strategy,params,data,verdict,total_return,sharpe,max_drawdown,trades,saved"
REPORT_EXAMPLES = examples(
    "report latest -o reports/latest.html",
    "report latest -o reports/short.html --sections verdict,headline,manifest --json",
)
VERIFY_EXAMPLES = examples(
    "verify reports/demo.html",
    "verify reports/demo.html --rerun --json",
)


@app.command(
    "list", epilog=examples("runs list --sort sharpe", "runs list --columns run,cagr --json")
)
def list_(
    sort: Annotated[
        str | None, typer.Option(help="A column, the largest first; newest first when left out.")
    ] = None,
    columns: Annotated[str, typer.Option(help="What to show; any metric is a column.")] = SHOWN,
    limit: Annotated[int, typer.Option(help="Runs to print.")] = 40,
    runs: RunsRoot = ROOT,
    json: JsonFlag = False,
) -> None:
    """Saved runs, the newest first, with their verdict and numbers."""
    from trade_research.research.runs import list_runs

    found = list_runs(runs)
    names = [name.strip() for name in columns.split(",")]
    for name in (*names, *((sort,) if sort else ())):
        if name not in found.columns:
            raise ConfigError(f"runs have no column {name!r}; {nearest(name, found.columns)}")
    if sort is not None:
        found = found.sort(sort, descending=True, nulls_last=True, maintain_order=True)
    if json:
        emit_json("runs-list", found if columns == SHOWN else found.select(names))
        return
    shown = found.select(names)
    print_table(f"runs in {runs}", shown.head(limit), empty="none; backtest saves one")
    if shown.height > limit:
        say(f"… {shown.height:,} in all: --limit {shown.height} or --json")


@app.command(epilog=examples("runs show latest", "runs show latest~1 --json"))
def show(run: RunArg, runs: RunsRoot = ROOT, json: JsonFlag = False) -> None:
    """One saved run: what it was made of, its verdict and its metrics."""
    import polars as pl

    from trade_research.metrics.definitions import DEFINITIONS
    from trade_research.research.runs import describe, load_run

    found = load_run(run, runs)
    if json:
        emit_json(
            "runs-show",
            {
                "run": found.id,
                "verdict": dict(found.verdict),
                "metrics": dict(found.metrics),
                "manifest": dict(found.manifest),
            },
            artifacts={"folder": str(found.folder)},
        )
        return
    say(f"{found.name}  {describe(found.manifest)}", "")
    say(f"{found.verdict['word']}: {found.verdict['sentence']}", "")
    rows = [
        {"metric": DEFINITIONS[name].label, "value": value, "unit": DEFINITIONS[name].unit}
        for name, value in found.metrics.items()
        if name in DEFINITIONS and value is not None
    ]
    print_table(
        "", pl.DataFrame(rows, {"metric": pl.String, "value": pl.Float64, "unit": pl.String})
    )
    say(f"folder: {found.folder}", f"next:   trade-research report {found.name} -o report.html")


@app.command(
    epilog=examples(
        "runs compare latest~1 latest",
        "runs compare latest~1 latest --report reports/compare.html --json",
    )
)
def compare(
    names: Annotated[list[str], typer.Argument(help="Two runs or more; the first is the base.")],
    report: Annotated[Path | None, typer.Option(help="Write the comparison as a page.")] = None,
    runs: RunsRoot = ROOT,
    json: JsonFlag = False,
) -> None:
    """What differs between runs: data, parameters, numbers, trades."""
    from trade_research.research.compare import compare_runs
    from trade_research.research.runs import load_run

    found = compare_runs([load_run(name, runs) for name in names])
    artifacts = {} if report is None else {"report": str(found.report(report))}
    if json:
        emit_json("runs-compare", found.to_dict(), artifacts=artifacts)
        return
    for title, rows in found.tables():
        print_table(title, rows, empty="no difference")
    if report is not None:
        say(f"report: {report}")


@app.command(epilog=examples("runs rm latest --dry-run", "runs rm latest~1 --dry-run --json"))
def rm(
    names: Annotated[list[str], typer.Argument(help="Runs to remove.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    runs: RunsRoot = ROOT,
    json: JsonFlag = False,
) -> None:
    """Remove saved runs; what they were made of stays, so they can be run again."""
    from trade_research.research.runs import load_run, remove_run

    found = [load_run(name, runs) for name in names]  # all are looked up before the first goes
    folders = list(dict.fromkeys(run.folder for run in found))
    if not dry_run:
        for folder in folders:
            remove_run(str(folder), runs)
    if json:
        emit_json("runs-rm", {"removed": [str(f) for f in folders], "dry_run": dry_run})
    else:
        say(*(f"{'would remove' if dry_run else 'removed'} {folder}" for folder in folders))


def report(
    run: RunArg,
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the page goes.")],
    sections: Sections = None,
    full_print: Annotated[
        bool, typer.Option("--full-print", help="Nothing folded: all of it prints.")
    ] = False,
    runs: RunsRoot = ROOT,
    json: JsonFlag = False,
) -> None:
    """Write the report of a saved run; nothing is simulated again."""
    from trade_research.research.runs import load_run

    chosen = None if sections is None else [name.strip() for name in sections.split(",")]
    found = load_run(run, runs)
    path = found.report(out, sections=chosen, full_print=full_print)
    if json:
        emit_json("report", {"run": found.id}, artifacts={"report": str(path)})
    else:
        say(f"report: {path}")


def verify(
    page: Annotated[Path, typer.Argument(help="A report.")],
    rerun: Annotated[
        bool,
        typer.Option("--rerun", help="Also make it again from the store. May execute its source."),
    ] = False,
    strategy: Annotated[
        str | None, typer.Option(help="For --rerun: the strategy, instead of the page's source.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="For --rerun: a file of bars, for runs without a store.")
    ] = None,
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Check that a report says what its run gave: every figure, trade, parameter and the source.

    Exit code 3 when something differs; what does is named.
    """
    from trade_research.report.verify import verify as examine

    found = examine(page)
    again = {}
    if rerun and found.manifest is not None:
        again = _again(found.manifest, store, strategy, data)
    elif rerun and found.ok:
        warn("--rerun repeats runs and sweeps: of this page only what it carries is checked")
    ok = found.ok and all(equal for equal in again.values())
    if json:
        body = found.to_dict() | ({"rerun": again} if rerun else {})
        emit_json("verify", body, ok=ok)
    else:
        say(str(found))
        for name, equal in again.items():
            say(f"  {'ok      ' if equal else 'differs '} run again: {name}")
    if not ok:
        raise typer.Exit(3)


def _again(manifest: Any, store: Path, strategy: str | None, data: Path | None) -> dict[str, bool]:
    """Which hashes of the repeated run or sweep are those of the page."""
    from trade_research.research.rerun import run_again

    frame: pl.DataFrame | None = None
    if data is not None:
        from trade_research.sources.files import read_bars

        frame = read_bars(data, interval=manifest["data"]["interval"])
    again = run_again(manifest, store, strategy=strategy, data=frame, say=warn)
    return {name: was == now for name, (was, now) in again.hashes.items()}
