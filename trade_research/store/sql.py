"""SQL over what is stored: exactly one SELECT, on a connection that can do nothing else.

DuckDB sees the views `bars`, `books` and `trades`, with ordinary prices. Hardening alone does not
stop COPY, EXPORT or ATTACH into the allowed folder, so the text is parsed first and anything but
one SELECT is refused.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import duckdb
import polars as pl
import polars.selectors as cs

from trade_research.errors import QueryError
from trade_research.store.book_views import book_datasets, book_views
from trade_research.store.books import list_instruments
from trade_research.store.catalog import list_datasets
from trade_research.store.codes import TIMES, VALUES, Code, stored_name
from trade_research.store.commit import Manifest, read_current
from trade_research.store.escaping import escape_glob, quoted

Params = Sequence[object] | Mapping[str, object] | None
_TICK_NS = 2_000_000_000  # coarser than the clock of any file system in use
_KINDS = ("bars", "books", "trades")
_KEYS = ("venue", "symbol", "interval")
_EMPTY = """select null::varchar as venue, null::varchar as symbol, null::varchar as interval,
    null::timestamptz as open_time, null::timestamptz as close_time,
    {values} where false"""

# DuckDB's time_bucket asks a calendar for every zoned time, half the cost of resampling. In UTC
# whole microseconds since its origin (Monday 2000-01-03) are enough; all else goes to the built-in.
_TIME_BUCKET = """create macro time_bucket(width interval, t timestamptz) as case
    when datepart('year', width) = 0 and datepart('month', width) = 0 and epoch_us(width) > 0
    then make_timestamptz(epoch_us(t) - ((epoch_us(t) - 946857600000000) % epoch_us(width)
        + epoch_us(width)) % epoch_us(width))
    else system.main.time_bucket(width, t) end,
    (width interval, t timestamp) as system.main.time_bucket(width, t),
    (width interval, t date) as system.main.time_bucket(width, t),
    (width, t) as system.main.time_bucket(width, t),
    (width, t, origin) as system.main.time_bucket(width, t, origin)"""


class Reader:
    """A hardened connection to the newest versions, kept until one of them changes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._versions: list[tuple[Path, int]] = []
        self._stamps: dict[str, int] = {}

    def run(self, text: str, params: Params) -> pl.DataFrame:
        """Rows of one SELECT; see `Store.sql`."""
        check_statement(text)
        with self._lock:
            try:
                table = self.connection().sql(text, params=params).to_arrow_table()
            except duckdb.Error as error:
                raise QueryError(_one_line(error)) from error
            except BaseException:
                self._connection = None  # interrupted: it may be left in the middle of an answer
                raise
        twice = {name for name in table.column_names if table.column_names.count(name) > 1}
        if twice:
            raise QueryError(f"two columns have the name {min(twice)!r}. Rename one with `as`.")
        frame = pl.from_arrow(table)
        assert isinstance(frame, pl.DataFrame)
        zoned = cs.datetime(time_zone="*")  # DuckDB calls the zone Etc/UTC
        return frame.with_columns(zoned.dt.convert_time_zone("UTC"))

    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection for the versions that are newest now."""
        if self._connection is None or not self._unchanged():
            begun, stamps = time.time_ns(), _stamps(self.root)
            current, books = _newest(self.root), book_datasets(self.root)
            both = [*current, *((folder, manifest) for _, folder, manifest in books)]
            versions = [(folder, manifest.version) for folder, manifest in both]
            if self._connection is None or versions != self._versions:
                self._connection = connect(self.root, current, books)
                self._versions = versions
            # A commit in the same tick of the clock would leave a stamp as it is: look again.
            settled = max(stamps.values(), default=0) < begun - _TICK_NS
            self._stamps = stamps if settled else {}
        return self._connection

    def _unchanged(self) -> bool:
        """True when no folder has changed: each commit makes files in its dataset's folder."""
        return bool(self._stamps) and all(_stamp(p) == at for p, at in self._stamps.items())


