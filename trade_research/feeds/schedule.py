"""When the next bar opens and closes, by the calendar of its market."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from trade_research.frames.calendars import Calendar, get_calendar
from trade_research.frames.intervals import Interval
from trade_research.frames.sessions import sessions_of


class Schedule:
    """The opens and closes that a calendar expects.

    Parameters
    ----------
    calendar : Calendar or str
    interval : Interval
    first, last : int
        Microseconds since 1970 within which it is asked; the year after is known too.
    """

    def __init__(self, calendar: Calendar | str, interval: Interval, first: int, last: int) -> None:
        found = get_calendar(calendar) if isinstance(calendar, str) else calendar
        self._step = interval.us if found.continuous else None
        self._opens = self._closes = np.zeros(0, dtype=np.int64)
        if self._step is None:
            years = [datetime.fromtimestamp(us / 1e6, UTC).year for us in (first, last)]
            self._opens = sessions_of(found, years[0], years[1] + 1).opens(interval)
            self._closes = found.closes(self._opens, interval)

    def after(self, open_time: int) -> tuple[int, int]:
        """Open and close of the first bar that opens after this; both 0 where nobody knows."""
        if self._step is not None:
            return open_time + self._step, open_time + 2 * self._step
        at = int(np.searchsorted(self._opens, open_time, side="right"))
        if at == self._opens.size:
            return 0, 0
        return int(self._opens[at]), int(self._closes[at])

    def is_open(self, open_time: int, last_open: int) -> bool:
        """Whether a bar may open then, in a row of bars that `last_open` belongs to."""
        if self._step is not None:
            return (open_time - last_open) % self._step == 0
        expected = self.after(open_time - 1)[0]
        return expected in (0, open_time)

    def before(self, open_time: int) -> int:
        """A moment after which `open_time` is the first open."""
        return open_time - (1 if self._step is None else self._step)
