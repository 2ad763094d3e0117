"""`config init|show|check`: a typed configuration, its effective values and its hash."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trade_research.cli.output import JsonFlag, emit_json, examples, say

app = typer.Typer(help="Configuration files: make, show, check.", no_args_is_help=True)
FileArg = Annotated[Path, typer.Argument(help="A YAML file, e.g. research.yaml.")]


@app.command(epilog=examples("config init", "config init --preset paper.yaml --to paper.yaml"))
def init(
    preset: Annotated[
        str, typer.Option(help="research.yaml, paper.yaml, poc_test.yaml or live.yaml.template.")
    ] = "research.yaml",
    to: Annotated[
        Path | None, typer.Option(help="Where to write; the preset's own name when left out.")
    ] = None,
) -> None:
    """Write a preset to a new file."""
    from trade_research.settings.config import write_preset

    path = write_preset(preset, to or Path(preset))
    say(f"{path} written. Next: trade-research config show {path}")


@app.command(epilog=examples("config show research.yaml", "config show research.yaml --json"))
def show(file: FileArg, json: JsonFlag = False) -> None:
    """The effective configuration: every key, given or by default, and its hash."""
    from trade_research.settings.config import config_hash, load_config, show_config

    config = load_config(file)
    if json:
        emit_json("config-show", {"config": config.model_dump(), "hash": config_hash(config)})
    else:
        say(show_config(config).rstrip())


@app.command(epilog=examples("config check research.yaml"))
def check(file: FileArg, json: JsonFlag = False) -> None:
    """Whether a file can be used, and its hash."""
    from trade_research.settings.config import config_hash, load_config

    found = config_hash(load_config(file))
    if json:
        emit_json("config-check", {"file": str(file), "hash": found})
    else:
        say(f"{file} is good; hash {found[:16]}")
