"""A quoter over recorded books and trades: what the spread paid it and what holding cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.errors import ConfigError
from trade_research.research.book_execution import Taken
from trade_research.research.books import book_market, book_trades
from trade_research.simulate.book_queue import QUEUES
from trade_research.simulate.book_quoting import BookEvents, QuoteResult, simulate_quotes
from trade_research.simulate.costs import Costs

if TYPE_CHECKING:
    from trade_research.frames.recording import Recording
    from trade_research.kernels.jit import F64
    from trade_research.simulate.book_run import BookMarket
    from trade_research.strategies.quoter import Quoter


@dataclass(frozen=True)
class QuoteSetup:
    """What a run of a quoter depends on beside quoter, parameters and data: `simulate_quotes`."""

    costs: Costs
    lot: float
    cash: float = 100_000.0
    every: str = "100ms"
    latency: str = "10ms"
    response: str = "10ms"
    queue: str = "probability"
    power: float = 3.0
    partial: bool = True
    half_life: str = "60s"

    def run(self, quoter: Quoter, events: BookEvents, params: Mapping[str, Any]) -> QuoteResult:
        """The quoter over the events."""
        return simulate_quotes(quoter, events, **vars(self), **params)


@dataclass(frozen=True, repr=False)
class QuoteBacktest:
    """One run of a quoter over the books and trades of one instrument.

    Attributes
    ----------
    fills : DataFrame
        ``time, price, units`` (signed), ``fee``, and ``mid``, the last one before the fill.
    equity : DataFrame
        ``time, mid, units, equity, fees``, one row a decision; equity at the mid.
    metrics : dict
        Of `QuoteResult.metrics`; net at the last decision, and its parts: ``spread`` (fills against
        the mid before them), ``inventory`` (moves of the mid on what was held) and ``fees``.
    """

    quoter: Quoter
    params: Mapping[str, Any]
    market: BookMarket
    prints: pl.DataFrame
    events: BookEvents
    setup: QuoteSetup
    result: QuoteResult

    @property
    def equity(self) -> pl.DataFrame:
        return self.result.equity

    @cached_property
    def fills(self) -> pl.DataFrame:
        fills = self.result.fills
        return fills.with_columns(mid=self._mid_before(fills["time"].to_physical().to_numpy()))

    @cached_property
    def parts(self) -> pl.DataFrame:
        """Where the result comes from: ``time, spread, inventory, fees, net``, one row a decision.

        Sums so far; net is spread plus inventory less fees.
        """
        fills, equity = self.fills, self.equity
        earned = (fills["units"] * (fills["mid"] - fills["price"])).to_numpy()
        met = np.searchsorted(fills["time"].to_physical(), equity["time"].to_physical(), "right")
        spread = np.append(0.0, np.cumsum(earned))[met]
        return equity.select(
            "time",
            pl.Series("spread", spread),
            (pl.col("equity") - self.setup.cash - spread + pl.col("fees")).alias("inventory"),
            "fees",
            (pl.col("equity") - self.setup.cash).alias("net"),
        )

    @cached_property
    def metrics(self) -> dict[str, float | int]:
        last = self.parts.row(-1, named=True) if self.parts.height else {}
        return self.result.metrics | {n: last.get(n, 0.0) for n in ("spread", "inventory", "fees")}

    @cached_property
    def by_queue(self) -> pl.DataFrame:
        """The same run by queue model: ``queue, fills, spread, inventory, fees, net``."""
        rows = []
        for queue in QUEUES:
            other = replace(self.setup, queue=queue)
            run = replace(
                self, setup=other, result=other.run(self.quoter, self.events, self.params)
            )
            rows.append({"queue": queue} | {n: run.metrics[n] for n in _BY_QUEUE})
        return pl.DataFrame(rows)

    def taken(self) -> Taken:
        """Our fills as trades of those who took from us."""
        fills = self.fills
        return Taken(
            fills["time"].to_physical().to_numpy(), -fills["units"].sign().to_numpy(),
            fills["price"].to_numpy(), fills["units"].abs().to_numpy(), fills["mid"].to_numpy(),
        )  # fmt: skip

    def report(self, path: str | Path) -> Path:
        """Write the page of the run: one self-contained HTML file."""
        from trade_research.research.book_quoter_page import write_page

        return write_page(self, path)

    def _mid_before(self, when: Any) -> F64:
        whole = np.flatnonzero(np.isfinite(self.market.mid))
        row = np.searchsorted(self.market.time[whole], when) - 1
        return self.market.mid[whole[row.clip(0)]] if whole.size else np.full(row.size, np.nan)

    def __repr__(self) -> str:
        m = self.metrics
        parts = {"spread": m["spread"], "inventory": m["inventory"], "fees": 0.0 - m["fees"]}
        return (
            f"{self.quoter.name} on {self.market.symbol or 'books'}: {m['fills']:,} maker fills, "
            f"queue {self.setup.queue}\n"
            + "  ".join(f"{name} {value:+,.2f}" for name, value in parts.items())
            + f"  = net {m['net']:+,.2f}"
        )


_BY_QUEUE = ("fills", "spread", "inventory", "fees", "net")


def backtest_quoter(
    quoter: Quoter,
    data: pl.DataFrame | Recording,
    *,
    tick: float,
    lot: float,
    costs: Costs,
    trades: pl.DataFrame | None = None,
    symbol: str = "",
    **settings: Any,
) -> QuoteBacktest:
    """Run a quoter over recorded books and the market trades between them.

    Parameters
    ----------
    quoter : Quoter
        Made with ``@quoter``, e.g. `simulate.market_making.avellaneda_stoikov`.
    data : DataFrame or Recording
        Books in the wide layout: ``store.books(…)``, ``tr.read_books(…)``.
    tick, lot : float
        Steps of prices and sizes.
    costs : Costs
        `maker_fee_bps` is what resting orders pay (negative: earn).
    trades : DataFrame, optional
        Market trades; those of the recording when left out.
    **settings
        Of `simulate_quotes` (``cash, every, latency, response, queue, power, partial, half_life``),
        and parameters of the quoter.

    Raises
    ------
    ConfigError
        There are no market trades, or `tick` is not the step of the prices.
    """
    names = QuoteSetup.__dataclass_fields__
    setup = QuoteSetup(costs, lot, **{n: v for n, v in settings.items() if n in names})
    params = {n: v for n, v in settings.items() if n not in names}
    market, prints = book_market(data, symbol), book_trades(data, trades)
    if prints is None:
        raise ConfigError(
            "market trades fill a quoter: give trades=, as of store.trades(…), or a recording"
        )
    frame = data if isinstance(data, pl.DataFrame) else data.books
    events = BookEvents.of(frame, prints, tick=tick)
    bound = dict(zip(quoter.params, quoter.bind(**params), strict=True))
    result = setup.run(quoter, events, bound)
    return QuoteBacktest(quoter, bound, market, prints, events, setup, result)
