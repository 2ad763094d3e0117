"""`backtest` over books that do not fit into memory: piece by piece, with the same bits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.errors import SchemaError, StrategyError
from trade_research.research.book_metrics import MINUTE_NS, BookTables
from trade_research.research.books import BookSetup, market_of
from trade_research.simulate.book_pieces import BookSimulator
from trade_research.simulate.book_run import BookMarket, BookResult

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64, I64
    from trade_research.strategies.evaluate import Targets
    from trade_research.strategies.strategy import Strategy

LOOK_BACK = 1024
"""Known books before a piece that a strategy sees again."""


@dataclass(frozen=True, repr=False)
class BookStreamBacktest(BookTables):
    """One run over a stream of books.

    Attributes
    ----------
    equity : DataFrame
        As of `BookBacktest`, at the first book, the last one of each minute, and both ends of the
        deepest fall.
    orders, fills, trades : DataFrame
    metrics : dict
        Those of `BookBacktest`.
    rows, pieces : int
        Books, and in how many pieces they came.
    """

    strategy: Strategy
    params: Mapping[str, Any]
    setup: BookSetup
    result: BookResult
    rows: int
    pieces: int

    def __repr__(self) -> str:
        m = self.metrics
        return (
            f"{self.strategy.name}: {self.rows:,} books in {self.pieces:,} pieces\n"
            f"gross {m['gross']:+,.2f}  fees {m['fees']:,.2f}  net {m['net']:+,.2f} "
            f"of {self.setup.cash:,.0f}; {m['trades']} round trips"
        )


def backtest_stream(
    strategy: Strategy,
    pieces: Iterable[pl.DataFrame],
    *,
    setup: BookSetup,
    symbol: str = "",
    look_back: int = LOOK_BACK,
    **params: Any,
) -> BookStreamBacktest:
    """Run a strategy over books piece by piece; the numbers are those of all of them at once.

    Parameters
    ----------
    pieces : iterable of DataFrame
        Books in the wide layout, of one depth, in time order: ``store.book_stream(…)``.
    setup : BookSetup
        With one latency for all orders.
    look_back : int
        Known books before a piece that the strategy is given again. At each piece its targets on
        the later half of them must come out bit for bit as they did before.

    Raises
    ------
    StrategyError
        The strategy looks back further than `look_back`.
    SchemaError
        There are no books, or the frames are none.
    """
    run = BookRun(strategy, setup, symbol=symbol, look_back=look_back, **params)
    for piece in pieces:
        run.take(piece)
    return run.result()


class BookRun:
    """A strategy stepped over books that come piece by piece, recorded or live.

    Arguments as of `backtest_stream`; a piece may be a single row.
    """

    def __init__(
        self,
        strategy: Strategy,
        setup: BookSetup,
        *,
        symbol: str = "",
        look_back: int = LOOK_BACK,
        **params: Any,
    ) -> None:
        self.window = BookWindow(strategy, look_back, **params)
        self.strategy, self.params, self.setup = strategy, self.window.params, setup
        self._symbol = symbol
        self._simulator = BookSimulator(setup.rules_of_the_game, setup.cash, setup.latency_ns)
        self._kept, self._pieces = Kept(setup.cash), 0
        self.target = self.equity = np.nan

    @property
    def rows(self) -> int:
        """Books taken so far."""
        return self._simulator.rows

    @property
    def units(self) -> float:
        """Units held."""
        return self._simulator.units

    def take(self, piece: pl.DataFrame) -> None:
        """Decide on every book of one more piece; `target` and `equity` are those of its last."""
        if piece.height:
            self.take_arrays(*market_of(self.strategy, piece, self._symbol))

    def take_arrays(self, market: BookMarket, inputs: Mapping[str, F64]) -> None:
        """As `take`, with what the strategy reads as arrays."""
        window = self.window
        window.see(market, inputs)
        target = window.decide().target
        equity = self._simulator.take(window.market, target, window.first)
        self._kept.take(market, equity)
        window.forget()
        self.target, self.equity = float(target[-1]), float(equity[0, -1])
        self._pieces += 1

    def result(self) -> BookStreamBacktest:
        """The run so far."""
        if not self._pieces:
            raise SchemaError("there are no books to run over: the stream is empty.")
        result = self._kept.result(self._symbol, self._simulator.table)
        return BookStreamBacktest(
            self.strategy, self.params, self.setup, result, self.rows, self._pieces
        )


class BookWindow:
    """A strategy over books that come piece by piece: it sees the last of those before again.

    At each piece its targets on the later half of them must come out bit for bit as they did.

    Parameters
    ----------
    strategy : Strategy
    look_back : int
        Known books before a piece that it is given again.

    Attributes
    ----------
    market : BookMarket
        What it sees; rows before `first` were there before the last piece.
    """

    def __init__(self, strategy: Strategy, look_back: int = LOOK_BACK, **params: Any) -> None:
        self.strategy, self.params = strategy, strategy.bind(**params)
        self._least = max(look_back, 4 * strategy.warmup(**params))
        self.market, self.first = BookMarket.nothing(), 0
        self._inputs: Mapping[str, F64] = {}
        self._known = np.empty(0)  # targets of the books that are seen again

    def see(self, market: BookMarket, inputs: Mapping[str, F64]) -> None:
        """One more piece.

        Raises
        ------
        SchemaError
            It begins before the one before it ended.
        """
        self.first = self.market.time.size
        if not self.first:
            self.market, self._inputs = market, inputs
            return
        if market.time[0] < self.market.time[-1]:
            raise SchemaError("a piece of books begins before the one before it ended.")
        self.market = self.market.joined(market)
        self._inputs = {n: np.concatenate([self._inputs[n], x]) for n, x in inputs.items()}

    def decide(self) -> Targets:
        """Targets and the other columns at all rows that it sees.

        Raises
        ------
        StrategyError
            The strategy looks back further than it is shown, or it fails.
        """
        found = self.strategy.compute(self._inputs, **self.params)
        again = found.target[: self._known.size]
        _check_same(self._known, again, self.strategy.name, self._least)
        self._known = found.target
        return found

    def forget(self) -> None:
        """Keep of the rows what the next piece needs."""
        if not self.market.time.size:
            return
        begin = _begin(self.market.bid_price[:, 0], self._least)
        self.market, self._known = self.market.tail(begin), self._known[begin:].copy()
        self._inputs = {name: x[begin:].copy() for name, x in self._inputs.items()}


def _begin(best: F64, least: int) -> int:
    """First row of those that hold the last `least` known books."""
    at = np.flatnonzero(best == best)
    return int(at[-least]) if at.size >= least else 0


def _check_same(known: F64, again: F64, name: str, least: int) -> None:
    late = known.size // 2
    if not np.array_equal(known[late:], again[late:], equal_nan=True):
        raise StrategyError(
            f"{name} looks back further than {least:,} books: its targets change with where a "
            "piece begins. Give a longer look_back=, or run it on books in memory"
        )


class Kept:
    """Rows of the result that are kept: a few a minute, whatever the number of books.

    A row is its number, its time (the bits of an int64), equity at the mid and at the best prices,
    and units.
    """

    def __init__(self, cash: float) -> None:
        self._cash, self._peak, self._deepest = cash, (cash, np.empty((0, 5))), 0.0
        self._ends: list[F64] = []
        self._fall: list[F64] = []
        self._last, self._rows = np.empty((0, 5)), 0

    def take(self, market: BookMarket, equity: F64) -> None:
        """One piece; `equity` is (3, rows)."""
        time = market.time
        number = np.arange(self._rows, self._rows + time.size, dtype=np.float64)
        table = np.column_stack([number, time.view(np.float64), *equity])
        if not self._rows:
            self._ends.append(table[:1])
        elif _times(self._last)[0] // MINUTE_NS != time[0] // MINUTE_NS:
            self._ends.append(self._last)
        self._ends.append(table[np.flatnonzero(np.diff(time // MINUTE_NS))])
        self._last, self._rows = table[-1:].copy(), self._rows + time.size
        self._deepen(table)

    def close(self, equity: float) -> None:
        """Nothing is held any more after the last row."""
        if self._rows:
            self._last[0, 2:] = equity, equity, 0.0

    def result(self, symbol: str, orders: F64) -> BookResult:
        """A result of the rows kept, in their order."""
        table = np.concatenate([*self._ends, *self._fall, self._last])
        table = table[np.unique(table[:, 0], return_index=True)[1]]
        nothing = np.full((len(table), 1), np.nan)
        market = BookMarket(symbol, _times(table), nothing, nothing, nothing, nothing)
        mid, touch, units = np.ascontiguousarray(table[:, 2:].T)
        return BookResult(market, self._cash, mid, touch, units, orders)

    def _deepen(self, table: F64) -> None:
        """Remember the peak and the trough of the deepest fall so far."""
        equity = table[:, 2]
        falls = equity / np.maximum.accumulate(np.maximum(equity, self._peak[0])) - 1.0
        trough = int(np.argmin(falls))
        if falls[trough] < self._deepest:
            self._deepest = float(falls[trough])
            top = int(np.argmax(equity[: trough + 1]))
            peak = table[top : top + 1] if equity[top] > self._peak[0] else self._peak[1]
            self._fall = [peak.copy(), table[trough : trough + 1].copy()]
        top = int(np.argmax(equity))
        if equity[top] > self._peak[0]:
            self._peak = (float(equity[top]), table[top : top + 1].copy())


def _times(table: F64) -> I64:
    return np.ascontiguousarray(table[:, 1]).view(np.int64)
