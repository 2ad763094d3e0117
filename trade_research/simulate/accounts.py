"""Accounts (what may be held) and the venue's rules of size (in what steps)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trade_research.errors import ConfigError, nearest
from trade_research.kernels.jit import F64

KINDS = ("spot", "margin")


@dataclass(frozen=True)
class Account:
    """Buying power and liquidation.

    ``spot`` never shorts and never borrows: a negative target counts as 0 and buys shrink to the
    cash there is. ``margin`` shorts and borrows: gross exposure up to `leverage` × equity when a
    position is opened, and everything is closed when equity falls to `maintenance` × gross, tested
    at the open and at the worst price inside each bar.

    Raises
    ------
    ConfigError
        An unknown kind, leverage below 1 or on spot, maintenance outside [0, 1/leverage).
    """

    kind: str = "spot"
    leverage: float = 1.0
    maintenance: float = 0.25

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"unknown account {self.kind!r}: {nearest(str(self.kind), KINDS)}")
        if not (math.isfinite(self.leverage) and self.leverage >= 1.0):
            raise ConfigError(f"Account: leverage must be 1 or more, found {self.leverage!r}.")
        if self.kind == "spot" and self.leverage != 1.0:
            raise ConfigError(
                f"Account: a spot account has no leverage, found {self.leverage:g}. "
                "Use Account('margin', leverage=…)."
            )
        if not 0.0 <= self.maintenance < 1.0 / self.leverage:
            raise ConfigError(
                f"Account: maintenance must be at least 0 and below 1/leverage = "
                f"{1 / self.leverage:g}, found {self.maintenance!r}; else every full position "
                "would be liquidated as it opens."
            )

    @classmethod
    def of(cls, account: Account | str) -> Account:
        """An account from itself or from its kind."""
        return account if isinstance(account, Account) else cls(account)


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
