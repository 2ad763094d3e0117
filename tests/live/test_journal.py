"""The journal: chained, mended at its tail, refused in its middle, never lost."""

from __future__ import annotations

import json
import os
import random
from hashlib import blake2b
from pathlib import Path

import pytest

from tests.counts import count
from trade_research.errors import JournalError
from trade_research.live import journal as room
from trade_research.live.clock import VirtualClock
from trade_research.live.journal import Damage, Journal, Records, files_of, scan

NOON = 1_700_000_000 * 1_000_000_000


def written(folder: Path, n: int = 20) -> list[dict[str, object]]:
    clock = VirtualClock(NOON)
    with Journal(folder, clock, "s") as journal:
        for i in range(n):
            clock.set(NOON + i * 1_000_000_000)
            journal.append("fill", symbol="BTC/USDT", qty=0.1 + i, price=1 / 3)
    return list(scan(folder))


def test_a_record_says_when_what_and_follows_from_the_one_before(tmp_path: Path) -> None:
    written(tmp_path, 3)
    lines = files_of(tmp_path)[0].read_bytes().splitlines()
    previous = "0" * 32
    for seq, line in enumerate(lines, 1):
        record = json.loads(line)
        assert list(record)[:6] == ["v", "seq", "ts", "t_ns", "event", "sid"]
        assert record["seq"] == seq
        assert record["price"] == 1 / 3  # every bit of it
        body = line[: line.rindex(b',"h":')]
        assert record["h"] == blake2b(previous.encode() + body, digest_size=16).hexdigest()
        previous = record["h"]
    assert json.loads(lines[2])["ts"] == "2023-11-14T22:13:22.000000Z"


def test_a_tail_cut_at_any_byte_is_dropped_and_counted(tmp_path: Path) -> None:
    whole = written(tmp_path, 21)
    file = files_of(tmp_path)[0]
    data = file.read_bytes()
    ends = [i + 1 for i, byte in enumerate(data) if byte == 10]
    for cut in range(ends[0], len(data)):
        file.write_bytes(data[:cut])
        kept = sum(1 for end in ends if end <= cut)
        with Journal(tmp_path, VirtualClock(NOON), "s") as journal:
            assert journal.recovered_bytes == cut - ends[kept - 1]
            assert journal.seq == kept
        assert list(scan(tmp_path)) == whole[:kept]


