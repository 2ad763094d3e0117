"""The shell of a session: rows in, records out, and a latch that is looked at all the time."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Generic, Protocol, TypeVar

from trade_research.errors import JournalError, NotFlatError, SessionError
from trade_research.live.clock import Clock
from trade_research.live.journal import Journal
from trade_research.live.latch import RELEASE, Latch
from trade_research.live.records import clipped
from trade_research.live.session import Session
from trade_research.live.status import account_of
from trade_research.live.watch import Watch
from trade_research.settings.secrets import redact

STOPPED, KILLED, FAILED = "stopped", "killed", "failed"
LOOK_S = 0.05
HEARTBEAT_NS = 60_000_000_000
STATUS_NS = 1_000_000_000
STEP_NS = 1_000_000_000
MAX_ERRORS = 5
TEXT = 400
Item = TypeVar("Item")
Item_co = TypeVar("Item_co", covariant=True)


class Feed(Protocol[Item_co]):
    """What a session lives on, as it happens."""

    def poll(self, seconds: float) -> Sequence[Item_co] | None:
        """What there is, waiting for so long at most; None when there will be no more."""
        ...

    def troubles(self) -> Sequence[str]:
        """What went wrong since the last call, a line each."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


@dataclass(frozen=True)
class Ended:
    """How a session ended: `how` is stopped, killed or failed."""

    how: str
    reason: str


class Runner(Generic[Item]):
    """Runs a session until the feed ends, somebody stops it, or the latch is set.

    What it does with an item of the feed is `_take`, of `BarRunner` and `BookRunner`.

    Parameters
    ----------
    session : Session
    feed : Feed
    journal : Journal
    latch : Latch
    clock : Clock
    on_look : callable, optional
        Called about once a second with `status`, for a screen.
    watch : Watch, optional
        Asks once a day whether the session is still what was certified.
    """

    def __init__(
        self,
        session: Session,
        feed: Feed[Item],
        journal: Journal,
        latch: Latch,
        clock: Clock,
        on_look: Callable[[dict[str, Any]], None] | None = None,
        watch: Watch | None = None,
    ) -> None:
        self._session, self._feed, self.duplicates = session, feed, 0
        self._journal, self._latch, self._clock = journal, latch, clock
        self._on_look, self._watch = on_look, watch
        self._released = Latch(journal.folder, RELEASE)
        self._stop = threading.Event()
        self._reason = "asked to stop"
        self._beat_ns = self._looked_ns = clock.monotonic_ns()
        self._lag_ms = 0.0

    def stop(self, reason: str) -> None:
        """Ask the session to end after the row it is at; positions stay."""
        self._reason = reason
        self._stop.set()

    def run(self) -> Ended:
        """Until the end.

        A journal that cannot be written ends the session with everything closed: nothing is traded
        without a record. Whatever else goes wrong is our own error: it is on record, and what is
        held stays as the journal has it.
        """
        previous = self._catch_signals()
        try:
            return self._loop()
        except JournalError as error:
            self._latch_anyway(str(error))
            return Ended(FAILED, " – ".join(filter(None, (self._not_flat(), str(error)))))
        except NotFlatError as error:
            self._journal.append("execution_error", error=clipped(error))
            return Ended(FAILED, str(error))
        except Exception as error:
            self._journal.append("execution_error", error=clipped(error))
            raise
        finally:
            self._feed.close()
            for number, handler in previous.items():
                signal.signal(number, handler)
            self._show(is_last=True)

    @property
    def status(self) -> dict[str, Any]:
        """The session now, as plain values."""
        session, now = self._session, self._clock.now_ns()
        return account_of(session, now) | {
            "session": session.name,
            "pid": os.getpid(),
            "t_ns": now,
            "rows": session.n_rows,
            "last_open_us": session.last_open,
            "duplicates": self.duplicates,
            "lag_ms": self._lag_ms,
            "records": self._journal.seq,
            "head": self._journal.head,
        }

    def _loop(self) -> Ended:
        while True:
            if self._latch.is_set:
                by, reason = self._latch.read()
                self._session.kill(by, reason)
                self._journal.sync()
                return Ended(KILLED, reason)
            if self._session.errors >= MAX_ERRORS and not self._session.risk.latch:
                self._latch_anyway(f"{MAX_ERRORS} strategy errors")
                continue
            if self._stop.is_set():
                self._session.shutdown(self._reason)
                return Ended(STOPPED, self._reason)
            self._hear_people()
            items = self._feed.poll(LOOK_S)
            stepped = self._clock.stepped_ns()
            if abs(stepped) > STEP_NS:
                reason = _step_text(stepped)
                self._journal.append("clock_step", seconds=stepped / 1e9, reason=reason)
            self._take(items or ())
            self._session.look(self._clock.now_ns())
            for trouble in self._feed.troubles():
                self._journal.append("feed_trouble", reason=redact(trouble)[:TEXT])
            if items is None:
                self._session.shutdown("the feed ends")
                return Ended(STOPPED, "the feed ends")
            self._beat()

    def _hear_people(self) -> None:
        """A release that somebody asked for, and what the day's check has found."""
        session = self._session
        if self._released.is_set:
            if session.risk.latch:
                session.release(self._released.read()[0])
            self._released.clear()
        if self._watch is not None and session.n_rows:
            found = self._watch.look(self._clock.now_ns())
            if found is not None:
                session.on_checked(found)

    def _take(self, items: Sequence[Item]) -> None:
        raise NotImplementedError

    def _beat(self) -> None:
        now = self._clock.monotonic_ns()
        if now - self._beat_ns >= HEARTBEAT_NS:
            self._beat_ns = now
            self._journal.append("heartbeat", rows=self._session.n_rows)
        if now - self._looked_ns >= STATUS_NS:
            self._looked_ns = now
            self._show()

    def _show(self, *, is_last: bool = False) -> None:
        status = self.status | {"is_running": not is_last}
        write_status(self._journal.folder, status)
        if self._on_look is not None:
            self._on_look(status)

    def _not_flat(self) -> str:
        """Close everything, without a record; what stands in the way of it."""
        try:
            self._session.broker.flatten()
        except NotFlatError as error:
            return str(error)
        return ""

    def _latch_anyway(self, reason: str) -> None:
        """Set the latch; a disk that does not take it must not keep positions open."""
        try:
            self._latch.set("runner", reason)
        except SessionError:
            self._stop.set()

    def _catch_signals(self) -> dict[int, Any]:
        """SIGINT and SIGTERM stop in order; a second one kills: everything is closed."""
        if threading.current_thread() is not threading.main_thread():
            return {}

        def asked(number: int, _: FrameType | None) -> None:
            if self._stop.is_set():
                self._latch_anyway(f"{signal.Signals(number).name} twice")
            self.stop(signal.Signals(number).name)

        return {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}


def _step_text(stepped: int) -> str:
    if stepped > 0:
        return "the machine slept, or its clock was set forward: bars that are late are not traded"
    return "the clock was set back: no bar comes twice, none from its future is traded"


def write_status(folder: Path, status: dict[str, Any]) -> None:
    """Put the status where `paper status` looks, whole or not at all; never a reason to stop."""
    beside = folder / f".status-{os.getpid()}"
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(beside, flags, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(status, file)
        os.replace(beside, folder / "status.json")
    except OSError:
        return  # a full disk is found out by the journal, which does stop the session
