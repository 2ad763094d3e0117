"""Bars of one or many symbols as the (time × symbol) matrices the fill step reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from trade_research.errors import SimulationError, nearest
from trade_research.kernels.jit import F64, I64
from trade_research.simulate.records import Records

if TYPE_CHECKING:
    import polars as pl

PRICES = ("open", "high", "low", "close", "volume")
DAY_US = 86_400_000_000


@dataclass(frozen=True, eq=False)
class Market:
    """Prices of `n_symbols` instruments on one common sequence of bars.

    Parameters
    ----------
    open_time, close_time : int64 array of shape (n_bars,)
        Microseconds since 1970, UTC; strictly increasing.
    open, high, low, close, volume : float64 array of shape (n_bars, n_symbols)
        NaN in all prices where a symbol has no bar. A volume of 0 means that nothing traded and
        nothing can be filled; NaN means unknown, and fills. One-dimensional arrays are taken as
        one symbol. Arrays are not copied when they are contiguous float64.
    symbols : tuple of str
        Names of the columns.
    session : int64 array of shape (n_bars,), optional
        Day number of each bar's session, for schedules; the UTC day of the bar when left out.
    delisted : tuple of str
        Symbols that stop trading after their last bar here: positions close there.
    funding : record array of FlowRow, optional
        Fundings of perpetuals that fall due, in order; see `with_funding`.

    Raises
    ------
    SimulationError
        Shapes that do not agree, times out of order, or an unknown delisted symbol.
    """

    open_time: I64
    close_time: I64
    open: F64
    high: F64
    low: F64
    close: F64
    volume: F64
    symbols: tuple[str, ...]
    session: I64 | None = None
    delisted: tuple[str, ...] = ()
    funding: Records | None = None
    n_bars: int = field(init=False)
    n_symbols: int = field(init=False)

    def __post_init__(self) -> None:
        n_symbols = len(self.symbols)
        times = np.asarray(self.open_time)
        n_bars = times.size
        for name in ("open_time", "close_time", "session"):
            value = getattr(self, name)
            if value is None:
                continue
            value = np.ascontiguousarray(value, dtype=np.int64)
            if value.shape != (n_bars,):
                raise SimulationError(
                    f"Market: {name} has shape {value.shape}, but open_time has {n_bars} rows."
                )
            object.__setattr__(self, name, read_only(value))
        for name in PRICES:
            value = np.ascontiguousarray(getattr(self, name), dtype=np.float64)
            if value.ndim == 1:
                value = value.reshape(-1, 1)
            if value.shape != (n_bars, n_symbols):
                raise SimulationError(
                    f"Market: {name} has shape {value.shape}, but there are {n_bars} bars of "
                    f"{n_symbols} symbols. Give (n_bars, n_symbols)."
                )
            object.__setattr__(self, name, read_only(value))
        is_late = self.open_time[1:] <= self.open_time[:-1]
        if is_late.any():
            raise SimulationError(
                f"Market: open_time does not increase at row {int(is_late.argmax()) + 1}. "
                "Sort the bars and drop repeats."
            )
        for name in self.delisted:
            if name not in self.symbols:
                raise SimulationError(
                    f"Market: delisted symbol {name!r} is not among the symbols; "
                    f"{nearest(name, self.symbols)}"
                )
        object.__setattr__(self, "n_bars", n_bars)
        object.__setattr__(self, "n_symbols", n_symbols)

    @classmethod
    def from_frame(
        cls,
        frame: pl.DataFrame,
        *,
        delisted: Sequence[str] = (),
        sessions: pl.Series | None = None,
        symbols: Sequence[str] | None = None,
    ) -> Market:
        """Market of a frame of bars; several symbols (a `symbol` column) become columns.

        Parameters
        ----------
        frame : polars.DataFrame
            Bars as `trade_research.frames` defines them, each symbol in time order. Rows of all
            symbols are laid on the union of their open times; a symbol without a row there has NaN.
        delisted : sequence of str
            Symbols whose last row here is their last day of trading.
        sessions : polars.Series of Date, optional
            Session date of every row of a single-symbol frame, for rebalancing schedules.
        symbols : sequence of str, optional
            The columns, some of which may have no row here yet; by default those that have.

        Raises
        ------
        SimulationError
            Symbols whose bars of one open time close at different times.
        """
        import polars as pl

        from trade_research.frames.columns import columns

        stamps = {
            name: frame[name].cast(pl.Datetime("us", "UTC")).to_physical().to_numpy()
            for name in ("open_time", "close_time")
        }
        prices = columns(frame, PRICES)
        day = None if sessions is None else sessions.to_physical().to_numpy().astype(np.int64)
        names = frame["symbol"].unique(maintain_order=True).to_list() if _has_symbols(frame) else []
        names = list(symbols or names)
        if len(names) > 1:
            return _laid(frame, names, prices, tuple(delisted))
        return cls(
            open_time=stamps["open_time"],
            close_time=stamps["close_time"],
            **prices,
            symbols=tuple(names) or ("asset",),
            session=day,
            delisted=tuple(delisted),
        )

    def since(self, first: int, end: int | None = None) -> Market:
        """The bars from row `first` on, up to `end` where one is given; no price is copied."""
        rows = slice(first, self.n_bars if end is None else end)
        cut = {name: getattr(self, name)[rows] for name in ("open_time", "close_time", *PRICES)}
        due = self.funding
        if due is not None:
            due = due[(due["bar"] >= first) & (due["bar"] < rows.stop)].copy()
            due["bar"] -= first
        session = None if self.session is None else self.session[rows]
        return replace(self, **cut, session=session, funding=due)

    def with_funding(self, funding: pl.DataFrame | float) -> Market:
        """The same market with funding rates, for perpetuals.

        Parameters
        ----------
        funding : DataFrame or float
            ``time`` (or ``ts``), ``funding_rate``, perhaps ``mark_price`` and ``symbol``; or one
            rate for all symbols every 8 hours (00, 08 and 16 h UTC), 0.0 for none. Where the mark
            is not known the bar's open takes its place.

        Raises
        ------
        SchemaError, SimulationError
            Not a table of rates, or one that misses some: a missing rate is not 0.
        """
        from trade_research.simulate.funding import flows_of

        return replace(self, funding=flows_of(funding, self))

    def session_days(self) -> I64:
        """Day number of each bar's session; without sessions the UTC day in which it closed."""
        if self.session is not None:
            return self.session
        return (self.close_time - 1) // DAY_US


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A read-only view: kernels see one type of array, and nobody changes data in place."""
    view = array.view()
    view.setflags(write=False)
    return view


def _has_symbols(frame: pl.DataFrame) -> bool:
    return "symbol" in frame.columns and frame.height > 0


def _laid(
    frame: pl.DataFrame,
    names: list[str],
    prices: Mapping[str, F64],
    delisted: tuple[str, ...],
) -> Market:
    """The rows of many symbols on the union of their open times."""
    from trade_research.frames.grid import Grid

    grid = Grid.of(frame, names)
    tables: dict[str, Any] = {name: grid.laid(prices[name]) for name in PRICES}
    return Market(
        open_time=grid.open_time,
        close_time=grid.close_time,
        **tables,
        symbols=grid.symbols,
        delisted=delisted,
    )
