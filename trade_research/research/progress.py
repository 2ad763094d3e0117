"""A bar for long work: count, rate and time left, on stderr where there is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.progress import ProgressColumn


class Bar(Protocol):
    """Somewhere to say how much is done."""

    def advance(self, n: int) -> None: ...


class _Silent:
    def advance(self, n: int) -> None:
        """Say nothing."""


class _Shown:
    def __init__(self, progress: object, task: object) -> None:
        self._progress, self._task = progress, task

    def advance(self, n: int) -> None:
        self._progress.advance(self._task, n)  # type: ignore[attr-defined]


@contextmanager
def bar(text: str, total: int, wanted: bool | None = None) -> Iterator[Bar]:
    """A bar of `total` steps while the block runs.

    Parameters
    ----------
    wanted : bool, optional
        None: in a notebook, or where stderr is a terminal.
    """
    if wanted is False or (wanted is None and not (sys.stderr.isatty() or _is_notebook())):
        yield _Silent()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True, force_terminal=True if wanted else None)
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Shown(progress, progress.add_task(text, total=total))


def _rate() -> ProgressColumn:
    """Steps a second, once there are some."""
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text("" if task.speed is None else f"{task.speed:,.0f}/s")

    return Rate()


def _is_notebook() -> bool:
    """Whether this runs in a notebook's kernel."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"
