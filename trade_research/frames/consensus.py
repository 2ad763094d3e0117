"""One series out of several sources of it: liars left out and named, nothing passed unchecked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from trade_research.errors import ConfigError
from trade_research.frames.bars import PRICES, TIME, check_bars, to_bars
from trade_research.frames.calendars import Calendar, get_calendar
from trade_research.frames.columns import columns
from trade_research.frames.intervals import Interval, parse_interval

if TYPE_CHECKING:
    from trade_research.kernels.jit import B8, F64

WINDOW = 256  # bars of the past that say how far apart the sources usually are
SPREADS = 6.0  # usual distances that a price may lie off the others
LIAR = 0.05  # share of a source's prices left out from which it is named
_LAGS = range(-3, 4)


@dataclass(frozen=True)
class Consensus:
    """What several sources say together.

    Attributes
    ----------
    bars : DataFrame
        Valid bars where enough sources agree, and only those.
    status : DataFrame
        ``open_time, status, sources, used, spread_bps`` of every bar that any source has: "agreed",
        "thin" (fewer than asked for have it), "undecided" (too few agree) or "unaligned" (it opens
        on no edge of the interval).
    used : DataFrame
        ``open_time`` and ``source.field`` true where that value went into the bar.
    sources : DataFrame
        ``source, bars, left_out, weight, verdict, detail``: the verdict is "ok", "unit",
        "shifted", "stale", "noisy" or "undecided"; the weight is that of the last bar all have.
    """

    bars: pl.DataFrame
    status: pl.DataFrame
    used: pl.DataFrame
    sources: pl.DataFrame

    @property
    def liars(self) -> dict[str, str]:
        """Source to what is wrong with it."""
        wrong = self.sources.filter(~pl.col("verdict").is_in(["ok", "undecided"]))
        return dict(wrong.select("source", "verdict").iter_rows())


def consensus(
    frames: Mapping[str, pl.DataFrame],
    interval: str | Interval,
    calendar: str | Calendar = "24/7",
    *,
    tolerance_bps: float = 10.0,
    at_least: int = 2,
) -> Consensus:
    """Bars that sources agree on, by robust weights that know only the past.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        Bars of the same instrument by source, two or more.
    interval : str or Interval
    calendar : str or Calendar
    tolerance_bps : float
        Sources this near to the others always agree; where three or more usually lie further apart,
        six times their usual distance of the 256 bars before counts, at most five tolerances.
    at_least : int
        Sources that must agree, 2 or more.

    Returns
    -------
    Consensus
        A value is left out where it is too far from the median of all; of two that differ neither
        is right: undecided. Prices are means weighted by how near each source has been to the
        others, volume is the median in base units (a source that prints quote units is converted,
        and named). Nothing later than a bar's close has a part in it.

    Raises
    ------
    ConfigError
        Fewer than two sources, or `at_least` below 2.
    SchemaError, BarOrderError
        A frame is no valid table of bars.
    """
    if len(frames) < 2 or at_least < 2:
        raise ConfigError(f"a consensus needs two sources that agree, found {len(frames)}")
    step, market = parse_interval(interval), get_calendar(calendar)
    for frame in frames.values():
        check_bars(frame)
    names = list(frames)
    times, aligned = _grid(frames, step, market)
    values, volumes = _cube(frames, times)
    known = ~np.isnan(values[:, 3, :])
    off = _distance(values)
    near = _allowed(off[:, 3, :], tolerance_bps / 1e4)
    used = known[:, None, :] & (np.abs(off) <= near[:, None, None])
    enough = used.sum(axis=2).min(axis=1) >= at_least
    weights = _weights(off[:, 3, :], known)
    agreed = enough & aligned
    prices = _mean(values, weights[:, None, :] * used)
    base, printed_quote = _base_units(volumes, values[:, 3, :])
    status = np.select(
        [~aligned, known.sum(axis=1) < at_least, ~enough],
        ["unaligned", "thin", "undecided"],
        "agreed",
    )
    spread = _spread(values[:, 3, :], used[:, 3, :])
    return Consensus(
        _bars(times, prices, _median(np.where(used[:, 3, :], base, np.nan)), agreed, step, market),
        pl.DataFrame(
            {
                "open_time": pl.Series(times).cast(TIME),
                "status": status.tolist(),
                "sources": known.sum(axis=1),
                "used": used[:, 3, :].sum(axis=1),
                "spread_bps": spread,
            }
        ),
        pl.DataFrame(
            {"open_time": pl.Series(times).cast(TIME)}
            | {
                f"{name}.{field}": used[:, i, k]
                for k, name in enumerate(names)
                for i, field in enumerate(PRICES)
            }
        ),
        _verdicts(names, values, used, known, weights, off, printed_quote, status),
    )


def _grid(
    frames: Mapping[str, pl.DataFrame], step: Interval, market: Calendar
) -> tuple[np.ndarray, B8]:
    """Every open time that any source has, and which of them lie on an edge of the interval."""
    times = np.unique(
        np.concatenate([frame["open_time"].to_physical().to_numpy() for frame in frames.values()])
    )
    if market.continuous or step.is_daily:
        return times, times % step.us == 0 if step.us <= 86_400_000_000 else times >= 0
    start, _ = market.buckets(times, step, step)
    return times, start == times


def _cube(frames: Mapping[str, pl.DataFrame], times: np.ndarray) -> tuple[F64, F64]:
    """Prices (n_bars, 4, n_sources) and volumes (n_bars, n_sources), NaN where absent."""
    values = np.full((times.size, len(PRICES), len(frames)), np.nan)
    volumes = np.full((times.size, len(frames)), np.nan)
    for k, frame in enumerate(frames.values()):
        at = np.searchsorted(times, frame["open_time"].to_physical().to_numpy())
        column = columns(frame, [*PRICES, "volume"])
        for i, name in enumerate(PRICES):
            values[at, i, k] = column[name]
        volumes[at, k] = column["volume"]
    return values, volumes


def _distance(values: F64) -> F64:
    """Logarithm of each value over the median of the sources that have it."""
    out: F64 = np.log(values) - np.log(_median(values))[..., None]
    return out


def _median(values: F64) -> F64:
    """Median over the last axis without NaN; NaN where there is nothing."""
    empty: B8 = np.asarray(np.isnan(values).all(axis=-1))
    filled = np.where(empty[..., None], 0.0, values)
    middle: F64 = np.nanmedian(filled, axis=-1)
    out: F64 = np.where(empty, np.nan, middle)
    return out


def _allowed(off: F64, tolerance: float) -> F64:
    """How far a value may lie off the others: by the usual distance of the bars before.

    The smaller half of the distances of each bar counts, so that one liar does not widen it.
    """
    if off.shape[1] == 2:
        return np.full(off.shape[0], tolerance / 2)  # each is as far off the middle as the other
    smaller = np.nan_to_num(
        _median(np.sort(np.abs(off), axis=1)[:, : max(1, (off.shape[1] + 1) // 2)])
    )
    past = pl.Series(smaller).rolling_median(WINDOW, min_samples=1).shift(1, fill_value=0.0)
    out: F64 = np.maximum(tolerance, SPREADS * past.to_numpy())
    return np.minimum(out, 5 * tolerance)


def _weights(off: F64, known: B8) -> F64:
    """Weight of each source by its usual distance in the bars before; equal at first."""
    apart = [pl.Series(column).fill_nan(None) for column in np.abs(off).T]
    past = np.stack(
        [
            s.rolling_median(WINDOW, min_samples=8).shift(1).fill_null(1e-3).to_numpy()
            for s in apart
        ],
        axis=1,
    )
    weights = known / (past + 1e-4)
    out: F64 = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)
    return out


def _mean(values: F64, weights: F64) -> F64:
    """Weighted mean over sources, NaN where no weight is."""
    total = weights.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        out: F64 = (np.nan_to_num(values) * weights).sum(axis=-1) / np.where(
            total > 0, total, np.nan
        )
    return out


def _spread(close: F64, used: B8) -> F64:
    """Highest less lowest of the closes that were used, in basis points."""
    high = np.where(used, close, -np.inf).max(axis=1)
    low = np.where(used, close, np.inf).min(axis=1)
    some = used.any(axis=1)
    out: F64 = 1e4 * (np.where(some, high, np.nan) / np.where(some, low, 1.0) - 1)
    return out


def _base_units(volumes: F64, close: F64) -> tuple[F64, B8]:
    """Volumes in base units, and which sources print theirs in the quote currency (at the end).

    By the usual volumes and prices up to each bar: one source's are the price times the least.
    """
    with np.errstate(divide="ignore"):
        sizes = _usual(np.log(np.where(volumes > 0, volumes, np.nan)))
    price = _usual(np.log(_median(close))[:, None])
    least = np.fmin.reduce(sizes, axis=1)[:, None]
    quoted: B8 = np.abs(sizes - least - price) < np.abs(price) / 2
    quoted &= np.abs(price) > 1.5  # a price near 1 tells no units apart
    return np.where(quoted, volumes / close, volumes), quoted[-1]


def _usual(values: F64) -> F64:
    """Median of each column over the last bars, this one included; NaN where there is none."""
    out = np.empty_like(values)
    for k, column in enumerate(values.T):
        middle = pl.Series(column).fill_nan(None).rolling_median(WINDOW, min_samples=1)
        out[:, k] = middle.fill_null(strategy="forward").fill_null(math.nan).to_numpy()
    return out


def _bars(
    times: np.ndarray, prices: F64, volume: F64, agreed: B8, step: Interval, market: Calendar
) -> pl.DataFrame:
    open_, high, low, close = prices[agreed].T
    frame = pl.DataFrame(
        {
            "open_time": pl.Series(times[agreed]).cast(TIME),
            "open": open_,
            "high": np.maximum(high, np.maximum(open_, close)),
            "low": np.minimum(low, np.minimum(open_, close)),
            "close": close,
            "volume": volume[agreed],
        }
    )
    return to_bars(frame.with_columns(pl.col("volume").fill_nan(None)), step, market)


def _verdicts(
    names: list[str],
    values: F64,
    used: B8,
    known: B8,
    weights: F64,
    off: F64,
    printed_quote: B8,
    status: np.ndarray,
) -> pl.DataFrame:
    """One row a source: how much was left out, and what is wrong with it."""
    rows = []
    undecided = float((status == "undecided").mean())
    whole = weights[known.all(axis=1)]
    for k, name in enumerate(names):
        bars = int(known[:, k].sum())
        left = float((known[:, k] & ~used[:, :, k].all(axis=1)).sum() / max(1, bars))
        verdict, detail = "ok", "volume is in the quote currency" if printed_quote[k] else ""
        if left > LIAR and undecided > LIAR:
            verdict, detail = "undecided", f"{undecided:.0%} of bars: too few sources agree"
        elif left > LIAR:
            verdict, detail = _what(values[:, 3, :], off[:, 3, k], used[:, 3, :], k)
        last = float(whole[-1, k]) if whole.size else 0.0
        rows.append((name, bars, left, last, verdict, detail))
    schema = ["source", "bars", "left_out", "weight", "verdict", "detail"]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _what(close: F64, off: F64, used: B8, k: int) -> tuple[str, str]:
    """What is wrong with a source: its unit, its clock, its life or its precision."""
    bias = float(np.nanmedian(off))
    if abs(bias) > math.log(5):
        return "unit", f"prices are {math.exp(bias):.4g} times the others'"
    mine = close[:, k]
    others = _median(np.where(used & (np.arange(close.shape[1]) != k), close, np.nan))
    still = float(np.mean(mine[1:] == mine[:-1]))
    if still > 0.5 and float(np.mean(others[1:] == others[:-1])) < still / 2:
        return "stale", f"{still:.0%} of its closes repeat the one before"
    apart = {lag: _apart(mine, others, lag) for lag in _LAGS}
    best = min(apart, key=lambda lag: apart[lag])
    if best and apart[best] < apart[0] / 3:
        return "shifted", f"it fits the others when moved by {-best:+d} bars"
    return "noisy", f"usually {1e4 * float(np.nanmedian(np.abs(off))):.1f} bps off the others"


def _apart(mine: F64, others: F64, lag: int) -> float:
    """Median distance of `mine` from the others' values `lag` bars before."""
    moved = np.roll(others, lag)
    inside = slice(max(0, lag), len(mine) + min(0, lag))
    return float(np.nanmedian(np.abs(np.log(mine[inside] / moved[inside]))))
