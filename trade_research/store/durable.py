"""Files that are on the disk when the call returns, and refusals of the system in one line."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trade_research.errors import StoreError


def new_file(folder: Path, kind: str) -> Path:
    """A name for a new file that no other writer can choose."""
    return folder / f"{kind}-{uuid.uuid4().hex}.parquet"


def make_folder(folder: Path) -> None:
    """Make `folder` and its parents, each entry flushed to the disk."""
    with writing(folder):
        missing = [p for p in (folder, *folder.parents) if not p.exists()]
        for path in reversed(missing):
            path.mkdir(exist_ok=True)
            flush_folder(path.parent)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn the system's refusals to write into one line that names the folder."""
    try:
        yield
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise StoreError(
            f"cannot write to {folder}: {error.strerror}. Choose a folder you may write to."
        ) from error
    except OSError as error:
        raise StoreError(
            f"writing to {folder} failed: {error.strerror or error}. Nothing was committed."
        ) from error


def flush_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk (Windows does so itself and cannot be asked)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_durably(path: Path, data: bytes) -> None:
    """Create `path` with `data`, on the disk on return."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
