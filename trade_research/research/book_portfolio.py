"""`backtest` over the books of several instruments: one cash for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.errors import ConfigError
from trade_research.research.books import BookBacktest, BookSetup, book_trades, market_of
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.book_run import BookMarket, BookResult
from trade_research.simulate.book_shared import simulate_shared
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits

if TYPE_CHECKING:
    from trade_research.frames.recording import Recording
    from trade_research.kernels.jit import F64, I64
    from trade_research.strategies.strategy import Strategy

SUMS = ("gross", "fees", "net", "net_touch", "fills", "orders", "trades", "notional")


@dataclass(frozen=True)
class SharedSetup(BookSetup):
    """Settings of instruments that share their cash; `cash` is the equal part of each.

    Attributes
    ----------
    parts : mapping of str to (BookMarket, float64 array)
        Books and targets of each instrument.
    """

    parts: Mapping[str, tuple[BookMarket, F64]]

    @cached_property
    def results(self) -> dict[str, BookResult]:
        """What became of each beside the others."""
        markets, targets = zip(*self.parts.values(), strict=True)
        found = simulate_shared(
            markets, targets, costs=self.costs, account=self.account, exits=self.exits,
            rules=self.rules, cash=self.cash * len(self.parts), latency_ns=self.latency_ns,
        )  # fmt: skip
        return dict(zip(self.parts, found, strict=True))

    def run(self, market: BookMarket, target: F64) -> BookResult:
        """What became of one of them beside the others."""
        return self.results[market.symbol]


@dataclass(frozen=True, repr=False)
class BookPortfolio:
    """One run an instrument; what one earns or has not spent, another may spend.

    Attributes
    ----------
    runs : mapping of str to BookBacktest
        The part of each: an equal part of the cash to begin with, and what it made.
    equity : DataFrame
        ``time, equity, touch_equity``, one row for each moment at which any book came: the sum of
        the parts as last known, and of the cash of those whose books have not begun.
    orders, fills, trades : DataFrame
        Those of all runs with a column ``symbol``, in the order of time.
    metrics : dict
        Money, counts and the break-even fee of all together; None where undefined.
    """

    runs: Mapping[str, BookBacktest]

    @cached_property
    def equity(self) -> pl.DataFrame:
        parts = {symbol: run.equity for symbol, run in self.runs.items()}
        whole = pl.concat([part.select("time") for part in parts.values()]).unique().sort("time")
        for symbol, part in parts.items():
            cash = self.runs[symbol].setup.cash
            # Of several books at one moment the last counts.
            last = part.unique("time", keep="last", maintain_order=True)
            seen = whole.select("time").join_asof(last, on="time")
            whole = whole.with_columns(
                seen[name].fill_null(cash).alias(f"{name} of {symbol}")
                for name in ("equity", "touch_equity")
            )
        return whole.select(
            "time",
            *(pl.sum_horizontal(pl.col(f"^{name} of .*$")).alias(name)
              for name in ("equity", "touch_equity")),
        )  # fmt: skip

    @property
    def orders(self) -> pl.DataFrame:
        return self._together(lambda run: run.orders, "decided")

    @property
    def fills(self) -> pl.DataFrame:
        return self._together(lambda run: run.fills, "arrived")

    @property
    def trades(self) -> pl.DataFrame:
        return self._together(lambda run: run.trades, "exit_time")

    @cached_property
    def metrics(self) -> dict[str, float | int | None]:
        """Of all together; see `research.book_metrics.book_metrics`."""
        parts = [run.metrics for run in self.runs.values()]
        total: dict[str, Any] = {name: sum(part[name] or 0 for part in parts) for name in SUMS}
        cash = sum(run.setup.cash for run in self.runs.values())
        traded = total["notional"]
        worst = (pl.col("equity") / pl.col("equity").cum_max().clip(cash) - 1.0).min()
        return total | {
            "return": total["net"] / cash,
            "break_even_bps": 1e4 * total["gross"] / traded if traded else None,
            "max_drawdown": min(float(self.equity.select(worst).item()), 0.0),
        }

    @property
    def warnings(self) -> list[str]:
        """What a reader must know, by instrument."""
        return [f"{symbol}: {note}" for symbol, run in self.runs.items() for note in run.warnings]

    def _together(self, table: Callable[[BookBacktest], pl.DataFrame], by: str) -> pl.DataFrame:
        named = [
            table(run).select(pl.lit(symbol).alias("symbol"), pl.all())
            for symbol, run in self.runs.items()
        ]
        return pl.concat(named).sort(by, maintain_order=True)

    def __repr__(self) -> str:
        m, first = self.metrics, next(iter(self.runs.values()))
        broken = m["break_even_bps"]
        shown = "unknown" if broken is None else f"{broken:.2f}"
        head = (
            f"{first.strategy.name} on {len(self.runs)} instruments, one cash: "
            f"gross {m['gross']:+,.2f}  fees {m['fees']:,.2f}  net {m['net']:+,.2f}, "
            f"break-even fee {shown} bp a side"
        )
        return "\n".join([head, *(f"  {line}" for run in self.runs.values()
                                  for line in repr(run).splitlines()[:2])])  # fmt: skip


def backtest_portfolio(
    strategy: Strategy,
    data: Mapping[str, pl.DataFrame | Recording],
    *,
    cash: float = 100_000.0,
    trades: Mapping[str, pl.DataFrame] | None = None,
    costs: Costs | None = None,
    account: str | Account = "spot",
    exits: Exits | None = None,
    rules: Rules | None = None,
    latency: str | int | I64 = "50ms",
    **params: Any,
) -> BookPortfolio:
    """Run a strategy over the books of several symbols that share one cash; see `backtest`.

    Books count in the order of their times, and at one moment in the order given. An
    instrument's weight is its target divided by the number of instruments, of the equity of all at
    the mids last known.

    Raises
    ------
    ConfigError
        There is no instrument, trades of one that has no books, or one latency for each book.
    """
    told = dict(trades or {})
    unknown = [symbol for symbol in told if symbol not in data]
    if not data or unknown:
        what = f"trades of {unknown[0]!r} have no books" if unknown else "there are no books"
        raise ConfigError(f"{what}: give a mapping of symbol to its books, as of store.books(…)")
    bound = strategy.bind(**params)
    made = BookSetup.of(
        strategy, costs=costs, account=account, exits=exits, rules=rules, cash=cash / len(data),
        latency=latency,
    )  # fmt: skip
    if isinstance(latency, np.ndarray):
        raise ConfigError("books of several instruments take one latency for all, found an array")
    decided = {}
    for symbol, books in data.items():
        market, inputs = market_of(strategy, books, symbol)
        decided[symbol] = market, strategy.compute(inputs, **bound)
    parts = {symbol: (market, found.target) for symbol, (market, found) in decided.items()}
    setup = SharedSetup(**vars(made), parts=parts)
    return BookPortfolio(
        {
            symbol: BookBacktest(
                strategy, bound, market, book_trades(data[symbol], told.get(symbol)), setup,
                setup.results[symbol], found.target, found.extras,
            )
            for symbol, (market, found) in decided.items()
        }
    )  # fmt: skip
