"""What a page carries: a Parquet table of one row in it or beside it, read on trust of nobody."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import polars as pl

from trade_research.errors import FormatError, StoreError
from trade_research.report.record import parquet_bytes


@dataclass(frozen=True)
class Carried:
    """The block as a page has it: `text` in base64, or "" and the name of the file `beside`.

    `what` it holds, in words; `kind` is "run", "sweep" or "walk".
    """

    content: bytes
    what: str
    name: str
    beside: str = ""
    kind: str = "run"

    @property
    def text(self) -> str:
        return "" if self.beside else base64.b64encode(self.content).decode()

    @property
    def sha256(self) -> str:
        return sha256(self.content)


def sha256(data: bytes) -> str:
    """64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def packed(kind: str, about: Mapping[str, Any], frames: Mapping[str, pl.DataFrame]) -> bytes:
    """A record and its frames as a table of one row: JSON under `kind`, a list of rows a frame."""
    lists = {name: pl.Series([f.to_struct("")]) for name, f in frames.items() if f.width}
    return parquet_bytes(pl.DataFrame({kind: [json.dumps(about)]} | lists))


def unpacked(kind: str, data: bytes) -> tuple[dict[str, Any], Mapping[str, pl.DataFrame]]:
    """What `packed` was given; frames without columns are empty.

    Raises
    ------
    FormatError
        Not such a block, or a damaged one.
    """
    table = checked_table(data)
    with unreadable():
        about: dict[str, Any] = json.loads(table[kind][0])
        lists = {name: table[name][0] for name in table.columns if name != kind}
        return about, _Frames({name: rows.struct.unnest() for name, rows in lists.items()})


def checked_table(data: bytes) -> pl.DataFrame:
    """A Parquet file that anybody may have written, as a table of plain types.

    Raises
    ------
    FormatError
        Damaged, or not of the few types that pages carry.
    """
    import pyarrow.parquet as pq

    with unreadable():
        raw = pq.read_table(io.BytesIO(data))
        raw.validate(full=True)  # Polars takes what it is given on trust
        _check_words(raw.schema.metadata)
        for column in raw.schema:
            _check_type(column)
        return pl.DataFrame(pl.from_arrow(raw))


@contextmanager
def unreadable() -> Iterator[None]:
    """Whatever data that somebody made up raise, as the one error that says so.

    Raises
    ------
    FormatError
    """
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, pl.exceptions.PolarsError, StoreError) as error:
        raise FormatError(f"the page's data cannot be read: {_first_line(error)}") from error
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise FormatError(f"the page's data cannot be read: {_first_line(error)}") from error


_NUMBERS = ("int64", "int32", "uint32", "double", "bool", "null")
_PLAIN = {*_NUMBERS, "string", "large_string", "date32[day]", "timestamp[us, tz=UTC]"}


def _check_type(column: Any) -> None:
    """Only names of text and the few types that pages carry."""
    column.name.encode()  # a name that is no UTF-8 fails here
    _check_words(column.metadata)
    inner = [column.type.field(k) for k in range(column.type.num_fields)]
    for part in inner:
        _check_type(part)
    if not inner and str(column.type) not in _PLAIN:
        raise ValueError(f"a column of {column.type}")


def _check_words(metadata: Mapping[bytes, bytes] | None) -> None:
    """Polars dies of notes that are no UTF-8; here they fail."""
    for note in (metadata or {}).items():
        b"".join(note).decode()


class _Frames(dict[str, pl.DataFrame]):
    """Frames by path; one without columns was not written."""

    def __missing__(self, name: str) -> pl.DataFrame:
        return pl.DataFrame()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
