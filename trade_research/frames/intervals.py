"""Lengths of bars: "1m", "4h", "1d", "1w"; one spelling per length."""

from __future__ import annotations

import re
from dataclasses import dataclass

from trade_research.errors import ConfigError, nearest

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}
_FORM = re.compile(r"([1-9][0-9]{0,5})([smhdw])")

STANDARD = (
    *("1s", "5s", "10s", "15s", "30s"),
    *("1m", "2m", "3m", "5m", "10m", "15m", "20m", "30m", "45m"),
    *("1h", "2h", "3h", "4h", "6h", "8h", "12h"),
    *("1d", "2d", "3d", "1w"),
)
"""Intervals that vendors print; the only ones guessed from a file's own times."""


@dataclass(frozen=True)
class Interval:
    """The length of a bar: its canonical spelling and its microseconds.

    Make one with `parse_interval`; equal lengths are equal intervals (``60m`` is ``1h``).
    """

    text: str
    us: int

    def __str__(self) -> str:
        return self.text

    @property
    def is_daily(self) -> bool:
        """True for whole days and weeks, whose session bars are labelled by date."""
        return self.us % DAY == 0


def parse_interval(text: str | Interval) -> Interval:
    """Read an interval: a count and a unit of ``s m h d w``.

    Parameters
    ----------
    text : str or Interval
        Like ``"1m"``, ``"15m"``, ``"4h"``, ``"1d"``, ``"1w"``. An `Interval` is returned as it is.

    Returns
    -------
    Interval
        In its canonical spelling: the largest unit that divides it (``"60m"`` gives ``1h``).

    Raises
    ------
    ConfigError
        For any other text; months and years have no fixed length and are not intervals.
    """
    if isinstance(text, Interval):
        return text
    match = _FORM.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        hint = nearest(text.lower(), STANDARD) if isinstance(text, str) else "give it as text"
        raise ConfigError(
            f"{text!r} is not an interval: write a count and one of s, m, h, d, w, like '15m' "
            f"({hint})"
        )
    return interval_of_us(int(match[1]) * _UNITS[match[2]])


def interval_of_us(us: int) -> Interval:
    """Interval of `us` microseconds, whole seconds, in its canonical spelling."""
    if us <= 0 or us % SECOND:
        raise ConfigError(
            f"an interval is a positive whole number of seconds, found {us / SECOND} s"
        )
    unit = next(name for name, size in reversed(_UNITS.items()) if us % size == 0)
    return Interval(f"{us // _UNITS[unit]}{unit}", us)
