"""Live feeds made of the sources of history: closed bars, asked for after their close."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from trade_research.errors import TradeResearchError
from trade_research.feeds.bars import Bar
from trade_research.sources.source import closed_bars

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trade_research.frames.intervals import Interval
    from trade_research.live.runner import Feed
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


def feed_of(names: Sequence[str], interval: Interval) -> Feed:
    """A feed of instruments such as ``binance:BTC/USDT@1m``.

    Pushed by the venue where it pushes candles and is the only one; asked for everywhere else.
    """
    from trade_research.feeds.socket import VENUES, Socket
    from trade_research.settings.secrets import quiet_clients
    from trade_research.sources.registry import open_source

    quiet_clients()
    venues = {name: name.partition(":")[0] for name in names}
    symbols = {name: name.partition(":")[2].rpartition("@")[0] for name in names}
    opened = {venue: open_source(venue) for venue in set(venues.values())}
    asked = Polling(
        {symbols[name]: (opened[venues[name]], symbols[name]) for name in names}, interval
    )
    if len(opened) == 1 and (venue := venues[names[0]]) in VENUES:
        return Socket(venue, list(symbols.values()), interval.text, asked.backfill)
    return asked
