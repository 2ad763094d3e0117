"""What is wrong with bars: gaps, dead and repeated bars, impossible and incredible prices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from trade_research.frames.bars import TIME
from trade_research.frames.calendars import Calendar, get_calendar
from trade_research.frames.columns import columns
from trade_research.frames.intervals import Interval, parse_interval
from trade_research.frames.marks import busy, inside_bar, spikes, stale, usual_steps
from trade_research.frames.suspicions import (
    slipped_hour,
    split_like,
    unit_jumps,
    wrong_volume,
)

if TYPE_CHECKING:
    from trade_research.kernels.jit import B8, F64, I64

KINDS: dict[str, tuple[bool, str]] = {
    "gap": (True, "bars that the calendar expects are missing before this one"),
    "zero_volume": (True, "nothing was traded in the bar"),
    "stale": (True, "three or more bars in a row repeat the same prices and volume"),
    "outlier": (
        True,
        "the close doubled, halved, or moved over 20 times its usual step of the last 256 bars, "
        "and was not traded there from the open on with five times the usual volume",
    ),
    "unit_jump": (True, "the close went about a hundred times up or down: pounds for pence"),
    "split_like": (False, "the close went by a split's ratio and stayed: a split, or one missed"),
    "volume_unit": (True, "quote volume over volume is no price of the bar: another unit"),
    "dst_slip": (True, "outside of the session by an hour that it lacks: summer time missed"),
    "spike": (False, "prices left the level of the bars around them and came back at once"),
    "ohlc_inconsistent": (True, "the open or close lies outside of low to high"),
    "off_session": (True, "the bar lies outside of the calendar's sessions"),
    "duplicate": (True, "the time repeats the one before"),
    "out_of_order": (True, "the time is before the one of the row above"),
    "unfinished": (True, "the bar had not closed when it was read"),
    "missing_inside": (True, "the bar was made from fewer bars than it spans"),
}
"""Kind of verdict to (causal, explanation). Causal: known at the close of the bar, live as well."""

VERDICT_SCHEMA = pl.Schema(
    {
        "kind": pl.String(),
        "causal": pl.Boolean(),
        "open_time": TIME,
        "end_time": TIME,
        "rows": pl.Int64(),
        "detail": pl.String(),
    }
)

LONGEST = 16_384  # intervals: stretches end at their multiples, so that new bars reopen few


@dataclass(frozen=True)
class Thresholds:
    """When a bar is flagged; a venue may have its own in `venues.VENUES`.

    `outlier_steps` are steps of the usual size; `outlier_log` is a log step that is an outlier
    whatever the history; `stale_bars` repeat all prices and the volume.
    """

    outlier_steps: float = 20.0
    outlier_log: float = math.log(2)
    stale_bars: int = 3


USUAL = Thresholds()
OF_VENUE = {
    # Coins of small exchanges double in a minute, and print the same price for minutes on end.
    "binanceus": Thresholds(outlier_steps=30.0, stale_bars=5),
    "kraken": Thresholds(outlier_steps=30.0, stale_bars=5),
    "fx": Thresholds(outlier_log=math.log(1.2)),
}
"""Thresholds of venues that are not the usual ones."""


def audit(
    bars: pl.DataFrame,
    interval: str | Interval,
    calendar: str | Calendar = "24/7",
    *,
    now: datetime | None = None,
    flags: pl.DataFrame | None = None,
    thresholds: Thresholds = USUAL,
) -> pl.DataFrame:
    """List what is wrong with bars, one row per stretch; nothing is changed.

    Parameters
    ----------
    bars : polars.DataFrame
        Bars; rows out of order or repeated are listed, then left out of the other checks.
    interval : str or Interval
        Length of the bars.
    calendar : str or Calendar
        What is closed is no gap: nights, weekends, holidays, lunch breaks.
    now : datetime, optional
        When the bars were read (aware): bars that close later are ``unfinished``.
    flags : polars.DataFrame, optional
        Of `resample_flagged`: its rows become ``missing_inside``.
    thresholds : Thresholds
        When a step is an outlier and a run stale.

    Returns
    -------
    polars.DataFrame
        ``[symbol], kind, causal, open_time, end_time, rows, detail``, by time. A gap runs from the
        first missing bar to the next one there, `rows` counts the missing; other stretches run from
        the first bar's open to the last one's close, at most 16,384 intervals. `KINDS` explains
        each kind; causal ones use nothing later than the bar's close.

    References
    ----------
    Outliers by median absolute deviation: Leys et al. (2013), J. Exp. Soc. Psychology 49(4);
    spikes: Hampel identifier, Pearson (2002), IEEE Trans. Control Systems Technology 10(1).
    """
    step, market = parse_interval(interval), get_calendar(calendar)
    if "symbol" not in bars.columns:
        return _one_symbol(bars, step, market, now, flags, thresholds)
    made = [pl.DataFrame(schema={"symbol": pl.String(), **VERDICT_SCHEMA})]
    for part in bars.partition_by("symbol", maintain_order=True):
        symbol = part["symbol"][0]
        own = flags.filter(pl.col("symbol") == symbol) if flags is not None else None
        verdicts = _one_symbol(part, step, market, now, own, thresholds)
        made.append(verdicts.select(pl.lit(symbol).alias("symbol"), *VERDICT_SCHEMA))
    return pl.concat(made)


class _Table:
    """Verdicts of one symbol as they are found."""

    def __init__(self) -> None:
        self.frames = [pl.DataFrame(schema=VERDICT_SCHEMA)]

    def add(self, kind: str, start: I64, end: I64, rows: I64, detail: list[str]) -> None:
        """Stretches of one kind; times int64 microseconds."""
        if len(detail):
            frame = pl.DataFrame(
                {"open_time": start, "end_time": end, "rows": rows, "detail": detail}
            ).with_columns(
                pl.col("open_time", "end_time").cast(TIME),
                pl.col("rows").cast(pl.Int64),
                kind=pl.lit(kind),
                causal=pl.lit(KINDS[kind][0]),
            )
            self.frames.append(frame.select(VERDICT_SCHEMA.names()))

    def frame(self) -> pl.DataFrame:
        return pl.concat(self.frames).sort("open_time", "kind", maintain_order=True)


def _one_symbol(
    bars: pl.DataFrame,
    interval: Interval,
    market: Calendar,
    now: datetime | None,
    flags: pl.DataFrame | None,
    thresholds: Thresholds,
) -> pl.DataFrame:
    table = _Table()
    bars = _order(bars, table)
    if bars.height:
        opens = bars.get_column("open_time").to_physical().to_numpy()
        ends = bars.get_column("close_time").to_physical().to_numpy()
        missing = market.count(opens[:-1] + interval.us, opens[1:], interval)
        _gaps(table, opens, missing, interval)
        block = opens // (LONGEST * interval.us)
        cut = np.concatenate([[False], (missing > 0) | (np.diff(block) > 0)])
        for kind, (rows, what) in _marks(bars, opens, interval, market, now, thresholds).items():
            _stretches(table, kind, rows, cut, opens, ends, what)
    if flags is not None and flags.height:
        found = zip(flags["found"], flags["expected"], strict=True)
        start = flags.get_column("open_time").to_physical().to_numpy()
        lacking = (flags["expected"] - flags["found"]).to_numpy()
        detail = [f"{here} of {all_} source bars" for here, all_ in found]
        table.add("missing_inside", start, market.closes(start, interval), lacking, detail)
    return table.frame()


def _order(bars: pl.DataFrame, table: _Table) -> pl.DataFrame:
    """List repeated and misplaced rows, and give the bars in order without them."""
    opens = bars.get_column("open_time").to_physical().to_numpy()
    ahead = np.diff(opens)
    if (ahead > 0).all():
        return bars
    ends = bars.get_column("close_time").to_physical().to_numpy()
    back = np.flatnonzero(ahead < 0) + 1
    detail = [f"row {row}" for row in back]
    table.add("out_of_order", opens[back], ends[back], np.ones_like(back), detail)
    bars = bars.sort("open_time", maintain_order=True)
    opens = bars.get_column("open_time").to_physical().to_numpy()
    same = np.concatenate([[False], np.diff(opens) == 0])
    first, counts = _runs(same, same & False)
    ends = bars.get_column("close_time").to_physical().to_numpy()
    detail = [f"{n} more of the same time" for n in counts]
    table.add("duplicate", opens[first], ends[first], counts, detail)
    return bars.filter(pl.Series(~same))


def _gaps(table: _Table, opens: I64, missing: I64, interval: Interval) -> None:
    at = np.flatnonzero(missing)
    detail = [f"{n} {interval.text} bar{'s' * (n > 1)} missing" for n in missing[at].tolist()]
    table.add("gap", opens[at] + interval.us, opens[at + 1], missing[at], detail)


def _marks(
    bars: pl.DataFrame,
    opens: I64,
    interval: Interval,
    market: Calendar,
    now: datetime | None,
    thresholds: Thresholds,
) -> dict[str, tuple[B8, str | F64]]:
    """Kind to (rows it concerns, what to say: a text, or a number per row)."""
    value = columns(bars, ["open", "high", "low", "close", "volume"])
    step, usual = usual_steps(value["close"])
    outside = (value["open"] > value["high"]) | (value["open"] < value["low"])
    outside |= (value["close"] > value["high"]) | (value["close"] < value["low"])
    times, double = thresholds.outlier_steps, thresholds.outlier_log
    odd = np.abs(step) > np.fmin(times * usual, double)
    traded = inside_bar(value, step)
    inside = market.is_open(opens, interval)
    slipped = slipped_hour(opens, interval, market, inside)
    marks: dict[str, tuple[B8, str | F64]] = {
        "zero_volume": (value["volume"] == 0, "no volume"),
        "ohlc_inconsistent": (outside, "open or close outside of low to high"),
        "stale": (
            stale(value, thresholds.stale_bars),
            "same prices and volume as the bars before",
        ),
        "outlier": (odd & ~(traded & busy(value["volume"], odd)), np.expm1(step)),
        "unit_jump": (unit_jumps(step), np.expm1(step)),
        "split_like": (split_like(value["close"], step, usual) & ~traded, np.expm1(step)),
        "spike": spikes(value["close"], np.fmin(times * usual, double)),
        "off_session": (~inside & ~slipped, f"outside of {market.name}"),
        "dst_slip": (slipped, f"an hour beside the session of {market.name}"),
    }
    if "quote_volume" in bars.columns:
        average = columns(bars, ["quote_volume"])["quote_volume"]
        marks["volume_unit"] = wrong_volume(value, average)
    if now is not None:
        late = (bars.get_column("close_time") > now).to_numpy()
        marks["unfinished"] = (late, f"read at {now:%Y-%m-%d %H:%M:%S}")
    return marks


_MEANT = {"spike": "off the bars around", "volume_unit": "off the close lies the average price"}


def _runs(mark: B8, split: B8) -> tuple[I64, I64]:
    """First index and length of each run of True; a True in `split` begins a run of its own."""
    first = mark & (split | ~np.concatenate([[False], mark[:-1]]))
    at = np.flatnonzero(first)
    lengths = np.add.reduceat(mark.astype(np.int64), at) if at.size else at
    return at, lengths


def _stretches(
    table: _Table, kind: str, mark: B8, cut: B8, opens: I64, ends: I64, what: str | F64
) -> None:
    at, rows = _runs(mark, cut)
    if isinstance(what, str):
        detail = [what] * at.size
    else:
        largest = [
            what[i : i + n][np.argmax(np.abs(what[i : i + n]))]
            for i, n in zip(at, rows, strict=True)
        ]
        detail = [f"{move:+.1%} {_MEANT.get(kind, 'step')}" for move in largest]
    table.add(kind, opens[at], ends[at + rows - 1], rows, detail)
