"""What closed trades teach: stops and targets, holding times, hours, and a few lucky ones."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from trade_research.kernels.jit import B8
from trade_research.metrics.groups import Groups, group_means
from trade_research.metrics.tails import quantile
from trade_research.metrics.trades import expectancy, profit_factor
from trade_research.report.arrays import F64, I64, floats, micros
from trade_research.report.formats import NONE, basis_points, count, money, percent, ratio
from trade_research.report.section import Cell, Part, Table

_FEWEST = 10
_HOUR = 3_600_000_000


def readings(closed: pl.DataFrame) -> Table:
    """Three readings of the excursions: a stop, a target, and what was given back."""
    mae, mfe, gain = (floats(closed, name) for name in ("mae", "mfe", "return"))
    won = floats(closed, "pnl") > 0
    lost = ~won
    stop, target = _quantile(mae[won], 0.1), _quantile(mfe[lost], 0.5)
    rows = [
        (
            "Stop: nine in ten winners never fell below",
            percent(stop),
            f"{_share(mae[lost] < stop)} of losers did",
        ),
        (
            "Target: half of the losers had been up by",
            percent(target),
            f"{_share(mfe[won] > target)} of winners went beyond",
        ),
        (
            "Left on the table: best point less result, mean",
            percent(float(np.mean(mfe - gain))),
            f"median {percent(float(np.median(mfe - gain)))}",
        ),
    ]
    return Table(
        "Three readings of MAE and MFE",
        ("", "Level", "And"),
        [(Cell(name, "wrap"), level, Cell(rest, "wrap")) for name, level, rest in rows],
        align="lrl",
        note=f"From trades as they were; a stop or target would have changed them. {NONE}: fewer "
        f"than {_FEWEST}.",
    )


def outliers(closed: pl.DataFrame) -> Table:
    """The result without the best and the worst trades."""
    pnl = np.sort(floats(closed, "pnl"))
    kept = {
        "All closed trades": pnl,
        "without the best 1": pnl[:-1],
        "without the best 5": pnl[:-5],
        "without the best 5%": pnl[: pnl.size - -(-pnl.size // 20)],
        "without the worst 5": pnl[5:],
    }
    rows = [
        (
            name,
            count(some.size),
            money(float(some.sum())) if some.size else NONE,
            money(expectancy(some)),
            ratio(profit_factor(some)),
        )
        for name, some in kept.items()
    ]
    head = ("", "Trades", "Net profit", "A trade", "Profit factor")
    return Table("Does it hang on a few?", head, rows)


def holding(closed: pl.DataFrame) -> Table:
    """Net result by how long trades were held, in doubling steps."""
    held = np.maximum(floats(closed, "bars"), 1)
    step = np.ceil(np.log2(held)).astype(np.int64)
    found = group_means(step, floats(closed, "return"))
    names = [f"{2 ** (k - 1) + 1:,d} to {2**k:,d}" if k > 1 else str(2**k) for k in found.key]
    return _by(closed, "By bars held", "Bars", step, found, names)


def hours(closed: pl.DataFrame) -> list[Part]:
    """Net result by hour of entry, UTC; nothing where all enter at one hour."""
    hour = micros(closed, "entry_time") // _HOUR % 24
    if np.unique(hour).size < 2:
        return []
    found = group_means(hour, floats(closed, "return"))
    names = [f"{k:02d}:00" for k in found.key]
    return [_by(closed, "By hour of entry, UTC", "Hour", hour, found, names)]


def _by(
    closed: pl.DataFrame, caption: str, first: str, key: I64, found: Groups, names: list[str]
) -> Table:
    money_made = group_means(key, floats(closed, "pnl")).total
    rows = [
        (name, count(n), money(total), basis_points(1e4 * mean), basis_points(1e4 * error))
        for name, n, total, mean, error in zip(
            names, found.count, money_made, found.mean, found.error, strict=True
        )
    ]
    head = (first, "Trades", "Net profit", "Mean return", "Standard error")
    return Table(caption, head, rows)


def _quantile(x: F64, share: float) -> float:
    return quantile(x, share) if x.size >= _FEWEST else math.nan


def _share(hit: B8) -> str:
    return percent(float(hit.mean()), 0) if hit.size >= _FEWEST else NONE
