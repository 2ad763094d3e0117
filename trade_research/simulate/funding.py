"""Funding rates laid on bars: which bar each one falls due in, and whether none is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from trade_research.errors import SimulationError, nearest
from trade_research.kernels.jit import I64
from trade_research.simulate.codes import AT_OPEN, INSIDE
from trade_research.simulate.records import FlowRow, Records, empty

if TYPE_CHECKING:
    import polars as pl

    from trade_research.simulate.market import Market

MINUTE_US = 60_000_000
LONGEST_US = 8 * 60 * MINUTE_US
"""The longest time between two fundings that the known venues have."""


class Funding(NamedTuple):
    """One rate as it becomes known to a `Simulator`: `time` in µs, NaN for an unknown mark."""

    symbol: str
    time: int
    rate: float
    mark: float = np.nan


def flows_of(funding: pl.DataFrame | float, market: Market) -> Records:
    """The fundings that fall due within the bars of a market, in order.

    Parameters
    ----------
    funding : DataFrame or float
        As `frames.to_funding` makes it, or one rate for all symbols every 8 hours (00, 08 and
        16 h UTC) on the bars' opens.

    Returns
    -------
    record array of `FlowRow`
        One stamped at an open is due there, before that open's fills; one within a bar is due on
        what is held after them; one between two bars at the later's open.

    Raises
    ------
    SimulationError
        A symbol without rates, or with none for more than 8 hours of its bars: a missing rate is
        not 0.
    """
    if market.n_bars == 0:
        return empty(FlowRow, 0)
    if isinstance(funding, int | float):
        return _constant(float(funding), market)
    from trade_research.frames.funding import to_funding

    table = to_funding(funding)
    parts = []
    for s, name in enumerate(market.symbols):
        rows = _rows_of(table, name, market)
        times = rows["time"].to_physical().to_numpy()
        _check_whole(times, s, market)
        flows = _placed(times, s, market)
        due = flows["bar"] >= 0
        flows["rate"] = rows["funding_rate"].to_numpy()
        flows["mark"] = rows["mark_price"].fill_null(np.nan).to_numpy()
        parts.append(flows[due])
    return _sorted(joined(parts))


def fundings_of(market: Market) -> dict[int, list[Funding]]:
    """The fundings that a session hears of with each bar, by the bar's number."""
    out: dict[int, list[Funding]] = {}
    flows: Records | list[Any] = [] if market.funding is None else market.funding
    for flow in flows:
        one = Funding(
            market.symbols[flow.symbol], int(flow.time), float(flow.rate), float(flow.mark)
        )
        out.setdefault(int(flow.bar), []).append(one)
    return out


def flows_now(
    funding: Iterable[Funding], bar: int, open_time: int, symbols: tuple[str, ...]
) -> Records:
    """The fundings that became known with one bar, as a `Simulator` takes them."""
    known = list(funding)
    out = empty(FlowRow, len(known))
    for row, one in zip(out, known, strict=True):
        if one.symbol not in symbols:
            raise SimulationError(
                f"funding of {one.symbol!r}, which is not among the symbols; "
                f"{nearest(one.symbol, symbols)}"
            )
        row.bar, row.symbol = bar, symbols.index(one.symbol)
        row.time = one.time // MINUTE_US * MINUTE_US
        row.phase = AT_OPEN if row.time <= open_time else INSIDE
        row.rate, row.mark = one.rate, one.mark
    return _sorted(out)


def _constant(rate: float, market: Market) -> Records:
    """One rate every 8 hours; nothing at all for 0."""
    if not abs(rate) < 1.0:
        raise SimulationError(
            f"funding={rate!r} is not a rate: 0.0001 is one basis point every 8 hours."
        )
    first = -(-int(market.open_time[0]) // LONGEST_US) * LONGEST_US
    times = np.arange(first, int(market.close_time[-1]), LONGEST_US, dtype=np.int64)
    if rate == 0.0:
        times = times[:0]
    parts = [_placed(times, s, market) for s in range(market.n_symbols)]
    out = _sorted(joined(parts))
    out["rate"], out["mark"] = rate, np.nan
    return out[out["bar"] >= 0]


def _rows_of(table: pl.DataFrame, name: str, market: Market) -> pl.DataFrame:
    """The rates of one symbol; a table without symbols is that of the only one."""
    if "symbol" not in table.columns:
        if market.n_symbols > 1:
            raise SimulationError(
                f"funding has no column 'symbol', but there are {market.n_symbols} symbols."
            )
        return table
    known = table["symbol"].unique().to_list()
    if market.n_symbols == 1 and len(known) == 1:
        return table
    rows = table.filter(symbol=name)
    if rows.is_empty():
        raise SimulationError(
            f"funding has no rates of {name!r}: {nearest(name, known)} A missing rate is not 0."
        )
    return rows


def _check_whole(times: I64, s: int, market: Market) -> None:
    """Raise where a symbol's bars go on for more than 8 hours without a rate."""
    rows = np.flatnonzero(~np.isnan(market.close[:, s]))
    if rows.size == 0:
        return
    first, last = int(market.open_time[rows[0]]), int(market.close_time[rows[-1]])
    inside = times[(times >= first) & (times < last)]
    edges = np.concatenate(([first], inside, [last]))
    wait = np.diff(edges)
    if wait.max() > LONGEST_US:
        at = int(wait.argmax())
        since, until = (np.datetime64(int(edges[i]), "us").item() for i in (at, at + 1))
        raise SimulationError(
            f"funding of {market.symbols[s]!r} has no rate between {since:%Y-%m-%d %H:%M} and "
            f"{until:%Y-%m-%d %H:%M}, where it has bars. A missing rate is not 0: add the rates, "
            "or run on bars that have them."
        )


def _placed(times: I64, s: int, market: Market) -> Records:
    """Bar and phase of each stamp; bar -1 outside the data."""
    out = empty(FlowRow, times.size)
    bar = np.searchsorted(market.open_time, times, side="right") - 1
    opened, closed = market.open_time[bar], market.close_time[bar]
    is_between = (bar >= 0) & (times >= closed) & (times > opened)
    bar = np.where(is_between, bar + 1, bar)
    out["bar"] = np.where(bar < market.n_bars, bar, -1)
    out["phase"] = np.where((times > opened) & ~is_between, INSIDE, AT_OPEN)
    out["symbol"], out["time"] = s, times
    return out


def joined(parts: Sequence[Records]) -> Records:
    """Journals of fundings one after the other."""
    out = empty(FlowRow, sum(map(len, parts)))
    np.concatenate(parts, out=out)
    return out


def _sorted(flows: Records) -> Records:
    order = np.lexsort((flows["symbol"], flows["time"], flows["phase"], flows["bar"]))
    return flows[order]
