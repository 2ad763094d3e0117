"""Demonstration data: the daily S&P 500 and Nasdaq bars that the wheel of `arch` carries."""

from __future__ import annotations

import gzip
from importlib.metadata import PackageNotFoundError, files

import polars as pl

from trade_research.errors import MissingDataError
from trade_research.frames.bars import to_bars

_PARTS = {"SP500": "sp500.csv.gz", "NASDAQ": "nasdaq.csv.gz"}


def demo_bars() -> dict[str, pl.DataFrame]:
    """Real daily bars of two indices, 1999 to 2018, without a network.

    The files are found through the installed package's list of files; `arch` itself, whose import
    takes seconds, is not imported.

    Returns
    -------
    dict of str to polars.DataFrame
        ``"SP500"`` and ``"NASDAQ"``, valid bars of interval 1d on the calendar XNYS (venue
        ``"index"``), points as price, volume in shares of the members.

    Raises
    ------
    MissingDataError
        `arch` is not installed or lacks the files.
    """
    return {name: _read(part) for name, part in _PARTS.items()}


def _read(part: str) -> pl.DataFrame:
    try:
        found = [path for path in files("arch") or () if path.name == part]
    except PackageNotFoundError:
        found = []
    if not found:
        raise MissingDataError(
            f"the package arch brings no {part}: reinstall it (pip install arch)"
        )
    raw = pl.read_csv(gzip.decompress(found[0].read_binary()), infer_schema=False)
    prices = ("Open", "High", "Low", "Close", "Volume")
    tidy = raw.select(
        pl.col("Date").str.to_date("%m/%d/%Y").alias("open_time"),
        *(pl.col(name).cast(pl.Float64).alias(name.lower()) for name in prices),
    )
    return to_bars(tidy, "1d", "XNYS")
