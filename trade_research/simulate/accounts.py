"""Accounts (what may be held) and the venue's rules of size (in what steps)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trade_research.errors import ConfigError, nearest
from trade_research.kernels.jit import F64

KINDS = ("spot", "margin", "perp")
MARGIN_MAINTENANCE = 0.25
PERP_MAINTENANCE = {"BTC": 0.004, "XBT": 0.004, "ETH": 0.005}
"""Maintenance of a perpetual's first tier by base coin, a fraction of the position's value."""
PERP_MAINTENANCE_OTHERS = 0.01
# The base coin in BTC/USDT:USDT, BTCUSDT, PF_XBTUSD, binance:BTC-PERP; not in ETHFI/USDT:USDT.
_BASE = re.compile(rf"(?:^|[:_])({'|'.join(PERP_MAINTENANCE)})(?=$|[^A-Z0-9]|B?USD|PERP)")


@dataclass(frozen=True)
class Account:
    """Buying power and liquidation.

    ``spot`` never shorts and never borrows: a negative target counts as 0 and buys shrink to the
    cash there is. ``margin`` shorts and borrows: gross exposure up to `leverage` × equity when a
    position is opened, and everything is closed when equity falls to `maintenance` × gross, tested
    at the open and at the worst price inside each bar.

    ``perp`` holds perpetual futures on isolated margin: a position sets value / `leverage` aside
    and can lose no more than that, for at margin + unrealised ≤ `maintenance` × value the venue
    takes it over at its bankruptcy price, its fee included. Funding (rate × mark × units) is paid
    by longs where the rate is positive, by shorts where it is negative; from free money first,
    then from the position's margin. It needs the rates: `backtest(…, funding=…)`.

    Parameters
    ----------
    kind : {"spot", "margin", "perp"}
    leverage : float
        Most gross exposure over equity (over free money, for perpetuals).
    maintenance : float, optional
        Fraction of the positions' value. Default: 0.25 on margin; for perpetuals that of the
        first tier by base coin: BTC 0.4%, ETH 0.5%, others 1%.
    buffer : float
        Of perpetuals: at an open at which equity / (maintenance × value of all) is below
        1 + `buffer`, the largest position is halved. 0: never; 0.15 is a usual guard.

    Raises
    ------
    ConfigError
        An unknown kind, leverage below 1 or on spot, maintenance outside [0, 1/leverage), a
        negative buffer, or one on another account.
    """

    kind: str = "spot"
    leverage: float = 1.0
    maintenance: float | None = None
    buffer: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"unknown account {self.kind!r}: {nearest(str(self.kind), KINDS)}")
        if not (math.isfinite(self.leverage) and self.leverage >= 1.0):
            raise ConfigError(f"Account: leverage must be 1 or more, found {self.leverage!r}.")
        if self.kind == "spot" and self.leverage != 1.0:
            raise ConfigError(
                f"Account: a spot account has no leverage, found {self.leverage:g}. "
                "Use Account('margin', leverage=…) or Account('perp', leverage=…)."
            )
        if self.maintenance is None and self.kind != "perp":
            object.__setattr__(self, "maintenance", MARGIN_MAINTENANCE)
        highest = PERP_MAINTENANCE_OTHERS if self.maintenance is None else self.maintenance
        if not 0.0 <= highest < 1.0 / self.leverage:
            raise ConfigError(
                f"Account: maintenance must be at least 0 and below 1/leverage = "
                f"{1 / self.leverage:g}, found {highest!r}; else every full position "
                "would be liquidated as it opens."
            )
        if not (math.isfinite(self.buffer) and self.buffer >= 0.0):
            raise ConfigError(f"Account: buffer must be 0 or more, found {self.buffer!r}.")
        if self.buffer and self.kind != "perp":
            raise ConfigError(f"Account: buffer is for 'perp' accounts, not {self.kind!r}.")

    @classmethod
    def of(cls, account: Account | str) -> Account:
        """An account from itself, or from text: its kind, perhaps with leverage: ``"perp:3"``."""
        if isinstance(account, Account):
            return account
        kind, _, leverage = str(account).partition(":")
        try:
            times = float(leverage or 1.0)
        except ValueError:
            raise ConfigError(
                f"account {account!r}: {leverage!r} is no leverage. Write e.g. 'perp:3'."
            ) from None
        return cls(kind, times)

    def maintenance_of(self, symbols: Sequence[str]) -> list[float]:
        """The maintenance rate of each symbol, a fraction of its position's value."""
        if self.maintenance is not None:
            return [self.maintenance] * len(symbols)
        found = (_BASE.search(name.upper()) for name in symbols)
        return [PERP_MAINTENANCE[m[1]] if m else PERP_MAINTENANCE_OTHERS for m in found]


@dataclass(frozen=True)
class Rules:
    """Steps of price and size; one number for all symbols, or one per symbol.

    Parameters
    ----------
    tick : float or sequence of float
        Price step; fills round against us. 0: none.
    lot : float or sequence of float
        Quantity step; orders round toward zero. 0: any fraction.
    min_notional : float or sequence of float
        Least value (quantity × reference) of an order that does not close a whole position.
    """

    tick: float | Sequence[float] = 0.0
    lot: float | Sequence[float] = 0.0
    min_notional: float | Sequence[float] = 0.0

    def table(self, n_symbols: int) -> F64:
        """Tick, lot and minimum notional of each symbol, (n_symbols, 3).

        Raises
        ------
        ConfigError
            A negative or non-finite number, or a sequence of another length.
        """
        out = np.zeros((n_symbols, 3))
        for column, name in enumerate(("tick", "lot", "min_notional")):
            values = np.atleast_1d(np.asarray(getattr(self, name), dtype=np.float64))
            if values.ndim != 1 or values.size not in (1, n_symbols):
                raise ConfigError(
                    f"Rules: {name} needs one number or one per symbol ({n_symbols}), "
                    f"found shape {values.shape}."
                )
            if not (np.isfinite(values).all() and (values >= 0).all()):
                raise ConfigError(f"Rules: {name} must be finite and not negative, found {values}.")
            out[:, column] = values
        return out
