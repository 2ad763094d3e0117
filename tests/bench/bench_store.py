"""The same SQL over our files and over default float64 zstd Parquet; results are checked equal.

`python -m tests.bench.bench_store --full` runs the size of design section 8: 10 million bars.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pyarrow.parquet as pq

from tests.bench.table import Row, paired
from tests.counts import FULL
from trade_research.store import Store

SYMBOLS = 20
VALUES = ("open", "high", "low", "close", "volume")
PEER = "DuckDB on float64 zstd"
COLUMNS = f"open_time, {', '.join(VALUES)}"
RANGE = f"""select {COLUMNS} from bars where symbol = 'S07'
    and open_time >= '{{start}}' and open_time < '{{end}}' order by open_time"""
RESAMPLE = """select symbol, time_bucket(interval 1 hour, open_time) t, arg_min(open, open_time) o,
    max(high) h, min(low) l, arg_max(close, open_time) c, sum(volume) v
    from bars group by all order by all"""
FULL_READ = f"select symbol, {COLUMNS} from bars"
NUMBERS = f"select {COLUMNS} from bars"  # the text of the symbol costs both sides the same


def rows(bars: int = 10_000_000 if FULL else 2_000_000) -> list[Row]:
    """Range, resample, full read and bytes of `bars` minute bars of 20 symbols."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        store, peer = _write(root, bars // SYMBOLS)
        size = f"{bars / 1e6:g}M bars"
        table = [
            _timed(f"store: {work}, {size}", sql, store, peer, goal, rounds)
            for work, sql, goal, rounds in (
                ("range of a month by SQL", _month(bars // SYMBOLS), ">= 1.7x (3x)", 25),
                ("resample to 1h by SQL", RESAMPLE, ">= 2.2x", 7),
                ("full read by SQL", FULL_READ, ">= 3x", 7),
                ("full read without the symbol", NUMBERS, ">= 3x", 7),
            )
        ]
        ours, theirs = (_bytes(root / name) / 1e6 for name in ("ours", "peer"))
        table.append(Row(f"store: bytes, {size}", ours, theirs, PEER, "MB", ">= 3.33x"))
        table.append(_read_row(store, root, bars // SYMBOLS))
        return table


def _write(root: Path, length: int) -> tuple[Store, duckdb.DuckDBPyConnection]:
    """The same bars twice: in our store, and as anyone would write them."""
    store = Store(root / "ours")
    for number in range(SYMBOLS):
        frame = _bars(length, number)
        store.write_bars(frame, venue="binance", symbol=f"S{number:02d}", interval="1m")
        for (year,), part in frame.group_by(pl.col("open_time").dt.year(), maintain_order=True):
            place = root / "peer" / f"symbol=S{number:02d}" / f"year={year}"
            place.mkdir(parents=True)
            pq.write_table(
                part.to_arrow(), place / "0.parquet", compression="zstd", row_group_size=131_072
            )
    peer = duckdb.connect()
    peer.execute("set TimeZone = 'UTC'")
    files = f"{root / 'peer'}/**/*.parquet"
    peer.execute(
        f"create view bars as select * from read_parquet('{files}', hive_partitioning = true)"
    )
    time.sleep(2.1)  # the store looks at fresh folders again until the clock has moved on
    return store, peer


def _bars(length: int, seed: int) -> pl.DataFrame:
    """The yardstick's random walk: prices of four decimals, whole volumes."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(0.0005 * rng.standard_normal(length)))
    opened = np.concatenate([[100.0], close[:-1] * np.exp(1e-4 * rng.standard_normal(length - 1))])
    above, below = (np.exp(2.5e-4 * np.abs(rng.standard_normal(length))) for _ in range(2))
    high, low = np.maximum(opened, close) * above, np.minimum(opened, close) / below
    values = [np.round(x, 4) for x in (opened, high, low, close)]
    values.append(rng.integers(1, 10_000, length).astype(float))
    return pl.DataFrame({"open_time": _minutes(length)} | dict(zip(VALUES, values, strict=True)))


def _minutes(length: int) -> pl.Series:
    first = int(datetime(2022, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    return pl.Series(first + np.arange(length) * 60_000_000).cast(pl.Datetime("us", "UTC"))


def _month(length: int) -> str:
    """A month in the middle of what there is."""
    times = _minutes(length)
    start = times[max(0, length // 2 - 21_600)].replace(hour=0, minute=0)
    end = times[min(length - 1, length // 2 + 21_600)].replace(hour=0, minute=0)
    return RANGE.format(start=start.isoformat(), end=end.isoformat())


def _timed(
    work: str, sql: str, store: Store, peer: duckdb.DuckDBPyConnection, goal: str, rounds: int
) -> Row:
    def ours() -> pl.DataFrame:
        return store.sql(sql)

    def theirs() -> pl.DataFrame:
        return pl.from_arrow(peer.sql(sql).to_arrow_table())

    _check_equal(ours(), theirs())
    a, b = paired(ours, theirs, rounds)
    return Row(work, a * 1e3, b * 1e3, PEER, "ms", goal)


def _check_equal(a: pl.DataFrame, b: pl.DataFrame) -> None:
    keys = [name for name in ("symbol", "open_time", "t") if name in a.columns]
    b = b.with_columns(b.select(n for n in keys if n != "symbol").cast(pl.Datetime("us", "UTC")))
    # Without a symbol both read instrument by instrument, in the order of their names.
    if not (a.equals(b) if keys == ["open_time"] else a.sort(keys).equals(b.sort(keys))):
        raise AssertionError("the two layouts give different answers")


def _read_row(store: Store, root: Path, length: int) -> Row:
    """One symbol by `store.bars` against Polars' own reader on the default file."""
    files = sorted((root / "peer" / "symbol=S03").rglob("*.parquet"))

    def theirs() -> pl.DataFrame:
        return pl.read_parquet(files, hive_partitioning=False).rechunk()

    def ours() -> pl.DataFrame:
        return store.bars("S03", "1m")

    assert ours().select("open_time", *VALUES).equals(theirs())
    a, b = paired(ours, theirs, 15)
    work = f"store: store.bars, {length / 1e6:g}M bars of one symbol"
    return Row(work, a * 1e3, b * 1e3, "Polars on float64 zstd", "ms", ">= 1x")


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    from tests.bench.__main__ import line

    for row in rows(10_000_000) if "--full" in sys.argv else rows():
        print(line(row))
