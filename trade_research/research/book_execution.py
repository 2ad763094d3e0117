"""How orders were executed, and how the market's trades were: markouts and who paid whom.

All in basis points a side, the same unit as a fee: a half-spread, a move of the mid, a markout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from trade_research.indicators.flow import last_before
from trade_research.simulate.book_fills import walk_each

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64, I64
    from trade_research.research.books import BookBacktest
    from trade_research.simulate.book_run import BookMarket

MARKOUTS = (-10.0, -5.0, -1.0, 0.0, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0)
SPLITS = (1.0, 5.0, 30.0)
MULTIPLES = (0.5, 1.0, 5.0, 10.0, 50.0)


def mid_at(market: BookMarket, when: I64, seconds: float) -> F64:
    """Mid `seconds` after each moment, as last seen then; NaN before the first and after the last.

    `when` is in nanoseconds, ascending.
    """
    at = when + int(seconds * 1e9)
    row = last_before(market.time, at)
    out: F64 = np.where((row >= 0) & (at <= market.time[-1]), market.mid[row], np.nan)
    return out


def markouts(run: BookBacktest) -> pl.DataFrame:
    """`moves_after` our fills."""
    fills = run.fills
    when, side = fills["arrived"].to_physical().to_numpy(), fills["filled"].sign().to_numpy()
    return moves_after(run.market, when, side, fills["price"].to_numpy())


def moves_after(market: BookMarket, when: I64, side: F64, price: F64) -> pl.DataFrame:
    """Mean move of the mid past the price of fills, in our favour, by time from the fill.

    Columns ``seconds, buys, sells, all, error, n``; `error` is 1.96 standard errors of `all`. As
    far as a tenth of the recording, beyond which fills say the same thing again and again.
    """
    rows, reach = [], float(market.time[-1] - market.time[0]) / 1e10
    for seconds in (s for s in MARKOUTS if s <= reach):
        found = 1e4 * side * (mid_at(market, when, seconds) / price - 1.0)
        known = np.isfinite(found)
        if known.sum() > 1:
            error = 1.96 * float(np.std(found[known], ddof=1)) / float(np.sqrt(known.sum()))
            means = [_mean(found[known & pick]) for pick in (side > 0, side < 0, side != 0)]
            rows.append([seconds, *means, error, int(known.sum())])
    names = ["seconds", "buys", "sells", "all", "error"]
    schema = dict.fromkeys(names, pl.Float64) | {"n": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


class Taken(NamedTuple):
    """Trades of takers: nanoseconds, side of the taker, price, size, and the mid before, (n,)."""

    when: I64
    side: F64
    price: F64
    size: F64
    mid: F64


def paid_and_kept(run: BookBacktest) -> pl.DataFrame:
    """`split_of` our fills, and of the market's recorded trades."""
    fills = run.fills
    ours = Taken(
        fills["arrived"].to_physical().to_numpy(), fills["filled"].sign().to_numpy(),
        fills["price"].to_numpy(), fills["filled"].abs().to_numpy(),
        fills["mid_arrived"].to_numpy(),
    )  # fmt: skip
    return split_of(run.market, {"we": ours} | market_trades(run.market, run.prints), SPLITS)


def market_trades(market: BookMarket, prints: pl.DataFrame | None) -> dict[str, Taken]:
    """The market's recorded trades, if there are any."""
    if prints is None:
        return {}
    told = prints.filter(pl.col("side") != 0)
    when = told["time"].to_physical().to_numpy()
    sides = told["side"].to_numpy().astype(float)
    before = mid_at(market, when - 1, 0.0)
    return {"market": Taken(when, sides, told["price"].to_numpy(), told["size"].to_numpy(), before)}


def split_of(
    market: BookMarket, groups: Mapping[str, Taken], horizons: Sequence[float]
) -> pl.DataFrame:
    """Half-spread paid = what the mid then moved the taker's way + what the maker keeps.

    One row for each group and horizon, seconds: columns ``who, seconds, paid, moved, kept, n``,
    basis points weighted by size. What moved is the maker's adverse selection (Huang and Stoll
    1996).
    """
    rows = []
    for who, (when, side, price, size, mid) in groups.items():
        for seconds in horizons:
            after = mid_at(market, when, seconds)
            known = np.isfinite(after) & np.isfinite(mid)
            if not known.any():
                continue
            parts = (price - mid, after - mid, price - after)
            bps = [1e4 * np.average((side * p / mid)[known], weights=size[known]) for p in parts]
            rows.append([who, seconds, *map(float, bps), int(known.sum())])
    names = ["seconds", "paid", "moved", "kept"]
    schema = {"who": pl.String} | dict.fromkeys(names, pl.Float64) | {"n": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def cost_by_size(run: BookBacktest) -> pl.DataFrame:
    """Mean cost to the mid of walking the books, by multiples of the median order.

    Columns ``multiple, units, buy, sell, short``; `short` is the share of books too thin for it.
    """
    units = np.abs(run.result.column("quantity"))
    if not units.size:
        return pl.DataFrame()
    rows = []
    for multiple in MULTIPLES:
        size = float(multiple * np.median(units))
        cost = walked(run.market, size)[:, np.isfinite(run.market.mid)]
        buy, sell = (_mean(side[np.isfinite(side)]) for side in cost)
        rows.append([multiple, size, buy, sell, float(np.isnan(cost).mean())])
    names = ["multiple", "units", "buy", "sell", "short"]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.Float64), orient="row")


def walked(market: BookMarket, units: float) -> F64:
    """Cost to the mid in bp of buying and of selling `units` at once, (2, n_books).

    NaN where a book is too thin, or there is none.
    """
    paid = walk_each(market.ask_price, market.ask_size, units)
    told = walk_each(market.bid_price, market.bid_size, units)
    return 1e4 * np.stack([paid / market.mid - 1.0, 1.0 - told / market.mid])


def _mean(values: F64) -> float | None:
    return float(values.mean()) if values.size else None
