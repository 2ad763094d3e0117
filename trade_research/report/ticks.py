"""Where axes carry a label, and which: round numbers, powers, UTC dates on a numeric axis."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

_DAY = 86_400.0
# (step in seconds, format) below a month; months and years follow their own calendar.
_CLOCK = (
    (60.0, "%H:%M"),
    (300.0, "%H:%M"),
    (900.0, "%H:%M"),
    (3_600.0, "%H:%M"),
    (4 * 3_600.0, "%H:%M"),
    (12 * 3_600.0, "%d %b %H:%M"),
    (_DAY, "%d %b"),
    (2 * _DAY, "%d %b"),
    (7 * _DAY, "%d %b"),
)
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 240)


def nice(low: float, high: float, most: int = 5) -> list[float]:
    """At most about `most` round values inside [low, high], evenly spaced."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low] if math.isfinite(low) else []
    raw = (high - low) / max(1, most)
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * k for k in (1, 2, 2.5, 5, 10) if size * k >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def decades(low: float, high: float, most: int = 6) -> list[float]:
    """Round values for a logarithmic axis: 1, 2, 5 times powers of ten; even steps when narrow."""
    if high / low < 4:
        return nice(low, high, most)
    for marks in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        found = [
            mark * 10.0**power
            for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            for mark in marks
            if low <= mark * 10.0**power <= high
        ]
        if len(found) <= most:
            return found
    every = math.ceil(len(found) / most)
    return found[::every]


def dates(start: float, end: float, most: int = 8) -> list[tuple[float, str]]:
    """Ticks (seconds since 1970, label) on calendar boundaries, UTC."""
    span = end - start
    if span <= 0:
        return [(start, f"{datetime.fromtimestamp(start, UTC):%Y-%m-%d}")]
    for step, form in _CLOCK:
        if span / step <= most:
            first = math.ceil(start / step) * step
            return [
                (at, datetime.fromtimestamp(at, UTC).strftime(form))
                for at in (first + k * step for k in range(int((end - first) // step) + 1))
            ]
    months = next((m for m in _MONTHS if span / (m * 30.4 * _DAY) <= most), _MONTHS[-1])
    return _month_ticks(start, end, months)


def _month_ticks(start: float, end: float, step: int) -> list[tuple[float, str]]:
    """Ticks on the first of every `step`-th month; January says its year."""
    opening = datetime.fromtimestamp(start, UTC)
    index = (opening.year * 12 + opening.month - 1) // step * step
    ticks: list[tuple[float, str]] = []
    while True:
        at = datetime(index // 12, index % 12 + 1, 1, tzinfo=UTC)
        if at.timestamp() > end:
            return ticks
        if at.timestamp() >= start:
            form = "%Y" if at.month == 1 else "%b"
            ticks.append((at.timestamp(), at.strftime(form if ticks or at.month == 1 else "%b %Y")))
        if at > datetime.max.replace(tzinfo=UTC) - timedelta(days=31 * step):
            return ticks
        index += step
