"""Certificates of shipped strategies on a million real minutes: seconds of processor for each."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import polars as pl

import trade_research as tr
from tests.bench.table import Row
from tests.data import SHARED, shared
from trade_research.research.data import read_data

STRATEGIES = (  # buy_and_hold never ends a trade: it is refused for want of evidence
    tr.strategies.ma_crossover,
    tr.strategies.breakout,
    tr.strategies.donchian,
    tr.strategies.bollinger,
    tr.strategies.macd,
    tr.strategies.rsi_reversion,
    tr.strategies.rsi_divergence,
    tr.strategies.rvol,
    tr.strategies.time_series_momentum,
    tr.only_in_regime(tr.strategies.ma_crossover, "trend_up"),
)
MINUTES = 1_000_000
OUTAGES = 14


def rows() -> list[Row]:
    """The table's rows; none where the data are not here."""
    if SHARED is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        query = stored(Path(folder))
        verdicts = read_data(query, None).verdicts
        outages = verdicts.filter(kind="gap")["open_time"].dt.strftime("gap@%Y-%m-%dT%H:%M")
        assert outages.len() == OUTAGES, outages
        accept = [*outages, *verdicts.filter(pl.col("kind") != "gap")["kind"].unique()]
        return [certified(strategy, query, accept) for strategy in STRATEGIES]


def stored(folder: Path) -> object:
    """The first million minutes of the longest series, in a store."""
    files = sorted(shared("ohlcv/binance_spot_1m").glob("*.parquet"))
    frame = pl.concat([pl.read_parquet(file) for file in files]).head(MINUTES)
    store = tr.Store(folder)
    bars = tr.frames.to_bars(frame, "1m")
    store.write_bars(bars, venue="binance", symbol="BTC/USDT", interval="1m")
    return store.query("binance:BTC/USDT@1m")


def certified(strategy: tr.Strategy, query: object, accept: list[str]) -> Row:
    """One certificate; the processor's seconds, since others may have the machine too."""
    start = time.process_time()
    found = tr.certify(strategy, query, accept=accept)
    seconds = time.process_time() - start
    assert found.passed, found
    facts = found.facts["replay"]
    work = f"certify {strategy.name}, {facts['rows']:,} minutes, {facts['fills']:,} fills"
    return Row(work, seconds, 120.0, "limit", "s", "< 120")
