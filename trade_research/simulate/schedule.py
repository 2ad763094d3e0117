"""When weights are brought back without a new opinion: every bar, every k bars, drift, schedule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trade_research.errors import ConfigError
from trade_research.kernels.jit import B8, I64

_UNITS_US = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000}
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; weeks start on Monday


@dataclass(frozen=True)
class Rebalance:
    """Rows whose weights are put back in force although the targets did not change.

    `every` counts rows; `drift` compares weights at the close with targets; `period` is a count
    and unit such as (1, "d"): the first row that closes in a new period rebalances (sessions for
    days, Monday for weeks, the UTC clock for shorter ones), because only then is the period known
    to have ended.
    """

    every: int = 0
    drift: float = 0.0
    period: tuple[int, str] | None = None

    @classmethod
    def of(cls, rule: Rebalance | bool | int | float | str | None) -> Rebalance | None:
        """The rule from what `simulate(rebalance=…)` takes.

        None or False: never. True or 1: every bar. A whole number k: every k bars. A fraction in
        (0, 1): when any weight is further than that from its target. A string: "1d", "5d", "1w",
        "1mo", "4h": the first bar of each such period.

        Raises
        ------
        ConfigError
            Anything else.
        """
        if rule is None or rule is False:
            return None
        if isinstance(rule, Rebalance):
            return rule
        if isinstance(rule, int) and rule >= 1:
            return cls(every=int(rule))
        if isinstance(rule, float) and 0.0 < rule < 1.0:
            return cls(drift=rule)
        if isinstance(rule, str):
            count = rule.rstrip("abcdefghijklmnopqrstuvwxyz")
            unit = rule[len(count) :]
            if unit in ("s", "m", "h", "d", "w", "mo") and count.isdigit() and int(count) >= 1:
                return cls(period=(int(count), unit))
        raise ConfigError(
            f"rebalance={rule!r} is not a rule. Use True (every bar), a whole number of bars, a "
            "drift such as 0.05, or a period such as '1d', '1w', '1mo', '4h'."
        )

    def rows(self, close_time: I64, session: I64, first: int, last: int) -> B8:
        """Which of the rows [first, last) rebalance; row `first` − 1 must be known if there is one.

        Parameters
        ----------
        close_time : int64 array of shape (n_bars,)
            µs since 1970.
        session : int64 array of shape (n_bars,)
            Day number of each row's session.
        """
        number = np.arange(first, last)
        if self.every:
            out: B8 = number % self.every == 0
            return out
        if self.period is None:
            return np.zeros(last - first, dtype=np.bool_)
        lo = max(first - 1, 0)
        key = _period_of(close_time[lo:last], session[lo:last], *self.period)
        is_new = np.ones(key.size, dtype=np.bool_)
        is_new[1:] = key[1:] != key[:-1]
        return is_new[first - lo :]


def _period_of(close_time: I64, session: I64, count: int, unit: str) -> I64:
    """Number of the period each row belongs to."""
    if unit in _UNITS_US:
        return (close_time - 1) // (count * _UNITS_US[unit])
    if unit == "d":
        return session // count
    if unit == "w":
        return (session + _EPOCH_WEEKDAY) // (7 * count)
    months: I64 = session.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return months // count
