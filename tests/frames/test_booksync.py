"""The book follows each venue's sequence rule, or it is stale: no wrong book is ever shown."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from tests.counts import count
from tests.frames.book_streams import (
    Arrival,
    Truth,
    as_book,
    make_arrivals,
    make_truth,
    snapshot_of,
    venue_of,
)
from trade_research.errors import ConfigError
from trade_research.frames.booksync import RULES, BookMessage, BookSync
from trade_research.frames.rebuild import MessageLog, rebuild_books
from trade_research.kernels.book_sequence import LINKED, NEXT, OVERLAP

NAMED = [OVERLAP, LINKED, NEXT]


def message(
    levels: list[tuple[int, float, float]], first: int, last: int, prev: int = -1, **more: object
) -> BookMessage:
    table = np.array(levels, float).reshape(-1, 3)
    return BookMessage(
        bool(more.get("snapshot", False)), table[:, 0].astype(np.int8),
        np.ascontiguousarray(table[:, 1]), np.ascontiguousarray(table[:, 2]), first, last, prev,
        more.get("checksum"),  # type: ignore[arg-type]
    )  # fmt: skip


BOOK = [(1, 99.0, 1.0), (1, 98.0, 2.0), (-1, 101.0, 1.0), (-1, 102.0, 3.0)]


@pytest.mark.parametrize("rule", NAMED, ids=["binance", "futures", "next"])
def test_no_fault_shows_a_wrong_book_and_each_gap_is_seen_on_its_message(rule: int) -> None:
    rng = np.random.default_rng(7 + rule)
    seen = dict.fromkeys(("books", "gaps", "resyncs"), 0)
    for _ in range(count(20_000) // 3 + 1):
        truth = make_truth(rng, rule, 40)
        _run(truth, make_arrivals(rng, 40), rule, seen)
    assert min(seen.values()) > 100, "the faults must really happen"


def _run(truth: Truth, arrivals: list[Arrival], rule: int, seen: dict[str, int]) -> None:
    """Feed one stream. The oracle counts messages; it knows nothing of ids."""
    sync, stands = BookSync(venue_of(rule)), -1  # number of the last message in the book
    for arrival in arrivals:
        was = stands if sync.synced else -1
        if arrival.kind == "reconnect":
            sync.on_reconnect()
            assert sync.top(20) is None
            continue
        if arrival.kind == "snapshot":
            book = truth.books[arrival.number]
            events = sync.on_message(snapshot_of(book, truth.ids[arrival.number]))
        else:
            events = sync.on_message(truth.messages[arrival.number])
            if was >= 0 and arrival.number > was + 1:
                bridges = _bridges(truth, was, arrival.number)
                assert ("gap" in [e.kind for e in events]) or bridges
                seen["gaps"] += not bridges
            elif was >= 0 and arrival.number == was + 1 and not _bridge_fails(truth, was, rule):
                assert sync.synced, "a message that follows must not be taken for a gap"
        top = sync.top(20)
        if top is None:
            continue
        stands = truth.at(sync.last_id)
        assert as_book(top) == truth.books[stands]
        assert stands >= was, "a book never goes back"
        seen["books"] += 1
        seen["resyncs"] += "synced" in [e.kind for e in events]


def _bridges(truth: Truth, was: int, number: int) -> bool:
    """Whether the ids alone let `number` join on to the book after `was`: then nothing is lost."""
    return truth.messages[number].first <= truth.ids[was] + 1


def _bridge_fails(truth: Truth, was: int, rule: int) -> bool:
    """Binance's rule for futures asks the first message to span the snapshot's id."""
    return rule == LINKED and truth.messages[was + 1].first > truth.ids[was]


@pytest.mark.parametrize("rule", NAMED, ids=["binance", "futures", "next"])
def test_a_log_gives_the_books_that_the_live_machine_shows(rule: int) -> None:
    rng = np.random.default_rng(70 + rule)
    rows = 0
    for _ in range(count(2_000) // 3 + 1):
        truth = make_truth(rng, rule, 40)
        arrivals = make_arrivals(rng, 40)
        log = _log(truth, arrivals, rule)
        books, verdicts = rebuild_books(log, depth=18, received=False)
        shown = _shown(truth, arrivals, rule)
        assert books.height == len(shown)
        wide = books.drop("time").to_numpy().reshape(-1, 4, 18)
        for row, number in enumerate(shown):
            assert as_book(wide[row]) == truth.books[number]
        rows += books.height + verdicts.height
    assert rows > 300


def _shown(truth: Truth, arrivals: list[Arrival], rule: int) -> list[int]:
    """What the live machine shows after each change of its book, as numbers of messages."""
    sync, shown = BookSync(venue_of(rule)), []
    apply = sync._apply

    def noted(m: BookMessage) -> list[object]:
        events = apply(m)
        shown.append(truth.at(m.last))
        return events

    sync._apply = noted  # type: ignore[method-assign, assignment]
    for a in arrivals:
        if a.kind == "reconnect":
            sync.on_reconnect()
        elif a.kind == "snapshot":
            sync.on_message(snapshot_of(truth.books[a.number], truth.ids[a.number]))
        else:
            sync.on_message(truth.messages[a.number])
    return shown


def _log(truth: Truth, arrivals: list[Arrival], rule: int) -> MessageLog:
    reset, sent = False, []
    for a in arrivals:
        if a.kind == "reconnect":
            reset = True
            continue
        m = (
            snapshot_of(truth.books[a.number], truth.ids[a.number])
            if a.kind == "snapshot"
            else truth.messages[a.number]
        )
        sent.append((m, reset))
        reset = False
    n = len(sent)
    return MessageLog(
        rule=RULES[venue_of(rule)],
        snapshot=np.array([m.snapshot for m, _ in sent]),
        reset=np.array([r for _, r in sent]),
        first=np.array([m.first for m, _ in sent]),
        last=np.array([m.last for m, _ in sent]),
        prev=np.array([m.prev for m, _ in sent]),
        time=np.arange(n), recv=np.arange(n),
        start=np.concatenate([[0], np.cumsum([m.price.size for m, _ in sent])]),
        side=np.concatenate([m.side for m, _ in sent]),
        price=np.concatenate([m.price for m, _ in sent]),
        size=np.concatenate([m.size for m, _ in sent]),
    )  # fmt: skip


def test_binance_waits_for_a_snapshot_that_the_buffered_messages_join_on_to() -> None:
    sync = BookSync("binance")
    sync.on_message(message([(1, 99.0, 5.0)], 11, 12))
    sync.on_message(message([(1, 97.0, 7.0)], 13, 15))
    assert [e.kind for e in sync.on_message(message(BOOK, 9, 9, snapshot=True))] == ["old_snapshot"]
    assert sync.top(3) is None
    assert [e.kind for e in sync.on_message(message(BOOK, 12, 12, snapshot=True))] == ["synced"]
    top = sync.top(3)
    assert top is not None
    np.testing.assert_array_equal(top[0], [99.0, 98.0, 97.0])  # 11 … 12 was in the snapshot
    np.testing.assert_array_equal(top[1], [1.0, 2.0, 7.0])
    assert sync.last_id == 15


def test_a_crossed_book_a_bad_number_and_silence_lose_the_book() -> None:
    for levels, kind in (([(1, 101.0, 1.0)], "crossed"), ([(1, np.nan, 1.0)], "not_finite")):
        sync = BookSync("bybit")
        sync.on_message(message(BOOK, 1, 1, snapshot=True))
        assert [e.kind for e in sync.on_message(message(levels, 2, 2))] == [kind]
        assert sync.top(1) is None
    sync.on_message(message(BOOK, 5, 5, snapshot=True))
    assert sync.synced
    assert sync.on_silence()[0].kind == "silence"
    assert not sync.synced


def test_what_lies_beyond_a_cut_snapshot_is_unknown() -> None:
    five = [(1, 100.0 - k, 1.0) for k in range(1, 6)] + [(-1, 100.0 + k, 1.0) for k in range(1, 6)]
    sync = BookSync("binance")
    sync.on_message(message(five, 1, 1, snapshot=True))
    sync.on_message(message([(1, 99.0, 0.0), (1, 90.0, 1.0)], 2, 2))
    top = sync.top(5)
    assert top is not None
    np.testing.assert_array_equal(top[0], [98.0, 97.0, 96.0, 95.0, np.nan])  # 90 was never shown


def test_krakens_checksum_of_whole_ticks_is_kept() -> None:
    digits = "".join(["1010", "10000", "1020", "30000", "990", "10000", "980", "20000"])
    good = zlib.crc32(digits.encode())  # asks first, best first, no point and no leading zeros
    sync = BookSync("kraken", digits=(1, 4))
    assert sync.on_message(message(BOOK, 0, 0, snapshot=True, checksum=good))[0].kind == "synced"
    assert [e.kind for e in sync.on_message(message([(1, 97.0, 1.0)], 0, 0, checksum=good))] == []
    top = sync.top(3)
    assert top is not None
    assert np.isnan(top[0][2]), "cut back to the two levels of the snapshot"
    assert sync.on_message(message([(1, 99.0, 9.0)], 0, 0, checksum=good))[0].kind == "checksum"
    assert not sync.synced
    with pytest.raises(ConfigError, match="decimals"):
        BookSync("kraken").checksum()


def test_a_book_deeper_than_the_room_there_was_grows() -> None:
    levels = [(s, 10_000.0 - s * k, 1.0) for k in range(1, 3001) for s in (1, -1)]
    sync = BookSync("bybit")
    sync.on_message(message(BOOK, 1, 1, snapshot=True))
    sync.on_message(message(sorted(levels, key=lambda x: abs(x[1] - 1e4)), 2, 2, snapshot=True))
    sync.on_message(message([(1, 9_999.5, 4.0)], 3, 3))
    top = sync.top(3_001)
    assert top is not None
    assert top[0][0] == 9_999.5
    assert top[0][-1] == 7_000.0
    assert np.isnan(top[2][-1])


def test_an_unknown_venue_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'binance'"):
        BookSync("binanse")
