"""A run of targets over recorded books, and its plain result."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.errors import ConfigError, SimulationError
from trade_research.frames.books import NANO
from trade_research.frames.durations import parse_duration
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.book_codes import ORDER_FIELDS, REASONS, STATUS
from trade_research.simulate.book_fills import BookRules
from trade_research.simulate.book_loop import fresh, run_books
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64, I64

MAX_AGE_NS = 5_000_000_000


@dataclass(frozen=True)
class BookMarket:
    """Books of one instrument as the simulator's arrays: (n,) times, (n, k) levels."""

    symbol: str
    time: I64
    bid_price: F64
    bid_size: F64
    ask_price: F64
    ask_size: F64

    @cached_property
    def mid(self) -> F64:
        """Middle of the best prices, (n,); NaN where a side is missing."""
        return 0.5 * (self.bid_price[:, 0] + self.ask_price[:, 0])

    @property
    def arrays(self) -> tuple[Any, ...]:
        """Times and the four sides."""
        return self.time, self.bid_price, self.bid_size, self.ask_price, self.ask_size

    def part(self, begin: int, end: int) -> BookMarket:
        """Rows ``[begin, end)``, in the same memory."""
        return BookMarket(self.symbol, *(x[begin:end] for x in self.arrays))

    def first(self, n: int) -> BookMarket:
        """The market when only `n` books were received."""
        return self.part(0, n)

    @classmethod
    def nothing(cls) -> BookMarket:
        """No rows of no levels."""
        side = np.empty((0, 0))
        return cls("", np.empty(0, np.int64), side, side, side, side)

    def tail(self, begin: int) -> BookMarket:
        """Rows from `begin` on, in memory of their own."""
        return BookMarket(self.symbol, *(x[begin:].copy() for x in self.arrays))

    def joined(self, after: BookMarket) -> BookMarket:
        """These rows, then others."""
        pairs = zip(self.arrays, after.arrays, strict=True)
        return BookMarket(after.symbol, *(np.concatenate(pair) for pair in pairs))


@dataclass(frozen=True)
class BookResult:
    """What happened: the loop's numbers, and frames made of them when asked for.

    Attributes
    ----------
    mid_equity, touch_equity, units : float64 arrays, (n,)
        Equity at the mid, equity were all closed at the best prices, and units held.
    table : float64 array, (n_orders, fields)
        `book_codes.ORDER_FIELDS`.
    """

    market: BookMarket
    cash: float
    mid_equity: F64
    touch_equity: F64
    units: F64
    table: F64

    def column(self, name: str) -> F64:
        """One field of all orders."""
        return self.table[:, ORDER_FIELDS.index(name)]

    @cached_property
    def equity(self) -> pl.DataFrame:
        """``time, equity, touch_equity, units``, one row a book."""
        return pl.DataFrame(
            {
                "time": pl.Series(self.market.time).cast(NANO),
                "equity": self.mid_equity,
                "touch_equity": self.touch_equity,
                "units": self.units,
            }
        )

    @cached_property
    def orders(self) -> pl.DataFrame:
        """Every order: when decided and arrived, what was filled at which price, and why."""
        start = self.market.time[0] if self.market.time.size else 0
        table = pl.DataFrame(self.table, schema=list(ORDER_FIELDS))
        word = {
            name: pl.col(name)
            .cast(pl.Int32)
            .replace_strict({-1: "in_flight"} | dict(enumerate(words)), return_dtype=pl.String)
            for name, words in (("reason", REASONS), ("status", STATUS))
        }
        moments = [
            (pl.col(name).cast(pl.Int64) + start).cast(NANO) for name in ("decided", "arrived")
        ]
        rows = [pl.col(name).cast(pl.Int64) for name in ("row", "filled_row")]
        nan = pl.col("price", "mid_arrived", "touch").fill_nan(None)
        return table.with_columns(*moments, *rows, nan, **word)

    @property
    def fills(self) -> pl.DataFrame:
        """Orders of which something was filled."""
        return self.orders.filter(pl.col("filled") != 0.0)

    @cached_property
    def trades(self) -> pl.DataFrame:
        """Round trips, from flat to flat or to the other side; the last one may be open."""
        return round_trips(self)


