"""A look-ahead, named: the bar, what it knew, and the smallest rows that still show it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from trade_research.evidence.probe import How, Probe, same_value, value_at

_ROWS_SHOWN = 12


@dataclass(frozen=True)
class Example:
    """Rows [first_bar, first_bar + n_rows) on which the leak shows; values of the last 12."""

    first_bar: int
    n_rows: int
    rows: dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class Leak:
    """One value that changes when later bars are taken away or replaced.

    `bar` counts from 0 in the data given; `ahead` is how many later bars it needed (0: none was
    enough to say); `value_full` is the value with the recorded later bars, `value_cut` without.
    """

    column: str
    bar: int
    time: datetime | None
    ahead: int
    known: str
    how: str
    value_full: float
    value_cut: float | None
    example: Example
    symbol: str | None = None

    def __str__(self) -> str:
        when = f" ({self.time:%Y-%m-%d %H:%M})" if self.time else ""
        whose = f" of {self.symbol}" if self.symbol else ""
        last = self.example.first_bar + self.example.n_rows - 1
        alone = "nothing" if self.value_cut is None else f"{self.value_cut:g}"
        return (
            f"{self.column!r}{whose} at bar {self.bar}{when} {self.known}: "
            f"{self.value_full:g} as returned, {alone} from the past alone. "
            f"Smallest example: bars {self.example.first_bar}–{last}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "column": self.column,
            "bar": self.bar,
            "time": None if self.time is None else self.time.isoformat(),
            "symbol": self.symbol,
            "ahead": self.ahead,
            "known": self.known,
            "how": self.how,
            "value_full": _finite(self.value_full),
            "value_cut": _finite(self.value_cut),
            "example": {"first_bar": self.example.first_bar, "n_rows": self.example.n_rows},
        }


def name_leak(probe: Probe, bar: int, column: str, cut: int, how: How, offset: int = 0) -> Leak:
    """What `column` at `bar` knew, by bisection over the later bars, from the cut that showed it.

    `probe` covers the rows on which the leak was found; `offset` is where they begin in the data.
    """
    full = value_at(probe.full(), column, bar)
    assert full is not None, "a strategy that fails on all rows never gets here"

    def at(t: int) -> float | None:
        return value_at(probe.future(t, how), column, bar)

    last = _least(cut, probe.n_bars, lambda t: same_value(full, at(t)))
    known = _known(probe, bar, column, last, how, offset)
    if cut in probe.refused:
        known = f"cannot be had from the past alone, which raises {probe.refused[cut]}"
    start, stop = _shrink(probe, bar, column, cut, last, how)
    shown = slice(max(start, stop - _ROWS_SHOWN), stop)
    rows = {name: tuple(v[shown].ravel().tolist()) for name, v in probe.columns.items()}
    return Leak(
        column,
        bar + offset,
        time_of(probe, bar),
        last - bar - 1,
        known,
        how,
        full,
        at(cut),
        Example(start + offset, stop - start, rows),
        probe.symbol,
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def time_of(probe: Probe, bar: int) -> datetime | None:
    """Close time of a bar, None where the data have no times."""
    if probe.times is None:
        return None
    return utc(int(probe.times[bar]))


def utc(microseconds: int) -> datetime:
    """The moment so many microseconds after 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def _least(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """Smallest t in (low, high] with `holds(t)`, given that it fails at low and holds at high."""
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle
    return high


def _known(probe: Probe, bar: int, column: str, last: int, how: How, offset: int) -> str:
    """The words: which inputs of the last bar needed, or only that it exists."""
    row = last - 1
    part = probe.window(0, last) if how == "truncate" else probe
    value = value_at(part.full(), column, bar)
    used = [
        name
        for name in part.names
        if any(
            not same_value(value, value_at(part.perturbed(row, name, factor), column, bar))
            for factor in (1000.0, 0.001, 1.07, 0.93)
        )
    ]
    far = "the next bar" if row - bar == 1 else f"{row - bar} bars later"
    if row == probe.n_bars - 1 and row - bar > 1:
        far += ", the last of the data" if offset == 0 else ", the last of its window"
    if used:
        return f"knew the {' and '.join(used)} of bar {row + offset} ({far})"
    return f"knew that bar {row + offset} exists ({far})"


def _shrink(probe: Probe, bar: int, column: str, cut: int, last: int, how: How) -> tuple[int, int]:
    """Fewest rows [a, b) around `bar`, by doubling, on which the cut still changes its value."""

    def shows(a: int, b: int) -> bool:
        part = probe.window(a, b)
        alone = value_at(part.future(cut - a, how), column, bar - a)
        return not same_value(value_at(part.prefix(b - a), column, bar - a), alone)

    stop = next((b for b in _after(cut, last) if shows(0, b)), last)
    start = next((a for a in _before(bar) if shows(a, stop)), 0)
    stop = next((b for b in _after(cut, stop) if shows(start, b)), stop)
    return start, stop


def _after(low: int, high: int) -> list[int]:
    """low+1, low+2, low+4 … high."""
    return [*(low + (1 << i) for i in range(40) if low + (1 << i) < high), high]


def _before(high: int) -> list[int]:
    """high, high-1, high-3, high-7 … 0."""
    return [*(high + 1 - (1 << i) for i in range(40) if high + 1 - (1 << i) > 0), 0]
