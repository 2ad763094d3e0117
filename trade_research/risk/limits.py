"""`Limits`: what an account may never do. Each one is set by somebody; none is infinite."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from datetime import datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from trade_research.errors import RiskError

_MONEY = (
    "max_order",
    "max_position",
    "max_gross",
    "max_net",
    "max_daily_loss",
    "max_drawdown",
    "price_band",
    "max_lateness_s",
)
_COUNTS = ("max_orders_per_minute", "max_orders_per_day", "max_losses_in_a_row")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of one account. Orders that only reduce a position pass all of them.

    The orders of a bar are weighed one by one: what only reduces first, then each other in the
    order of the symbols, with all that passed before it counted as filled and as not filled,
    whichever is worse. One that is refused changes nothing of the others, nor of the weights that
    are brought back beside it: its symbol keeps what it holds, and asks again with the next bar
    that wants it. Legs of a pair are not worth much alone: `all_or_none`.

    Parameters
    ----------
    max_order : float
        Money in one order, at the price of its decision and with `price_band` to spare.
    max_position : float
        Money in one symbol, long or short, open orders counted at their worst.
    max_gross, max_net : float
        Money in all symbols: sum of sizes; size of the sum.
    max_daily_loss : float
        Money lost since the day began, realised, unrealised and fees; then only reducing orders
        pass until the next day. Days begin at midnight in `tz`.
    max_drawdown : float
        Money lost from the highest equity; latched until a person resets it.
    max_orders_per_minute, max_orders_per_day : int
        Orders that do not reduce.
    min_balance : float
        Cash that has to be left after an order.
    price_band : float
        Fraction by which the price of a fill may differ from the decision's; beyond it an order
        is withdrawn.
    max_lateness_s : float
        Age in seconds at which a bar is too old to trade on.
    max_losses_in_a_row : int
        Losing round trips after which `cooldown_minutes` have to pass.
    cooldown_minutes : float
    hours : str, optional
        "14:00-22:00" in `tz`; may pass midnight. None trades around the clock.
    tz : str
        IANA zone of days and hours.
    symbols : tuple of str, optional
        The only symbols that may be traded; None for those of the session.
    all_or_none : bool
        Orders of a bar that do not reduce pass all together or not at all: for pairs and spreads.
        One that finds no bar or no volume may still be filled later than the others.

    Raises
    ------
    RiskError
        A limit that is not positive and finite, or hours and zones that cannot be read.
    """

    max_order: float
    max_position: float
    max_gross: float
    max_net: float
    max_daily_loss: float
    max_drawdown: float
    max_orders_per_minute: int
    max_orders_per_day: int
    min_balance: float
    price_band: float
    max_lateness_s: float
    max_losses_in_a_row: int
    cooldown_minutes: float
    hours: str | None = None
    tz: str = "UTC"
    symbols: tuple[str, ...] | None = None
    all_or_none: bool = False

    def __post_init__(self) -> None:
        for name in (*_MONEY, *_COUNTS):
            value = getattr(self, name)
            if isinstance(value, bool) or not (value > 0 and math.isfinite(value)):
                raise RiskError(f"{name} must be positive and finite, found {value!r}")
        for name in _COUNTS:
            if not isinstance(getattr(self, name), int):
                raise RiskError(f"{name} must be a whole number, found {getattr(self, name)!r}")
        for name in ("min_balance", "cooldown_minutes"):
            if not (getattr(self, name) >= 0 and math.isfinite(getattr(self, name))):
                raise RiskError(f"{name} must be 0 or more, found {getattr(self, name)!r}")
        if not isinstance(self.all_or_none, bool):
            raise RiskError(f"all_or_none is True or False, found {self.all_or_none!r}")
        try:
            ZoneInfo(self.tz)
        except (ZoneInfoNotFoundError, ValueError):
            raise RiskError(f"tz {self.tz!r} is no IANA time zone, e.g. Europe/Berlin") from None
        if self.hours is not None:
            span_of(self.hours)

    @classmethod
    def of_cash(cls, cash: float, leverage: float = 1.0) -> Limits:
        """Limits for paper trading an account that starts with `cash`.

        One symbol may take all of it; 5 % may be lost in a day and 10 % from the peak; ten orders
        a minute and 200 a day; fills within 5 % of the decision; an hour without new positions
        after ten losses in a row.
        """
        most = 1.1 * cash * leverage
        return cls(
            max_order=2.0 * most,
            max_position=most,
            max_gross=most,
            max_net=most,
            max_daily_loss=0.05 * cash,
            max_drawdown=0.10 * cash,
            max_orders_per_minute=10,
            max_orders_per_day=200,
            min_balance=0.0,
            price_band=0.05,
            max_lateness_s=60.0,
            max_losses_in_a_row=10,
            cooldown_minutes=60.0,
        )

    def but(self, **changes: object) -> Limits:
        """The same with some limits changed."""
        known = {field.name for field in fields(self)}
        for name in changes:
            if name not in known:
                raise RiskError(f"there is no limit {name!r}; known: {', '.join(sorted(known))}")
        return replace(self, **changes)  # type: ignore[arg-type]  # __post_init__ checks values

    def day(self, now_ns: int) -> int:
        """Number of the day, in `tz`, that a moment belongs to: 23 and 25 hour days are days."""
        return self._local(now_ns).toordinal()

    def is_open(self, now_ns: int) -> bool:
        """Whether new positions may be taken at that moment."""
        if self.hours is None:
            return True
        first, last = span_of(self.hours)
        now = self._local(now_ns).time()
        return first <= now < last if first < last else now >= first or now < last

    def _local(self, now_ns: int) -> datetime:
        return datetime.fromtimestamp(now_ns / 1e9, ZoneInfo(self.tz))


def span_of(hours: str) -> tuple[time, time]:
    """First moment and first moment after, of "14:00-22:00"."""
    first, dash, last = hours.partition("-")
    try:
        span = time.fromisoformat(first.strip()), time.fromisoformat(last.strip())
    except ValueError:
        span = None
    if not dash or span is None or span[0] == span[1]:
        raise RiskError(f"hours {hours!r} are not of the form 14:00-22:00")
    return span
