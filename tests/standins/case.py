"""One case a source: a stand-in with its payload, what the store must hold then, and its rows.

A case's `rows` takes an answer apart into ``[stamp, open, high, low, close, volume]`` (stamp as the
venue prints it) and `pack` puts such rows back into the venue's form: that is what faults bend.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from tests.standins.server import Request, Standin
from trade_research.frames.bars import to_bars

Row = list[Any]


@dataclass
class Case:
    """A source against its stand-in."""

    source: str
    symbol: str
    interval: str
    start: datetime
    middle: datetime
    end: datetime
    make: Callable[[], Standin]
    is_data: Callable[[Request], bool]
    expected: Callable[[], pl.DataFrame]
    rows: Callable[[bytes], list[Row]]
    pack: Callable[[bytes, list[Row]], bytes]
    wrong: Callable[[bytes], bytes]
    running: Callable[[Row, float], Row]
    names_symbol: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    venue: str = ""

    def __str__(self) -> str:
        return self.source.partition(":")[0]


def bars(opens: list[Any], columns: dict[str, list[Any]], interval: str, calendar="24/7"):
    """Bars as the store gives them."""
    kind = pl.Date if isinstance(opens[0], date) and not isinstance(opens[0], datetime) else None
    times = pl.Series("open_time", opens, kind or pl.Datetime("us", "UTC"))
    return to_bars(pl.DataFrame({"open_time": times, **columns}), interval, calendar)


def moment(ms: float) -> datetime:
    """A time of milliseconds since 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


def numbers(rows: list[Row]) -> dict[str, list[float]]:
    """Columns of rows."""
    names = ("open", "high", "low", "close", "volume")
    return {
        n: [None if r[i] is None else float(r[i]) for r in rows] for i, n in enumerate(names, 1)
    }


def scaled(rows: list[Row], by: float) -> list[Row]:
    """Rows of something that costs another price."""
    return [[r[0], *(str(float(v) * by) for v in r[1:5]), r[5]] for r in rows]


def number(value: Any) -> Any:
    """A number that may have come as text."""
    return float(value) if isinstance(value, str) else value


def text(value: Any) -> Any:
    """As text, where it is a number."""
    return value if value is None or isinstance(value, str) else str(value)
