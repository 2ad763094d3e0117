"""What a run is given: a query of the store or a bare frame, made into one record."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np
import polars as pl

from trade_research.errors import ConfigError
from trade_research.frames.bars import TIME, check_bars, interval_of
from trade_research.frames.calendars import Calendar, get_calendar
from trade_research.frames.funding import to_funding
from trade_research.frames.intervals import Interval
from trade_research.frames.verdicts import audit
from trade_research.sources.files import read_bars_report, symbols_in
from trade_research.sources.memory import Table, raw_of
from trade_research.store.hashing import content_hash
from trade_research.store.query import Query, provenance, unchanged

if TYPE_CHECKING:
    from trade_research.kernels.jit import B8, I64
    from trade_research.simulate.market import Market

# Frames that were read before: the next run on one takes the same arrays and checks nothing again.
# Each is recognised by its memory, which a change would have replaced. They are forgotten with the
# runs on them, all but the latest.
_seen: WeakValueDictionary[int, Data] = WeakValueDictionary()
_latest: deque[Data] = deque(maxlen=1)

NO_CALENDAR = "annualised numbers need the trading calendar: pass calendar='24/7' or e.g. 'XNYS'"


@dataclass(frozen=True)
class Data:
    """Bars of a run and what is known about them.

    `query` is None for a bare frame; `calendar` is None when nobody said what it is: then nothing
    is annualised. `funding` is what a perpetual account pays; None for the other accounts. `notes`
    are what was done or assumed to make bars of another library's frame.
    """

    frame: pl.DataFrame
    interval: Interval
    calendar: Calendar | None
    instruments: tuple[str, ...]
    query: Query | None = None
    funding: pl.DataFrame | float | None = None
    notes: tuple[str, ...] = ()

    def is_under(self, calendar: Calendar | None) -> bool:
        """Whether a call that passes `calendar` means this: a query knows its own."""
        return calendar == self.calendar or (calendar is None and self.query is not None)

    @property
    def periods_per_year(self) -> float | None:
        """Bars in a year by calendar and interval; None without a calendar."""
        return None if self.calendar is None else self.calendar.periods_per_year(self.interval)

    @property
    def calendar_name(self) -> str:
        """The calendar that longer intervals are made on: around the clock where none is known."""
        return "24/7" if self.calendar is None else self.calendar.name

    @property
    def sessions_per_year(self) -> float | None:
        """Trading days in a year by the calendar; None without one."""
        return None if self.calendar is None else self.calendar.sessions_per_year

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the bars' content, the same for equal bars wherever they came from."""
        return content_hash(self.frame)

    @cached_property
    def market(self) -> Market:
        """The bars as the simulator's arrays, (n_bars, n_symbols)."""
        from trade_research.simulate.market import Market

        market = Market.from_frame(self.frame, symbols=tuple(filter(None, self.instruments)))
        return market if self.funding is None else market.with_funding(self.funding)

    @cached_property
    def sessions(self) -> I64:
        """Number of the session of each of the market's bars: the days from 1970 to its date."""
        times = pl.Series(self.market.close_time).cast(pl.Datetime("us", "UTC"))
        dates = get_calendar(self.calendar_name).session_dates(times).to_numpy()
        return dates.astype("datetime64[D]").astype(np.int64)

    @property
    def funding_facts(self) -> Any:
        """What a manifest says of the funding: the rate, or the number of rates and their hash."""
        if self.funding is None or isinstance(self.funding, float):
            return self.funding
        return {"rows": self.funding.height, "hash": content_hash(self.funding)}

    @cached_property
    def verdicts(self) -> pl.DataFrame:
        """What is wrong with the bars, one row a stretch, with the instrument's name."""
        calendar = get_calendar(self.calendar_name)
        parts = [
            audit(frame, self.interval, calendar).with_columns(instrument=pl.lit(name))
            for name, frame in self.by_instrument().items()
        ]
        return pl.concat(parts)

    @cached_property
    def flagged(self) -> B8:
        """Bars that a verdict names, and the first after each gap, (n_bars,)."""
        opened, rows = self.market.open_time, self.verdicts
        marks = np.zeros(opened.size + 1, dtype=np.int64)
        first, end = (
            np.searchsorted(opened, rows[name].to_physical().to_numpy())
            for name in ("open_time", "end_time")
        )
        after = np.minimum(end + (rows["kind"] == "gap").to_numpy(), opened.size)
        np.add.at(marks, first, 1)
        np.add.at(marks, after, -1)
        out: B8 = marks.cumsum()[:-1] > 0
        return out

    def by_instrument(self) -> dict[str, pl.DataFrame]:
        """The bars of each instrument, in the order of `instruments`; none yet, maybe, of some."""
        return self._parts

    @cached_property
    def _parts(self) -> dict[str, pl.DataFrame]:
        if "symbol" not in self.frame.columns:
            return {self.instruments[0]: self.frame}
        bars, runs = self.frame.drop("symbol"), self.frame["symbol"].rle().struct.unnest()
        if runs.height != len(self.instruments):
            return {name: bars.filter(self.frame["symbol"] == name) for name in self.instruments}
        ends = runs["len"].cast(pl.Int64).cum_sum()  # each in one piece: no row is copied
        return {
            name: bars.slice(end - size, size)
            for name, size, end in zip(runs["value"], runs["len"], ends, strict=True)
        }

    @cached_property
    def places(self) -> list[I64]:
        """For each instrument, which of the market's bars are its own."""
        opened = self.market.open_time
        return [
            np.searchsorted(opened, part["open_time"].to_physical().to_numpy())
            for part in self._parts.values()
        ]