def simulate_books(
    market: BookMarket,
    target: F64,
    *,
    costs: Costs,
    account: Account,
    exits: Exits | None = None,
    rules: Rules | None = None,
    cash: float = 100_000.0,
    latency: str | int | I64 = "50ms",
    max_age_ns: int = MAX_AGE_NS,
) -> BookResult:
    """Targets through recorded books.

    Parameters
    ----------
    market : BookMarket
    target : float64 array, (n,)
        Exposure wanted after each row, as a fraction of equity; NaN keeps what there is.
    costs : Costs
        Fees, taxes and fixed costs; spread, slippage and impact come from the book itself.
    exits : Exits, optional
        Seen on the touch price of each row and sent as market orders. ``max_hold`` and
        ``cooldown`` are durations such as ``"60s"``.
    latency : str, int or int64 array
        From a book's own time to an order's arrival: a duration, nanoseconds, or one number a row.
    max_age_ns : int
        An order that finds no book newer than this is not filled.

    Raises
    ------
    SimulationError, ConfigError
    """
    n = market.time.size
    if target.shape != (n,):
        raise SimulationError(f"{n} books need as many targets, found shape {target.shape}")
    state, marks = fresh(int(market.time[0]) if n else 0, float(cash))
    orders, equity = np.empty((n + 1, len(ORDER_FIELDS))), np.empty((3, n))
    found = run_books(
        market.time, market.bid_price, market.bid_size, market.ask_price, market.ask_size,
        np.ascontiguousarray(target), latencies(latency, n),
        book_rules(costs, account, exits, rules, max_age_ns), 0, state, marks, orders, *equity,
    )  # fmt: skip
    return BookResult(market, cash, equity[0], equity[1], equity[2], orders[:found].copy())


def book_rules(
    costs: Costs, account: Account, exits: Exits | None, rules: Rules | None, max_age_ns: int
) -> BookRules:
    """All of it as the loop takes it."""
    asked = exits or Exits()
    lots = (rules or Rules()).table(1)[0]
    return BookRules(
        fee=costs.fee_bps / 1e4,
        min_fee=costs.min_fee,
        fixed_fee=costs.fixed_fee,
        per_unit=costs.fee_per_unit,
        sell_tax=costs.sell_tax_bps / 1e4,
        stop=asked.stop or 0.0,
        take_profit=asked.take_profit or 0.0,
        trailing=asked.trailing or 0.0,
        max_hold=asked.in_nanos("max_hold"),
        cooldown=asked.in_nanos("cooldown"),
        lot=float(lots[1]),
        min_notional=float(lots[2]),
        max_age=int(max_age_ns),
        leverage=float(account.leverage),
        is_spot=account.kind == "spot",
    )


def latencies(latency: str | int | I64, n: int) -> I64:
    """Nanoseconds, one for all rows or one for each."""
    if isinstance(latency, np.ndarray):
        if latency.shape != (n,) or latency.dtype.kind != "i" or (n and latency.min() < 0):
            raise ConfigError(
                f"a recorded latency is one int64 of nanoseconds from 0 for each of {n} books, "
                f"found {latency.dtype} of shape {latency.shape}"
            )
        return np.ascontiguousarray(latency, np.int64)
    ns = latency if isinstance(latency, int) else parse_duration(latency)
    if ns < 0:
        raise ConfigError(f"latency must not be negative, found {latency!r}")
    return np.full(1, ns, np.int64)


def round_trips(result: BookResult) -> pl.DataFrame:
    """Fills paired into trips that begin and end flat, or turn over; gross and net of fees."""
    fills = result.fills
    rows: list[dict[str, object]] = []
    position = entry_money = fees = 0.0
    entry_time = None
    mid_in = why_in = None
    for fill in fills.iter_rows(named=True):
        left, price = fill["filled"], fill["price"]
        share = fill["fee"] / abs(left)
        if position * left < 0:
            closing = -position if abs(left) >= abs(position) * (1 - 1e-12) else left
            part = -closing / position
            paid = entry_money * part
            fee_in = fees * part
            gross = -closing * price - paid if position > 0 else -(paid + closing * price)
            rows.append(
                {
                    "entry_time": entry_time,
                    "exit_time": fill["arrived"],
                    "side": "long" if position > 0 else "short",
                    "units": abs(closing),
                    "entry_price": paid / -closing if closing else None,
                    "exit_price": price,
                    "gross": gross,
                    "fees": fee_in + share * abs(closing),
                    "reason_in": why_in,
                    "reason_out": fill["reason"],
                    "mid_in": mid_in,
                    "mid_out": fill["mid"],
                }
            )
            position += closing
            entry_money -= paid
            fees -= fee_in
            left -= closing
            if abs(position) < 1e-12:
                position = entry_money = fees = 0.0
        if abs(left) > 1e-12 * abs(fill["filled"]):
            if position == 0.0:
                entry_time, mid_in, why_in = fill["arrived"], fill["mid"], fill["reason"]
            position += left
            entry_money += left * price
            fees += share * abs(left)
    schema: dict[str, Any] = {
        "entry_time": NANO, "exit_time": NANO, "side": pl.String, "units": pl.Float64,
        "entry_price": pl.Float64, "exit_price": pl.Float64, "gross": pl.Float64,
        "fees": pl.Float64, "reason_in": pl.String, "reason_out": pl.String,
        "mid_in": pl.Float64, "mid_out": pl.Float64,
    }  # fmt: skip
    table = pl.DataFrame(rows, schema=schema)
    return table.with_columns(net=pl.col("gross") - pl.col("fees"))
