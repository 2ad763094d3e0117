"""Spans of event time: "250us", "50ms", "5s", "1m", in nanoseconds."""

from __future__ import annotations

import re
from datetime import timedelta

from trade_research.errors import ConfigError

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_FORM = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?) ?(ns|us|ms|s|m|h)")


def parse_duration(text: str | timedelta) -> int:
    """Nanoseconds of a duration, 0 or more.

    Raises
    ------
    ConfigError
        It is neither a timedelta nor a count with one of ``ns us ms s m h``.
    """
    if isinstance(text, timedelta):
        ns = text // timedelta(microseconds=1) * 1_000
    else:
        match = _FORM.fullmatch(text) if isinstance(text, str) else None
        ns = round(float(match[1]) * _UNITS[match[2]]) if match else -1
    if ns < 0:
        raise ConfigError(
            f"{text!r} is no duration: write a count and one of ns, us, ms, s, m, h, like '50ms'"
        )
    return ns