def read_data(data: Any, calendar: str | Calendar | None = None) -> Data:
    """A query, or a frame of bars, as `Data`.

    Parameters
    ----------
    data : Query, polars.DataFrame or table
        A frame that came from a store unchanged still knows its query; of any other frame the
        interval is read off its times. A table that is not yet bars (of pandas, Arrow, DuckDB, or
        Polars with other names) is read as `sources.read_bars` does, all its symbols.
    calendar : str or Calendar, optional
        For bare frames, e.g. ``"24/7"`` or ``"XNYS"``. A query knows its own.

    Raises
    ------
    ConfigError
        `data` is neither, or `calendar` contradicts the store's.
    SchemaError, BarOrderError
        The frame is not a valid table of bars.
    """
    if isinstance(calendar, str):
        calendar = get_calendar(calendar)
    query: Query | None
    notes: tuple[str, ...] = ()
    if isinstance(data, Query):
        query, frame = data, data.frame()
    elif isinstance(data, pl.DataFrame) and _is_bars(data):
        seen = _seen.get(id(data))
        if seen is not None and unchanged(data, seen.frame) and seen.is_under(calendar):
            return seen
        query, frame = provenance(data), data.clone()
        if query is None:
            check_bars(frame)
    elif isinstance(data, Table):
        query, (frame, notes) = None, _read_table(data, calendar or "24/7")
    else:
        raise ConfigError(
            "data must be a query or one frame of bars (several symbols in a column 'symbol'), "
            f"found {type(data).__name__}; read a file with tr.read_bars(path) or a store with "
            "tr.Store(root).bars(…)"
        )
    if frame.is_empty():
        raise ConfigError("the data has no bars: check the span and the name")
    known = query.calendar if query is not None else None
    if calendar is not None and known is not None and calendar != known:
        raise ConfigError(
            f"calendar {calendar.name!r} was passed, but the store says {known.name!r} for "
            f"{query.name if query else ''}; leave it out"
        )
    if "symbol" in frame.columns:
        instruments = tuple(frame["symbol"].unique(maintain_order=True).to_list())
    elif query is not None:
        instruments = query.symbols
    else:
        instruments = ("",)
    interval = query.interval if query is not None else interval_of(frame)
    found = Data(frame, interval, known or calendar, instruments, query, notes=notes)
    _seen[id(data)] = found
    _latest.append(found)
    return found


def _is_bars(frame: pl.DataFrame) -> bool:
    return all(frame.schema.get(name) == TIME for name in ("open_time", "close_time"))


def _read_table(table: Table, calendar: str | Calendar) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Bars of all symbols of a table, and what was done or assumed while reading them."""
    plain = raw_of(table).table  # once: a stream cannot be read again
    parts: list[pl.DataFrame] = []
    notes: dict[str, None] = {}
    for symbol in symbols_in(plain):
        found = read_bars_report(plain, symbol=symbol, calendar=calendar)
        name = [pl.lit(symbol).alias("symbol")] if symbol is not None else []
        parts.append(found.frame.select(*name, pl.all()))
        notes |= dict.fromkeys(note for note in found.notes if note != f"symbol {symbol}")
    return pl.concat(parts), tuple(notes)


def funded(
    data: Data,
    funding: pl.DataFrame | float | None = None,
    *,
    account: str = "spot",
    reads: Iterable[str] = (),
) -> Data:
    """The data with the funding that an account pays and a strategy may read.

    Parameters
    ----------
    funding : DataFrame or float, optional
        See `Market.with_funding`; by default what the query's store has.
    account : str
        Only "perp" pays.
    reads : iterable of str
        Columns a strategy reads. ``funding_rate``, unless the bars have it, is the last rate
        stamped before each close, null before the first.

    Raises
    ------
    ConfigError
        Funding was passed, and neither account nor strategy has a use for it.
    SchemaError
        Not a table of rates.
    """
    is_read = "funding_rate" in reads and "funding_rate" not in data.frame.columns
    if not (is_read or account == "perp"):
        if funding is not None:
            raise ConfigError(
                f"funding was passed, but a {account!r} account pays none: use account='perp'"
            )
        return data
    if funding is None and data.query is not None:
        funding = data.query.funding()
    if funding is None:
        return data
    known = float(funding) if isinstance(funding, int | float) else to_funding(funding)
    frame = with_rates(data.frame, known) if is_read else data.frame
    return replace(data, frame=frame, funding=known if account == "perp" else None)


def with_rates(frame: pl.DataFrame, funding: pl.DataFrame | float) -> pl.DataFrame:
    """The bars with the column ``funding_rate``, as it was known at each close.

    A rate that is stamped at a close is settled at that moment or a little after: the next bar is
    the first to know it.
    """
    if isinstance(funding, float):
        return frame.with_columns(pl.lit(funding).alias("funding_rate"))
    by = "symbol" if "symbol" in frame.columns else None
    if by is None or by not in funding.columns:
        if by is not None or ("symbol" in funding.columns and funding["symbol"].n_unique() > 1):
            raise ConfigError("funding and bars must both have a column 'symbol', or neither")
        by = None
    rates = funding.select([*([by] if by else []), "time", "funding_rate"]).sort("time")
    rows = frame.with_row_index("_row").sort("close_time")
    joined = rows.join_asof(
        rates, left_on="close_time", right_on="time", by=by, allow_exact_matches=False
    )
    return joined.sort("_row").select(*frame.columns, "funding_rate")
