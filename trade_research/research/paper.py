"""`Paper`: a paper session from its settings: started, or taken up where its journal ends."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from trade_research.brokers.paper import PaperBroker
from trade_research.brokers.venue import VenueBroker
from trade_research.errors import ConfigError, SessionError
from trade_research.feeds.barclock import BarClock
from trade_research.feeds.replay import Paced, Stored
from trade_research.feeds.schedule import Schedule
from trade_research.live.bar_runner import BarFeed, BarRunner
from trade_research.live.clock import Clock, SystemClock, VirtualClock
from trade_research.live.deciders import Growing, History, Released, WithDeadline
from trade_research.live.journal import Journal, Records, scan
from trade_research.live.latch import Latch
from trade_research.live.recovery import Retold, RetoldDecider, fundings_told, relive, rows_of
from trade_research.live.runner import Ended
from trade_research.live.session import Session
from trade_research.live.watch import Watch
from trade_research.report.record import encode
from trade_research.research.evaluator import check_heard, evaluator
from trade_research.research.health import versions
from trade_research.research.heard import Heard
from trade_research.research.history import first_rates, known_before, rows_of_data, stored_history
from trade_research.settings.in_force import hash_in_force
from trade_research.simulate.funding import Funding, fundings_of
from trade_research.simulate.market import PRICES

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64
    from trade_research.portfolio.sizing import Portfolio
    from trade_research.research.data import Data
    from trade_research.research.setup import Setup
    from trade_research.risk.limits import Limits
    from trade_research.strategies.strategy import Strategy

FundingOf = Callable[[int], Sequence[Funding]]
DEADLINE_S = 10.0
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
GRACE_US = 2_000_000


@dataclass(frozen=True)
class Paper:
    """All that a paper session is made of.

    Attributes
    ----------
    name : str
        Of the session.
    folder : Path
        Where its journal and its latch lie.
    strategy : Strategy
    params : mapping
        Bound.
    data : Data
        Bars from the anchor to the start of the session: the strategy sees them, nothing trades on
        them. For a replay, the bars to replay.
    setup : Setup
    limits : Limits
    portfolio : Portfolio, optional
    certificate : str
        Hash of the one it was promoted with; empty for a replay.
    """

    kind: ClassVar[type[Session]] = Session
    name: str
    folder: Path
    strategy: Strategy
    params: Mapping[str, Any]
    data: Data
    setup: Setup
    limits: Limits
    portfolio: Portfolio | None = None
    certificate: str = ""

    def __post_init__(self) -> None:
        check_heard(self.strategy, self.setup.account.kind)
        if not NAME.fullmatch(self.name):
            raise ConfigError(
                f"no name of a session: {self.name!r}; use letters, digits, - and _, 64 at most"
            )

    def replay(self, *, speed: float = 0.0, on_look: Callable[..., None] | None = None) -> Ended:
        """Run over the stored bars as if they closed now, `speed` times as fast as they did.

        Taken up again, it goes on with the bar after the last on record.
        """
        market = self.data.market
        clock = VirtualClock(int(market.open_time[0]) * 1_000)
        prices = np.stack([getattr(market, name) for name in PRICES], axis=1)
        stored = Stored(market.symbols, market.open_time, market.close_time, prices)
        anchor = self._schedule.before(int(market.open_time[0]))

        def feed(last_open: int) -> BarFeed:
            first = int(np.searchsorted(market.open_time, last_open, side="right"))
            return Paced(stored, market.close_time, clock.set, speed=speed, first=first)

        opened = market.open_time.tolist()
        known = {opened[bar]: due for bar, due in fundings_of(market).items()}
        history = History(market.symbols)
        self.heard.begin(self.data.funding)
        return self._run(
            clock, feed, history, anchor, on_look, lambda _: lambda row: known.get(row, ())
        )

    def live(
        self,
        feed: Callable[[int], BarFeed],
        *,
        funding: Callable[[int], FundingOf] = lambda _: lambda row: (),
        check: Callable[[], str] | None = None,
        on_look: Callable[..., None] | None = None,
    ) -> Ended:
        """Run on a feed, from the bar after the stored ones.

        `feed` and `funding` are made when it is known after which row they begin; funding is then
        asked at every row what fell due up to its last moment. `check` is asked when a day of the
        limits' zone begins, and at the start of a session taken up again: the reason it gives
        demotes.

        Taken up again, it has the stored bars that it began with, whatever was stored since.
        """
        past = next(scan(self.folder, []), None)
        known = None if past is None else past["history"]
        history = stored_history(self.data, known)
        anchor = int(history.open_time[-1])
        self.heard.begin(known_before(self.data.funding, history))

        def by_close(since: int) -> FundingOf:
            due = funding(since)
            return lambda row: due(self._closed(row) - 1)

        return self._run(SystemClock(), feed, history, anchor, on_look, by_close, check)

    def _run(
        self,
        clock: Clock,
        feed: Callable[[int], BarFeed],
        history: History,
        anchor: int,
        on_look: Callable[..., None] | None,
        funding: Callable[[int], FundingOf],
        check: Callable[[], str] | None = None,
    ) -> Ended:
        latch = Latch(self.folder)
        is_live = isinstance(clock, SystemClock)
        with Journal(self.folder, clock, self.name, is_daily=is_live) as journal:
            check_alive(self.name, latch)
            past = Records(self.folder, journal.seq)
            about = {"is_live": is_live, "history": self._about(history) if is_live else None}
            about["rates"] = None if is_live else first_rates(self.data, self.strategy)
            check_same(self.name, past, self.settings | about)
            self._warm(history)
            session, *_ = self.relived(
                past,
                history,
                journal,
                lambda whole: funding(self._closed(whole) - 1 if whole > anchor else anchor),
            )
            if past:
                bytes_ = journal.recovered_bytes
                journal.append("recovered", records=len(past), bytes=bytes_, **hash_in_force())
            else:
                proof = {"certificate": self.certificate} if self.certificate else {}
                start = self.settings | about | proof | hash_in_force()
                journal.append("session_start", **start)
            decider = Growing(history, self._evaluate)
            session.decider = WithDeadline(decider, DEADLINE_S, lambda: latch.is_set)
            session.may_trade = lambda: not latch.is_set
            last_open = session.last_open if session.n_rows else anchor
            source = feed(last_open)
            bars = BarClock(
                self.data.market.symbols,
                source.backfill,
                schedule=self._schedule,
                grace_us=GRACE_US,
                last_open=last_open,
            )
            watch = None
            if check is not None:
                day = -1 if past else self.limits.day(clock.now_ns())
                watch = Watch(check, self.limits.day, day)
            with self._connected(session, latch):
                return BarRunner(session, source, bars, journal, latch, clock, on_look, watch).run()

    def _broker(self) -> PaperBroker | VenueBroker:
        """The account, as it was before the first record."""
        return PaperBroker(self.data.market.symbols, **self.setup.of_the_account)

    def _connected(self, session: Session, latch: Latch) -> AbstractContextManager[None]:
        """While the session runs: what its broker needs to trade."""
        del session, latch
        return nullcontext()

    @property
    def settings(self) -> dict[str, Any]:
        """What a restart has to find unchanged, as the journal's first record has it."""
        return {
            "mode": "paper",
            "strategy": self.strategy.name,
            "source_hash": self.strategy.source_hash,
            "params": dict(self.params),
            "symbols": list(self.data.market.symbols),
            "interval": self.data.interval.text,
            "calendar": self.data.calendar_name,
            "setup": encode(asdict(self.setup), {}),
            "limits": encode(asdict(self.limits), {}),
            "portfolio": encode(self.portfolio, {}),
            "versions": versions(),
        }

    def _about(self, history: History) -> dict[str, Any]:
        """The stored bars before a live session: which they are, and what they were."""
        query = self.data.query
        return {
            "names": None if query is None else list(query.names),
            "first_us": int(history.open_time[0]),
            "last_us": int(history.open_time[-1]),
            "hash": history.digest(),
        }

    def _warm(self, history: History) -> None:
        """One decision that counts for nothing: compiled now, and what does not fit is said now."""
        if not history.n_rows:
            history = History(history.symbols)
            history.add(rows_of_data(self.data)[0])
        self._evaluate(history)

    def relived(
        self,
        past: Sequence[Mapping[str, Any]],
        history: History,
        journal: Journal | None = None,
        funding: Callable[[int], FundingOf] = lambda _: lambda row: (),
    ) -> tuple[Session, F64, Mapping[str, F64]]:
        """The session as its records have it, and what its strategy wanted, row by row.

        Its rows join the history; what a crash cut off goes to the journal, if there is one.
        """
        symbols = self.data.market.symbols
        (told, whole), before = fundings_told(past), history.n_rows
        due = funding(whole)
        for row in rows_of(past, symbols):
            if row.open_time > whole:  # a crash came before all of its fundings were told
                told[row.open_time] = list(due(row.open_time))
                whole = row.open_time
            self.heard.hear(told.get(row.open_time, ()), row.open_time)
            history.add(row)
        has_rows = history.n_rows > before
        target, extras = self._evaluate(history) if has_rows else (np.empty((0, len(symbols))), {})
        records, again = tee(past)
        retold = Retold(journal, records)
        decider = RetoldDecider(Released(history.open_time.copy(), target, extras), retold)
        session = self.kind(
            self.name,
            decider,
            self._broker(),
            retold,
            limits=self.limits,
            cash=self.setup.cash,
            schedule=self._schedule,
            session_of=self._session_of(),
            may_trade=retold.may_trade,
            funding_of=lambda row: (
                told.get(row, ()) if row <= whole else self.heard.hear(due(row), row)
            ),
        )
        relive(session, retold, rows_of(again, symbols))
        return session, target, extras

    @cached_property
    def _schedule(self) -> Schedule:
        market = self.data.market
        last = max(int(market.close_time[-1]), SystemClock().now_ns() // 1_000)
        first = int(market.open_time[0])
        return Schedule(self.data.calendar_name, self.data.interval, first, last)

    def _session_of(self) -> Callable[[int], int] | None:
        """Day number of a row's session; UTC days where the calendar has no sessions."""
        if self.data.calendar_name == "24/7":
            return None
        market, calendar = self.data.market, self.data.calendar
        sessions = market.session_days().tolist()
        days: dict[int, int] = dict(zip(market.close_time.tolist(), sessions, strict=True))

        def session_of(close_time: int) -> int:
            if close_time not in days and calendar is not None:
                closed = pl.Series([close_time]).cast(pl.Datetime("us", "UTC"))
                days[close_time] = int(calendar.session_dates(closed).to_physical()[0])
            return days[close_time]

        return session_of

    def _evaluate(self, history: History) -> tuple[Any, Mapping[str, Any]]:
        evaluate = evaluator(
            self.strategy,
            self.params,
            interval=self.data.interval,
            calendar=self.data.calendar,
            portfolio=self.portfolio,
            rates=lambda: self.heard.table,
        )
        return evaluate(history)

    @cached_property
    def heard(self) -> Heard:
        """The funding rates that it knows, for a strategy that reads them."""
        return Heard(self.data.market.symbols)

    def _closed(self, row: int) -> int:
        """When the row that opened then has closed: what pays funding trades around the clock."""
        return row + self.data.interval.us


def check_alive(name: str, latch: Latch) -> None:
    """Refuse to go on with a session that was killed."""
    if latch.is_set:
        by, reason = latch.read()
        raise SessionError(
            f"session {name!r} was killed by {by} ({reason}); it cannot go on. Start "
            "another: --session NAME"
        )


def check_same(name: str, past: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]) -> None:
    """Refuse to go on with other code or settings than a session began with."""
    if not past:
        return
    for key, value in settings.items():
        if past[0].get(key) != value:
            raise SessionError(
                f"session {name!r} began with {key} {past[0].get(key)!r}, and would go "
                f"on with {value!r}. Go on with what it was, or start another: --session NAME"
            )
