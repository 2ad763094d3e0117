"""The audit journal: one JSON line an event, each chained to the one before. It *is* the state.

A record is ``{"v":1,"seq":…,"ts":…,"t_ns":…,"event":…,"sid":…, …,"h":…}``. ``h`` is the BLAKE2b-128
of the previous record's ``h`` and of this line up to it, so a changed, lost, added or moved record
breaks the chain at that place. Floats are written in their shortest exact form and come back bit
for bit; an undefined number is null.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from trade_research.errors import JournalError
from trade_research.live.clock import Clock, iso

VERSION = 1
GENESIS = "0" * 32
MAX_BYTES = 16_384
AT_ONCE = 262_144
SOON_NS = 250_000_000
# On disk before what they announce may happen; all others at the latest 250 ms later.
DURABLE = frozenset(
    {"session_start", "order_intent", "order_cancel_intent", "risk_latch", "kill", "shutdown"}
)
_SECOND = 1_000_000_000
_dumps = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Journal:
    """The one writer of a folder's journal: ``audit_YYYY-MM-DD.jsonl``, a file a UTC day.

    Parameters
    ----------
    folder : Path
        Made if need be, for the owner only. A second writer on it is refused.
    clock : Clock
    session : str
        Written into every record as ``sid``.
    is_daily : bool
        False keeps all in the file of the first day: replays, whose days are not those of people.
    is_durable : bool
        False writes many records at once and leaves it to the system when they reach the disk:
        replays, whose records can be made again.

    Raises
    ------
    JournalError
        The folder has a writer already, cannot be written, or its journal is damaged.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        session: str,
        *,
        is_daily: bool = True,
        is_durable: bool = True,
    ) -> None:
        self.folder, self.session, self.recovered_bytes = folder, session, 0
        self._clock, self._is_daily, self._is_durable = clock, is_daily, is_durable
        self._file, self._day, self._size, self._synced_ns = -1, -1, 0, 0
        self._is_dirty = self._is_failed = False
        self._unwritten = bytearray()
        self._lock = _locked(folder)
        self.seq, self._h = 0, GENESIS
        for line in _mended(self):
            self.seq, self._h = line.seq, line.h

    @property
    def head(self) -> str:
        """``h`` of the last record: keep it elsewhere, and nobody can rewrite the past unseen."""
        return self._h

    def append(self, event: str, encoded: str = "", /, **fields: Any) -> int:
        """Write one record; returns its ``seq``.

        Its fields are given, or `encoded` already: as JSON without the braces.

        Raises
        ------
        JournalError
            It could not be written whole. Nothing of it is left behind, and nothing more is taken.
        """
        if self._is_failed:
            raise JournalError(f"the journal in {self.folder} failed before; no record is taken")
        now = self._clock.now_ns()
        rest = encoded or _dumps(fields)[1:-1]
        second, left = divmod(now, _SECOND)
        body = (
            f'{{"v":{VERSION},"seq":{self.seq + 1},"ts":"{iso(second)}.{left // 1_000:06d}Z",'
            f'"t_ns":{now},"event":"{event}","sid":"{self.session}"{"," if rest else ""}{rest}'
        )
        h = chained(self._h, body.encode("ascii"))
        line = f'{body},"h":"{h}"}}\n'.encode("ascii")
        if len(line) > MAX_BYTES:
            raise JournalError(f"a {event} record of {len(line)} bytes; {MAX_BYTES} is the most")
        self._write(now, line)
        self.seq, self._h, self._is_dirty = self.seq + 1, h, True
        # By the stopwatch: a clock that was set back must not put this off.
        if self._is_durable and (
            event in DURABLE or self._clock.monotonic_ns() - self._synced_ns >= SOON_NS
        ):
            self.sync()
        return self.seq

    def sync(self) -> None:
        """Everything appended so far onto the disk."""
        if self._is_dirty and self._file >= 0:
            if self._unwritten:
                self._flush()
            try:
                os.fdatasync(self._file)
            except OSError as error:
                self._fail(error)
        self._is_dirty, self._synced_ns = False, self._clock.monotonic_ns()

    def close(self) -> None:
        """Sync, and let another writer have the folder."""
        try:
            if not self._is_failed:
                self.sync()
        finally:
            for file in (self._file, self._lock):
                if file >= 0:
                    os.close(file)
            self._file = self._lock = -1

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _write(self, now: int, line: bytes) -> None:
        day = now // (86_400 * _SECOND)
        # A clock that was set back goes on in the file it is in.
        if self._file < 0 or (self._is_daily and day > self._day):
            self._open(day)
        self._unwritten += line
        if self._is_durable or len(self._unwritten) >= AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        try:
            written = os.write(self._file, self._unwritten)
            if written != len(self._unwritten):
                raise OSError(f"{written} of {len(self._unwritten)} bytes were written")
        except OSError as error:
            os.ftruncate(self._file, self._size)
            self._fail(error)
        self._size += written
        self._unwritten.clear()

    def _open(self, day: int) -> None:
        if self._file >= 0:
            self.sync()
            os.close(self._file)
        name = f"audit_{datetime.fromtimestamp(day * 86_400, UTC):%Y-%m-%d}.jsonl"
        known = files_of(self.folder)
        if known and not self._is_daily:
            name = known[-1].name
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._file = os.open(self.folder / name, flags, 0o600)
            self._size = os.fstat(self._file).st_size
            sync_folder(self.folder)
        except OSError as error:
            self._fail(error)
        self._day = day

    def _fail(self, error: OSError) -> None:
        self._is_failed = True
        raise JournalError(
            f"the journal in {self.folder} cannot be written: {error}. Nothing is traded without "
            "a record: free the disk or mend the permissions"
        ) from error


