"""`trade-research`: the commands, and the edge where errors become a line and an exit code."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from trade_research import __version__
from trade_research.cli import (
    audit,
    books,
    config,
    data,
    doctor,
    evaluate,
    live,
    paper,
    paper_books,
    promotion,
    runs,
    screen,
    sessions,
    strategies,
    sweep,
    trials,
    walkforward,
)
from trade_research.cli.defaults import apply_config
from trade_research.cli.demo import demo
from trade_research.cli.output import examples
from trade_research.errors import TradeResearchError

DONE, OUR_ERROR, USAGE, ANSWER_IS_NO, PARTIAL, INTERRUPTED = 0, 1, 2, 3, 4, 130

app = typer.Typer(
    name="trade-research",
    help="One strategy function, written once, from notebook to market.",
    epilog="Start with `trade-research demo`. Exit codes: 0 done, 1 our error, 2 usage, "
    "3 it ran and the answer is no, 4 partial, 130 interrupted.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command(epilog=examples("demo", "demo --books", "demo --report page.html --json"))(demo)
app.add_typer(config.app, name="config")
app.add_typer(data.app, name="data")
app.add_typer(books.app, name="books")
app.add_typer(strategies.app, name="strategies")
app.command(epilog=evaluate.BACKTEST_EXAMPLES)(evaluate.backtest)
app.command(epilog=evaluate.CHECK_EXAMPLES)(evaluate.check)
app.command(epilog=screen.SCREEN_EXAMPLES)(screen.screen)
app.add_typer(runs.app, name="runs")
app.command(epilog=sweep.SWEEP_EXAMPLES, context_settings=sweep.CONTEXT)(sweep.sweep)
app.command(epilog=walkforward.WALK_EXAMPLES)(walkforward.walkforward)
app.add_typer(trials.app, name="trials")
app.command(epilog=runs.REPORT_EXAMPLES)(runs.report)
app.command(epilog=runs.VERIFY_EXAMPLES)(runs.verify)
app.command(epilog=promotion.CERTIFY_EXAMPLES)(promotion.certify)
app.command(epilog=promotion.PROMOTE_EXAMPLES)(promotion.promote)
paper.app.command(epilog=paper_books.BOOKS_EXAMPLES)(paper_books.books)
app.add_typer(paper.app, name="paper")
app.add_typer(live.app, name="live")
app.command(epilog=examples("kill --session old", "kill --session old --reason 'venue is down'"))(
    sessions.kill
)
app.add_typer(audit.app, name="audit")
app.command(epilog=examples("doctor", "doctor --warm"))(doctor.doctor)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"trade-research {__version__}\n")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Option(
            "--config",
            envvar="TRADE_RESEARCH_CONFIG",
            help="YAML whose values replace the defaults; ./trade_research.yaml, if it is there.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it and stop.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the trace behind an error.")] = False,
) -> None:
    """One strategy function, written once, from notebook to market."""
    apply_config(context, file)


def main() -> None:
    """Run the command line: our errors are one line on stderr and exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a console that lacks a sign shows "?" for it
            stream.reconfigure(errors="replace")
    try:
        app(standalone_mode=True)
    except TradeResearchError as error:
        if "--debug" in sys.argv:
            raise
        sys.stderr.write(f"error: {error}\n")
        sys.exit(OUR_ERROR)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(DONE)
    except OSError as error:
        if "--debug" in sys.argv:
            raise
        sys.stderr.write(f"error: the system refused: {error}. --debug shows where\n")
        sys.exit(OUR_ERROR)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(INTERRUPTED)
