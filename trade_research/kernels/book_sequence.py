"""Sequence rules of venues: which message follows which, and what to do with one that does not.

Every rule speaks of the first and the last update id of a message and, where the venue sends it,
the last id of the message before. `follow` and `bridge` are the rules; `sequence` runs them over
the messages of a log, `frames.booksync.BookSync` over a live stream.
"""

from __future__ import annotations

from trade_research.kernels.book import APPLY, BREAK, LOAD
from trade_research.kernels.jit import B8, I8, I64, inner_kernel, kernel

UNNUMBERED, NEXT, OVERLAP, LINKED = 0, 1, 2, 3
"""How ids follow: not at all; ``first == id + 1``, from the snapshot on; the same, but the first
message after a snapshot may reach back (Binance spot); ``prev == id`` and the first message after
a snapshot spans its id (Binance futures)."""

ASIDE = (OVERLAP, LINKED)
"""Rules of venues that send snapshots by another way than the messages."""

TAKE, DROP, GAP = 0, 1, 2
"""What to do with a message: apply it, leave it out as old, or see that something is missing."""

WAITING, BRIDGING, FOLLOWING = 0, 1, 2
"""No book; a snapshot's book, no message since; a book that follows the messages."""


@inner_kernel
def follow(rule: int, last_id: int, first: int, last: int, prev: int) -> int:
    """What to do with a message when the book stands at `last_id` by the message before."""
    if rule == UNNUMBERED:
        return TAKE
    if last <= last_id:
        return DROP
    if rule == LINKED:
        return TAKE if prev == last_id else GAP
    return TAKE if first == last_id + 1 else GAP


@inner_kernel
def bridge(rule: int, last_id: int, first: int, last: int) -> int:
    """What to do with the first message after a snapshot of `last_id`."""
    if rule == UNNUMBERED:
        return TAKE
    if rule == LINKED:
        if last < last_id:
            return DROP
        return TAKE if first <= last_id else GAP
    if last <= last_id:
        return DROP
    if rule == OVERLAP:
        return TAKE if first <= last_id + 1 else GAP
    return TAKE if first == last_id + 1 else GAP


@inner_kernel
def judge(rule: int, phase: int, last_id: int, first: int, last: int, prev: int) -> int:
    """`bridge` or `follow`, whichever the phase asks for."""
    if phase == BRIDGING:
        return bridge(rule, last_id, first, last)
    return follow(rule, last_id, first, last, prev)


@inner_kernel
def reach(
    rule: int, last_id: int, snapshot: B8, first: I64, last: I64, prev: I64, begin: int, end: int
) -> int:
    """First of the messages ``[begin, end)`` that does not join on to a snapshot of `last_id`.

    `end` where all of them do.
    """
    phase = BRIDGING
    for m in range(begin, end):
        if snapshot[m]:
            continue
        verdict = judge(rule, phase, last_id, first[m], last[m], prev[m])
        if verdict == GAP:
            return m
        if verdict == TAKE:
            phase, last_id = FOLLOWING, last[m]
    return end


@inner_kernel
def is_old(rule: int, phase: int, last_id: int, snapshot_id: int) -> bool:
    """Whether a snapshot adds nothing to a book that stands at `last_id`."""
    if phase == WAITING or rule == UNNUMBERED:
        return False
    # A book that follows needs none that comes aside.
    return (rule in ASIDE and phase == FOLLOWING) or snapshot_id < last_id


@kernel
def sequence(
    rule: int,
    snapshot: B8,
    reset: B8,
    first: I64,
    last: I64,
    prev: I64,
    ops: I8,
    message: I64,
    at: I64,
    verdict: I8,
) -> int:
    """Book operations of a log of messages, in the order they arrived; returns their number.

    Parameters
    ----------
    rule : int
    snapshot, reset : bool arrays, (n,)
        Messages that replace the book; messages behind a break of the connection.
    first, last, prev : int64 arrays, (n,)
        Update ids; a snapshot has its own id in `last`.
    ops, message, at : int arrays, (3 n,)
        Set to the operations of `kernels.book.rebuild`, the message of each, and the message on
        whose arrival it is done: what was buffered before a snapshot is applied behind it.
    verdict : int8 array, (n,)
        Set to TAKE, DROP or GAP for each message as it arrives. A message that waits for a snapshot
        is TAKE; a snapshot too old to join on to what came since is DROP.
    """
    phase, last_id, buffered, heard, n = WAITING, -1, 0, -1, 0
    for m in range(first.size):
        if reset[m]:
            if phase != WAITING:
                ops[n], message[n], at[n] = BREAK, m, m
                n += 1
            phase, buffered, heard = WAITING, m, -1
        verdict[m] = TAKE
        if snapshot[m]:
            if is_old(rule, phase, last_id, last[m]):
                verdict[m] = DROP
                continue
            begin = m if phase != WAITING or rule == UNNUMBERED else buffered
            if reach(rule, last[m], snapshot, first, last, prev, begin, m) < m:
                verdict[m] = DROP
                continue
            ops[n], message[n], at[n] = LOAD, m, m
            n, phase, last_id = n + 1, BRIDGING, last[m]
            for b in range(begin, m):
                if snapshot[b]:
                    continue
                if judge(rule, phase, last_id, first[b], last[b], prev[b]) == TAKE:
                    ops[n], message[n], at[n] = APPLY, b, m
                    n, phase, last_id = n + 1, FOLLOWING, last[b]
            continue
        if phase == WAITING:
            # Messages that wait must join on to each other, or the earlier ones are of no use.
            if heard >= 0:
                verdict[m] = follow(rule, last[heard], first[m], last[m], prev[m])
            if verdict[m] == GAP:
                buffered = m
            if verdict[m] != DROP:
                heard = m
            continue
        verdict[m] = judge(rule, phase, last_id, first[m], last[m], prev[m])
        if verdict[m] == TAKE:
            ops[n], message[n], at[n] = APPLY, m, m
            n, phase, last_id = n + 1, FOLLOWING, last[m]
        elif verdict[m] == GAP:
            ops[n], message[n], at[n] = BREAK, m, m
            n, phase, buffered, heard = n + 1, WAITING, m, m
    return n
