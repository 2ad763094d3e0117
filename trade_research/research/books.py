"""`backtest` over order books: one strategy, walked through what was recorded, in event time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.errors import ConfigError, SchemaError
from trade_research.frames.books import SIDES, book_arrays, check_trades, depth_of
from trade_research.frames.columns import columns
from trade_research.frames.recording import Recording
from trade_research.research.book_metrics import BookTables, book_metrics
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.book_presets import BOOK_EXITS
from trade_research.simulate.book_run import (
    MAX_AGE_NS,
    BookMarket,
    BookResult,
    book_rules,
    latencies,
    simulate_books,
)
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits

if TYPE_CHECKING:
    from trade_research.evidence.check import Check
    from trade_research.kernels.jit import F64, I64
    from trade_research.simulate.book_fills import BookRules
    from trade_research.strategies.strategy import Strategy

LATENCIES = ("0ms", "1ms", "5ms", "20ms", "50ms", "100ms", "500ms")


@dataclass(frozen=True)
class BookSetup:
    """What a run depends on beside strategy, parameters and data."""

    costs: Costs
    account: Account
    exits: Exits
    rules: Rules | None
    cash: float
    latency: str | int | I64

    @classmethod
    def of(
        cls,
        strategy: Strategy,
        *,
        costs: Costs | None = None,
        account: str | Account = "spot",
        exits: Exits | None = None,
        rules: Rules | None = None,
        cash: float = 100_000.0,
        latency: str | int | I64 = "50ms",
    ) -> BookSetup:
        """The arguments of `backtest_books`, checked; the exits of the strategy's preset if none.

        Raises
        ------
        ConfigError
            `cash` is not positive.
        """
        if not cash > 0.0:
            raise ConfigError(f"cash must be positive, found {cash!r}")
        return cls(
            Costs() if costs is None else costs,
            Account.of(account),
            BOOK_EXITS.get(strategy.name, Exits()) if exits is None else exits,
            rules,
            float(cash),
            latency,
        )

    @property
    def rules_of_the_game(self) -> BookRules:
        """Costs, account, exits and rules as the simulator takes them."""
        return book_rules(self.costs, self.account, self.exits, self.rules, MAX_AGE_NS)

    @property
    def latency_ns(self) -> int:
        """The latency of books that come piece by piece, which is one for all orders.

        Raises
        ------
        ConfigError
            It is an array.
        """
        if isinstance(self.latency, np.ndarray):
            raise ConfigError(
                "books that come piece by piece take one latency for all orders, found an array"
            )
        return int(latencies(self.latency, 1)[0])

    def run(self, market: BookMarket, target: F64) -> BookResult:
        """The targets through the recorded books."""
        return simulate_books(
            market, target, costs=self.costs, account=self.account, exits=self.exits,
            rules=self.rules, cash=self.cash, latency=self.latency,
        )  # fmt: skip


@dataclass(frozen=True, repr=False)
class BookBacktest(BookTables):
    """One run over the books of one instrument.

    Attributes
    ----------
    equity : DataFrame
        ``time, equity`` (at the mid), ``touch_equity`` (were all closed at the best prices),
        ``units``.
    orders, fills, trades : DataFrame
        Every order with its reason and status, what was filled, and round trips.
    metrics : dict
        Gross, costs, net, the break-even fee and where the edge goes; None where undefined.
    """

    strategy: Strategy
    params: Mapping[str, Any]
    market: BookMarket
    prints: pl.DataFrame | None
    setup: BookSetup
    result: BookResult
    target: F64
    outputs: Mapping[str, F64]

    @cached_property
    def latency_curve(self) -> pl.DataFrame:
        """The same run at other latencies: ``latency, net, gross, fills, break_even_bps``."""
        rows = []
        for latency in LATENCIES:
            found = book_metrics(replace(self.setup, latency=latency).run(self.market, self.target))
            rows.append({"latency": latency} | {k: found[k] for k in _CURVE})
        return pl.DataFrame(rows)

    @property
    def warnings(self) -> list[str]:
        """What a reader must know before believing a number."""
        notes = []
        seconds = (self.market.time[-1] - self.market.time[0]) / 1e9 if self.market.time.size else 0
        if seconds < 86_400:
            notes.append(f"{seconds / 60:.0f} minutes of books: far too few to judge a strategy")
        apart = float(np.median(np.diff(self.market.time))) if self.market.time.size > 1 else 0.0
        delay = np.median(latencies(self.setup.latency, self.market.time.size))
        if 0 < delay < apart:
            notes.append(
                f"books are {apart / 1e6:g} ms apart: a latency of {delay / 1e6:g} ms meets the "
                "very book that was decided on; read every message (every=None) to see it cost"
            )
        lost = self.orders.filter(pl.col("status").is_in(["no_book", "stale_book"])).height
        if lost:
            notes.append(f"{lost} orders arrived where no book was known and were not filled")
        if not self.fills.height:
            notes.append("nothing was filled: `orders` says why")
        return notes

    @property
    def latency_text(self) -> str:
        """The latency for people."""
        return _shown(self.setup.latency)

    def report(self, path: str | Path) -> Path:
        """Write the microstructure page: break-even first; one self-contained HTML file."""
        from trade_research.research.book_page import write_page

        return write_page(self, path)

    def __repr__(self) -> str:
        m = self.metrics
        lines = [
            f"{self.strategy.name} on {self.market.symbol or 'books'}: {self.market.time.size:,} "
            f"books, latency {self.latency_text}",
            f"gross {m['gross']:+,.2f}  fees {m['fees']:,.2f}  net {m['net']:+,.2f} "
            f"of {self.setup.cash:,.0f}",
            f"{m['trades']} round trips, {m['fills']} fills, "
            f"break-even fee {_number(m['break_even_bps'])} bp a side "
            f"(charged {self.setup.costs.fee_bps:g})",
        ]
        return "\n".join([*lines, *(f"note: {note}" for note in self.warnings)])


_CURVE = ("net", "gross", "fills", "break_even_bps")


def is_books(data: Any) -> bool:
    """Whether `data` holds order books and not bars."""
    frame = data.books if isinstance(data, Recording) else data
    return isinstance(frame, pl.DataFrame) and depth_of(frame) > 0


def book_market(data: pl.DataFrame | Recording, symbol: str = "") -> BookMarket:
    """Books as the simulator's arrays.

    Raises
    ------
    SchemaError
        The frame holds no valid books, or none at all.
    """
    frame = data.books if isinstance(data, Recording) else data
    arrays = book_arrays(frame)
    if not frame.height:
        raise SchemaError("there are no books to run over: the frame is empty.")
    return BookMarket(symbol, frame["time"].to_physical().to_numpy(), **arrays)


def book_trades(data: pl.DataFrame | Recording, trades: pl.DataFrame | None) -> pl.DataFrame | None:
    """The market trades given, checked, or those of the recording."""
    prints = data.trades if trades is None and isinstance(data, Recording) else trades
    if prints is not None:
        check_trades(prints)
    return prints


def market_of(
    strategy: Strategy, data: pl.DataFrame | Recording, symbol: str = ""
) -> tuple[BookMarket, dict[str, F64]]:
    """Books as the simulator's arrays, and what the strategy reads of them."""
    frame = data.books if isinstance(data, Recording) else data
    market = book_market(frame, symbol)
    inputs = {
        name: getattr(market, col.name)
        if col.name in SIDES
        else columns(frame, [col.name])[col.name]
        for name, col in strategy.inputs.items()
    }
    return market, inputs


