"""Versions of a dataset: manifests published atomically, resolved once by each reader.

A version is the file ``manifest-<n>.json``. It is written beside, flushed, and then linked to its
name, which fails when another writer was first; so a manifest that exists is complete, and its
existence is the commit. CURRENT names the newest one and is replaced afterwards: a reader starts
there and looks whether a next one exists, so a writer killed between the two steps hides nothing.
Files that no manifest names do not exist for readers.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from trade_research.errors import ConfigError, StoreError
from trade_research.store.codes import Code
from trade_research.store.durable import flush_folder, write_durably, writing
from trade_research.store.times import Moment, micros, moment, parse_moment

_TRIES = 50
_MANIFEST = re.compile(r"manifest-([1-9][0-9]{0,17})\.json")


@dataclass(frozen=True)
class Part:
    """One Parquet file of a version.

    `start` and `end` are the first and the last open time, `close` is the last close time, in
    microseconds; `codes` say how each value column is stored.
    """

    path: str
    period: str
    rows: int
    start: int
    end: int
    close: int
    size: int
    hash: str
    codes: tuple[tuple[str, str], ...] = ()

    def decoders(self) -> dict[str, Code]:
        """Code of each value column of the file."""
        return {name: Code.parse(text) for name, text in self.codes}


@dataclass(frozen=True)
class Manifest:
    """One version of one dataset: what it is, which files it is made of, what is known of them."""

    venue: str
    symbol: str
    interval: str | None
    calendar: str | None
    columns: tuple[str, ...]
    parts: tuple[Part, ...]
    verdicts: str | None = None
    revisions: tuple[str, ...] = ()
    source: str = ""
    version: int = 0
    committed: int = 0

    @property
    def rows(self) -> int:
        """Number of rows of the version."""
        return sum(part.rows for part in self.parts)

    @property
    def files(self) -> set[str]:
        """Every file of the version, relative to the dataset's folder."""
        beside = {self.verdicts} if self.verdicts else set()
        return {part.path for part in self.parts} | beside | set(self.revisions)


@dataclass
class Draft:
    """A version in the making; `written` are its new files, removed when another writer wins."""

    manifest: Manifest
    written: list[Path] = field(default_factory=list)


def has_version(folder: Path) -> bool:
    """True when something was committed to the folder."""
    try:
        return (folder / "CURRENT").exists() or bool(list_versions(folder))
    except PermissionError as error:
        raise StoreError(f"the folder {folder} cannot be read: {error.strerror}.") from error


def read_current(folder: Path) -> Manifest | None:
    """The newest version of a dataset, or None when nothing was committed yet."""
    number = _newest(folder)
    return read_version(folder, number) if number else None


def read_as_of(folder: Path, as_of: int | Moment | None) -> Manifest | None:
    """The version `as_of` a number or a time; None when there was none yet at that time."""
    newest = read_current(folder)
    if newest is None or as_of is None:
        return newest
    if isinstance(as_of, bool) or (isinstance(as_of, int) and not 1 <= as_of <= newest.version):
        raise ConfigError(f"as_of {as_of!r}: {folder.name} has versions 1 to {newest.version}.")
    if isinstance(as_of, int):
        return read_version(folder, as_of)
    limit = micros(parse_moment(as_of, "as_of"))
    for number in range(newest.version, 0, -1):
        if not manifest_path(folder, number).exists():
            raise StoreError(
                f"as_of {moment(limit):%Y-%m-%d %H:%M:%S} lies before version {number + 1} of "
                f"{folder}; what was there then has been vacuumed."
            )
        manifest = read_version(folder, number)
        if manifest.committed <= limit:
            return manifest
    return None


def read_version(folder: Path, number: int) -> Manifest:
    """Version `number` of a dataset."""
    path = manifest_path(folder, number)
    try:
        stamp = path.stat()
    except FileNotFoundError:
        raise StoreError(
            f"version {number} of {folder} is not there: it was vacuumed or removed."
        ) from None
    return _parse(path, stamp.st_mtime_ns, stamp.st_ino)


def manifest_path(folder: Path, number: int) -> Path:
    """Where version `number` is written."""
    return folder / f"manifest-{number}.json"


