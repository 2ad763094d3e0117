"""What commands print: a table or one JSON document on stdout, everything else on stderr."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

WIDE = 160
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console
    from rich.progress import Progress
    from rich.status import Status

JsonFlag = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
StoreRoot = Annotated[
    Path,
    typer.Option("--store", envvar="TRADE_RESEARCH_STORE", help="Folder of the store."),
]


def examples(*lines: str) -> str:
    """The end of a command's help: calls that work as they stand."""
    return "Examples:\n\n" + "\n\n".join(f"trade-research {line}" for line in lines)


def console() -> Console:
    """Where people read: stdout; wide, and without colour, when it is no terminal."""
    from rich.console import Console

    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)


def say(*lines: str) -> None:
    """Print lines as they are: what comes from data is never read as markup."""
    out = console()
    for line in lines:
        out.print(inert(line), markup=False, soft_wrap=True)


def warn(*lines: str) -> None:
    """Print lines on stderr."""
    for line in lines:
        sys.stderr.write(inert(line) + "\n")


def emit_json(
    command: str,
    data: Any,
    *,
    ok: bool = True,
    warnings: Sequence[str] = (),
    artifacts: Mapping[str, str] | None = None,
) -> None:
    """One JSON document: schema, ok, data, warnings, artifacts. Numbers are not rounded."""
    document = {
        "schema": f"trade-research/{command}/1",
        "ok": ok,
        "data": plain(data),
        "warnings": list(warnings),
        "artifacts": dict(artifacts or {}),
    }
    sys.stdout.write(json.dumps(document, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: NaN and infinities are null, times ISO 8601 in UTC."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, datetime | date):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "to_dicts"):
        return plain(value.to_dicts())
    if hasattr(value, "item"):
        return plain(value.item())
    if isinstance(value, Iterable):
        return [plain(item) for item in value]
    return str(value)


def print_table(title: str, rows: pl.DataFrame, *, empty: str = "none") -> None:
    """A frame as a table for people; a line that says `empty` when it has no rows."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if rows.is_empty():
        say(f"{title}: {empty}")
        return
    table = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for name, kind in rows.schema.items():
        number = kind.is_numeric() or kind.is_temporal()
        table.add_column(
            name, justify="right" if number else "left", overflow="fold", no_wrap=number
        )
    for row in rows.iter_rows():
        table.add_row(*(Text(cell(value)) for value in row))
    console().print(table)


def cell(value: Any) -> str:
    """One value as people read it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:,.6g}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}" if (value.hour or value.minute) else f"{value:%Y-%m-%d}"
    return inert(str(value))


def inert(text: str) -> str:
    """`text` without what moves a terminal's cursor or turns the direction of reading."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def working(text: str) -> Status:
    """A line on stderr that shows that something is going on; silent when it is no terminal."""
    from rich.console import Console

    return Console(stderr=True, quiet=not sys.stderr.isatty()).status(text)


def progress() -> Progress:
    """A bar on stderr with count, rate and time left; silent when stderr is no terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    err = Console(stderr=True)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
