"""What a session knew when it began: the stored bars before it, and the funding rates."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.errors import SessionError
from trade_research.feeds.bars import Row
from trade_research.live.deciders import History
from trade_research.research.heard import rates_table
from trade_research.simulate.market import PRICES

if TYPE_CHECKING:
    from trade_research.research.data import Data
    from trade_research.strategies.strategy import Strategy


def history_of(start: Mapping[str, Any], store: Path) -> History:
    """The stored bars before a session, as its first record tells of them; none of a replay's."""
    about = start["history"]
    if about is None:
        return History(start["symbols"])
    if about["names"] is None:
        raise SessionError("the bars before the session were not from a store")
    from trade_research.research.data import read_data
    from trade_research.store.store import Store

    history = stored_history(read_data(Store(store).query(about["names"])), about)
    if history.digest() != about["hash"]:
        raise SessionError(f"the bars of {store} before the session are not what they were")
    return history


def rates_before(
    start: Mapping[str, Any], store: Path, history: History
) -> pl.DataFrame | float | None:
    """The funding rates that a session knew when it began."""
    if start.get("rates") is not None:
        told = [(symbol, 0, rate) for symbol, rate in start["rates"].items()]
        return rates_table(told, len(history.symbols) == 1)
    if start["history"] is None:
        return None
    from trade_research.store.store import Store

    return known_before(Store(store).query(start["history"]["names"]).funding(), history)


def known_before(
    known: pl.DataFrame | float | None, history: History
) -> pl.DataFrame | float | None:
    """Rates that were stamped before the last row of a history closed."""
    if known is None or isinstance(known, float):
        return known
    return known.filter(pl.col("time").to_physical() < int(history.close_time[-1]))


def stored_history(data: Data, about: Mapping[str, Any] | None) -> History:
    """The rows of data as a history, between the ends that a session began with if it has."""
    history = History(data.market.symbols)
    for row in rows_of_data(data):
        if about is None or about["first_us"] <= row.open_time <= about["last_us"]:
            history.add(row)
    if not history.n_rows:
        raise SessionError("the stored bars that the session began with are not there any more")
    return history


def rows_of_data(data: Data) -> list[Row]:
    market = data.market
    prices = np.stack([getattr(market, name) for name in PRICES], axis=1)
    return [
        Row(int(opened), int(closed), 0, bars)
        for opened, closed, bars in zip(market.open_time, market.close_time, prices, strict=True)
    ]


def first_rates(data: Data, strategy: Strategy) -> dict[str, float] | None:
    """Of a replay whose strategy reads them, the rates that were known before its first bar."""
    known, market = data.funding, data.market
    if known is None or "funding_rate" not in strategy.reads:
        return None
    if isinstance(known, float):
        return dict.fromkeys(market.symbols, known)
    rows = known.filter(pl.col("time").to_physical() < int(market.open_time[0])).sort("time")
    if "symbol" not in rows.columns:
        rows = rows.with_columns(symbol=pl.lit(market.symbols[0]))
    last = rows.group_by("symbol").last()
    return dict(zip(last["symbol"], last["funding_rate"], strict=True))
