"""A live order book kept in step with its venue, or marked stale: a pure state machine.

No clock and no network: messages go in, events come out, and `book` is there only while the
venue's own sequence rule says that nothing is missing.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trade_research.errors import ConfigError, nearest
from trade_research.kernels import book as kernel_book
from trade_research.kernels import book_sequence as rules

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64, I8, I64


@dataclass(frozen=True)
class SequenceRule:
    """How a venue numbers its book messages.

    Parameters
    ----------
    how : int
        One of `kernels.book_sequence`'s rules.
    partial : bool
        Snapshots are cut at a depth and later messages reach beyond it.
    keep : bool
        The consumer cuts the book back to the depth of the snapshot after each message.
    crosses : bool
        Orders are listed before they are matched, so that the book crosses for a moment.
    """

    how: int
    partial: bool = False
    keep: bool = False
    crosses: bool = False


RULES: dict[str, SequenceRule] = {
    "binance": SequenceRule(rules.OVERLAP, partial=True),
    "binance_futures": SequenceRule(rules.LINKED, partial=True),
    "bitstamp": SequenceRule(rules.UNNUMBERED, crosses=True),
    "bybit": SequenceRule(rules.NEXT),
    "coinbase": SequenceRule(rules.NEXT),
    "kraken": SequenceRule(rules.UNNUMBERED, keep=True),
    "kraken_futures": SequenceRule(rules.NEXT),
}
"""Rule of each venue: Binance ``U``/``u`` and ``pu``, Bybit ``u``, Coinbase ``sequence_num``,
Kraken Futures ``seq``; Kraken spot sends a checksum, Bitstamp's order events nothing."""

CUTS = frozenset({5, 10, 20, 50, 100, 500, 1000, 5000})
"""Depths at which venues cut a snapshot; one of another length is the whole book."""


@dataclass(frozen=True)
class BookMessage:
    """One message of a venue: a snapshot, or absolute sizes of changed levels (0 removes).

    Attributes
    ----------
    side : int8 array, (n,)
        1 bid, -1 ask; a snapshot has each side best first.
    price, size : float64 arrays, (n,)
    first, last, prev : int
        Update ids; venues with one number a message have it in both `first` and `last`.
    checksum : int, optional
        The venue's, of the book after this message.
    """

    snapshot: bool
    side: I8
    price: F64
    size: F64
    first: int = 0
    last: int = 0
    prev: int = -1
    checksum: int | None = None


class BookEvent(NamedTuple):
    """What a message did beside changing the book: `kind` is synced, gap, crossed, not_finite,
    checksum, reconnect, silence or old_snapshot."""

    kind: str
    update_id: int
    detail: str


