"""Long frames of several symbols with ragged starts, holes and dry bars."""

from __future__ import annotations

import numpy as np
import polars as pl

HOUR = 3_600_000_000


def long_frame(
    tables: dict[str, np.ndarray], first_us: int = 0, **more: np.ndarray
) -> pl.DataFrame:
    """Hourly bars that stand at each symbol's closes, a row for every close that is not NaN.

    `more` are further columns as (n_bars, n_symbols) tables.
    """
    parts = []
    for s, (name, close) in enumerate(tables.items()):
        rows = np.flatnonzero(~np.isnan(close))
        opened = pl.Series(first_us + rows * HOUR)
        columns = {
            n: np.asarray(close, dtype=float)[rows] for n in ("open", "high", "low", "close")
        }
        columns |= {n: table[rows, s] for n, table in more.items()}
        parts.append(
            pl.DataFrame(
                {
                    "symbol": [name] * rows.size,
                    "open_time": opened.cast(pl.Datetime("us", "UTC")),
                    "close_time": (opened + HOUR).cast(pl.Datetime("us", "UTC")),
                    **columns,
                }
            ).with_columns(volume=pl.lit(1_000.0))
        )
    return pl.concat(parts)


def ragged(n_bars: int = 400, n_symbols: int = 4, seed: int = 0) -> pl.DataFrame:
    """Random walks: one symbol starts late, one ends early, each lacks a few bars."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.01, (n_bars, n_symbols)), axis=0))
    close[rng.random(close.shape) < 0.03] = np.nan
    close[: n_bars // 3, 1] = np.nan
    close[n_bars * 3 // 4 :, n_symbols - 1] = np.nan
    close[0, 0] = 100.0
    rates = rng.normal(1e-4, 2e-4, close.shape)
    names = [f"S{s}" for s in range(n_symbols)]
    return long_frame(dict(zip(names, close.T, strict=True)), funding_rate=rates)
