"""Live feeds made of the sources of history: closed bars, asked for after their close."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from trade_research.errors import SessionError, TradeResearchError
from trade_research.feeds.bars import Bar
from trade_research.simulate.funding import Funding
from trade_research.sources.source import closed_bars

HOUR_US = 3_600_000_000

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trade_research.frames.intervals import Interval
    from trade_research.live.bar_runner import BarFeed
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


class Fundings:
    """Asks perpetuals' venues, hour by hour, what funding was stamped since the last one known.

    What cannot be had now is asked again, and charged when it is heard of: its own time is on
    record beside the row's.

    Parameters
    ----------
    sources : mapping of str to (Source, str)
        As of `Polling`.
    since : int
        Open time of the row before the first.

    Raises
    ------
    SessionError
        For a venue that tells no funding: a missing rate is not 0.
    """

    def __init__(self, sources: Mapping[str, tuple[Source, str]], since: int) -> None:
        for symbol, (source, _) in sources.items():
            if not hasattr(source, "funding"):
                raise SessionError(f"{source.name} tells no funding of {symbol}: use another venue")
        self._sources: dict[str, tuple[Any, str]] = dict(sources)
        self._since = dict.fromkeys(self._sources, since)
        self._asked = dict.fromkeys(self._sources, since // HOUR_US)
        self._troubles: list[str] = []

    def __call__(self, open_time: int) -> list[Funding]:
        """Fundings not known before and stamped no later than this open, oldest first."""
        found: list[Funding] = []
        for symbol, (source, name) in self._sources.items():
            if open_time // HOUR_US == self._asked[symbol]:
                continue
            start = self._since[symbol] + 1
            try:
                rates = source.funding(name, moment(start), moment(open_time + 1))
            except TradeResearchError as error:
                self._troubles.append(f"funding of {symbol}: {error}")
                continue
            self._asked[symbol] = open_time // HOUR_US
            times = rates["time"].to_physical().to_list()
            due = zip(times, rates["funding_rate"].to_list(), strict=True)
            found += [Funding(symbol, t, rate) for t, rate in due if start <= t <= open_time]
            self._since[symbol] = max([self._since[symbol], *times])
        return sorted(found, key=lambda one: (one.time, one.symbol))

    def troubles(self) -> list[str]:
        """What went wrong since the last call."""
        found, self._troubles = self._troubles, []
        return found


class PerpFeed:
    """A feed of perpetuals: what goes wrong with their fundings is told with the rest."""

    def __init__(self, feed: BarFeed, fundings: Fundings) -> None:
        self._feed, self._fundings = feed, fundings
        self.poll, self.backfill, self.close = feed.poll, feed.backfill, feed.close

    def troubles(self) -> list[str]:
        """Of the feed and of the fundings."""
        return [*self._feed.troubles(), *self._fundings.troubles()]


def moment(us: int) -> datetime:
    """Microseconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(us // 1_000_000, UTC).replace(microsecond=us % 1_000_000)


def feed_of(names: Sequence[str], interval: Interval) -> BarFeed:
    """A feed of instruments such as ``binance:BTC/USDT@1m``.

    Pushed by the venue where it pushes candles and is the only one; asked for everywhere else.
    """
    from trade_research.feeds.socket import VENUES, Socket
    from trade_research.settings.secrets import quiet_clients

    quiet_clients()
    sources = _opened(names)
    asked = Polling(sources, interval)
    venues = {name.partition(":")[0] for name in names}
    if len(venues) == 1 and (venue := venues.pop()) in VENUES:
        return Socket(venue, list(sources), interval.text, asked.backfill)
    return asked


def fundings_for(names: Sequence[str], since: int) -> Fundings:
    """The fundings of instruments from the row after one that opened at `since`."""
    return Fundings(_opened(names), since)


def _opened(names: Sequence[str]) -> dict[str, tuple[Source, str]]:
    """Symbols, each with its source and its name there."""
    from trade_research.sources.registry import open_source

    venues = {venue: open_source(venue) for venue in {name.partition(":")[0] for name in names}}
    symbols = {name: name.partition(":")[2].rpartition("@")[0] for name in names}
    return {symbols[name]: (venues[name.partition(":")[0]], symbols[name]) for name in names}
