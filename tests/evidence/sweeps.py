"""Sweeps of known truth: day returns of many configurations, and the sums a sweep keeps of them."""

from __future__ import annotations

import itertools

import numpy as np

from trade_research.evidence.sweeps import sweep_evidence
from trade_research.evidence.tried import rows_to_test

DEVIATION = 0.02
YEAR = 365.0


def noise(n_days, k, rng, rho=0.0):
    """Day returns without skill, (n_days, k), every pair correlated by `rho`."""
    own = rng.standard_normal((n_days, k))
    shared = rng.standard_normal((n_days, 1))
    return DEVIATION * (np.sqrt(rho) * shared + np.sqrt(1.0 - rho) * own)


def sums_of(x, n_blocks=16):
    """Moments, blocks and days of the blocks, as a sweep keeps them."""
    n = len(x)
    edges = np.arange(n_blocks + 1) * n // n_blocks
    parts = [x[a:b] for a, b in itertools.pairwise(edges)]
    blocks = np.stack([[p.sum(0) for p in parts], [(p * p).sum(0) for p in parts]], axis=2)
    mean = x.mean(0)
    d = x - mean
    m2, m3, m4 = ((d**p).mean(0) for p in (2, 3, 4))
    with np.errstate(invalid="ignore", divide="ignore"):
        shape = m3 / m2**1.5, m4 / m2**2
    moments = np.stack([np.full(x.shape[1], float(n)), mean, m2 * n / (n - 1), *shape], axis=1)
    return moments, blocks.transpose(1, 0, 2), np.diff(edges)


def evidence(x, axes=None, *, trials=None, draws=500, seed=0, per_year=YEAR):
    """The evidence on a sweep with these day returns."""
    moments, blocks, days = sums_of(x)
    rows = rows_to_test(moments)
    return sweep_evidence(
        moments=moments,
        blocks=blocks,
        block_days=days,
        day_returns=np.ascontiguousarray(x[:, rows]),
        rows=rows,
        axes={"k": np.arange(x.shape[1])} if axes is None else axes,
        per_year=per_year,
        trials=trials,
        draws=draws,
        seed=seed,
    )
