"""How signals have fared: hits, expectancy, decay and streaks, by strategy, class and regime.

Time here is that of the bars: a trade counts when it has ended by `as_of`, a forward return when
its last price was known by then. No clock is read, and nothing that comes later changes a row.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import NormalDist
from typing import Any

import numpy as np

from trade_research.evidence.estimates import LEVEL, trade_estimates, wilson
from trade_research.kernels.jit import B8, F64, I64

DRAWS = 1_000
ALL = "all"
_EULER = 0.5772156649015329


@dataclass(frozen=True, eq=False)
class Record:
    """Signals of one strategy on one instrument, and the round trips that came of them.

    Attributes
    ----------
    strategy, asset_class, instrument : str
    signal : float64 array of shape (n_bars,)
        Exposure wanted after each bar; NaN before the first opinion.
    open : float64 array of shape (n_bars,)
        Opening prices: a signal is acted on at the next one.
    close_time : int64 array of shape (n_bars,)
        Microseconds since 1970.
    regime : str array of shape (n_bars,)
        Of the market when each bar closed, "" where it was not known.
    decided : int64 array of shape (n_trades,)
        Bar at whose close each trade was decided.
    ended : int64 array of shape (n_trades,)
        When it was known to have ended, microseconds since 1970; far off where it is open.
    returns, cost, best : float64 arrays of shape (n_trades,)
        Net result, costs of both sides and best gross result meanwhile, fractions of the money
        entered with.
    """

    strategy: str
    asset_class: str
    instrument: str
    signal: F64
    open: F64
    close_time: I64
    regime: Any
    decided: I64
    ended: I64
    returns: F64
    cost: F64
    best: F64


def track_records(
    records: Sequence[Record], as_of: int, horizons: Sequence[int], seed: int = 0
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """One row a cell, and one row a cell and horizon; see `research.track` for the columns.

    Parameters
    ----------
    records : sequence of Record
    as_of : int
        Microseconds since 1970; nothing that was known later counts.
    horizons : sequence of int
        Bars ahead, 1 or more.
    seed : int
        Of the bootstrap of the expectancy.
    """
    rows, decay = [], []
    for (strategy, kind), group in _grouped(records):
        seen = {str(name) for r in group for name in np.unique(r.regime[r.close_time <= as_of])}
        names = sorted(seen - {""})
        for regime in [ALL, *names]:
            about = {"strategy": strategy, "asset_class": kind, "regime": regime}
            rows.append(about | _trades(group, regime, as_of, seed))
            decay += [about | _information(group, regime, as_of, h) for h in horizons]
    for _, cells in groupby(sorted(rows, key=_market), key=_market):
        _shrink(list(cells))
    return rows, decay


def _grouped(records: Sequence[Record]) -> Iterable[tuple[tuple[str, str], list[Record]]]:
    def key(record: Record) -> tuple[str, str]:
        return record.strategy, record.asset_class

    for which, group in groupby(sorted(records, key=key), key=key):
        yield which, list(group)


def _market(row: dict[str, Any]) -> tuple[str, str]:
    return row["asset_class"], row["regime"]


def _trades(group: list[Record], regime: str, as_of: int, seed: int) -> dict[str, Any]:
    """What the round trips of one cell say, in the order in which they ended."""
    picked = [_cell(record, regime, as_of) for record in group]
    done = [mine & (record.ended <= as_of) for record, mine in zip(group, picked, strict=True)]
    ended, net, cost, best = (
        np.concatenate([getattr(r, name)[d] for r, d in zip(group, done, strict=True)])
        for name in ("ended", "returns", "cost", "best")
    )
    order = np.argsort(ended, kind="stable")
    net, won = net[order], net[order] > 0.0
    n, rate = net.size, float(won.mean()) if net.size else math.nan
    table = {"pnl": net, "return": net, "open": np.zeros(n, np.bool_)}
    bp = trade_estimates(table, draws=DRAWS, seed=seed)["expectancy_bp"]
    low, high = wilson(rate, n, rate * (1.0 - rate) / n) if n else (None, None)
    missed = (best[order] <= cost[order]) & ~won
    return {
        "trades": n,
        "pending": int(sum(int(mine.sum()) for mine in picked)) - n,
        "hit_rate": _number(rate),
        "hit_low": low,
        "hit_high": high,
        "expectancy_bp": bp.value,
        "expectancy_low": bp.low,
        "expectancy_high": bp.high,
        "cost_bp": _number(float(cost.mean()) * 1e4 if n else math.nan),
        "false_alarms": _number(float(missed.mean()) if n else math.nan),
        "_error": float(net.std(ddof=1)) * 1e4 / math.sqrt(n) if n > 1 else math.nan,
    } | _streaks(won)


def _cell(record: Record, regime: str, as_of: int) -> B8:
    """Trades of a regime that were decided by `as_of`."""
    mine: B8 = record.close_time[record.decided] <= as_of
    return mine if regime == ALL else mine & (record.regime[record.decided] == regime)


def _streaks(won: B8) -> dict[str, Any]:
    """Runs of wins and losses, and the longest loss that luck alone would bring."""
    runs = [(bool(kind), sum(1 for _ in members)) for kind, members in groupby(won.tolist())]
    q, n = 1.0 - float(won.mean()) if won.size else math.nan, won.size
    by_luck = math.nan
    if 0.0 < q < 1.0 and n * (1.0 - q) >= 1.0:
        by_luck = math.log(n * (1.0 - q), 1.0 / q) + _EULER / math.log(1.0 / q) - 0.5
    return {
        "streak": (runs[-1][1] if runs[-1][0] else -runs[-1][1]) if runs else 0,
        "longest_wins": max((size for kind, size in runs if kind), default=0),
        "longest_losses": max((size for kind, size in runs if not kind), default=0),
        "losses_by_luck": _number(max(by_luck, 0.0)),
    }


def _information(group: list[Record], regime: str, as_of: int, horizon: int) -> dict[str, Any]:
    """Correlation of the signal with the return of the next `horizon` bars, and its interval."""
    pairs = [_pairs(record, regime, as_of, horizon) for record in group]
    s, r = (np.concatenate([p[k][p[2]] for p in pairs]) for k in (0, 1))
    n, empty = s.size, {"horizon": horizon, "ic": None, "low": None, "high": None}
    if n < 3 or s.std() == 0.0 or r.std() == 0.0:
        return empty | {"n": n}
    middle, spread = (s.mean(), r.mean()), (s.std(), r.std())
    ic = float(((s - middle[0]) * (r - middle[1])).mean() / (spread[0] * spread[1]))
    lags = horizon - 1 + int(4.0 * (n / 100.0) ** (2.0 / 9.0))
    variance = 0.0
    for signal, ahead, known in pairs:
        x, y = (signal - middle[0]) / spread[0], (ahead - middle[1]) / spread[1]
        with np.errstate(invalid="ignore"):
            pull = np.where(known, x * y - 0.5 * ic * (x * x + y * y), 0.0)
        variance += long_run(pull, lags)
    half = NormalDist().inv_cdf(0.5 + LEVEL / 2.0) * math.sqrt(max(variance, 0.0)) / n
    return empty | {"ic": ic, "low": max(ic - half, -1.0), "high": min(ic + half, 1.0), "n": n}


def _pairs(record: Record, regime: str, as_of: int, horizon: int) -> tuple[F64, F64, B8]:
    """Signal, log return from the next open on, and where both were known by `as_of`."""
    n, ahead = record.signal.size, np.full(record.signal.size, np.nan)
    if n > horizon + 1:
        later, now = record.open[1 + horizon :], record.open[1 : n - horizon]
        with np.errstate(invalid="ignore", divide="ignore"):
            ahead[: n - horizon - 1] = np.log(later / now)
        is_later = record.close_time[horizon + 1 :] > as_of
        ahead[: n - horizon - 1][is_later] = np.nan
    known = ~np.isnan(record.signal) & ~np.isnan(ahead)
    return record.signal, ahead, known if regime == ALL else known & (record.regime == regime)


def long_run(x: F64, lags: int) -> float:
    """Variance of the sum of `x` (n,), whose values may hang together over `lags` steps.

    Newey and West (1987), Econometrica 55(3): autocovariances with falling weights, so that returns
    that overlap do not count as independent.
    """
    total = float(x @ x)
    for lag in range(1, min(lags, x.size - 1) + 1):
        total += 2.0 * (1.0 - lag / (lags + 1.0)) * float(x[lag:] @ x[:-lag])
    return total


def _shrink(cells: list[dict[str, Any]]) -> None:
    """Draw expectancies and hit rates of a class and regime towards what its strategies share.

    Adds `hit_shrunk`, `expectancy_shrunk` and `weight`, how much of its own expectancy a cell
    keeps. DerSimonian and Laird (1986), Controlled Clinical Trials 7(3): the variance between
    strategies beyond what chance within them explains. One strategy alone has nothing to be drawn
    to; ones that differ by no more than chance get one common value.
    """
    means = np.array([_float(cell["expectancy_bp"]) for cell in cells])
    errors = np.array([cell.pop("_error") for cell in cells]) ** 2
    drawn, weight = shrink(means, errors)
    rates, counts = (np.array([_float(cell[k]) for cell in cells]) for k in ("hit_rate", "trades"))
    known = counts > 0.0
    pooled = float((rates[known] * counts[known]).sum() / counts[known].sum()) if known.any() else 0
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = np.where(counts > 1.0, pooled * (1.0 - pooled) / counts, np.nan)
    hits, _ = shrink(rates, chance)
    for cell, mean, own, rate in zip(cells, drawn, weight, hits, strict=True):
        cell["hit_shrunk"], cell["expectancy_shrunk"] = _number(rate), _number(mean)
        cell["weight"] = _number(own)


def shrink(means: F64, variances: F64) -> tuple[F64, F64]:
    """Means drawn towards their common one, and the weight each keeps; (k,) twice to (k,) twice.

    NaN where a variance is not known. See `_shrink`.
    """
    drawn, weight = np.full(means.size, np.nan), np.full(means.size, np.nan)
    known = np.isfinite(means) & (variances > 0.0)
    m, v = means[known], variances[known]
    if m.size == 1:
        drawn[known], weight[known] = m, 1.0
    if m.size < 2:
        return drawn, weight
    w = 1.0 / v
    centre = (w * m).sum() / w.sum()
    spread = (w * (m - centre) ** 2).sum() - (m.size - 1)
    between = max(0.0, spread / (w.sum() - (w * w).sum() / w.sum()))
    w = 1.0 / (v + between)
    centre = (w * m).sum() / w.sum()
    weight[known] = between / (between + v)
    drawn[known] = centre + weight[known] * (m - centre)
    return drawn, weight


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)