@dataclass
class BookSync:
    """One instrument's book.

    Parameters
    ----------
    venue : str
        A name of `RULES`.
    digits : (int, int), optional
        Decimals of price and size, needed for Kraken's checksum.

    Examples
    --------
    >>> sync = BookSync("binance")
    >>> events = sync.on_message(message)            # doctest: +SKIP
    >>> sync.top(5)                                  # None unless in step  # doctest: +SKIP
    """

    venue: str
    digits: tuple[int, int] | None = None
    phase: int = field(default=rules.WAITING, init=False)
    last_id: int = field(default=-1, init=False)
    _waiting: list[BookMessage] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        if self.venue not in RULES:
            raise ConfigError(
                f"no sequence rule is known for {self.venue!r}: {nearest(self.venue, RULES)}"
            )
        self.rule = RULES[self.venue]
        self._price, self._size = np.empty((2, 1024)), np.empty((2, 1024))
        self._count: I64 = np.zeros(2, np.int64)
        self._edge: F64 = np.full(2, -np.inf)
        self._depth = 0

    @property
    def synced(self) -> bool:
        """Whether the book is the venue's as of `last_id`."""
        return self.phase != rules.WAITING

    @property
    def follows(self) -> bool:
        """Whether a message has been applied since the snapshot.

        A snapshot that is fetched aside may be ahead of the messages: only then is it known of when
        the book is.
        """
        return self.phase == rules.FOLLOWING

    @property
    def wants_snapshot(self) -> bool:
        """Whether only a snapshot is missing: messages wait that it can join on to."""
        return not self.synced and (bool(self._waiting) or self.rule.how == rules.UNNUMBERED)

    def top(self, depth: int) -> F64 | None:
        """Best levels, (4, depth): bid price, bid size, ask price, ask size; None while stale.

        NaN where there is no level, and beyond the snapshot's depth, where some may be missing.
        """
        if not self.synced:
            return None
        out = np.empty((4, 1, depth))
        seen = kernel_book.top_of(self._price, self._size, self._count, self._edge, out)
        out[:, 0, seen:] = np.nan
        return out[:, 0]

    def on_reconnect(self) -> list[BookEvent]:
        """The connection broke: whatever was sent meanwhile is lost."""
        return self._lose("reconnect", self.last_id, "the connection was made anew")

    def on_silence(self) -> list[BookEvent]:
        """Nothing came for longer than the deadline; only the caller has a clock."""
        return self._lose("silence", self.last_id, "nothing came before the deadline")

    def on_message(self, message: BookMessage) -> list[BookEvent]:
        """Take one message in; events say what a reader of the book must know."""
        return self._snapshot(message) if message.snapshot else self._update(message)

    def _update(self, m: BookMessage) -> list[BookEvent]:
        if not self.synced:
            return self._wait(m)
        verdict = rules.judge(self.rule.how, self.phase, self.last_id, m.first, m.last, m.prev)
        if verdict == rules.DROP:
            return []
        if verdict == rules.GAP:
            events = self._lose("gap", m.last, f"{m.first} … {m.last} follows {self.last_id}")
            self._waiting = [m]
            return events
        return self._apply(m)

    def _wait(self, m: BookMessage) -> list[BookEvent]:
        """Keep a message for the snapshot to come; those before a hole are of no use."""
        if self.rule.how == rules.UNNUMBERED:
            return []
        if self._waiting:
            before = self._waiting[-1].last
            verdict = rules.follow(self.rule.how, before, m.first, m.last, m.prev)
            if verdict == rules.DROP:
                return []
            if verdict == rules.GAP:
                self._waiting = [m]
                return [BookEvent("gap", m.last, f"{m.first} … {m.last} follows {before}")]
        self._waiting.append(m)
        return []

    def _snapshot(self, m: BookMessage) -> list[BookEvent]:
        if rules.is_old(self.rule.how, self.phase, self.last_id, m.last):
            return []
        if not self._joins(m):
            return [BookEvent("old_snapshot", m.last, "older than the messages that wait for it")]
        was_synced, waiting = self.synced, self._waiting
        self._waiting = []
        events = self._apply(m)
        if not self.synced:
            return events
        self.phase = rules.BRIDGING
        for kept in waiting:
            verdict = rules.judge(
                self.rule.how, self.phase, self.last_id, kept.first, kept.last, kept.prev
            )
            if verdict == rules.TAKE and self.synced:
                events += self._apply(kept)
        if self.synced and not was_synced:
            events.append(BookEvent("synced", self.last_id, ""))
        return events

    def _joins(self, m: BookMessage) -> bool:
        """Whether all waiting messages join on to the snapshot."""
        phase, last_id = rules.BRIDGING, m.last
        for kept in self._waiting:
            verdict = rules.judge(self.rule.how, phase, last_id, kept.first, kept.last, kept.prev)
            if verdict == rules.GAP:
                return False
            if verdict == rules.TAKE:
                phase, last_id = rules.FOLLOWING, kept.last
        return True

    def _apply(self, m: BookMessage) -> list[BookEvent]:
        self._make_room(m.price.size)
        found = kernel_book.change_book(
            m.snapshot, self._price, self._size, self._count, m.side, m.price, m.size
        )
        if found != kernel_book.OK and not (found == kernel_book.CROSSED and self.rule.crosses):
            kind = "crossed" if found == kernel_book.CROSSED else "not_finite"
            return self._lose(kind, m.last, "the book cannot be right")
        self.phase, self.last_id = rules.FOLLOWING, m.last
        if m.snapshot:
            self._depth = int(self._count.max())
            cut = self.rule.partial & (np.isin(self._count, list(CUTS)))
            self._edge = np.where(cut, self._price[:, 0], -np.inf)
        elif self.rule.keep:
            self._keep(self._depth)
        if m.checksum is not None and m.checksum != self.checksum():
            return self._lose("checksum", m.last, f"the venue says {m.checksum}")
        return []

    def _keep(self, depth: int) -> None:
        """Drop what lies beyond the best `depth` levels: the venue no longer reports it."""
        for row in range(2):
            extra = int(self._count[row]) - depth
            if extra > 0:
                for table in (self._price, self._size):
                    table[row, :depth] = table[row, extra : extra + depth].copy()
                self._count[row] = depth

    def checksum(self) -> int:
        """Kraken's CRC32 of the ten best asks and bids, as whole ticks and lots.

        Raises
        ------
        ConfigError
            The decimals of price and size were not given.
        """
        if self.digits is None:
            raise ConfigError(
                f"the checksum of {self.venue} needs the decimals of price and size: "
                "BookSync(venue, digits=(1, 8))"
            )
        text = []
        for row in (1, 0):
            n = int(self._count[row])
            for at in range(n - 1, max(n - 11, -1), -1):
                price, size = abs(self._price[row, at]), self._size[row, at]
                text.append(f"{round(price * 10 ** self.digits[0])}")
                text.append(f"{round(size * 10 ** self.digits[1])}")
        return zlib.crc32("".join(text).encode())

    def _lose(self, kind: str, update_id: int, detail: str) -> list[BookEvent]:
        self.phase, self.last_id, self._waiting = rules.WAITING, -1, []
        return [BookEvent(kind, update_id, detail)]

    def _make_room(self, levels: int) -> None:
        need = int(self._count.max()) + levels + 1
        if need > self._price.shape[1]:
            for name in ("_price", "_size"):
                wider = np.empty((2, 2 * need))
                old = getattr(self, name)
                wider[:, : old.shape[1]] = old
                setattr(self, name, wider)
