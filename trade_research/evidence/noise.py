"""Would the same positions at another time have done as well? Positions shifted against prices.

Shifted in a circle they keep their sizes, their holding times and their costs, and lose whatever
they knew of the prices. A run whose profit is only that of being invested is not told from them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trade_research.evidence.days import Days
from trade_research.kernels.jit import F64, I64, kernel
from trade_research.simulate import codes
from trade_research.simulate.market import Market
from trade_research.simulate.records import Records

SHIFTS, FEWEST_SHIFTS = 300, 99
BINS = 24
MIN_DAYS = 60
_WORK = 40_000_000  # stretches of constant weight to look at, over all shifts


@dataclass(frozen=True)
class ShiftTest:
    """Sharpe ratio of the positions at their own time among those at other times.

    Attributes
    ----------
    sharpe : float
        Of the run, a year, by the same approximation as the shifted ones (fixed weights between
        fills, arithmetic day returns, the run's average cost of what it traded).
    p_value : float
        (1 + shifts at least as good) / (1 + shifts).
    shifts : int
    low, middle, high : float
        5, 50 and 95% quantiles of the shifted ones.
    edges, counts : tuple of float, tuple of int
        Their histogram.
    """

    sharpe: float
    p_value: float
    shifts: int
    low: float
    middle: float
    high: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Held:
    """Positions as stretches of constant weight, those of one symbol after the other.

    Attributes
    ----------
    first : int64 array of shape (n_symbols + 1,)
        Where the stretches of each symbol begin.
    start : int64 array of shape (n_stretches,)
        Bar from whose open the weight is held; each symbol's first is 0.
    weight : float64 array of shape (n_stretches,)
        Signed fraction of equity.
    """

    first: I64
    start: I64
    weight: F64


def shift_test(
    held: Held, returns: F64, days: Days, *, cost: float, shifts: int = SHIFTS, seed: int = 0
) -> ShiftTest | None:
    """Shift the positions in time against the returns.

    Parameters
    ----------
    held : Held
        As `held_of` gives them.
    returns : float64 array of shape (n_bars, n_symbols)
        Return of each bar from its open to the next open, fractions; 0 where there is none.
    days : Days
        The run by day.
    cost : float
        Cost of trading, a fraction of what is traded.
    shifts : int
        At most so many, drawn without repeats from the starts of days that lie at least a twentieth
        of the run away; fewer (99 at least) where positions change millions of times.
    seed : int
        Same seed, same bits.

    Returns
    -------
    ShiftTest or None
        None with fewer than 60 days, without a calendar, where weights never changed or the ratio
        is undefined.

    References
    ----------
    Circular shifts as in Phipson & Smyth (2010), Statistical Applications in Genetics 9(1), for
    the p-value that is never 0.
    """
    n = returns.shape[0]
    if days.n < MIN_DAYS or days.per_year is None or np.unique(held.weight).size < 2:
        return None
    begins = np.append(0, days.rows[:-1] + 1)
    near = max(1, days.n // 20)
    choices = begins[near : days.n - near + 1]
    most = int(min(shifts, max(FEWEST_SHIFTS, _WORK // (held.start.size + days.n))))
    rng = np.random.Generator(np.random.Philox(seed))
    chosen = choices if choices.size <= most else np.sort(rng.permutation(choices)[:most])
    sums = np.zeros((returns.shape[1], n + 1))
    np.cumsum(returns.T, axis=1, out=sums[:, 1:])
    ends, every = np.append(days.rows[:-1] + 1, n), np.append(0, chosen)
    ratios = math.sqrt(days.per_year) * shifted_ratios(
        held.first, held.start, held.weight, sums, ends, every, cost, days.cash
    )
    own, others = float(ratios[0]), ratios[1:][~np.isnan(ratios[1:])]
    if own != own or not others.size:
        return None
    as_good = int((others >= own).sum())
    low, middle, high = (float(q) for q in np.quantile(others, [0.05, 0.5, 0.95]))
    first, last = float(others.min()), float(others.max())
    counts, edges = np.histogram(others, bins=BINS, range=(first, max(last, first + 1e-9)))
    return ShiftTest(
        own,
        (1 + as_good) / (1 + others.size),
        int(others.size),
        low,
        middle,
        high,
        tuple(float(e) for e in edges),
        tuple(int(c) for c in counts),
    )


@kernel
def shifted_ratios(
    first: I64, start: I64, weight: F64, sums: F64, ends: I64, shifts: I64, cost: float, cash: float
) -> F64:
    """Sharpe ratio per day of the positions at each of `shifts` bars later, in a circle.

    `sums` (n_symbols, n_bars + 1) are running sums of returns, `ends` the first bar after each
    day. NaN where the day returns do not vary.
    """
    n, out = sums.shape[1] - 1, np.empty(shifts.size)
    day = np.empty(ends.size)
    for k in range(shifts.size):
        by = shifts[k]
        day[:] = -cash
        for s in range(sums.shape[0]):
            starts, weights = start[first[s] : first[s + 1]], weight[first[s] : first[s + 1]]
            add_moved(starts, weights, sums[s], ends, 0, n - by, by, cost, day)
            add_moved(starts, weights, sums[s], ends, n - by, n, by - n, cost, day)
        mean, square = day.mean(), 0.0
        for d in range(day.size):
            square += (day[d] - mean) ** 2
        deviation = math.sqrt(square / (day.size - 1))
        out[k] = mean / deviation if deviation > 1e-12 else math.nan
    return out


@kernel
def add_moved(
    start: I64,
    weight: F64,
    sums: F64,
    ends: I64,
    low: int,
    high: int,
    by: int,
    cost: float,
    day: F64,
) -> None:
    """Add to the days what the weights of bars [low, high) make when held `by` bars later."""
    if low >= high:
        return
    i = np.searchsorted(start, low, side="right") - 1
    d = np.searchsorted(ends, low + by, side="right")
    while i < start.size and start[i] < high:
        stop = min(start[i + 1], high) if i + 1 < start.size else high
        at, stop = max(start[i], low) + by, stop + by
        while ends[d] <= at:
            d += 1
        if start[i] >= low:
            before = weight[i - 1] if i else 0.0
            day[d] -= cost * abs(weight[i] - before)
        while at < stop:
            while ends[d] <= at:
                d += 1
            until = min(stop, ends[d])
            day[d] += weight[i] * (sums[until] - sums[at])
            at = until
        i += 1


def held_of(fills: Records, market: Market, equity: F64) -> Held:
    """The positions of a run as stretches of constant weight.

    Parameters
    ----------
    fills : record array
        Of a `simulate.Result`, in order of time.
    market : Market
    equity : float64 array of shape (n_bars,)
        Of the run.

    Notes
    -----
    A weight is the position after a fill over the equity, both at the close of the fill's bar, and
    is kept until the next fill. Fills of signals at the open count from their own bar, all others
    (exits inside a bar, fills at a close) from the next: a stop is charged its whole bar.
    """
    firsts, starts, weights = [0], [], []
    for s in range(market.n_symbols):
        mine = fills[fills["symbol"] == s]
        is_open = (mine["phase"] == codes.AT_OPEN) & (mine["kind"] <= codes.REBALANCE)
        bar = mine["bar"]
        money = equity[bar]
        with np.errstate(divide="ignore", invalid="ignore"):
            share = mine["position"] * market.close[bar, s] / money
        share = np.where(money > 0.0, np.nan_to_num(share), 0.0)
        from_bar = np.append(0, bar + (1 - is_open))
        values = np.append(0.0, share)
        is_last = np.append(from_bar[1:] != from_bar[:-1], True) & (from_bar < market.n_bars)
        starts.append(from_bar[is_last])
        weights.append(values[is_last])
        firsts.append(firsts[-1] + int(is_last.sum()))
    return Held(np.array(firsts), np.concatenate(starts), np.concatenate(weights))


def open_returns(market: Market) -> F64:
    """Return of each bar from its open to the next one's, (n_bars, n_symbols); 0 where unknown.

    The last bar's is from open to close. A symbol without a bar stays at its last open.
    """
    prices = np.vstack([market.open, market.close[-1:]])
    if np.isnan(prices).any():
        rows = np.arange(len(prices))[:, None]
        last = np.maximum.accumulate(np.where(np.isnan(prices), 0, rows), axis=0)
        prices = np.take_along_axis(prices, last, axis=0)
    out: F64 = prices[1:] / prices[:-1]
    out -= 1.0
    out[np.isnan(out)] = 0.0
    return out
