"""Books out of a log of messages: the venue's sequence rule, then the array book, then rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from trade_research.frames.book_verdicts import BOOK_VERDICT_SCHEMA, skew, stretches, verdict_rows
from trade_research.frames.books import NANO, SIDES
from trade_research.frames.booksync import CUTS, SequenceRule
from trade_research.kernels import book as kernel_book
from trade_research.kernels.book_sequence import ASIDE, GAP, sequence

if TYPE_CHECKING:
    from trade_research.kernels.jit import B8, F64, I8, I64

_UNSEEN = "levels beyond the snapshot: those that have not changed since are missing"


@dataclass(frozen=True)
class MessageLog:
    """Book messages of one instrument in the order they were received, levels side by side.

    Attributes
    ----------
    rule : SequenceRule
    snapshot, reset : bool arrays, (n,)
        Messages that replace the book; first messages after a break of the connection.
    first, last, prev : int64 arrays, (n,)
        Update ids; a snapshot has its own in `last`.
    time, recv : int64 arrays, (n,)
        Exchange's and receiver's time, nanoseconds; equal where only one is known.
    start : int64 array, (n + 1,)
        Where each message's levels begin.
    side, price, size : arrays, (n_levels,)
        1 bid and -1 ask; a size of 0 removes the level.
    """

    rule: SequenceRule
    snapshot: B8
    reset: B8
    first: I64
    last: I64
    prev: I64
    time: I64
    recv: I64
    start: I64
    side: I8
    price: F64
    size: F64

    @property
    def cut(self) -> int:
        """Levels a side that the snapshots are cut at; 0 where they are whole."""
        at = np.flatnonzero(self.snapshot)
        if not self.rule.partial or not at.size:
            return 0
        most = max(
            int(np.count_nonzero(self.side[self.start[m] : self.start[m + 1]] == sign))
            for m in at[:8]
            for sign in (1, -1)
        )
        return most if most in CUTS else 0


def rebuild_books(
    log: MessageLog, *, grid_ns: int = 0, depth: int = 20, received: bool = True
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The books of a log, and what is wrong with them.

    Parameters
    ----------
    log : MessageLog
    grid_ns : int
        Nanoseconds between rows, each the book after all messages up to and including its time;
        0 gives a row after each message.
    depth : int
        Levels a side.
    received : bool
        Keep ``recv_time``: when the last message in the row was received.

    Returns
    -------
    books : polars.DataFrame
        In the wide layout; no rows where the book is unknown.
    lost : polars.DataFrame
        Gaps, crossed books and broken messages, as verdicts.
    """
    ops, message, at, verdict, state, log = _sequenced(log)
    # What a message changed counts from the latest time heard so far: clocks never run back.
    clock = np.maximum.accumulate(log.time) if log.time.size else log.time
    when = clock[at]
    n_rows = _n_rows(when, grid_ns, ops.size)
    out = np.empty((4, n_rows, depth))
    row_time, row_message, row_seen = np.empty((3, n_rows), np.int64)
    found = kernel_book.rebuild(
        ops, message, log.start, log.side, log.price, log.size, when, log.cut, log.rule.crosses,
        log.rule.how in ASIDE, grid_ns, _room(log, ops, message), out,
        row_time, row_message, row_seen, state,
    )  # fmt: skip
    frame: dict[str, pl.Series] = {"time": pl.Series(row_time[:found]).cast(NANO)}
    if received:
        frame["recv_time"] = pl.Series(log.recv[row_message[:found]]).cast(NANO)
    for which, side in enumerate(SIDES):
        for k in range(depth):
            column = np.ascontiguousarray(out[which, :found, k])
            frame[f"{side}_{k + 1}"] = pl.Series(column).fill_nan(None)
    lost = _lost(log, clock, ops, at, verdict, state)
    unseen = stretches("unseen", row_seen[:found] < depth, row_time[:found], _UNSEEN)
    return pl.DataFrame(frame), pl.concat([lost, unseen, skew(log.time, log.recv)])


def _sequenced(log: MessageLog) -> tuple[I8, I64, I64, I8, I8, MessageLog]:
    """Operations of the log. After a book that cannot be right, all waits for a new snapshot."""
    while True:
        n = log.first.size
        ops, message, at = (
            np.empty(3 * n, np.int8),
            np.empty(3 * n, np.int64),
            np.empty(3 * n, np.int64),
        )
        verdict = np.zeros(n, np.int8)
        found = sequence(
            log.rule.how, log.snapshot, log.reset, log.first, log.last, log.prev,
            ops, message, at, verdict,
        )  # fmt: skip
        ops, message, at = ops[:found], message[:found], at[:found]
        state = np.zeros(found, np.int8)
        kernel_book.rebuild(
            ops, message, log.start, log.side, log.price, log.size, at, 0,
            log.rule.crosses, False, 0, _room(log, ops, message), np.empty((4, 0, 1)),
            *np.empty((3, 0), np.int64), state,
        )  # fmt: skip
        broken = np.flatnonzero(state != kernel_book.OK)
        again = [m for m in at[broken] + 1 if m < n and not log.reset[m]]
        if not again:
            return ops, message, at, verdict, state, log
        reset = log.reset.copy()
        reset[again[0]] = True
        log = replace(log, reset=reset)


def _room(log: MessageLog, ops: I8, message: I64) -> int:
    return kernel_book.capacity(ops, message, log.start, log.side, log.size)


def _n_rows(when: I64, grid_ns: int, n_ops: int) -> int:
    if not when.size:
        return 0
    if not grid_ns:
        return n_ops
    return int((when[-1] - when[0]) // grid_ns) + 2


def _lost(log: MessageLog, clock: I64, ops: I8, at: I64, verdict: I8, state: I8) -> pl.DataFrame:
    """Spans without a book: from the message that showed it to the snapshot that ended it."""
    frames = [pl.DataFrame(schema=BOOK_VERDICT_SCHEMA)]
    loads = at[(ops == kernel_book.LOAD) & (state == kernel_book.OK)]
    for kind, where in (
        ("gap", np.flatnonzero(verdict == GAP)),
        ("crossed", at[state == kernel_book.CROSSED]),
        ("not_finite", at[state == kernel_book.NOT_FINITE]),
    ):
        behind = np.searchsorted(loads, where, side="right")
        ends = np.append(clock[loads], clock[-1:] + 1)[behind] if where.size else where
        what = [f"message {log.first[m]} … {log.last[m]}" for m in where]
        frames.append(verdict_rows(kind, clock[where], ends, np.ones_like(where), what))
    return pl.concat(frames).sort("time", maintain_order=True)
