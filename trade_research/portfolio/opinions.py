"""What stands at each row: the last opinion of each symbol, and who counts."""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, I64, kernel

ALL, LISTED, ACTIVE = 0, 1, 2
"""Who shares the gross: every symbol; those with a bar so far; those with a target other than 0."""


@kernel
def size_rows(
    targets: F64,
    closes: F64,
    shares: F64,
    estimate: I64,
    by: int,
    gross: float,
    forget: int,
    out: F64,
) -> None:
    """Weights wanted: each standing target times its symbol's part of the gross.

    `shares` is (n_estimates, n_symbols), row ``estimate[t]`` holds at bar t; NaN: the symbol does
    not count. A symbol without a bar for more than `forget` rows (0: never) does not count either.
    NaN in `out` until a symbol's first opinion.
    """
    n_bars, n = targets.shape
    stands, seen = np.empty(n), np.empty(n, dtype=np.int64)
    stands[:], seen[:] = np.nan, -1
    counts, is_same, total, was = np.zeros(n, dtype=np.bool_), False, 0.0, -1
    for t in range(n_bars):
        for s in range(n):
            if closes[t, s] == closes[t, s]:
                seen[s] = t
            x = targets[t, s]
            if x == x and x != stands[s]:
                stands[s], is_same = x, False
            here = by == ALL or (seen[s] >= 0 and (by == LISTED or abs(stands[s]) > 0.0))
            here = here and not (forget > 0 and seen[s] >= 0 and t - seen[s] > forget)
            if here != counts[s]:
                counts[s], is_same = here, False
        if is_same and estimate[t] == was:
            for s in range(n):
                out[t, s] = out[t - 1, s]
            continue
        is_same, was, total = True, estimate[t], 0.0
        for s in range(n):
            share = shares[was, s]
            total += share if counts[s] and share == share else 0.0
        for s in range(n):
            share = shares[was, s]
            if stands[s] != stands[s]:
                out[t, s] = np.nan
            elif counts[s] and share == share and total > 0.0:
                out[t, s] = gross * stands[s] * (share / total)
            else:
                out[t, s] = 0.0


@kernel
def own_returns(closes: F64, out: F64) -> None:
    """Return of each symbol since its own last bar, (n_bars, n_symbols); NaN where it has none."""
    n_bars, n = closes.shape
    for s in range(n):
        last = np.nan
        for t in range(n_bars):
            price = closes[t, s]
            out[t, s] = price / last - 1.0
            if price == price:
                last = price


@kernel
def trailing_variance(returns: F64, rows: I64, lookback: int, out: F64, known: I64) -> None:
    """Variance (ddof 1) of each symbol's last `lookback` returns at each of `rows`.

    Fewer are used where there are no more; `known` says how many. NaN with fewer than two.
    """
    n_bars, n = returns.shape
    own = np.empty(n_bars)
    for s in range(n):
        size, t = 0, 0
        for e in range(rows.size):
            while t <= rows[e]:
                if returns[t, s] == returns[t, s]:
                    own[size] = returns[t, s]
                    size += 1
                t += 1
            part = own[max(size - lookback, 0) : size]
            known[e, s], out[e, s] = part.size, np.nan
            if part.size > 1:
                mean, square = 0.0, 0.0
                for i in range(part.size):
                    mean += part[i]
                mean /= part.size
                for i in range(part.size):
                    square += (part[i] - mean) * (part[i] - mean)
                out[e, s] = square / (part.size - 1)
