"""A session after a restart: the journal's inputs happen again, and must lead to its outputs.

State is not stored anywhere but in what was recorded. The same code that made the records makes
them again from the bars and the words of people among them; where it would say something else, the
session does not start. What the crash cut off is written as if nothing had happened.
"""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from trade_research.brokers.venue import TOLD
from trade_research.errors import SessionError
from trade_research.feeds.bars import Row, Skipped
from trade_research.kernels.jit import F64
from trade_research.live.deciders import Why
from trade_research.live.journal import Journal
from trade_research.live.records import bar_of
from trade_research.live.session import Decider, Session
from trade_research.live.venue_session import VenueSession
from trade_research.live.watch import Finding
from trade_research.simulate.funding import Funding

META = frozenset({"v", "seq", "ts", "t_ns", "event", "sid", "h"})
# Records of the shell, which no session says.
SHELL = frozenset(
    {"session_start", "recovered", "heartbeat", "feed_trouble", "clock_step", "execution_error"}
)


class Ahead:
    """A queue of records of which one is read ahead: all of a year of minutes are gigabytes."""

    def __init__(self, records: Iterable[Mapping[str, Any]]) -> None:
        self._records = iter(records)
        self._read = deque(islice(self._records, 1))

    def __bool__(self) -> bool:
        return bool(self._read)

    def __getitem__(self, i: int) -> Mapping[str, Any]:
        return self._read[i]

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        self._read.extend(self._records)
        return iter(self._read)

    def popleft(self) -> Mapping[str, Any]:
        """The next record, which is then behind."""
        record = self._read.popleft()
        if not self._read:
            self._read.extend(islice(self._records, 1))
        return record


class Retold:
    """Where a session's records go after a restart: compared with the old ones, then written.

    Parameters
    ----------
    journal : Journal, optional
        None for a session that is only looked at.
    past : iterable of records
        All that the journal holds; read as they are needed.
    """

    def __init__(self, journal: Journal | None, past: Iterable[Mapping[str, Any]]) -> None:
        self._journal = journal
        self.past = Ahead(record for record in past if record["event"] not in SHELL)

    def __call__(self, event: str, encoded: str = "", /, **fields: Any) -> None:
        if not self.past:
            if self._journal is not None:
                self._journal.append(event, encoded, **fields)
            return
        record = self.past.popleft()
        if encoded:
            fields = json.loads(f"{{{encoded}}}")
        apart = _apart(event, fields, record)
        if apart:
            raise SessionError(
                f"record {record['seq']} of the journal is {apart}. Code, settings or versions are "
                "not those of the session: start a new one"
            )

    def is_next(self, event: str, **fields: Any) -> bool:
        """Whether the next old record is this."""
        if not self.past or self.past[0]["event"] != event:
            return False
        return all(self.past[0].get(name) == value for name, value in fields.items())

    def may_trade(self) -> bool:
        """Whether the order whose signal was just told was not stopped by the kill latch."""
        return not self.is_next("risk_block", limit="kill")


class RetoldDecider:
    """Gives the errors on record again, which nothing else would: a time-out, a lost worker."""

    def __init__(self, decider: Decider, retold: Retold) -> None:
        self._decider, self._retold = decider, retold

    def see(self, row: Row) -> None:
        """As the other sees it."""
        self._decider.see(row)

    def decide(self, row: Row) -> tuple[F64, Why]:
        """As the other decides, or as it failed."""
        found = self._decider.decide(row)
        if self._retold.is_next("strategy_error"):
            raise SessionError("as recorded")
        return found


def rows_of(records: Iterable[Mapping[str, Any]], symbols: tuple[str, ...]) -> Iterator[Row]:
    """The whole rows on record, in order; the last is left out if a symbol of it is missing."""
    at = {symbol: s for s, symbol in enumerate(symbols)}
    opened, bars, missing = -1, np.empty(0), set[str]()
    for record in records:
        is_bar = record["event"] == "bar_received"
        if not is_bar and (record["event"] != "bar_skipped" or record["reason"] != "absent"):
            continue
        fields = record["bar"]
        if fields["open_us"] != opened:
            opened, bars, missing = fields["open_us"], np.full((5, len(at)), np.nan), set(at)
        missing.discard(fields["symbol"])
        if is_bar:
            bars[:, at[fields["symbol"]]] = bar_of(fields)[3:]
            if not missing:
                yield Row(opened, fields["close_us"], record["received_ns"], bars)


def fundings_told(records: Iterable[Mapping[str, Any]]) -> tuple[dict[int, list[Funding]], int]:
    """Fundings on record by the open time of their row, and the last row that told all of them."""
    told: dict[int, list[Funding]] = {}
    row = whole = -1
    for record in records:
        event = record["event"]
        if event == "bar_received":
            if record["bar"]["open_us"] != row:
                whole, row = row, record["bar"]["open_us"]
        elif event == "funding":
            mark = math.nan if record["mark"] is None else record["mark"]
            due = Funding(record["symbol"], record["time_us"], record["rate"], mark)
            told.setdefault(row, []).append(due)
        elif event not in SHELL:
            whole = row
    return told, whole


def relive(session: Session, retold: Retold, rows: Iterable[Row]) -> None:
    """Let everything on record happen again to a new session.

    Parameters
    ----------
    session : Session
        As new, writing to `retold`.
    retold : Retold
    rows : iterable of Row
        `rows_of` the records.

    Raises
    ------
    SessionError
        The session says something that is not on record.
    """
    waiting = iter(rows)
    row = next(waiting, None)
    while retold.past:
        record = retold.past[0]
        event = record["event"]
        if event == "bar_received":
            if row is None:
                return  # the row was not whole: the feed will bring it again
            session.on_row(row)
            row = next(waiting, None)
        elif event == "bar_skipped":
            if row is None:
                return  # it came before a row that was not whole: the feed will say it again
            bar = record["bar"]
            session.on_skipped(
                Skipped(bar["symbol"], bar["open_us"], bar["end_us"], record["reason"])
            )
        elif event == "kill":
            session.kill(record["by"], record["reason"])
        elif event == "recheck":
            session.on_checked(Finding(record["demoted"], record["error"]))
        elif event == "risk_release":
            session.release(record["by"])
        elif event in TOLD and isinstance(session, VenueSession):
            session.on_venue(event, {k: v for k, v in record.items() if k not in META})
        elif event in ("bar_warning", "shutdown"):
            retold.past.popleft()
        else:
            raise SessionError(
                f"record {record['seq']} of the journal is {event}, which nothing before it led to"
            )


def _apart(event: str, fields: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """What a record says and what is said again, where that is not the same; empty where it is."""
    if event != record["event"]:
        return f"{record['event']}, but the bars before it lead to {event}"
    if event == "strategy_error":
        return ""
    for name in sorted((fields.keys() | record.keys()) - META - {"received_ns"}):
        theirs, mine = record.get(name, "nothing"), fields.get(name, "nothing")
        if mine != theirs:
            return f"{event} with {name} {theirs}, but the bars before it lead to {mine}"
    return ""
