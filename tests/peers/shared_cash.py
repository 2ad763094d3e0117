"""Real bars of many symbols as long frames, and vectorbt's shared-cash run of our weights."""

from __future__ import annotations

import warnings

import numpy as np
import polars as pl

from tests.data import shared
from trade_research.frames import to_bars
from trade_research.simulate import Rebalance

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import vectorbt as vbt

INTERVALS = {"hours": "1h", "days": "1d", "perpetuals": "1m"}


def spot(interval: str) -> pl.DataFrame:
    """Ten spot symbols, by the hour (one outage) or the day (starts years apart)."""
    rows = pl.read_parquet(shared(f"ohlcv/binance_spot_{interval}_10symbols.parquet"))
    parts = rows.partition_by("symbol", as_dict=True, include_key=False, maintain_order=True)
    return joined({str(key[0]): part for key, part in parts.items()}, interval)


def perpetuals() -> pl.DataFrame:
    """Sixteen perpetuals by the minute: starts four minutes and five days apart."""
    files = sorted(shared("ohlcv/binance_usdm_1m").glob("*.parquet"))
    return joined({file.stem: pl.read_parquet(file) for file in files}, "1m")


def joined(parts: dict[str, pl.DataFrame], interval: str) -> pl.DataFrame:
    """Bars of each symbol below one another, with a column `symbol`."""
    bars = {name: to_bars(part, interval, "24/7") for name, part in parts.items()}
    return pl.concat(
        [bar.select(pl.lit(name).alias("symbol"), pl.all()) for name, bar in bars.items()],
        how="diagonal",
    ).rechunk()


def sizes_of(weights: np.ndarray, market, rebalance: str) -> np.ndarray:
    """Target percents at the bars that trade them: changes of weight, and all on schedule."""
    flags = Rebalance.of(rebalance).rows(market.close_time, market.session_days(), 0, market.n_bars)
    held = np.zeros(market.n_symbols)
    out = np.full(weights.shape, np.nan)
    for d in range(market.n_bars - 1):
        x = weights[d]
        is_new = ~np.isnan(x) & (x != held)
        held = np.where(is_new, x, held)
        out[d + 1] = np.where(is_new | flags[d], held, np.nan)
        out[d + 1][np.isnan(market.open[d + 1])] = np.nan
    return out


def vectorbt_run(market, sizes: np.ndarray, *, fee: float, slippage: float, cash: float, freq: str):
    """The portfolio of these sizes with one cash for all."""
    close = market.close
    first = np.argmax(~np.isnan(close), axis=0)
    close, price = close.copy(), market.open.copy()
    for s, row in enumerate(first):  # before its first bar a symbol has no price, and no order
        close[:row, s], price[:row, s] = close[row, s], close[row, s]
    return vbt.Portfolio.from_orders(
        close,
        size=sizes,
        size_type="targetpercent",
        price=price,
        fees=fee,
        slippage=slippage,
        init_cash=cash,
        group_by=np.zeros(market.n_symbols, dtype=int),
        cash_sharing=True,
        call_seq="auto",
        freq=freq,
    )
