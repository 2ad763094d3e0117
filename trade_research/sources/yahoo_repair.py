"""Yahoo's known price errors, repaired by yfinance: prices in another unit, missed splits.

yfinance asks for the chart again, and for shorter bars where it needs them. It does so through our
door, without its own session, cookies and caches on disk. Where what it makes of the bars still
jumps as no price does, it guessed wrong (a single day in another unit, say), and nothing is taken.
"""

from __future__ import annotations

import math
import warnings
from datetime import timedelta
from typing import Any

import polars as pl

from trade_research.errors import SourceError, SourceRefusedError
from trade_research.frames.intervals import DAY, Interval
from trade_research.sources.http import Http, shown

_PRICES = ("open", "high", "low", "close")
_MOST_NAMED = 8
_NO_PRICE_MOVES = 10.0  # times the close before, or a share of it


class _Answer:
    """What yfinance reads of a response."""

    def __init__(self, body: bytes, json: Any) -> None:
        self.text, self.json = body.decode(errors="replace"), json


class _Door:
    """Where yfinance asks: through an `Http`. It swallows errors, so the last one is kept."""

    def __init__(self, http: Http) -> None:
        self._http, self.error = http, ""

    def get(self, url: str, params: dict[str, Any], timeout: float = 0.0) -> _Answer:
        """One answer; ours is the time-out."""
        del timeout
        try:
            answer = self._http.get(url, params)
        except (SourceError, SourceRefusedError) as error:
            self.error = str(error)
            raise
        return _Answer(answer.body, answer.json)

    cache_get = get


def repaired(
    symbol: str, interval: Interval, step: str, rows: pl.DataFrame, zone: str, http: Http
) -> tuple[pl.DataFrame, list[str]]:
    """Rows as yfinance repairs them, and a note of which those are or why there are none.

    Parameters
    ----------
    symbol : str
    interval : Interval
    step : str
        The interval in Yahoo's words.
    rows : DataFrame
        ``open_time`` (of days a date), prices and volume as Yahoo prints them, adjusted for splits.
    zone : str
        Time zone of the exchange.
    http : Http
    """
    from yfinance.scrapers.history import PriceHistory

    door, first, last = _Door(http), rows["open_time"][0], rows["open_time"][-1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the pandas calls that it makes
        try:
            table = PriceHistory(door, symbol, zone, session=door).history(
                start=first,
                end=last + timedelta(days=1),
                interval=step,
                auto_adjust=False,
                repair=True,
            )
        except Exception as error:  # of thousands of lines that guess: raw rows are better
            return rows, [f"nothing was repaired: yfinance failed ({error!r:.80})"]
    if table.empty:
        why = f": {shown(door.error, 120)}" if door.error else ""
        return rows, [f"nothing was repaired, yfinance got no prices{why}"]
    times = table.index.tz_localize(None).date if interval.us >= DAY else table.index
    names = (*_PRICES, "volume")
    fixed = pl.DataFrame(
        {"open_time": list(times)}
        | {f"{name}_new": table[name.capitalize()].to_numpy(dtype=float) for name in names}
    ).with_columns(pl.col("open_time").cast(rows.schema["open_time"]))
    both = rows.join(fixed, on="open_time", how="left")
    differs = pl.any_horizontal(
        (pl.col(f"{name}_new") / pl.col(name) - 1).abs() > 1e-6 for name in _PRICES
    ).fill_null(False)
    taken = [pl.when(differs).then(f"{name}_new").otherwise(name).alias(name) for name in names]
    changed, made = both.filter(differs)["open_time"], both.select("open_time", *taken)
    if changed.is_empty():
        return rows, []
    if not (jumps := _jumps(made)).is_empty():
        return rows, [
            f"nothing was repaired: yfinance would change {changed.len()} bars, and prices would "
            f"still jump on {jumps[0]}"
        ]
    which = ", ".join(str(time) for time in changed[:_MOST_NAMED])
    which = f"{changed[0]} … {changed[-1]}" if changed.len() > _MOST_NAMED else which
    return made, [f"yfinance repaired {changed.len()} of {rows.height} bars: {which}"]


def _jumps(rows: pl.DataFrame) -> pl.Series:
    """Times of the bars whose close is no neighbour of the one before."""
    move = (pl.col("close") / pl.col("close").shift(1)).log().abs()
    return rows.filter(move >= math.log(_NO_PRICE_MOVES))["open_time"]
