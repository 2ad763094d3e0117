"""A run of a quoter over recorded books and trades, and its plain result."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.errors import ConfigError, SimulationError, nearest
from trade_research.frames.books import NANO, SIDES
from trade_research.frames.columns import columns
from trade_research.frames.durations import parse_duration
from trade_research.kernels.book_events import changes, merge_order
from trade_research.kernels.book_ladder import DEPTH, TRADE
from trade_research.simulate.book_queue import QUEUES
from trade_research.simulate.book_quotes import QuoteRules, quoting

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64, I8, I64
    from trade_research.simulate.costs import Costs
    from trade_research.strategies.quoter import Quoter

_ROOM = 64  # ticks beside the outermost price


@dataclass(frozen=True)
class BookEvents:
    """Changes of levels and market trades in the order of the exchange's time, on a ladder.

    `at` is the price in ticks above `base`; a price is ``(base + at) * tick``.
    """

    base: int
    tick: float
    width: int
    kind: I8
    side: I8
    at: I64
    size: F64
    time: I64
    recv: I64

    @classmethod
    def of(
        cls, books: pl.DataFrame, trades: pl.DataFrame, *, tick: float, feed_ns: int = 0
    ) -> BookEvents:
        """Events of recorded snapshots and the trades between them; received `feed_ns` later.

        Raises
        ------
        ConfigError
            `tick` is not the step of the prices, or they span too many ticks for a ladder.
        """
        found = columns(books, SIDES)
        bid, ask = (_ticks(found[f"{side}_price"], tick) for side in ("bid", "ask"))
        n, k = bid.shape
        side, at = np.empty(4 * n * k, np.int8), np.empty(4 * n * k, np.int64)
        size, row = np.empty(4 * n * k), np.empty(4 * n * k, np.int64)
        count = changes(bid, found["bid_size"], ask, found["ask_size"], side, at, size, row)
        when = books["time"].to_physical().to_numpy()[row[:count]]
        told = trades.filter(pl.col("side") != 0)
        printed = told["time"].to_physical().to_numpy()
        order = merge_order(when, printed)
        is_trade = order < 0
        book, mark = np.where(is_trade, 0, order), np.where(is_trade, -1 - order, 0)

        def both(of_book: Any, of_trade: Any) -> Any:
            if not printed.size:
                return of_book[book]
            return np.where(is_trade, of_trade[mark], of_book[book])

        prices = _ticks(told["price"].to_numpy(), tick)
        ticks = both(at[:count], prices)
        base = int(ticks.min()) - _ROOM if ticks.size else 0
        width = int(ticks.max()) - base + _ROOM if ticks.size else 2 * _ROOM
        if width > 50_000_000:
            raise ConfigError(f"prices span {width:,} ticks of {tick:g}: give a coarser tick=")
        time = both(when, printed)
        return cls(
            base, tick, width,
            np.where(is_trade, TRADE, DEPTH).astype(np.int8),
            both(side[:count], told["side"].to_numpy()).astype(np.int8),
            np.ascontiguousarray(ticks - base), np.ascontiguousarray(both(size[:count],
            told["size"].to_numpy())), time, time + feed_ns,
        )  # fmt: skip


@dataclass(frozen=True)
class QuoteResult:
    """What a quoter did: fills, and marks at each decision."""

    cash: float
    start: int
    tape: F64
    marks: F64

    @cached_property
    def fills(self) -> pl.DataFrame:
        """``time, price, units`` (signed), ``fee``, one row a fill."""
        return self._frame(self.tape, ("price", "units", "fee"))

    @cached_property
    def equity(self) -> pl.DataFrame:
        """``time, mid, units, equity, fees``, one row a decision; equity at the mid."""
        table = self._frame(self.marks, ("mid", "units", "cash", "fees"))
        equity = (pl.col("cash") + pl.col("units") * pl.col("mid")).alias("equity")
        return table.select("time", "mid", "units", equity, "fees")

    @cached_property
    def metrics(self) -> dict[str, float | int]:
        """Net, fees, fills, traded notional, and the longest position held."""
        equity = self.equity
        net = float(equity["equity"][-1]) - self.cash if equity.height else 0.0
        fees = float(self.tape[:, 3].sum())
        return {
            "net": net,
            "gross": net + fees,
            "fees": fees,
            "fills": self.tape.shape[0],
            "notional": float(np.sum(np.abs(self.tape[:, 2]) * self.tape[:, 1])),
            "most_units": float(np.abs(self.marks[:, 2]).max(initial=0.0)),
        }

    def _frame(self, table: F64, names: tuple[str, ...]) -> pl.DataFrame:
        time = pl.Series("time", self.start + table[:, 0].astype(np.int64)).cast(NANO)
        return pl.DataFrame([time, *(pl.Series(n, table[:, k + 1]) for k, n in enumerate(names))])


def simulate_quotes(
    quoter: Quoter,
    events: BookEvents,
    *,
    costs: Costs,
    lot: float,
    cash: float = 100_000.0,
    every: str = "100ms",
    latency: str = "10ms",
    response: str = "10ms",
    queue: str = "probability",
    power: float = 3.0,
    partial: bool = True,
    half_life: str = "60s",
    **params: Any,
) -> QuoteResult:
    """A quoter over recorded events, its orders waiting in their queues.

    Parameters
    ----------
    quoter : Quoter
    events : BookEvents
    costs : Costs
        `maker_fee_bps` is what resting orders pay (negative: earn); `fee_bps` where it is None.
    lot : float
        Step of sizes.
    every : str
        How often the quoter is asked.
    latency, response : str
        From a decision to its arrival; from a fill to our knowing of it.
    queue : {"front", "back", "proportional", "probability"}
        See `simulate.book_queue`.
    power : float
        Of the probability model.
    partial : bool
        A trade that reaches us fills what is left of it, and else our whole order.
    half_life : str
        Of the mid's variance that a quoter sees.
    **params
        Of the quoter.
    """
    if queue not in QUEUES:
        raise SimulationError(f"no queue model {queue!r}: {nearest(queue, QUEUES)}")
    if not events.time.size:
        raise SimulationError("there are no events to quote on: books and trades are empty")
    rules = QuoteRules(
        base=events.base, tick=events.tick, lot=float(lot), width=events.width,
        every=parse_duration(every), entry=parse_duration(latency),
        response=parse_duration(response), maker_fee=costs.resting_bps / 1e4,
        model=QUEUES.index(queue), power=float(power),
        half_life=parse_duration(half_life) / 1e9, partial=partial,
    )  # fmt: skip
    steps = int((events.recv[-1] - events.time[0]) // rules.every) + 2
    tape, marks = np.empty((events.time.size, 4)), np.empty((steps, 5))
    fills, rows = quoting(quoter.kernel)(
        quoter.bind(**params), events.kind, events.side, events.at,
        events.size, events.time, events.recv, rules, float(cash), tape, marks,
    )  # fmt: skip
    return QuoteResult(cash, int(events.time[0]), tape[:fills].copy(), marks[:rows].copy())


def _ticks(price: F64, tick: float) -> I64:
    """Whole ticks; 0 where there is no price."""
    known = ~np.isnan(price)
    whole = np.rint(np.where(known, price, 0.0) / tick)
    if known.any() and np.abs(whole * tick - np.where(known, price, 0.0)).max() > 1e-6 * tick * 1e3:
        raise ConfigError(f"tick={tick:g} is not the step of the prices")
    return whole.astype(np.int64)
