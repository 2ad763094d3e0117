"""What a source is: pages of bars, quotes and symbols of one provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import polars as pl

from trade_research.errors import DataError, SourceError
from trade_research.frames.bars import PRICES, to_bars
from trade_research.frames.calendars import get_calendar
from trade_research.frames.intervals import Interval


@dataclass(frozen=True)
class Quote:
    """Price of one instrument now; what the source does not say is None.

    `spread_bps` is of the mid. `volume_24h` is in base units.
    """

    source: str
    symbol: str
    price: float
    time: datetime
    bid: float | None = None
    ask: float | None = None
    volume_24h: float | None = None

    @property
    def spread_bps(self) -> float | None:
        """Ask less bid over their middle, in basis points."""
        if self.bid is None or self.ask is None:
            return None
        return 1e4 * (self.ask - self.bid) / ((self.ask + self.bid) / 2)


@dataclass(frozen=True)
class Page:
    """Rows of one answer, as the provider gave them, in the columns of `frames.to_bars`.

    `actions` are splits and dividends that came along; `notes` say what was done or left out;
    `last` is True where nothing can follow these rows in the span that was asked for.
    """

    rows: pl.DataFrame
    actions: pl.DataFrame | None = None
    notes: tuple[str, ...] = ()
    last: bool = False


class Source(Protocol):
    """One provider. Optional beside these: `trades`, `funding`, `book`, `listed`.

    Attributes
    ----------
    name, client : str
        The provider, and the library and version that asks it.
    page_bars : int
        Bars of one answer at most.
    reach_bars : int or None
        Where only so many of the latest bars are served at all.
    windowed : bool
        True where an answer covers the next `page_bars` intervals, not the next `page_bars` bars:
        an empty one then says nothing of what comes after.
    """

    name: str
    client: str
    page_bars: int
    reach_bars: int | None
    windowed: bool

    def calendar(self, symbol: str) -> str:
        """Trading calendar of an instrument."""
        ...

    def now(self) -> datetime:
        """The earlier of our clock and the provider's."""
        ...

    def page(self, symbol: str, interval: Interval, start: datetime, end: datetime) -> Page:
        """The first page of bars that open in ``[start, end)``: up to `page_bars` of them."""
        ...

    def quote(self, symbol: str) -> Quote:
        """The price now."""
        ...

    def symbols(self) -> pl.DataFrame:
        """What can be asked for: ``symbol, active`` and what else is known."""
        ...


def closed_bars(
    rows: pl.DataFrame,
    interval: Interval,
    calendar: str,
    start: datetime,
    end: datetime,
    now: datetime,
) -> pl.DataFrame:
    """Rows of a page as valid, closed bars of ``[start, end)``, oldest first.

    Rows may come in any order and exactly repeated; unfinished bars and rows outside of the span
    are left out.

    Raises
    ------
    SourceError
        A row is no bar, or two rows of one time differ.
    """
    rows = rows.unique(maintain_order=True).sort("open_time", maintain_order=True)
    try:
        bars = to_bars(rows, interval, get_calendar(calendar))
    except DataError as error:
        raise SourceError(f"a row is no bar: {error}") from error
    late = now.replace(microsecond=0)
    return bars.filter(
        pl.col("open_time") >= start, pl.col("open_time") < end, pl.col("close_time") <= late
    )


def check_overlap(
    last: pl.DataFrame, bars: pl.DataFrame, may_differ: float, may_lack: bool
) -> None:
    """A page must begin with the bar before it, the same in both.

    `may_differ` is a share of its prices; with `may_lack` the source may no longer have the bar.

    Raises
    ------
    SourceError
        It does not: it is a page of another instrument, in another unit or of another time.
    """
    at = f"{last['open_time'][0]:%F %H:%M}"
    if bars["open_time"][0] != last["open_time"][0]:
        if may_lack:
            return
        raise SourceError(f"the page does not begin with the bar asked for, {at}")
    for column in PRICES:
        before, after = last[column][0], bars[column][0]
        if abs(after - before) > may_differ * before:
            raise SourceError(
                f"the {column} at {at} was {before:g} and is {after:g} now: "
                "another instrument or unit, or a page of another time"
            )
