"""What a simulation says: arrays at once, tables when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from trade_research.kernels.jit import F64, I64
from trade_research.simulate import codes
from trade_research.simulate.market import Market
from trade_research.simulate.records import Books, FlowRow, Records, empty
from trade_research.simulate.trades import Trades, trades_of

if TYPE_CHECKING:
    import polars as pl

_MONEY = ("fee", "spread", "slippage", "impact", "tax")


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """Outcome of one simulation.

    Attributes
    ----------
    equity : float64 array of shape (n_bars,)
        Cash and positions at last real closes, after everything that happened at that bar.
    orders, fills : record arrays
        The journals as the step wrote them (fields in `simulate.records`).
    status : {"ok", "no_trades", "ruined"}
        "ruined": equity fell to 0 or below, everything was closed and the run ended there.
    ambiguous : int
        Bars with stop and target both inside; each was read as the stop first.
    """

    market: Market
    equity: F64
    orders: Records
    fills: Records
    initial_cash: float
    status: str
    ambiguous: int
    borrow_paid: float
    ledger: F64
    has_lots: bool
    funding_paid: float = 0.0
    flows: Records = field(default_factory=lambda: empty(FlowRow, 0))
    rerun: Callable[[bool], Result] | None = None

    def __repr__(self) -> str:
        end = self.equity[-1] if self.equity.size else self.initial_cash
        return (
            f"<result {self.status}: {self.initial_cash:,.2f} became {end:,.2f} in "
            f"{self.equity.size:,} bars; {len(self.orders):,} orders, {len(self.fills):,} fills>"
        )

    @classmethod
    def from_books(
        cls, market: Market, books: Books, cash: float, equity: F64, ledger: F64
    ) -> Result:
        """Result of finished books; the arrays are shared, not copied."""
        acct = books.acct[0]
        if market.n_bars:  # a run that was closed out ends with other money than its last mark
            equity[-1] = acct.equity
            ledger[-1:, 0] = acct.cash
        status = "ruined" if acct.is_ruined else ("ok" if acct.n_fills else "no_trades")
        return cls(
            market=market,
            equity=equity,
            orders=books.orders[: acct.n_orders],
            fills=books.fills[: acct.n_fills],
            initial_cash=cash,
            status=status,
            ambiguous=int(acct.n_ambiguous),
            borrow_paid=float(acct.borrow_paid),
            ledger=ledger,
            has_lots=bool((books.syms["lot"] > 0).any()),
            funding_paid=float(acct.funding_paid),
            flows=books.flows[: acct.n_flows],
        )

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the columns of `position`."""
        return self.market.symbols

    @property
    def close_time(self) -> I64:
        """Close of every bar, µs since 1970, UTC."""
        return self.market.close_time

    @cached_property
    def position(self) -> F64:
        """Units held after every bar, (n_bars, n_symbols)."""
        out = np.zeros((self.market.n_bars, self.market.n_symbols))
        for s in range(self.market.n_symbols):
            mine = self.fills[self.fills["symbol"] == s]
            out[:, s] = _since(mine["bar"], mine["position"], 0.0, len(out))
        return out

    @cached_property
    def cash(self) -> F64:
        """Money after every bar, (n_bars,)."""
        if len(self.ledger):
            return np.ascontiguousarray(self.ledger[:, 0])
        fills = self.fills
        return _since(fills["bar"], fills["cash"], self.initial_cash, len(self.equity))

    @cached_property
    def value(self) -> F64:
        """Value of each position at its last real close, (n_bars, n_symbols)."""
        close = self.market.close
        if np.isnan(close).any():
            close = close.copy()
            for s in range(close.shape[1]):
                has = ~np.isnan(close[:, s])
                last = np.maximum.accumulate(np.where(has, np.arange(len(close)), 0))
                close[:, s] = np.nan_to_num(close[last, s])
        out: F64 = self.position * close
        return out

    @cached_property
    def cost(self) -> F64:
        """Money paid so far in all kinds of `costs`, (n_bars,)."""
        fills = self.fills
        each = sum((fills[name] for name in _MONEY), start=np.zeros(len(fills)))
        out = np.bincount(fills["bar"], weights=each, minlength=len(self.equity)).cumsum()
        if len(self.ledger):
            out = out + self.ledger[:, 1]
        return out

    @cached_property
    def costs(self) -> dict[str, float]:
        """Money paid in total, by kind; funding received is negative."""
        names = ("fees", "spread", "slippage", "impact", "tax")
        paid = {n: float(self.fills[f].sum()) for n, f in zip(names, _MONEY, strict=True)}
        return paid | {"borrow": self.borrow_paid, "funding": self.funding_paid}

    @cached_property
    def trades(self) -> Trades:
        """Round trips as arrays; those still open are marked at the last close."""
        return trades_of(self.fills, self.market)

    @cached_property
    def _optimistic(self) -> tuple[tuple[float, float] | None, str]:
        if self.ambiguous == 0:
            profit = self._profit
            return (profit, profit), "no bar was ambiguous"
        liquidated = self.fills["kind"] == codes.LIQUIDATION
        if self.market.n_symbols > 1 or self.has_lots or self.rerun is None:
            return None, "two readings of each ambiguous bar: a bound needs one symbol without lots"
        if (self.fills["ambiguous"][liquidated] > 0).any():
            return None, "two readings: an ambiguous bar held a liquidation"
        other = self.rerun(True)
        profits = sorted((self._profit, other._profit))
        return (profits[0], profits[1]), f"{self.ambiguous} ambiguous bars read both ways"

    @property
    def _profit(self) -> float:
        return float(self.equity[-1]) - self.initial_cash if len(self.equity) else 0.0

    @property
    def pnl_bounds(self) -> tuple[float, float] | None:
        """Money made, reading every ambiguous bar as stop first and as target first.

        None where the two readings are no bound; `pnl_bounds_reason` says why.
        """
        return self._optimistic[0]

    @property
    def pnl_bounds_reason(self) -> str:
        """What `pnl_bounds` rests on, or why there is none."""
        return self._optimistic[1]

    @cached_property
    def equity_frame(self) -> pl.DataFrame:
        """close_time, equity, return, drawdown, cash, gross, net, cost: one row a bar."""
        from trade_research.simulate.tables import equity_table

        return equity_table(self)

    @cached_property
    def orders_frame(self) -> pl.DataFrame:
        """Every order with what became of it; an unfilled or partial one has a reason code."""
        from trade_research.simulate.tables import orders_table

        return orders_table(self)

    @cached_property
    def fills_frame(self) -> pl.DataFrame:
        """Every fill with its reference price, its costs and why it happened."""
        from trade_research.simulate.tables import fills_table

        return fills_table(self)

    @cached_property
    def funding_frame(self) -> pl.DataFrame:
        """Every funding of a position held: rate, the mark it was charged on, money paid."""
        from trade_research.simulate.tables import funding_table

        return funding_table(self)

    @cached_property
    def trades_frame(self) -> pl.DataFrame:
        """Round trips at average entry prices, one row for each exit; open ones are marked."""
        from trade_research.simulate.tables import trades_table

        return trades_table(self)


def _since(bars: I64, values: F64, first: float, n_bars: int) -> F64:
    """Step function over bars: `first`, then after each of the sorted `bars` its value."""
    starts = np.append(bars, n_bars)
    lengths = np.diff(starts, prepend=0)
    return np.repeat(np.append(first, values), lengths)
