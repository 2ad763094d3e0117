"""What `books record` shows while it runs, and how it is ended."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from trade_research.cli.output import warn, working

if TYPE_CHECKING:
    from trade_research.feeds.recorder import RecordStatus

Show = Callable[["RecordStatus", list[str]], None]
EVERY_S = 0.25


@contextmanager
def stopping() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM end the recording after the message it is at; the second one at once."""
    asked: list[int] = []

    def ask(number: int, _: object) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = {which: signal.signal(which, ask) for which in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


@contextmanager
def watching(name: str) -> Iterator[Show]:
    """A line on the terminal that says how the recording stands; troubles are said in any case."""
    with working(f"{name}: dialling") as line:
        last, rows, rate = time.monotonic(), 0, 0.0

        def show(status: RecordStatus, troubles: list[str]) -> None:
            nonlocal last, rows, rate
            warn(*troubles)
            now = time.monotonic()
            if now - last >= EVERY_S:
                fresh = (status.messages - rows) / (now - last)
                rate, last, rows = 0.8 * rate + 0.2 * fresh, now, status.messages
                line.update(f"{name}: {line_of(status, rate)}")

        yield show


def line_of(status: RecordStatus, rate: float) -> str:
    """A status in one line."""
    flushed = f"{datetime.fromtimestamp(status.flushed / 1e9, UTC):%H:%M:%S}"
    return (
        f"{'in step' if status.synced else 'NO BOOK'}, {rate:,.0f} messages/s, "
        f"lag {status.lag_ms:,.0f} ms, {status.rows:,} books, {status.trades:,} trades, "
        f"{status.gaps} gaps, {status.resyncs} resyncs, on disk up to {flushed}"
    )
