"""Exits that depend on the fill, done by the fill step and not by the strategy."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trade_research.errors import ConfigError
from trade_research.frames.durations import parse_duration


@dataclass(frozen=True)
class Exits:
    """Resting exits of every position.

    After one of them the position stays closed until the cooldown is over *and* the strategy says
    something new: a target that is not NaN and differs from the row before.

    Parameters
    ----------
    stop : float or None
        Loss at which the position closes, as a fraction of the average fill price (0.02 is 2%).
    take_profit : float or None
        Gain at which it closes, as a fraction of the average fill price.
    trailing : float or None
        Distance from the best price since entry, as a fraction of that price; a bar's extreme
        moves the level from the next bar on.
    max_hold : int, str or None
        Bars after the entry bar at which the position closes, at that bar's fill time; over order
        books a duration of event time such as ``"60s"``.
    cooldown : int or str
        Rows after an exit that are not listened to; over order books a duration.

    Raises
    ------
    ConfigError
        A fraction outside (0, 1) (a take profit may be larger), or a count below 1 (cooldown 0).
    """

    stop: float | None = None
    take_profit: float | None = None
    trailing: float | None = None
    max_hold: int | str | None = None
    cooldown: int | str = 0

    def __post_init__(self) -> None:
        for name, limit in (("stop", 1.0), ("take_profit", math.inf), ("trailing", 1.0)):
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ConfigError(f"Exits: {name} must be a fraction or None, found {value!r}.")
            if not 0.0 < value < limit:
                raise ConfigError(
                    f"Exits: {name} must be a fraction above 0"
                    + (f" and below {limit:g}" if math.isfinite(limit) else " and finite")
                    + f", found {value!r}. 0.02 is two per cent; None is no {name}."
                )
        for name, least in (("max_hold", 1), ("cooldown", 0)):
            value = getattr(self, name)
            if value is None and name == "max_hold":
                continue
            if isinstance(value, str):
                parse_duration(value)
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ConfigError(
                    f"Exits: {name} must be a whole number of bars, at least {least}, "
                    f"found {value!r}."
                )

    def in_bars(self, name: str) -> int:
        """`max_hold` or `cooldown` in rows; 0 where it is off."""
        value = getattr(self, name) or 0
        if isinstance(value, str):
            raise ConfigError(
                f"Exits: {name} is {value!r}, but bars are counted: give a whole number of bars."
            )
        return int(value)

    def in_nanos(self, name: str) -> int:
        """`max_hold` or `cooldown` in nanoseconds; 0 where it is off."""
        value = getattr(self, name) or 0
        if isinstance(value, str):
            return parse_duration(value)
        if value:
            raise ConfigError(
                f"Exits: over order books {name} is a duration such as '60s', found {value!r}."
            )
        return 0
