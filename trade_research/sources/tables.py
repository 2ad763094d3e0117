"""A file of bars as a raw table, whatever its container: CSV, Parquet, Feather, JSON, gz, zip."""

from __future__ import annotations

import csv
import gzip
import json
import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from trade_research.errors import FormatError, MissingDataError, nearest

_CLOCK = re.compile(r"\d{2}:\d{2}(:\d{2})?")


@dataclass(frozen=True)
class Raw:
    """What a file holds before anybody says what it means.

    `table` has text columns for CSV; `named` is False where the file has no header (the columns are
    then ``c0, c1, …``).
    """

    table: pl.DataFrame
    named: bool
    kind: str
    where: str


def read_table(path: Path) -> Raw:
    """Read a file of bars into a raw table.

    Raises
    ------
    MissingDataError
        There is no such file.
    FormatError
        The file is empty, broken, or of a kind we do not read.
    """
    data, name = _content(path)
    suffix = Path(name).suffix.lower()
    reader = _READERS.get(suffix)
    if reader is None:
        raise FormatError(
            f"{path}: {suffix or 'no suffix'} is not a file of bars we read. Known: "
            f"{', '.join(_READERS)}, and CSV or JSON in .gz or .zip"
        )
    if not data.strip():
        raise FormatError(f"{path} is empty: download or export it again")
    try:
        return reader(data, str(path))
    except (pl.exceptions.PolarsError, UnicodeDecodeError, ValueError, csv.Error) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise FormatError(f"{path} is not readable as {suffix[1:]}: {first}") from error


def _content(path: Path) -> tuple[bytes, str]:
    """Bytes and name of the file, out of its .gz or .zip."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        folder = path.parent.iterdir() if path.parent.is_dir() else ()
        beside = [p.name for p in folder if not p.name.startswith(".")]
        hint = nearest(path.name, beside[:20]) if beside else f"{path.parent} is empty or no folder"
        raise MissingDataError(f"there is no file {path}: {hint}") from None
    except OSError as error:
        raise FormatError(
            f"{path} cannot be read: {error.strerror}. Name a readable file"
        ) from error
    try:
        if path.suffix.lower() == ".gz":
            return gzip.decompress(data), path.stem
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(BytesIO(data)) as archive:
                names = [n for n in archive.namelist() if not n.endswith("/")]
                if len(names) != 1:
                    raise FormatError(
                        f"{path} holds {len(names)} files ({', '.join(names[:3])}): "
                        "unpack the one meant"
                    )
                return archive.read(names[0]), names[0]
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError) as error:
        raise FormatError(f"{path} cannot be unpacked: {error}. Download it again") from error
    return data, path.name


def _csv(data: bytes, where: str) -> Raw:
    first, second = (*data.removeprefix(b"\xef\xbb\xbf").splitlines()[:2], b"")[:2]
    line = first.decode()
    separator = max(",;\t", key=line.count)
    fields, below = csv.reader([line, second.decode()], delimiter=separator)
    apart = len(below) == len(fields) + 1 and fields[0].strip().lower() == "date"
    if apart and _CLOCK.fullmatch(below[1].strip()):
        return _joined(data, fields, separator, where)
    if second and len(below) != len(fields):
        raise FormatError(
            f"{where}: line 1 has {len(fields)} fields and line 2 has {len(below)}. Make them agree"
        )
    named = 2 * sum(map(_is_number, fields)) < len(fields)
    table = pl.read_csv(BytesIO(data), infer_schema=False, has_header=named, separator=separator)
    if not named:
        table.columns = [f"c{i}" for i in range(table.width)]
    return Raw(table, named, "csv", where)


def _joined(data: bytes, fields: list[str], separator: str, where: str) -> Raw:
    """A header that names date and time together, over rows that hold them apart."""
    table = pl.read_csv(
        BytesIO(data), infer_schema=False, has_header=False, skip_rows=1, separator=separator
    )
    table.columns = ["date", "time", *(name.strip() for name in fields[1:])]
    moment = pl.concat_str("date", "time", separator=" ").alias("ts")
    return Raw(table.select(moment, pl.all().exclude("date", "time")), True, "csv", where)


def _parquet(data: bytes, where: str) -> Raw:
    if data[:4] != b"PAR1" or data[-4:] != b"PAR1":
        raise FormatError(f"{where} is no whole Parquet file. Download or export it again")
    return Raw(pl.read_parquet(BytesIO(data)), True, "parquet", where)


def _feather(data: bytes, where: str) -> Raw:
    if data[:6] != b"ARROW1" or data[-6:] != b"ARROW1":
        old = " (it is of version 1)" if data[:4] == b"FEA1" else ""
        raise FormatError(f"{where} is no whole Feather file{old}. Export it again as version 2")
    return Raw(pl.read_ipc(BytesIO(data)), True, "feather", where)


def _json(data: bytes, where: str) -> Raw:
    content = json.loads(data)
    if isinstance(content, dict) and all(isinstance(v, list) for v in content.values()):
        content = [
            dict(zip(content, row, strict=True)) for row in zip(*content.values(), strict=True)
        ]
    if not isinstance(content, list) or not content:
        raise FormatError(
            f"{where} holds no list of bars: expected [[time, open, …], …] or records"
        )
    first = content[0]
    if isinstance(first, dict):
        odd = next((i for i, row in enumerate(content) if not isinstance(row, dict)), None)
        if odd is not None:
            raise FormatError(f"{where}: entry {odd} is no record like the first. Correct the file")
        table = {name: _column([row.get(name) for row in content]) for name in first}
        return Raw(pl.DataFrame(table), True, "json", where)
    if not isinstance(first, list):
        raise FormatError(f"{where} holds a list of {type(first).__name__}, not of bars")
    for i, row in enumerate(content):
        if not isinstance(row, list) or len(row) != len(first):
            raise FormatError(
                f"{where}: entry {i} is not a list of {len(first)} values like the first. "
                "Correct the file"
            )
    lists = {f"c{i}": _column(list(values)) for i, values in enumerate(zip(*content, strict=True))}
    return Raw(pl.DataFrame(lists), False, "json", where)


def _column(values: list[Any]) -> pl.Series:
    """A column of JSON values: integers, else floats, else their text."""
    known = [v for v in values if v is not None]
    if all(type(v) is int for v in known):
        return pl.Series(values, dtype=pl.Int64)
    if all(type(v) in (int, float) for v in known):
        return pl.Series([None if v is None else float(v) for v in values], dtype=pl.Float64)
    return pl.Series([None if v is None else str(v) for v in values], dtype=pl.String)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_READERS: dict[str, Callable[[bytes, str], Raw]] = {
    ".csv": _csv,
    ".txt": _csv,
    ".parquet": _parquet,
    ".feather": _feather,
    ".arrow": _feather,
    ".json": _json,
}
