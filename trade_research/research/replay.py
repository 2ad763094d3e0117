"""`replay`: the same bars through feed, runner, risk, paper broker and journal, one at a time."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import polars as pl

from trade_research.brokers.paper import PaperBroker
from trade_research.errors import SessionError
from trade_research.evidence.decisions import Decisions, decide
from trade_research.evidence.rebuilt import probes_of
from trade_research.feeds.barclock import BarClock
from trade_research.feeds.bars import Bar, Skipped
from trade_research.feeds.replay import Stored
from trade_research.feeds.schedule import Schedule
from trade_research.live.clock import VirtualClock
from trade_research.live.deciders import Released
from trade_research.live.journal import Journal, scan
from trade_research.live.recovery import Retold, relive, rows_of
from trade_research.live.session import Session
from trade_research.research.backtest import Backtest
from trade_research.research.data import Data, read_data
from trade_research.research.setup import Setup, targets_of
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits
from trade_research.simulate.market import PRICES

if TYPE_CHECKING:
    from trade_research.frames.calendars import Calendar
    from trade_research.kernels.jit import F64
    from trade_research.metrics.summary import Summary
    from trade_research.portfolio.sizing import Portfolio
    from trade_research.risk.limits import Limits
    from trade_research.strategies.strategy import Strategy

GRACE_US = 2_000_000
SECONDS_ALONE = 10.0


class Transport(Protocol):
    """What happens to bars on their way: tests make them late, double, swapped or lost."""

    def carry(self, row: int, bars: list[Bar]) -> Iterable[Bar]: ...
    def restarts_after(self, row: int) -> bool: ...


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
    rules: Rules | None = None,
    limits: Limits | None = None,
    calendar: str | Calendar | None = None,
    journal: str | Path | None = None,
    transport: Transport | None = None,
    seconds: float = SECONDS_ALONE,
    **params: Any,
) -> Replayed:
    """Feed bars to a paper session as they closed; equal to `backtest`, bit for bit.

    Each bar goes through the feed's clock, the strategy, the risk gate, the order's journal and
    the paper broker. The first 5,000 decisions, those at changes of target and 1,000 others are
    taken on the bars up to them and nothing else, as long as `seconds` allow; the rest are released
    row by row.

    Parameters
    ----------
    strategy, data, costs, account, cash, exits, rebalance, portfolio, rules, calendar, **params
        As for `backtest`.
    limits : Limits, optional
        Weighs every order as in a live session. Without, the result is the backtest's.
    journal : str or Path, optional
        Folder for the audit journal; a temporary one, gone with the result, when left out.
    transport : Transport, optional
        Misbehaves on the way of the bars.
    seconds : float
        For each kind of decision taken alone.

    Raises
    ------
    SessionError
        The folder has a session already.
    """
    found = data if isinstance(data, Data) else read_data(data, calendar)
    bound = strategy.bind(**params)
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
    target, extras, alone = _decided(strategy, found, bound, portfolio, seconds)
    folder = Path(journal or tempfile.mkdtemp(prefix="trade-research-"))
    rig = _Rig(
        strategy.name,
        found,
        setup,
        limits,
        folder,
        Released(found.market.open_time, target, extras),
    )
    session = rig.run(transport)
    result = session.broker.result()
    run = Backtest(strategy, bound, found, setup, result, target, extras, 0.0, portfolio)
    replayed = Replayed(run, folder, alone, session.n_rows, rig.duplicates)
    if journal is None:
        weakref.finalize(replayed, shutil.rmtree, folder, ignore_errors=True)
    return replayed


class _Rig:
    """A replay's session over its journal, made again when the transport says so."""

    def __init__(
        self,
        name: str,
        data: Data,
        setup: Setup,
        limits: Limits | None,
        folder: Path,
        decider: Released,
    ) -> None:
        self._name, self._data, self._setup, self._limits = name, data, setup, limits
        self._folder, self._decider, self._clock = folder, decider, VirtualClock()
        market = data.market
        prices = np.stack([getattr(market, name) for name in PRICES], axis=1)
        self._stored = Stored(market.symbols, market.open_time, market.close_time, prices)
        sessions = data.market.session_days().tolist()
        days = dict(zip(market.close_time.tolist(), sessions, strict=True))
        self._session_of = days.__getitem__
        first, last = int(market.open_time[0]), int(market.close_time[-1])
        self._schedule = Schedule(data.calendar_name, data.interval, first, last)
        self.duplicates = 0

    def run(self, transport: Transport | None) -> Session:
        """Every bar through, to the session as it stands at the end."""
        market = self._data.market
        self._clock.set(int(market.open_time[0]) * 1_000)
        journal = self._journal()
        if journal.seq:
            journal.close()
            raise SessionError(f"{self._folder} has the journal of a session; give another folder")
        journal.append("session_start", mode="replay", strategy=self._name)
        session = self._session(journal.append)
        clock = self._bar_clock(anchor := self._schedule.before(int(market.open_time[0])))
        for row in range(market.n_bars):
            bars = self._stored.bars(row)
            for bar in bars if transport is None else transport.carry(row, bars):
                warned = clock.take(bar)
                if warned is not None:
                    session.on_warned(warned)
            self._step(session, clock, int(market.close_time[row]))
            if transport is not None and transport.restarts_after(row):
                journal.close()
                self.duplicates += clock.duplicates
                journal, session = self._again()
                clock = self._bar_clock(session.last_open if session.n_rows else anchor)
        self._step(session, clock, int(market.close_time[-1]) + 3_600_000_000)
        session.shutdown("the data ends")
        journal.close()
        self.duplicates += clock.duplicates
        return session

    def _step(self, session: Session, clock: BarClock, close_us: int) -> None:
        now = (close_us + GRACE_US) * 1_000
        self._clock.set(now)
        for item in clock.rows(now):
            if isinstance(item, Skipped):
                session.on_skipped(item)
            else:
                session.on_row(item)

    def _again(self) -> tuple[Journal, Session]:
        """The session as after a restart: from the journal alone."""
        journal = self._journal()
        past = list(scan(self._folder))
        retold = Retold(journal, past)
        session = self._session(retold)
        relive(session, retold, rows_of(past, self._data.market.symbols))
        journal.append("recovered", records=len(past), bytes=journal.recovered_bytes)
        return journal, session

    def _journal(self) -> Journal:
        return Journal(self._folder, self._clock, self._name, is_daily=False, is_durable=False)

    def _session(self, record: Any) -> Session:
        return Session(
            self._name,
            self._decider,
            PaperBroker(self._data.market.symbols, **self._setup.of_the_account),
            record,
            limits=self._limits,
            cash=self._setup.cash,
            schedule=self._schedule,
            session_of=self._session_of,
        )

    def _bar_clock(self, last_open: int) -> BarClock:
        return BarClock(
            self._data.market.symbols,
            self._stored.backfill,
            schedule=self._schedule,
            grace_us=GRACE_US,
            last_open=last_open,
        )


def _decided(
    strategy: Strategy,
    data: Data,
    params: Mapping[str, Any],
    portfolio: Portfolio | None,
    seconds: float,
) -> tuple[F64, Mapping[str, F64], int]:
    """Targets (n_rows, n_symbols) as a live session comes by them, and how many alone."""
    target, extras = targets_of(strategy, data, params, portfolio)
    if portfolio is not None:
        return target, extras, 0
    probes = probes_of(strategy, data.frame, params, calendar=data.calendar_name)
    share = seconds / len(probes)
    market, alone = data.market, 0
    out = np.full(target.shape, np.nan)
    for probe in probes:
        made: Decisions = decide(probe, share, share)
        column = 0 if probe.symbol is None else market.symbols.index(probe.symbol)
        assert probe.times is not None, "bars have close times"
        out[np.searchsorted(market.close_time, probe.times), column] = made.target / len(probes)
        alone += made.alone
    return out, extras, alone