def _stamps(root: Path) -> dict[str, int]:
    """When each folder down to the datasets last changed."""
    places = {root / kind for kind in _KINDS}
    books = (folder for kind in ("books", "trades") for *_, folder in list_instruments(root, kind))
    for folder in [*(folder for _, folder in list_datasets(root)), *books]:
        places |= {folder, folder.parent, folder.parent.parent}
    return {str(place): _stamp(str(place)) for place in places}


def _stamp(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return -1


def _newest(root: Path) -> list[tuple[Path, Manifest]]:
    found = [(folder, read_current(folder)) for _, folder in list_datasets(root)]
    return [(folder, manifest) for folder, manifest in found if manifest is not None]


def check_statement(text: str) -> None:
    """Raise QueryError unless `text` is exactly one SELECT."""
    try:
        statements = duckdb.extract_statements(text)
    except duckdb.Error as error:
        raise QueryError(_one_line(error)) from error
    kinds = [str(statement.type).rpartition(".")[2] for statement in statements]
    if kinds != ["SELECT"]:
        raise QueryError(
            f"the store runs exactly one SELECT, found {', '.join(kinds) or 'no statement'}. "
            "Ask one question at a time; nothing can be changed by SQL."
        )


def connect(
    root: Path,
    datasets: Iterable[tuple[Path, Manifest]],
    books: Iterable[tuple[str, Path, Manifest]] = (),
) -> duckdb.DuckDBPyConnection:
    """A connection with the views over exactly these versions, which reads nothing else."""
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set python_enable_replacements = false")
    # Text as Polars has it, so that nothing is copied on the way out.
    connection.execute("set produce_arrow_string_view = true")
    connection.execute("set arrow_output_version = '1.4'")
    # Committed files never change, so what was read of them stays true.
    connection.execute("set parquet_metadata_cache = true")
    connection.execute("set validate_external_file_cache = 'NO_VALIDATION'")
    spill = Path(tempfile.gettempdir()) / f"trade_research-sql-{os.getpid()}"
    connection.execute(f"set temp_directory = {quoted(str(spill))}")
    connection.execute(_TIME_BUCKET)
    for name, text in {"bars": _bars_view(datasets), **book_views(books)}.items():
        connection.execute(f"create view {name} as {text}")
    # The view's own paths are checked in their escaped spelling, the files in their true one.
    places = [str(root / kind) for kind in _KINDS]
    allowed = {*places, *map(escape_glob, places)}
    connection.execute(f"set allowed_directories = [{', '.join(map(quoted, sorted(allowed)))}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection


def _bars_view(datasets: Iterable[tuple[Path, Manifest]]) -> str:
    """One SELECT a way of storing: its files together, whole ticks divided into prices.

    Venue, symbol and interval come from the folders' names, so DuckDB opens only the files that a
    filter on them leaves.
    """
    groups: dict[tuple[bool, tuple[tuple[str, str], ...]], list[str]] = defaultdict(list)
    for folder, manifest in datasets:
        for part in manifest.parts:
            groups[(bool(part.period), part.codes)].append(str(folder / part.path))
    selects = [_select(dict(codes), files) for (_, codes), files in groups.items()]
    return " union all ".join(selects) or _EMPTY.format(
        values=", ".join(f"null::{_kind(name)} as {name}" for name in VALUES)
    )


def _select(codes: Mapping[str, str], files: Sequence[str]) -> str:
    values = [
        f"{_value(name, Code.parse(codes[name]))} as {name}"
        if name in codes
        else f"null::{_kind(name)} as {name}"
        for name in VALUES
    ]
    paths = ", ".join(quoted(escape_glob(path)) for path in files)
    return (
        f"select {', '.join((*_KEYS, *TIMES, *values))} from read_parquet([{paths}], "
        "hive_partitioning = true, hive_types_autocast = false)"
    )


def _value(name: str, code: Code) -> str:
    column = stored_name(name, code)
    if name == "trades" or not code.digits:
        return f"{column}::{_kind(name)}"
    return f"{column} / 1e{code.digits}"


def _kind(name: str) -> str:
    return "bigint" if name == "trades" else "double"


def _one_line(error: duckdb.Error) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    useful = [line for line in lines[1:] if line.startswith("Did you mean")]
    return " ".join([*lines[:1], *useful]) or type(error).__name__
