"""At which rows something is estimated anew."""

from __future__ import annotations

import numpy as np

from trade_research.errors import ConfigError
from trade_research.frames.intervals import DAY, WEEK, Interval, parse_interval
from trade_research.kernels.jit import B8, I64

_MONDAY = 4 * DAY  # 1970-01-05 was the first Monday of the epoch


def check_schedule(every: int | str | Interval) -> None:
    """Raise ConfigError for anything but a whole number of rows or an interval like "1w"."""
    if isinstance(every, str | Interval):
        parse_interval(every)
    elif isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise ConfigError(f"every={every!r} is not a number of bars from 1 up, nor like '1d', '1w'")


def scheduled(close_time: I64, every: int | str | Interval) -> B8:
    """Rows at which to estimate: row 0, then every so many rows, or the first of each period.

    Parameters
    ----------
    close_time : int64 array of shape (n_bars,)
        µs since 1970. A close at midnight ends the day before.
    every : int, str or Interval
        Rows, or a period such as "1d" or "4w" on the UTC clock; weeks start on Monday.

    Returns
    -------
    bool array of shape (n_bars,)
        Each row follows from the close times up to it.
    """
    check_schedule(every)
    if isinstance(every, int):
        found: B8 = np.arange(close_time.size) % every == 0
        return found
    step = parse_interval(every).us
    anchor = _MONDAY if step % WEEK == 0 else 0
    period = (close_time - 1 - anchor) // step
    is_new = np.ones(close_time.size, dtype=np.bool_)
    is_new[1:] = period[1:] != period[:-1]
    return is_new
