"""`replay`: the same bars through feed, runner, risk, paper broker and journal, one at a time."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from trade_research.brokers.paper import PaperBroker
from trade_research.errors import ConfigError
from trade_research.research.backtest import Backtest
from trade_research.research.book_replay import book_setup, replay_books
from trade_research.research.books import is_books
from trade_research.research.data import Data, funded, read_data
from trade_research.research.evaluator import check_heard, evaluator
from trade_research.research.rig import Rig, Transport
from trade_research.research.setup import Setup
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits
from trade_research.store.books import BookStream
from trade_research.strategies.parts import check_strategy

if TYPE_CHECKING:
    from trade_research.frames.calendars import Calendar
    from trade_research.metrics.summary import Summary
    from trade_research.portfolio.sizing import Portfolio
    from trade_research.risk.limits import Limits
    from trade_research.strategies.strategy import Strategy

SECONDS_ALONE = 10.0


@dataclass(frozen=True, repr=False)
class Replayed:
    """What a replay left: the account's frames, the journal, and how decisions were come by.

    Attributes
    ----------
    run : Backtest
        The session's account as a run: the same metrics, report and plots.
    folder : Path
        Where the journal lies.
    alone, rows : int
        Decisions taken on the bars up to them and nothing else, and all decisions.
    """

    run: Backtest
    folder: Path
    alone: int
    rows: int
    duplicates: int

    @property
    def equity(self) -> pl.DataFrame:
        """As `Backtest.equity`."""
        return self.run.equity

    @property
    def fills(self) -> pl.DataFrame:
        """As `Backtest.fills`."""
        return self.run.fills

    @property
    def orders(self) -> pl.DataFrame:
        """As `Backtest.orders`."""
        return self.run.orders

    @property
    def trades(self) -> pl.DataFrame:
        """As `Backtest.trades`."""
        return self.run.trades

    @property
    def metrics(self) -> Summary:
        """As `Backtest.metrics`."""
        return self.run.metrics

    @cached_property
    def journal(self) -> pl.DataFrame:
        """Every record: ``seq, ts, event`` and the rest of it as JSON text in ``record``."""
        from trade_research.live.views import journal_frame

        return journal_frame(self.folder)

    def __repr__(self) -> str:
        run = self.run
        return (
            f"{run.strategy.name} replayed: {self.rows:,} rows one at a time, {self.alone:,} "
            f"decided on their past alone; {len(run.result.orders):,} orders, "
            f"{len(run.result.fills):,} fills, equity {run.result.equity[-1]:,.2f}"
        )


def replay(
    strategy: Strategy,
    data: Any,
    *,
    costs: Costs | None = None,
    account: str | Account = "spot",
    cash: float = 100_000.0,
    exits: Exits | None = None,
    rebalance: str | int | float | None = None,
    portfolio: Portfolio | None = None,
    funding: pl.DataFrame | float | None = None,
    rules: Rules | None = None,
    limits: Limits | None = None,
    calendar: str | Calendar | None = None,
    journal: str | Path | None = None,
    transport: Transport | None = None,
    seconds: float = SECONDS_ALONE,
    latency: str | int | None = None,
    **params: Any,
) -> Replayed:
    """Feed bars to a paper session as they closed; equal to `backtest`, bit for bit.

    Each bar goes through the feed's clock, the strategy, the risk gate, the order's journal and
    the paper broker. The first 5,000 decisions, those at changes of target and 1,000 others are
    taken on the bars up to them and nothing else, as long as `seconds` allow; the rest are released
    row by row.

    Parameters
    ----------
    strategy, data, costs, account, cash, exits, rebalance, portfolio, funding, rules, calendar
        As for `backtest`.
    limits : Limits, optional
        Weighs every order as in a live session. Without, the result is the backtest's.
    journal : str or Path, optional
        Folder for the audit journal; a temporary one, gone with the result, when left out.
    transport : Transport, optional
        Misbehaves on the way of the bars.
    seconds : float
        For each kind of decision taken alone.
    latency : str or int, optional
        Of order books, as of `backtest` over them. A session over books decides on every book, in
        pieces as they come, and gives a `BookSessionRun`.

    Raises
    ------
    MissingColumnError
        The strategy reads what no session has.
    SessionError
        The folder has a session already.
    ConfigError
        Arguments of bars are given with books, or the other way round.
    """
    check_strategy(strategy, "replay")
    if isinstance(data, BookStream) or is_books(data):
        of_bars = {"rebalance": rebalance, "portfolio": portfolio, "funding": funding}
        made = book_setup(
            strategy, of_bars | {"calendar": calendar, "transport": transport},
            costs=costs, account=account, cash=cash, exits=exits, rules=rules, latency=latency,
        )  # fmt: skip
        over_books: Any = replay_books(
            strategy, data, setup=made, limits=limits, journal=journal, **params
        )
        return over_books  # type: ignore[no-any-return]  # as `backtest`: what it is given decides
    if latency is not None:
        raise ConfigError("latency= is for order books; bars fill at the next open")
    check_heard(strategy, Account.of(account).kind)
    found = data if isinstance(data, Data) else read_data(data, calendar)
    bound = strategy.bind(**params)
    found = funded(found, funding, account=Account.of(account).kind, reads=strategy.reads)
    setup = Setup(
        costs=Costs() if costs is None else costs,
        account=Account.of(account),
        exits=exits,
        rules=rules,
        cash=float(cash),
        fill="next_open",
        delay=0,
        rebalance=rebalance,
        finalize=False,
    )
    evaluate = evaluator(
        strategy,
        bound,
        interval=found.interval,
        calendar=found.calendar,
        portfolio=portfolio,
        rates=lambda: found.funding,
    )
    folder = Path(journal or tempfile.mkdtemp(prefix="trade-research-"))
    rig = Rig(strategy.name, found, setup, limits, folder, evaluate, seconds)
    session = rig.run(transport)
    assert isinstance(session.broker, PaperBroker)
    result = session.broker.result()
    run = Backtest(strategy, bound, found, setup, result, rig.target, rig.extras, 0.0, portfolio)
    replayed = Replayed(run, folder, rig.alone, session.n_rows, rig.duplicates)
    if journal is None:
        weakref.finalize(replayed, shutil.rmtree, folder, ignore_errors=True)
    return replayed