def commit(folder: Path, build: Callable[[Manifest | None], Draft | None]) -> Manifest | None:
    """Publish what `build` makes of the newest version; build again when another writer was first.

    Parameters
    ----------
    folder : Path
        The dataset's folder.
    build : callable
        Gets the newest manifest (None for a new dataset), writes and flushes new files, and
        returns the draft; None means that nothing is to be changed.

    Returns
    -------
    Manifest or None
        The published version, or None where `build` returned None.
    """
    for _ in range(_TRIES):
        base = read_current(folder)
        draft = build(base)
        if draft is None:
            return None
        last = base.committed if base else 0
        manifest = replace(
            draft.manifest,
            version=(base.version if base else 0) + 1,
            committed=max(micros(datetime.now(UTC)), last + 1),
        )
        if _publish(folder, manifest, draft.written):
            return manifest
        for path in draft.written:
            path.unlink(missing_ok=True)
    raise StoreError(
        f"{_TRIES} other writers were first at {folder}. Try again when they are done."
    )


def _publish(folder: Path, manifest: Manifest, written: Sequence[Path]) -> bool:
    """Give the complete manifest its name and point CURRENT at it. False: another was first."""
    target = manifest_path(folder, manifest.version)
    with writing(folder):
        for place in {path.parent for path in written}:
            flush_folder(place)
        beside = folder / f".{target.name}-{uuid.uuid4().hex}"
        write_durably(beside, _dump(manifest))
        try:
            _link_new(beside, target)
        except FileExistsError:
            point_current(folder, manifest.version)
            return False
        finally:
            beside.unlink(missing_ok=True)
        flush_folder(folder)
        point_current(folder, manifest.version)
    return True


def _link_new(source: Path, target: Path) -> None:
    """Give a complete file its name, failing when the name is taken."""
    if os.name == "nt":
        source.rename(target)  # fails on Windows when the target exists
    else:
        os.link(source, target)


def point_current(folder: Path, number: int) -> None:
    """Let CURRENT name version `number`, in one step."""
    beside = folder / f".CURRENT-{uuid.uuid4().hex}"
    write_durably(beside, f"{manifest_path(folder, number).name}\n".encode())
    os.replace(beside, folder / "CURRENT")
    flush_folder(folder)


def _newest(folder: Path) -> int:
    """Number of the newest manifest: CURRENT's, or a later one whose writer died before that."""
    try:
        text = (folder / "CURRENT").read_text(encoding="utf-8", errors="replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return max(list_versions(folder), default=0)
    except OSError as error:
        raise StoreError(f"{folder / 'CURRENT'} cannot be read: {error.strerror}.") from error
    named = _MANIFEST.fullmatch(text)
    if named is None:
        raise StoreError(
            f"{folder / 'CURRENT'} is damaged: it says {text[:40]!r}. "
            "Write the newest manifest's name into it."
        )
    number = int(named[1])
    if not manifest_path(folder, number).exists():
        return max(list_versions(folder), default=0)
    while manifest_path(folder, number + 1).exists():
        number += 1
    return number


def list_versions(folder: Path) -> list[int]:
    """Numbers of the versions that are still there, oldest first."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted(int(m[1]) for m in map(_MANIFEST.fullmatch, names) if m)


def _dump(manifest: Manifest) -> bytes:
    body = asdict(manifest)
    text = json.dumps(body, indent=1, ensure_ascii=False)
    return json.dumps(
        {"check": _check(text), "manifest": body}, indent=1, ensure_ascii=False
    ).encode()


def _check(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@lru_cache(maxsize=4096)
def _parse(path: Path, changed_ns: int, inode: int) -> Manifest:
    """The manifest in `path`; `changed_ns` and `inode` are there to notice a replaced file."""
    del changed_ns, inode
    try:
        whole = json.loads(path.read_bytes())
        body = whole["manifest"]
        if whole["check"] != _check(json.dumps(body, indent=1, ensure_ascii=False)):
            raise ValueError("its check sum does not match")
        return _manifest(body)
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path} is damaged ({type(error).__name__}: {error}). "
            "Restore it from a backup, or remove it and let CURRENT name the version before."
        ) from error
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}.") from error


def _manifest(body: dict[str, Any]) -> Manifest:
    parts = tuple(
        Part(**(part | {"codes": tuple((name, code) for name, code in part["codes"])}))
        for part in body["parts"]
    )
    return Manifest(
        **(
            body
            | {
                "parts": parts,
                "columns": tuple(body["columns"]),
                "revisions": tuple(body["revisions"]),
            }
        )
    )
