"""Live feeds made of the sources of history: closed bars, asked for after their close."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from trade_research.errors import TradeResearchError
from trade_research.feeds.bars import Bar
from trade_research.sources.source import closed_bars

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trade_research.frames.intervals import Interval
    from trade_research.sources.source import Source


class Polling:
    """Asks a venue for every bar once it has closed, by the same calls that fetch history.

    For venues that push no candles, and for those whose sockets are down: the session's bar clock
    asks `backfill` for what is due.

    Parameters
    ----------
    sources : mapping of str to (Source, str)
        Symbol of the session to the source and the symbol there.
    interval : Interval
    """

    def __init__(self, sources: Mapping[str, tuple[Source, str]], interval: Interval) -> None:
        self._sources, self._interval = dict(sources), interval
        self._troubles: list[str] = []

    def poll(self, seconds: float) -> list[Bar]:
        """Nothing comes by itself."""
        time.sleep(seconds)
        return []

    def backfill(self, symbol: str, start: int, end: int) -> list[Bar]:
        """Closed bars with open times in [start, end); none, and a trouble, where it fails."""
        source, name = self._sources[symbol]
        span = moment(start), moment(end)
        try:
            page = source.page(name, self._interval, *span)
            frame = closed_bars(
                page.rows, self._interval, source.calendar(name), *span, source.now()
            )
        except TradeResearchError as error:
            self._troubles.append(f"{symbol}: {error}")
            return []
        times = (frame[t].to_physical().to_list() for t in ("open_time", "close_time"))
        prices = (frame[n].to_list() for n in ("open", "high", "low", "close", "volume"))
        return [Bar(symbol, *values) for values in zip(*times, *prices, strict=True)]

    def troubles(self) -> list[str]:
        """What went wrong since the last call."""
        found, self._troubles = self._troubles, []
        return found

    def close(self) -> None:
        """Nothing is held."""


def moment(us: int) -> datetime:
    """Microseconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(us // 1_000_000, UTC).replace(microsecond=us % 1_000_000)


def polling(names: list[str], interval: Interval) -> Polling:
    """A feed of instruments such as ``binance:BTC/USDT@1m``, a source for each venue."""
    from trade_research.sources.registry import open_source

    opened: dict[str, Source] = {}
    sources: dict[str, tuple[Source, str]] = {}
    for name in names:
        venue, _, rest = name.partition(":")
        symbol = rest.rpartition("@")[0]
        if venue not in opened:
            opened[venue] = open_source(venue)
        sources[symbol] = (opened[venue], symbol)
    return Polling(sources, interval)
