"""What the page of a run over order books shows, computed once when the report is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from trade_research.indicators.book import book_spread, imbalance
from trade_research.report.microstructure import BookView, Heat, write_microstructure
from trade_research.research.book_execution import cost_by_size, markouts, mid_at, paid_and_kept

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64
    from trade_research.research.books import BookBacktest

HORIZONS = (0.1, 1.0, 5.0, 10.0, 30.0, 60.0)
CHOSEN, AROUND_S = 6, 10.0


def write_page(run: BookBacktest, path: str | Path) -> Path:
    """Write the microstructure page of a run."""
    return write_microstructure(view_of(run), path)


def view_of(run: BookBacktest) -> BookView:
    """All that the page shows."""
    market, seconds = run.market, run.market.time / 1e9
    moves = {h: _move(run, h) for h in HORIZONS}
    signal = imbalance(market.bid_size, market.ask_size, 5)
    first, last = run.equity["time"][0], run.equity["time"][-1]
    return BookView(
        title=f"{run.strategy.name} on {market.symbol or 'order books'}",
        facts=f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC · "
        f"{market.time.size:,} books · fee {run.setup.costs.fee_bps:g} bp · "
        f"latency {run.latency_text}",
        metrics=run.metrics,
        fee_bps=run.setup.costs.fee_bps,
        warnings=run.warnings,
        seconds=seconds,
        equity=run.result.mid_equity,
        touch=run.result.touch_equity,
        latency=run.latency_curve,
        decay=_decay(signal, moves),
        decile=_deciles(signal, moves),
        hours=_hours(run),
        depth=_depth(run),
        recording=_recording(run),
        markout=markouts(run),
        split=paid_and_kept(run),
        sizes=cost_by_size(run),
        reasons=_reasons(run),
        look=[_heat(run, row) for row in _chosen(run)],
    )


def _move(run: BookBacktest, horizon: float) -> F64:
    """Move of the mid over the next `horizon` seconds in bp, as recorded; NaN past the end."""
    move: F64 = 1e4 * (mid_at(run.market, run.market.time, horizon) / run.market.mid - 1.0)
    return move


def _recording(run: BookBacktest) -> pl.DataFrame:
    """What was recorded, and how well: ``what, found``."""
    market, prints = run.market, run.prints
    apart = np.diff(market.time) / 1e9
    bid, ask = market.bid_price[:, 0], market.ask_price[:, 0]
    whole, n = np.isfinite(bid) & np.isfinite(ask), market.time.size
    facts = [
        ("Books", f"{n:,}"),
        ("Length", f"{(market.time[-1] - market.time[0]) / 6e10:,.1f} min"),
        ("Between books, median", f"{np.median(apart) if apart.size else 0:.3g} s"),
        ("Longest silence", f"{apart.max(initial=0.0):.3g} s"),
        ("Without a side or masked", f"{1 - whole.mean():.2%}"),
        ("Crossed or locked", f"{np.mean(bid[whole] >= ask[whole]) if whole.any() else 0:.2%}"),
        ("Levels a side", f"{bid.size and market.bid_price.shape[1]}"),
        ("Market trades", "not given" if prints is None else f"{prints.height:,}"),
    ]
    return pl.DataFrame(facts, schema=["what", "found"], orient="row")


def _decay(signal: F64, moves: dict[float, F64]) -> pl.DataFrame:
    rows = []
    for horizon, move in moves.items():
        known = np.isfinite(signal) & np.isfinite(move)
        if known.sum() > 30 and np.ptp(move[known]) > 0:
            ic = float(np.corrcoef(signal[known], move[known])[0, 1])
            rows.append({"seconds": horizon, "ic": ic, "n": int(known.sum())})
    return pl.DataFrame(rows, schema={"seconds": pl.Float64, "ic": pl.Float64, "n": pl.Int64})


def _deciles(signal: F64, moves: dict[float, F64]) -> pl.DataFrame:
    known = np.isfinite(signal)
    if not known.any():
        return pl.DataFrame(schema={"decile": pl.Int64, "signal": pl.Float64})
    edges = np.quantile(signal[known], np.linspace(0, 1, 11)[1:-1])
    group = np.searchsorted(edges, signal)
    table = {"decile": group, "signal": signal} | {f"{h:g} s": moves[h] for h in (1.0, 10.0, 60.0)}
    frame = pl.DataFrame(table).filter(pl.Series(known)).fill_nan(None)
    means = pl.all().exclude("decile").mean().fill_null(0.0)
    return frame.group_by("decile").agg(means).sort("decile").with_columns(pl.col("decile") + 1)


def _hours(run: BookBacktest) -> pl.DataFrame:
    market = run.market
    spread = book_spread(market.bid_price, market.ask_price)
    frame = pl.DataFrame(
        {
            "time": run.equity["time"],
            "spread": spread,
            "size": 0.5 * (market.bid_size[:, 0] + market.ask_size[:, 0]),
            "mid": market.mid,
        }
    ).fill_nan(None)
    minute = (
        frame.group_by(pl.col("time").dt.truncate("1m"), maintain_order=True)
        .agg(pl.col("mid").drop_nulls().last())
        .with_columns(step=pl.col("mid").log().diff() * 1e4)
        .group_by(hour=pl.col("time").dt.hour())
        .agg(volatility=pl.col("step").std().fill_null(0.0))
    )
    hour = pl.col("time").dt.hour().alias("hour")
    by = frame.group_by(hour).agg(
        books=pl.len(), spread=pl.col("spread").mean(), size=pl.col("size").median()
    )
    return (
        by.join(minute, on="hour")
        .sort("hour")
        .with_columns(pl.col("spread", "size").fill_null(0.0))
    )


def _depth(run: BookBacktest) -> pl.DataFrame:
    market, rows = run.market, []
    for level in range(min(market.bid_size.shape[1], 10)):
        row: dict[str, float] = {"level": level + 1}
        for side, table in (("bid", market.bid_size), ("ask", market.ask_size)):
            known = table[:, level][~np.isnan(table[:, level])]
            found = np.quantile(known, [0.5, 0.25, 0.75]) if known.size else np.zeros(3)
            row |= {side: found[0], f"{side}_low": found[1], f"{side}_high": found[2]}
        rows.append(row)
    return pl.DataFrame(rows)


def _reasons(run: BookBacktest) -> pl.DataFrame:
    cost = 1e4 * pl.col("filled").sign() * (pl.col("price") / pl.col("mid_arrived") - 1.0)
    return (
        run.orders.group_by("reason", "status")
        .agg(
            orders=pl.len(),
            units=pl.col("filled").abs().sum(),
            cost=cost.mean(),
        )
        .sort("orders", descending=True)
    )


def _chosen(run: BookBacktest) -> list[int]:
    """Trips to look at: the best, the worst, and typical ones."""
    net = run.trades["net"].to_numpy()
    if not net.size:
        return []
    order = np.argsort(net, kind="stable")
    picks = np.unique(np.linspace(0, net.size - 1, min(CHOSEN, net.size)).astype(int))
    return [int(order[k]) for k in picks[::-1]]


def _heat(run: BookBacktest, trip: int) -> Heat:
    """The book some seconds around a trip's entry."""
    row = run.trades.row(trip, named=True)
    market = run.market
    entry = run.trades["entry_time"].to_physical()[trip]
    leave = run.trades["exit_time"].to_physical()[trip]
    reach = int(AROUND_S * 1e9)
    first = int(np.searchsorted(market.time, entry - reach))
    last = int(np.searchsorted(market.time, min(leave, entry + 3 * reach) + reach))
    step = max((last - first) // 150, 1)
    rows = np.arange(first, min(last, market.time.size), step)
    bid, ask = market.bid_price[rows], market.ask_price[rows]
    low, high = np.nanmin(bid), np.nanmax(ask)
    bins = np.linspace(low, high, 60)
    size = np.zeros((bins.size, rows.size))
    for prices, sizes in ((bid, market.bid_size[rows]), (ask, market.ask_size[rows])):
        known = ~np.isnan(prices)
        at = np.searchsorted(bins, prices[known])
        np.add.at(size, (at.clip(0, bins.size - 1), np.nonzero(known)[0]), sizes[known])
    side = 1 if row["side"] == "long" else -1
    fills = [
        ((when - entry) / 1e9, price, way)
        for when, price, way in (
            (entry, row["entry_price"], side), (leave, row["exit_price"], -side),
        )
    ]  # fmt: skip
    held = (leave - entry) / 1e9
    finding = f"{row['net']:+.2f} after fees, {row['gross']:+.2f} before, held {held:.1f} s"
    title = f"{row['entry_time']:%H:%M:%S} {row['side']}, out by {row['reason_out']}"
    return Heat(
        title, finding, bins, (market.time[rows] - entry) / 1e9, np.log1p(size), market.mid[rows],
        fills,
    )  # fmt: skip
