"""Ragged panels with holes, for the tests of the portfolio room."""

from __future__ import annotations

import numpy as np

MINUTE = 60_000_000
DAY = 1440 * MINUTE
LEVELS = np.array([np.nan, np.nan, np.nan, -1.0, 0.0, 0.5, 1.0, 1.5])


def panel(n_bars=300, n_symbols=5, seed=0, step=DAY, ragged=True):
    """Targets, closes and close times: symbols start late, have holes, and one of them ends."""
    rng = np.random.default_rng(seed)
    moves = rng.normal(size=(n_bars, n_symbols)) * (0.01 + 0.01 * np.arange(n_symbols))
    closes = 100.0 * np.exp(np.cumsum(moves, axis=0))
    targets = rng.choice(LEVELS, size=closes.shape)
    if ragged and n_symbols > 1:
        closes[: n_bars // 4, 1] = np.nan
        closes[n_bars // 2 :, n_symbols - 1] = np.nan
        closes[rng.random(closes.shape) < 0.03] = np.nan
        targets[np.isnan(closes)] = np.nan
    return targets, closes, np.arange(1, n_bars + 1) * step
