"""Frames on a million and a half minutes: checking, resampling and auditing bars."""

from __future__ import annotations

import polars as pl

from tests.bench.table import Row, paired
from tests.frames.make import grid, walk
from trade_research.frames.bars import check_bars
from trade_research.frames.resample import resample
from trade_research.frames.verdicts import audit

N = 1_576_800  # three years of minutes


def rows() -> list[Row]:
    """Milliseconds for all bars; the peer of resample is Polars' own grouping of sorted times."""
    bars = walk(grid(N))

    def peer() -> pl.DataFrame:
        return bars.group_by_dynamic("open_time", every="1h").agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col("volume").sum(),
        )

    ours, theirs = paired(lambda: resample(bars, "1h"), peer)
    checked, _ = paired(lambda: check_bars(bars), lambda: None, rounds=3)
    audited, _ = paired(lambda: audit(bars, "1m"), lambda: None, rounds=3)
    return [
        Row("resample, 1.58M minutes to hours", ours * 1e3, theirs * 1e3, "polars", "ms", "≤ 100"),
        Row("check_bars, 1.58M minutes", checked * 1e3, None, "", "ms", "≤ 50"),
        Row("audit, 1.58M minutes", audited * 1e3, None, "", "ms", "≤ 1,000"),
    ]


if __name__ == "__main__":
    for row in rows():
        print(f"{row.work:40} {row.ours:8.1f} {row.unit}  peer {row.peer}  {row.goal}")
