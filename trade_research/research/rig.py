"""A replay's session: stored bars through feed, deciders, risk, paper broker and journal."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from trade_research.brokers.paper import PaperBroker
from trade_research.errors import SessionError
from trade_research.feeds.barclock import BarClock
from trade_research.feeds.bars import Bar, Skipped
from trade_research.feeds.replay import Stored
from trade_research.feeds.schedule import Schedule
from trade_research.live.clock import VirtualClock
from trade_research.live.deciders import Growing, History, Released
from trade_research.live.journal import Journal, Records
from trade_research.live.recovery import Retold, RetoldDecider, relive, rows_of
from trade_research.live.rehearsal import Past, Rehearsed, alone_rows, in_blocks
from trade_research.live.session import Decider, Session
from trade_research.simulate.funding import fundings_of
from trade_research.simulate.market import PRICES

if TYPE_CHECKING:
    from trade_research.live.deciders import Evaluate
    from trade_research.research.data import Data
    from trade_research.research.setup import Setup
    from trade_research.risk.limits import Limits

GRACE_US = 2_000_000


class Transport(Protocol):
    """What happens to bars on their way: tests make them late, double, swapped or lost."""

    def carry(self, row: int, bars: list[Bar]) -> Iterable[Bar]: ...
    def restarts_after(self, row: int) -> bool: ...


class Rig:
    """A replay's session over its journal, made again when the transport says so.

    Attributes
    ----------
    target : float64 array (n_rows, n_symbols)
    extras : mapping of str to float64 array (n_rows,)
        What the strategy wanted, block by block.
    alone, duplicates : int
        Decisions taken on the bars seen and nothing else; bars that came twice.
    """

    def __init__(
        self,
        name: str,
        data: Data,
        setup: Setup,
        limits: Limits | None,
        folder: Path,
        evaluate: Evaluate,
        seconds: float,
    ) -> None:
        self._name, self._data, self._setup, self._limits = name, data, setup, limits
        self._folder, self._evaluate, self._clock = folder, evaluate, VirtualClock()
        market = data.market
        times, prices = (market.open_time, market.close_time), [getattr(market, x) for x in PRICES]
        self._stored = Stored(market.symbols, *times, np.stack(prices, axis=1))
        past = Past(market.symbols, *times, np.stack([x.T for x in prices]))
        self.target, self.extras = in_blocks(past, evaluate)
        self._known = Released(market.open_time, self.target, self.extras)
        self._alone_on = alone_rows(past, self.target, evaluate, seconds)
        sessions = market.session_days().tolist()
        self._session_of = dict(zip(times[1].tolist(), sessions, strict=True)).__getitem__
        opened = market.open_time
        self._funding = {int(opened[bar]): due for bar, due in fundings_of(market).items()}
        first, last = int(opened[0]), int(times[1][-1])
        self._schedule = Schedule(data.calendar_name, data.interval, first, last)
        self.alone = self.duplicates = 0
        self._opened = ExitStack()

    def run(self, transport: Transport | None) -> Session:
        """Every bar through, to the session as it stands at the end."""
        with self._opened:
            return self._through(transport)

    def _through(self, transport: Transport | None) -> Session:
        market = self._data.market
        self._clock.set(int(market.open_time[0]) * 1_000)
        journal = self._journal()
        if journal.seq:
            raise SessionError(f"{self._folder} has the journal of a session; give another folder")
        journal.append("session_start", mode="replay", strategy=self._name)
        history = History(market.symbols)
        session = self._session(journal.append, decider := self._decider(history))
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
                self.alone += decider.alone
                journal, session, decider = self._again()
                clock = self._bar_clock(session.last_open if session.n_rows else anchor)
        self._step(session, clock, int(market.close_time[-1]) + 3_600_000_000)
        session.shutdown("the data ends")
        self.duplicates += clock.duplicates
        self.alone += decider.alone
        return session

    def _step(self, session: Session, clock: BarClock, close_us: int) -> None:
        now = (close_us + GRACE_US) * 1_000
        self._clock.set(now)
        for item in clock.rows(now):
            if isinstance(item, Skipped):
                session.on_skipped(item)
            else:
                session.on_row(item)

    def _again(self) -> tuple[Journal, Session, Rehearsed]:
        """The session as after a restart: from the journal alone."""
        journal, symbols = self._journal(), self._data.market.symbols
        past, history = Records(self._folder, journal.seq), History(symbols)
        for row in rows_of(past, symbols):
            history.add(row)
        wanted = self._evaluate(history) if history.n_rows else (np.empty((0, len(symbols))), {})
        known = Released(history.open_time.copy(), *wanted)
        told, bars = tee(past)
        retold = Retold(journal, told)
        session = self._session(retold, RetoldDecider(known, retold))
        relive(session, retold, rows_of(bars, symbols))
        journal.append("recovered", records=len(past), bytes=journal.recovered_bytes)
        session.decider = decider = self._decider(history)
        return journal, session, decider

    def _decider(self, history: History) -> Rehearsed:
        return Rehearsed(Growing(history, self._evaluate), self._known, self._alone_on)

    def _journal(self) -> Journal:
        return self._opened.enter_context(
            Journal(self._folder, self._clock, self._name, is_daily=False, is_durable=False)
        )

    def _session(self, record: Any, decider: Decider) -> Session:
        return Session(
            self._name,
            decider,
            PaperBroker(self._data.market.symbols, **self._setup.of_the_account),
            record,
            limits=self._limits,
            cash=self._setup.cash,
            schedule=self._schedule,
            session_of=self._session_of,
            funding_of=lambda open_time: self._funding.get(open_time, ()),
        )

    def _bar_clock(self, last_open: int) -> BarClock:
        return BarClock(
            self._data.market.symbols,
            self._stored.backfill,
            schedule=self._schedule,
            grace_us=GRACE_US,
            last_open=last_open,
        )
