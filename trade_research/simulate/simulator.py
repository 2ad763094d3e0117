"""The simulator one bar at a time: the same compiled loop as `simulate`, over [t, t + 1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from trade_research.errors import SimulationError
from trade_research.kernels.jit import B8, F64, I64
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.codes import REBALANCE
from trade_research.simulate.costs import Costs
from trade_research.simulate.engine import (
    advance,
    end,
    flatten,
    has_ledger,
    open_books,
    pack_conf,
)
from trade_research.simulate.exits import Exits
from trade_research.simulate.funding import Funding, flows_now, joined
from trade_research.simulate.loop import is_new, run, run_each
from trade_research.simulate.market import DAY_US, PRICES, Market, read_only
from trade_research.simulate.records import Records, Tape
from trade_research.simulate.result import Result
from trade_research.simulate.schedule import Rebalance

_FIRST_BARS = 256


class _Columns(NamedTuple):
    """All bars so far, with room for more; axis 0 is time (1 for prices)."""

    prices: F64
    target: F64
    equity: F64
    ledger: F64
    opened: I64
    closed: I64
    session: I64
    flags: B8

    @classmethod
    def empty(cls, n: int, n_symbols: int, has_ledger: bool) -> _Columns:
        """Columns with room for `n` bars."""
        return cls(
            prices=np.full((len(PRICES), n, n_symbols), np.nan),
            target=np.full((n, n_symbols), np.nan),
            equity=np.zeros(n),
            ledger=np.zeros((n if has_ledger else 0, 2)),
            opened=np.zeros(n, dtype=np.int64),
            closed=np.zeros(n, dtype=np.int64),
            session=np.zeros(n, dtype=np.int64),
            flags=np.zeros(n, dtype=np.bool_),
        )

    def doubled(self) -> _Columns:
        """The same with room for twice as many bars."""
        n, n_symbols = self.target.shape
        out = self.empty(2 * n, n_symbols, len(self.ledger) > 0)
        out.prices[:, :n] = self.prices
        for old, new in zip(self[1:], out[1:], strict=True):
            new[: len(old)] = old
        return out

    def tape(self) -> Tape:
        """The columns as the step reads them."""
        o, h, low, c, v = (read_only(matrix) for matrix in self.prices)
        target, opened, closed = (read_only(x) for x in (self.target, self.opened, self.closed))
        return Tape(o, h, low, c, v, target, opened, closed, self.flags)


class Simulator:
    """An account that is fed bars as they close, and gives the fills of `simulate`, bit for bit.

    Arguments are those of `simulate`. Bars are kept in growing columns, so a bar costs the same
    however long the run.

    Examples
    --------
    ``account = Simulator(("BTC/USDT",), costs=Costs())``, then after every close
    ``account.advance(open_time, close_time, bar, target)``.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        *,
        costs: Costs | None = None,
        exits: Exits | None = None,
        account: Account | str = "spot",
        cash: float = 100_000.0,
        fill: str = "next_open",
        delay: int = 0,
        rebalance: Rebalance | bool | int | float | str | None = None,
        rules: Rules | None = None,
        start: int = 0,
    ) -> None:
        self.symbols = tuple(symbols)
        self.n_bars = 0
        self._cash = float(cash)
        self._rebalance = Rebalance.of(rebalance)
        acct = pack_conf(
            costs=costs or Costs(),
            exits=exits,
            account=Account.of(account),
            fill=fill,
            delay=delay,
            start=start,
            rebalance=self._rebalance,
            is_optimistic=False,
        )
        self._books = open_books(acct, cash, Account.of(account), self.symbols, rules)
        syms = self._books.syms  # the same memory for good
        self._wanted = syms["is_locked"], syms["held"], syms["row"]
        self._delisted: list[str] = []
        self._columns = _Columns.empty(_FIRST_BARS, len(self.symbols), has_ledger(acct))
        self._tape = self._columns.tape()
        self._n_fills, self._wish = self._books.acct["n_fills"], np.empty(len(self.symbols))
        equity, ledger = self._columns.equity, self._columns.ledger
        self._run = run.entry(0, 1, self._tape, self._books, equity, ledger)
        self._is_new = is_new.entry(self._wish, syms, False)

    def advance(
        self,
        open_time: int,
        close_time: int,
        bar: F64,
        target: F64 | float,
        *,
        session: int | None = None,
        delisted: Sequence[str] = (),
        funding: Sequence[Funding] = (),
    ) -> Records:
        """Take one closed bar and what the strategy wants after it; returns the bar's fills.

        Parameters
        ----------
        open_time, close_time : int
            Microseconds since 1970, UTC; `open_time` after that of the bar before.
        bar : float64 array of shape (5,) or (5, n_symbols)
            Open, high, low, close, volume; NaN prices where a symbol has no bar.
        target : float or float64 array of shape (n_symbols,)
            Wanted after this bar; NaN is no opinion.
        session : int, optional
            Day number of the bar's session; its UTC day when left out.
        delisted : sequence of str
            Symbols whose last bar this is.
        funding : sequence of Funding
            Rates stamped since the bar before, up to this one's close.

        Raises
        ------
        SimulationError
            Shapes that do not agree, a bar out of order, an unknown symbol, an infinite target.
        """
        t, n_symbols = self.n_bars, len(self.symbols)
        prices = np.asarray(bar, dtype=np.float64)
        wanted = np.asarray(target, dtype=np.float64)
        if wanted.ndim == 0:
            wanted = wanted[None]
        if prices.ndim == 1:
            prices = prices[:, None]
        if prices.shape != (len(PRICES), n_symbols) or wanted.shape != (n_symbols,):
            raise SimulationError(
                f"Simulator of {n_symbols} symbols: bar has shape {np.shape(bar)} and target "
                f"{np.shape(target)}. Give (5, {n_symbols}) and ({n_symbols},)."
            )
        columns = self._columns
        if t and open_time <= columns.opened[t - 1]:
            raise SimulationError(
                f"bar {t} opens at {open_time} µs, not after the bar before "
                f"({columns.opened[t - 1]} µs). Drop repeats and feed bars in order."
            )
        for name in delisted:
            if name not in self.symbols:
                raise SimulationError(f"delisted symbol {name!r} is not among {self.symbols}.")
        if t == len(columns.opened):
            columns = self._columns = columns.doubled()
            self._tape = columns.tape()
        for name in delisted:
            self._books.syms[self.symbols.index(name)].last_bar = t
            self._delisted.append(name)
        if funding:
            self._owe(flows_now(funding, t, open_time, self.symbols))
        columns.opened[t], columns.closed[t] = open_time, close_time
        columns.session[t] = (close_time - 1) // DAY_US if session is None else session
        columns.prices[:, t] = prices
        columns.target[t] = wanted
        self.n_bars = t + 1
        if self._rebalance is not None:
            flags = self._rebalance.rows(columns.closed, columns.session, t, t + 1)
            columns.flags[t] = flags[0]
        before = self._n_fills[0]
        equity, ledger = columns.equity, columns.ledger
        self._books = advance(t, t + 1, self._tape, self._books, equity, ledger, self._run)
        return self._books.fills[before : self._n_fills[0]]

    def decide(self, target: F64) -> None:
        """Replace what is wanted after the last bar, (n_symbols,): it was weighed and changed."""
        self._columns.target[self.n_bars - 1] = target

    def asked(self, target: F64) -> F64:
        """Signed units that this row of targets after the last bar asks to trade, (n_symbols,).

        At the prices of that bar's close, by the rules of the step: 0 where there is no opinion, or
        one that is already in force; NaN where one is new and nobody can say how much, for want of
        a price. Of an account without `delay` that fills at the next open.
        """
        syms, t = self._books.syms, self.n_bars - 1
        locked, held, row = self._wanted
        is_free = locked == 0
        is_new = target != np.where(is_free, held, row)
        if self._columns.flags[t]:
            is_new |= is_free & (held != 0.0)
        with np.errstate(invalid="ignore", over="ignore"):
            units = target * self.equity / syms["mark"] - syms["position"]
        units[units == 0.0] = np.nan
        units[target == 0.0] = -syms["position"][target == 0.0]
        return np.where(is_new & ~np.isnan(target), units, 0.0)

    def is_asked(self, target: F64) -> bool:
        """Whether this row of targets after the last bar has an opinion that is not in force yet.

        Only then `asked` has anything to say; as a rule it has not, and this is quickly found.
        """
        self._wish[:] = target
        is_rebalance = bool(self._columns.flags[self.n_bars - 1])
        return self._is_new(self._wish, self._books.syms, is_rebalance)

    @property
    def is_waiting(self) -> B8:
        """Symbols whose order waits for a bar or for volume, (n_symbols,)."""
        return np.asarray(self._books.syms["waiting"] >= 0)

    def sized(self, s: int, weight: float, opens: F64) -> float:
        """Signed units that an order of symbol `s` would trade at these opens, (n_symbols,).

        One that waited for volume has its size already.
        """
        me, held = self._books.syms[s], self._books.syms["position"]
        if me.waiting >= 0 and me.pending == 0:
            return float(me.desired - me.position)
        value = self.cash + float((held * opens)[held != 0.0].sum())
        return float(weight * value / opens[s] - me.position)

    def wished(self, target: F64) -> F64:
        """A row of targets, and where it has no opinion the weight that this bar brings back."""
        t = self.n_bars - 1
        if not self._columns.flags[t]:
            return target
        locked, held, _ = self._wanted
        is_due = (locked == 0) & (held != 0.0) & ~np.isnan(self._columns.prices[3, t])
        return np.where(np.isnan(target) & is_due, held, target)

    def withdraw(self, s: int, target: F64) -> None:
        """Give up the order of symbol `s`, sent or waiting; what is held stays.

        Its weight is not brought back at this bar either: that would be an order too. Those of the
        other symbols are, by the row of targets, (n_symbols,), that the bar was decided with.
        """
        t, syms, columns = self.n_bars - 1, self._books.syms, self._columns
        if columns.flags[t]:  # a matter of each symbol from here on, as the step would make it
            is_row = ~(np.isnan(target) & np.isnan(columns.prices[3, t]))
            is_due = is_row & (syms["is_locked"] == 0) & (syms["pending"] == 0)
            syms["pending"][is_due] = REBALANCE
            columns.flags[t] = False
        me = syms[s]
        if me.waiting >= 0:  # what is in force is now what there is
            me.held = me.position * me.mark / self.equity if me.position != 0.0 else 0.0
            me.pending, me.waiting, me.desired = 0, -1, me.position
        elif me.pending == REBALANCE:
            me.pending, me.desired = 0, me.position
        columns.target[t, s] = np.nan

    def halt(self) -> Records:
        """Close every position at its last close, with costs; returns the fills."""
        before, columns = self._books.acct["n_fills"][0], self._columns
        self._books = flatten(self.n_bars, self._tape, self._books, columns.equity)
        self.decide(np.zeros(len(self.symbols)))
        return self._books.fills[before : self._books.acct["n_fills"][0]]

    @property
    def orders(self) -> Records:
        """Every order so far, as the step journals them."""
        return self._books.orders[: self._books.acct["n_orders"][0]]

    @property
    def marks(self) -> F64:
        """Last real close of each symbol, (n_symbols,); NaN before its first."""
        return np.array(self._books.syms["mark"])

    def _owe(self, flows: Records) -> None:
        self._books = self._books._replace(flows=joined([self._books.flows, flows]))

    def extend(self, bars: Market, target: F64) -> None:
        """`advance` for each of many bars, with the loop that enters the step anew compiled.

        Parameters
        ----------
        bars : Market
            Of the same symbols, after the bars so far.
        target : float64 array of shape (n_bars, n_symbols)
            Wanted after each bar.

        Raises
        ------
        SimulationError
            Other symbols, shapes that do not agree, bars out of order, an infinite target.
        """
        t, stop = self.n_bars, self.n_bars + bars.n_bars
        columns = self._columns
        if bars.symbols != self.symbols or target.shape != bars.close.shape:
            raise SimulationError(
                f"Simulator of {self.symbols}: bars are of {bars.symbols} and targets have shape "
                f"{target.shape}. Give {bars.close.shape} targets of the same symbols."
            )
        if t and bars.n_bars and bars.open_time[0] <= columns.opened[t - 1]:
            raise SimulationError(
                f"bar {t} opens at {bars.open_time[0]} µs, not after the bar before "
                f"({columns.opened[t - 1]} µs). Drop repeats and feed bars in order."
            )
        if bars.funding is not None:
            due = bars.funding.copy()
            due["bar"] += t
            self._owe(due)
        while stop > len(columns.opened):
            columns = self._columns = columns.doubled()
        self._tape = columns.tape()
        columns.opened[t:stop], columns.closed[t:stop] = bars.open_time, bars.close_time
        columns.session[t:stop], columns.target[t:stop] = bars.session_days(), target
        columns.prices[:, t:stop] = [getattr(bars, name) for name in PRICES]
        if self._rebalance is not None:
            rows = self._rebalance.rows(columns.closed, columns.session, t, stop)
            columns.flags[t:stop] = rows
        self.n_bars = stop
        self._books = advance(
            t, stop, self._tape, self._books, columns.equity, columns.ledger, run_each
        )

    @property
    def equity(self) -> float:
        """Equity at the last close."""
        return float(self._books.acct[0].equity)

    @property
    def cash(self) -> float:
        """Money after the last bar."""
        return float(self._books.acct[0].cash)

    @property
    def position(self) -> F64:
        """Units of each symbol after the last bar, (n_symbols,)."""
        return np.array(self._books.syms["position"])

    def result(self, *, finalize: bool = False) -> Result:
        """Everything so far, as `simulate` over the same bars gives it; the account goes on."""
        n, columns = self.n_bars, self._columns
        prices = dict(zip(PRICES, columns.prices[:, :n].copy(), strict=True))
        market = Market(
            open_time=columns.opened[:n].copy(),
            close_time=columns.closed[:n].copy(),
            **prices,
            symbols=self.symbols,
            session=columns.session[:n].copy(),
            delisted=tuple(self._delisted),
            funding=self._books.flows.copy(),
        )
        books = self._books._replace(
            acct=self._books.acct.copy(),
            syms=self._books.syms.copy(),
            orders=self._books.orders.copy(),
            fills=self._books.fills.copy(),
            flows=self._books.flows.copy(),
        )
        equity, ledger = columns.equity[:n].copy(), columns.ledger[:n].copy()
        if n:
            books = end(n, finalize, self._tape, books)
        return Result.from_books(market, books, self._cash, equity, ledger)