def check_books(
    strategy: Strategy,
    data: pl.DataFrame | Recording,
    *,
    setup: Mapping[str, Any] | None = None,
    budget_s: float = 10.0,
    seed: int = 0,
    **params: Any,
) -> Check:
    """Prove the three laws on these books; see `check`. `setup` is as for `backtest_books`."""
    from trade_research.evidence.books import check_books as prove

    market, inputs = market_of(strategy, data)
    return prove(
        strategy, inputs, market, BookSetup.of(strategy, **(setup or {})).run,
        strategy.bind(**params), budget_s=budget_s, seed=seed,
    )  # fmt: skip


def backtest_books(
    strategy: Strategy,
    data: pl.DataFrame | Recording,
    *,
    trades: pl.DataFrame | None = None,
    costs: Costs | None = None,
    account: str | Account = "spot",
    cash: float = 100_000.0,
    exits: Exits | None = None,
    rules: Rules | None = None,
    latency: str | int | I64 = "50ms",
    symbol: str = "",
    **params: Any,
) -> BookBacktest:
    """Run a strategy over recorded books; see `backtest`.

    Parameters
    ----------
    strategy : Strategy
        Reads ``bid_price, bid_size, ask_price, ask_size``, (n, k), and perhaps ``time`` in
        microseconds.
    data : DataFrame or Recording
        Books in the wide layout: ``store.books(…)``, ``tr.read_books(…)``.
    trades : DataFrame, optional
        Market trades beside them: the report's execution and market sections use them.
    costs : Costs, optional
        Fees; spread, slippage and impact come from walking the book itself.
    account : "spot", "margin" or Account
    exits : Exits, optional
        In event time: ``Exits(stop=0.0015, take_profit=0.002, max_hold="60s", cooldown="5s")``;
        the strategy's own preset when left out, `Exits()` for none.
    latency : str, int or int64 array
        From a book's time to the arrival of an order decided on it.
    """
    bound = strategy.bind(**params)
    setup = BookSetup.of(
        strategy, costs=costs, account=account, cash=cash, exits=exits, rules=rules, latency=latency
    )
    prints = book_trades(data, trades)
    market, inputs = market_of(strategy, data, symbol)
    found = strategy.compute(inputs, **bound)
    result = setup.run(market, found.target)
    return BookBacktest(strategy, bound, market, prints, setup, result, found.target, found.extras)


def _shown(latency: object) -> str:
    if isinstance(latency, np.ndarray):
        return f"recorded, median {np.median(latency) / 1e6:.3g} ms"
    return latency if isinstance(latency, str) else f"{int(str(latency)) / 1e6:g} ms"


def _number(value: float | int | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"
