"""`backtest`: one strategy over bars, costs included, to a result that explains itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from trade_research.errors import ConfigError
from trade_research.research.book_door import run_books
from trade_research.research.data import Data, funded, read_data
from trade_research.research.manifest import manifest_of
from trade_research.research.notes import notes_of
from trade_research.research.setup import Hold, Setup, bound_of, targets_of
from trade_research.research.shown import Shown
from trade_research.research.summary import sessions_of, summarise, trade_arrays
from trade_research.research.trials import count_trials, record_run
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits
from trade_research.simulate.result import Result
from trade_research.strategies.parts import check_strategy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from trade_research.evidence.budget import EdgeBudget
    from trade_research.evidence.check import Check
    from trade_research.evidence.statistics import Evidence
    from trade_research.frames.calendars import Calendar
    from trade_research.frames.recording import Recording
    from trade_research.kernels.jit import F64, I64
    from trade_research.metrics.summary import Summary
    from trade_research.portfolio.sizing import Portfolio
    from trade_research.report.run import Run
    from trade_research.report.verdict import Verdict
    from trade_research.research.runs import SavedRun
    from trade_research.store.ledger import Trials
    from trade_research.strategies.strategy import Strategy

CHECK_SECONDS = 1.0


@dataclass(frozen=True, repr=False)
class Backtest(Shown):
    """One run: plain frames, metrics computed when asked for, a manifest and a report.

    Attributes
    ----------
    equity : DataFrame
        ``close_time, equity, return, drawdown, cash, gross, net, cost``, one row a bar.
    trades, fills, orders : DataFrame
        Round trips, executions, and every order with the reason when it was not filled.
    metrics : mapping of str to float, int or None
        See ``trade_research.metrics.DEFINITIONS``; None where a number is undefined.
    """

    strategy: Strategy
    params: Mapping[str, Any]
    data: Data
    setup: Setup
    result: Result
    target: F64
    outputs: Mapping[str, F64]
    risk_free: float = 0.0
    portfolio: Portfolio | None = None
    uncounted: str = ""

    def __getstate__(self) -> dict[str, Any]:
        """What a copy in another process needs: what was run, not what was computed of it since."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def equity(self) -> pl.DataFrame:
        return self.result.equity_frame

    @property
    def trades(self) -> pl.DataFrame:
        return self.result.trades_frame

    @property
    def fills(self) -> pl.DataFrame:
        return self.result.fills_frame

    @property
    def orders(self) -> pl.DataFrame:
        return self.result.orders_frame

    @property
    def warnings(self) -> list[str]:
        """What a reader must know before believing a number; empty when there is nothing."""
        return notes_of(self)

    @cached_property
    def trials(self) -> Trials | None:
        """How many were tried on these bars so far by the store's ledger, this run included.

        Read once, when first asked for; None, unknown, for bars that are not from a store.
        """
        return None if self.uncounted else count_trials(self.data)

    @cached_property
    def _hold(self) -> Hold:
        return Hold(self.data, self.setup)

    @property
    def benchmark(self) -> Result:
        """Buying and holding the same instruments in equal parts, at the same costs."""
        return self._hold.result

    @cached_property
    def gross(self) -> Result:
        """The same targets at no cost."""
        return replace(self.setup, costs=Costs.zero()).run(self.data, self.target)

    @cached_property
    def metrics(self) -> Summary:
        """Every number of ``trade_research.metrics.DEFINITIONS``, computed when first read."""
        return summarise(self.data, self.result, self.risk_free, benchmark=self._hold)

    @cached_property
    def benchmark_metrics(self) -> Summary:
        """The same numbers of buying and holding."""
        return summarise(self.data, self.benchmark, self.risk_free)

    @cached_property
    def check(self) -> Check:
        """The three laws on these bars with these parameters, costs and exits.

        The search for leaks is kept short on long data; `tr.check` searches longer.
        """
        from trade_research.research.check import check

        return check(
            self.strategy,
            self.data,
            setup=self.setup.rules_of_the_game,
            budget_s=CHECK_SECONDS,
            **self.params,
        )

    @cached_property
    def budget(self) -> EdgeBudget:
        """How much more cost and delay the result would survive."""
        from trade_research.evidence.budget import edge_budget

        return edge_budget(
            lambda costs, delay: self._again(costs, delay, self.target),
            self.setup.costs,
            self.setup.delay,
            periods_per_year=self.data.periods_per_year,
        )

    @cached_property
    def evidence(self) -> Evidence:
        """How sure one may be: intervals, bands, grids, stability, luck; made when first read."""
        from trade_research.evidence.statistics import gather

        return gather(
            self.result,
            session_dates=sessions_of(self.data, self.result),
            sessions_per_year=self.data.sessions_per_year,
            trades=trade_arrays(self.result),
            benchmark=self.benchmark,
            again=self._again,
            target=self.target,
            costs=self.setup.costs,
            delay=self.setup.delay,
            risk_free=self.risk_free,
            trials=self.trials,
        )

    def _again(self, costs: Costs, delay: int, target: F64) -> Result:
        """The same run at other costs, another delay or other targets."""
        return replace(self.setup, costs=costs, delay=delay).run(self.data, target)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What it takes to make this run again: hashes, parameters, costs, versions, results."""
        from trade_research.report.embed import result_hashes
        from trade_research.report.record import encode

        sized = encode(self.portfolio, {})
        setup = asdict(self.setup) | {"risk_free": self.risk_free, "portfolio": sized}
        if not self.setup.start:
            del setup["start"]
        made = manifest_of(self.strategy, self.params, self.data, setup)
        made["trials"] = None if self.trials is None else asdict(self.trials)
        return made | {"results": result_hashes(self.equity, self.trades)}

    @cached_property
    def page(self) -> Run:
        """What a report shows of this run, evidence included."""
        from trade_research.research.page import page_of

        return page_of(self)

    @property
    def verdict(self) -> Verdict:
        """One of five words by fixed rules, the sentence behind it, and its gates."""
        from trade_research.report.verdict import judge

        return judge(self.page)

    def _shown(self) -> Run:
        return self.page

    def save(self, root: str | Path = "reports/runs") -> SavedRun:
        """Keep the run with its evidence in ``<root>/<run id>``, whole or not at all.

        Saving an equal run again changes nothing. `trade_research.load_run` reads it; its report
        has the same bytes.

        Raises
        ------
        StoreError
            The folder cannot be written.
        """
        from trade_research.research.runs import save

        return save(self, root)

    def plot(self) -> Figure:
        """Equity against buy and hold, and the drawdown below, as a Matplotlib figure."""
        from trade_research.report.figures import equity_figure

        return equity_figure(self.equity, self._benchmark_frame())

    def _benchmark_frame(self) -> pl.DataFrame:
        return self.benchmark.equity_frame.select("close_time", "equity")

    def __repr__(self) -> str:
        from trade_research.research.text import text_of

        return text_of(self)

    def _repr_html_(self) -> str:
        from trade_research.research.text import html_of

        return html_of(self)


def backtest(
    strategy: Strategy,
    data: Any,
    *,
    costs: Costs | None = None,
    account: str | Account = "spot",
    funding: pl.DataFrame | float | None = None,
    cash: float = 100_000.0,
    exits: Exits | None = None,
    fill: str = "next_open",
    delay: int = 0,
    rebalance: str | int | float | None = None,
    portfolio: Portfolio | None = None,
    rules: Rules | None = None,
    finalize: bool = False,
    calendar: str | Calendar | None = None,
    risk_free: float = 0.0,
    trades: pl.DataFrame | None = None,
    latency: str | int | I64 | None = None,
    books: pl.DataFrame | Recording | None = None,
    start: int = 0,
    **params: Any,
) -> Backtest:
    """Run a strategy over bars: decided at a close, filled at the next open, costs included.

    Over order books (``store.books(…)``, ``tr.read_books(…)``) it runs in event time: decided on a
    book when it is received, walked through the recorded book `latency` later. The result is then
    a `research.books.BookBacktest`. A mapping of symbol to books runs all on one cash and
    gives a `research.book_portfolio.BookPortfolio`.

    Parameters
    ----------
    strategy : Strategy
        Made with ``@tr.strategy``.
    data : Query, polars.DataFrame or table
        ``store.query(…)``, ``store.bars(…)``, ``tr.read_bars(…)``, or a frame of pandas, Arrow or
        DuckDB. With several symbols each gets an equal part of the equity: its weight is its target
        divided by the number of symbols.
    costs : Costs, optional
        Default: 10 bp fee, 2 bp spread, 1 bp slippage. There is no run without a cost model; for
        the gross result see ``run.gross``.
    account : "spot", "margin", "perp" or Account
        Spot knows no shorts and no leverage; perpetuals pay funding and are liquidated one by one.
    funding : DataFrame or float, optional
        Rates of perpetuals: ``time`` (or ``ts``), ``funding_rate``, perhaps ``mark_price`` and
        ``symbol``; or one rate for every 8 hours. By default what the store has for a query. A
        strategy may read it as the column ``funding_rate``.
    exits : Exits, optional
        Stop, take profit, trailing stop, maximum hold, cooldown.
    fill : {"next_open", "next_close", "this_close"}
        ``this_close`` uses a price the decision already saw: never promotable.
    delay : int
        Extra bars between decision and fill.
    rebalance : str, int, float or None
        None: units are held between changes of target. An int: every so many bars; a float: when
        a weight has drifted so far; "1d", "1w", …: at session boundaries.
    portfolio : Portfolio, optional
        How targets become weights, e.g. ``tr.EqualWeight(gross=1.0, max_weight=0.25)``; without it
        each symbol has its target's share of an equal part.
    calendar : str or Calendar, optional
        For bare frames: without it annualised numbers are None.
    risk_free : float
        Yearly rate as a fraction, for Sharpe, Sortino and alpha.
    trades : DataFrame, optional
        With order books: the market trades beside them, for the report.
    latency : str, int or int64 array, optional
        With order books: from a book's time to the arrival of an order decided on it, "50ms" when
        left out; an array is one recorded number of nanoseconds a book.
    books : DataFrame or Recording, optional
        With bars: their market orders walk these books, decided on the first book from a bar's
        close on and arriving `latency` later; exits are in event time. Elsewhere use costs fitted
        on books: `research.fit_costs`.
    start : int
        First bar whose target counts; those before only warm the strategy up, and the money waits.
        The configurations of a sweep are compared from its largest warm-up on (`Sweep.start`).
    **params
        Parameters of the strategy.

    Returns
    -------
    Backtest
        Same inputs, same bits, on every run. On bars of a store it goes to the store's ledger:
        every trial is one more chance of luck.

    Raises
    ------
    ParameterError, MissingColumnError, StrategyCompileError, StrategyOutputError
        The strategy does not fit the data or the contract.
    ConfigError, SimulationError
        An argument that cannot be run.
    """
    check_strategy(strategy, "backtest")
    over_books = run_books(
        strategy, data, books, trades=trades, latency=latency, calendar=calendar, params=params,
        costs=costs, account=account, cash=cash, exits=exits, rules=rules,
        unused={"fill": fill != "next_open", "delay": delay, "rebalance": rebalance,
                "portfolio": portfolio, "funding": funding, "start": start, "finalize": finalize},
    )  # fmt: skip
    if over_books is not None:
        return over_books  # type: ignore[no-any-return]  # a record of its own, of the same face
    found = data if isinstance(data, Data) else read_data(data, calendar)
    bound = bound_of(strategy, params, backtest)
    kind = Account.of(account).kind
    found = funded(found, funding, account=kind, reads=strategy.reads)
    setup = Setup(
        costs=Costs() if costs is None else costs,
        account=Account.of(account),
        exits=exits,
        rules=rules,
        cash=float(cash),
        fill=fill,
        delay=delay,
        rebalance=rebalance,
        finalize=finalize,
        start=start,
    )
    if not setup.cash > 0.0:
        raise ConfigError(f"cash must be positive, found {cash!r}")
    target, outputs = targets_of(strategy, found, bound, portfolio)
    result = setup.run(found, target)
    uncounted = record_run(strategy, bound, exits, found, result)
    return Backtest(
        strategy, bound, found, setup, result, target, outputs, risk_free, portfolio, uncounted
    )