def chained(previous: str, body: bytes) -> str:
    """``h`` of a record whose line up to ``,"h":`` is `body`, after one with ``h`` `previous`."""
    return blake2b(previous.encode("ascii") + body, digest_size=16).hexdigest()


@dataclass(frozen=True)
class Damage:
    """The first thing that is wrong with a journal, and whether it can be an interrupted write."""

    file: Path
    offset: int
    line: int
    why: str
    is_tail: bool

    def __str__(self) -> str:
        return f"{self.file.name} line {self.line} (byte {self.offset}): {self.why}"


def files_of(folder: Path) -> list[Path]:
    """The files of a folder's journal, oldest first."""
    return sorted(folder.glob("audit_????-??-??.jsonl"))


def events(folder: Path) -> Counter[str]:
    """How many records of each event a folder has, by their text: no chain is looked at."""
    return Counter(
        name.decode("ascii")
        for file in files_of(folder)
        for name in re.findall(rb'"event":"(\w+)"', file.read_bytes())
    )


class Line(NamedTuple):
    """A record whose chain holds, as it lies in its file."""

    seq: int
    h: str
    text: bytes


@dataclass(frozen=True)
class Records(Sequence[Mapping[str, Any]]):
    """The first `n` records of a folder, read anew by all who go through them, never all held."""

    folder: Path
    n: int

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return islice(scan(self.folder), self.n)

    def __getitem__(self, i: Any) -> Any:
        return next(islice(self, i, None))


def scan(folder: Path, damage: list[Damage] | None = None) -> Iterator[dict[str, Any]]:
    """Every record of `lines`, read."""
    for line in lines(folder, damage):
        yield json.loads(line.text)


def lines(folder: Path, damage: list[Damage] | None = None) -> Iterator[Line]:
    """Every record whose chain holds, oldest first, up to the first that does not.

    Parameters
    ----------
    folder : Path
    damage : list, optional
        Gets the `Damage` that ended the scan.

    Raises
    ------
    JournalError
        There is damage and nobody asked to be told by `damage`.
    """
    h, seq, files = GENESIS, 0, files_of(folder)
    for path in files:
        offset = 0
        with path.open("rb") as file:
            for number, text in enumerate(file, 1):
                why = _fault(text, h, seq)
                if why:
                    is_tail = path == files[-1] and not _any_record(file)
                    found = Damage(path, offset, number, why, is_tail)
                    if damage is None:
                        raise JournalError(f"the journal is damaged: {found}")
                    damage.append(found)
                    return
                h, seq, offset = text[-35:-3].decode("ascii"), seq + 1, offset + len(text)
                yield Line(seq, h, text)


def _fault(text: bytes, h: str, seq: int) -> str:
    """Why a line is not the record after `seq`, if it is not."""
    body, mark, tail = text.rpartition(b',"h":"')
    if not (mark and len(tail) == 35 and tail.endswith(b'"}\n')):
        return "not a whole record"
    if chained(h, body).encode("ascii") != tail[:32]:
        return "its hash does not follow from the record before"
    if body.startswith(b'{"v":%d,"seq":%d,' % (VERSION, seq + 1)):
        return ""
    found = json.loads(text)["seq"]
    return "" if found == seq + 1 else f"seq is {found}, expected {seq + 1}"


def _any_record(texts: Iterable[bytes]) -> bool:
    """Whether whole records follow: then what is before them was no interrupted write."""
    return any(text.startswith(b'{"v":') and text.endswith(b'"}\n') for text in texts)


def _mended(journal: Journal) -> Iterator[Line]:
    """The records of the journal; a torn tail is cut off and counted, other damage is refused."""
    damage: list[Damage] = []
    yield from lines(journal.folder, damage)
    if not damage:
        return
    found = damage[0]
    if not found.is_tail:
        journal.close()
        raise JournalError(
            f"the journal is damaged, and not at its end: {found}. Keep the folder as evidence and "
            "start a session in another"
        )
    journal.recovered_bytes = found.file.stat().st_size - found.offset
    try:
        file = os.open(found.file, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        os.ftruncate(file, found.offset)
        os.close(file)
    except OSError as error:
        journal.close()
        raise JournalError(f"the end of {found.file} cannot be cut off: {error}") from error


def _locked(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        lock = os.open(folder / "lock", flags, 0o600)
    except OSError as error:
        raise JournalError(f"the journal in {folder} cannot be written: {error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise JournalError(
            f"{folder} has a running session; stop it first (`trade-research paper stop`), or give "
            "this one another folder"
        ) from None
    return lock


def sync_folder(folder: Path) -> None:
    """Put the names of a folder's files onto the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