def test_no_flipped_bit_is_accepted(tmp_path: Path) -> None:
    whole = written(tmp_path)
    file = files_of(tmp_path)[0]
    data = file.read_bytes()
    rng = random.Random(7)
    for _ in range(count(10_000)):
        flipped = bytearray(data)
        flipped[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        file.write_bytes(flipped)
        damage: list[Damage] = []
        kept = list(scan(tmp_path, damage))
        assert len(damage) == 1
        assert kept == whole[: len(kept)]
        assert len(kept) < len(whole)


@pytest.mark.parametrize("how", ["edit", "delete", "reorder", "insert"])
def test_damage_in_the_middle_is_refused_and_named(tmp_path: Path, how: str) -> None:
    written(tmp_path)
    file = files_of(tmp_path)[0]
    lines = file.read_bytes().splitlines(keepends=True)
    if how == "edit":
        lines[4] = lines[4].replace(b'"qty":4.1', b'"qty":9.1')
    elif how == "delete":
        del lines[4]
    elif how == "reorder":
        lines[4], lines[5] = lines[5], lines[4]
    else:
        lines.insert(4, lines[4])
    file.write_bytes(b"".join(lines))
    with pytest.raises(JournalError, match=r"line [56]"):
        Journal(tmp_path, VirtualClock(NOON), "s")


def test_a_new_day_is_a_new_file_of_the_same_chain(tmp_path: Path) -> None:
    clock = VirtualClock(NOON)
    with Journal(tmp_path, clock, "s") as journal:
        journal.append("heartbeat")
        clock.set(NOON + 86_400 * 1_000_000_000)
        journal.append("heartbeat")
        clock.set(NOON)  # set back: it goes on in the file it is in
        journal.append("heartbeat")
    names = [file.name for file in files_of(tmp_path)]
    assert names == ["audit_2023-11-14.jsonl", "audit_2023-11-15.jsonl"]
    assert [record["seq"] for record in scan(tmp_path)] == [1, 2, 3]


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    with (
        Journal(tmp_path, VirtualClock(NOON), "s"),
        pytest.raises(JournalError, match="has a running session"),
    ):
        Journal(tmp_path, VirtualClock(NOON), "t")


def test_a_disk_that_is_full_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = written(tmp_path, 3)
    journal = Journal(tmp_path, VirtualClock(NOON + 9), "s")
    real = os.write

    def short(file: int, data: bytes) -> int:
        return real(file, data[:100])

    monkeypatch.setattr(room.os, "write", short)
    with pytest.raises(JournalError, match="cannot be written"):
        journal.append("fill", symbol="X")
    monkeypatch.undo()
    with pytest.raises(JournalError, match="failed before"):
        journal.append("fill", symbol="X")
    journal.close()
    assert list(scan(tmp_path)) == whole


def test_what_must_be_durable_is_synced_before_append_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(room.os, "fdatasync", lambda file: synced.append(file))
    clock, stopwatch = VirtualClock(NOON), [10**12]
    monkeypatch.setattr(clock, "monotonic_ns", lambda: stopwatch[0])
    with Journal(tmp_path, clock, "s") as journal:
        journal.append("session_start")
        assert len(synced) == 1
        journal.append("bar_received")
        assert len(synced) == 1
        journal.append("order_intent")
        assert len(synced) == 2
        stopwatch[0] += 300_000_000
        journal.append("bar_received")
        assert len(synced) == 3


def test_files_are_for_the_owner_only(tmp_path: Path) -> None:
    written(tmp_path / "s", 1)
    assert {p.stat().st_mode & 0o077 for p in (tmp_path / "s").iterdir()} == {0}
    assert (tmp_path / "s").stat().st_mode & 0o077 == 0


def test_an_undefined_number_is_refused_by_the_writer(tmp_path: Path) -> None:
    with (
        Journal(tmp_path, VirtualClock(NOON), "s") as journal,
        pytest.raises(ValueError, match="JSON compliant"),
    ):
        journal.append("fill", price=float("nan"))


def test_many_records_at_once_are_the_bytes_of_one_at_a_time(tmp_path: Path) -> None:
    texts = []
    for is_durable in (True, False):
        folder = tmp_path / str(is_durable)
        with Journal(folder, VirtualClock(NOON), "s", is_durable=is_durable) as journal:
            for i in range(2_000):
                journal.append("fill", symbol="A", qty=i / 3, why="x" * 200)
                journal.append("fill", f'"symbol":"A","qty":{i / 3!r}')
            journal.append("heartbeat")
            before = files_of(folder)[0].stat().st_size
        texts.append(files_of(folder)[0].read_bytes())
        assert (before == len(texts[-1])) == is_durable
    assert texts[0] == texts[1]
    assert len(texts[0]) > room.AT_ONCE
    assert [r.get("qty") for r in Records(tmp_path / "False", 4)] == [0.0, 0.0, 1 / 3, 1 / 3]


def test_records_that_wait_for_a_full_disk_are_refused_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, VirtualClock(NOON), "s", is_durable=False)
    journal.append("fill", symbol="X")
    journal.sync()
    journal.append("fill", symbol="Y")
    real = os.write
    monkeypatch.setattr(room.os, "write", lambda file, data: real(file, data[:100]))
    with pytest.raises(JournalError, match="cannot be written"):
        journal.close()
    monkeypatch.undo()
    with pytest.raises(JournalError, match="failed before"):
        journal.append("fill", symbol="Z")
    assert [r["symbol"] for r in scan(tmp_path)] == ["X"]
    Journal(tmp_path, VirtualClock(NOON), "s").close()  # nobody has the folder any more
