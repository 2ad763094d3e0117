"""Round trips: who pays the bill, and where the room for improvement is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl

from trade_research.metrics.groups import expected_longest_streak
from trade_research.metrics.trades import trade_split
from trade_research.report.arrays import floats
from trade_research.report.charts import HALF, Chart, Plot
from trade_research.report.formats import (
    basis_points,
    count,
    minute,
    money,
    percent,
    plural,
    price,
    ratio,
    short,
    whole,
)
from trade_research.report.run import Run
from trade_research.report.section import Beside, Cell, Fold, Part, Section, Stack, Table
from trade_research.report.sections.lessons import holding, hours, outliers, readings
from trade_research.report.sections.picks import extremes, shown_symbol, zoom_of

_VECTORS = 800  # more markers than this make a page heavy and a chart black


def trades(run: Run) -> Section | None:
    """All, long and short; how far trades went for and against; the best and the worst."""
    if run.trades.is_empty():
        return Section("Trades", "There were no trades", (why_none(run),), folded=True)
    charts = Stack((_excursions(run.trades), _returns(run.trades)))
    closed = run.trades.filter(~pl.col("open"))
    parts: list[Part] = [Beside((charts, _sides(run))), _reasons(run.trades)]
    if closed.height:
        parts.append(Beside((readings(closed), outliers(closed))))
        parts.append(Beside([holding(closed), *hours(closed)]))
    some = extremes(run.trades)
    parts.append(Fold(f"The {some.height} best and worst trades", (_extremes(run, some),)))
    return Section("Trades", _claim(run), parts, folded=True)


def why_none(run: Run) -> str:
    """Why a run has no trades, from what it knows."""
    if run.equity.height <= run.warmup_bars:
        return (
            f"The run has {plural(run.equity.height, 'bar')}, its warm-up needs {run.warmup_bars}."
        )
    if run.orders.is_empty():
        return (
            "The strategy never asked for a position: every target after the warm-up was 0 or "
            "no opinion."
        )
    placed = plural(run.orders.height, "order")
    return f"{placed} placed, none filled; the reasons are under Orders."


def _claim(run: Run) -> str:
    hit, share = run.metric("win_rate"), run.metric("best5_share")
    claim = plural(run.trades.height, "trade")
    if hit is not None:
        claim += f", {percent(hit, 0)} of them winners"
    if share is not None and run.trades.height > 5:
        claim += f"; the best five made {percent(share, 0)} of the profit"
    return claim


_SIDES: dict[str, tuple[str, Callable[[float], str]]] = {
    "trades": ("Closed trades", count),
    "win_rate": ("Hit rate", lambda value: percent(value, 0)),
    "expectancy": ("Expectancy, money", money),
    "expectancy_bp": ("Expectancy", basis_points),
    "avg_win": ("Average win", money),
    "avg_loss": ("Average loss", money),
    "payoff": ("Payoff", ratio),
    "profit_factor": ("Profit factor", ratio),
    "sqn": ("SQN", ratio),
    "avg_bars_held": ("Bars held", lambda value: ratio(value, 1)),
    "avg_mae": ("Average MAE", percent),
    "avg_mfe": ("Average MFE", percent),
    "max_win_streak": ("Longest winning streak", count),
    "max_loss_streak": ("Longest losing streak", count),
    "best5_share": ("Best five, of all profit", lambda value: percent(value, 0)),
}


def _sides(run: Run) -> Table:
    frame = run.trades
    needed = ("pnl", "return", "bars", "mae", "mfe", "open", "exit_time", "side")
    split = trade_split({name: frame[name].to_numpy() for name in needed})
    rows = [
        (name, *(form(split[side][key]) for side in ("all", "long", "short")))
        for key, (name, form) in _SIDES.items()
    ]
    rows += [_expected(split, won) for won in (True, False)]
    note = "After all costs; definitions at the end of the page."
    found = run.estimate("expectancy_bp")
    if found is not None and found.low is not None and found.high is not None:
        note = (
            f"90% interval of the expectancy of all: [{basis_points(found.low)}, "
            f"{basis_points(found.high)}], n = {count(found.n)}. {note}"
        )
    still = int(frame["open"].sum())
    if still:
        note = f"{plural(still, 'trade')} still open at the end, left out here. {note}"
    return Table("All, long and short", ("", "All", "Long", "Short"), rows, note=note)


def _expected(split: Mapping[str, Mapping[str, float]], won: bool) -> tuple[str, ...]:
    """Streaks that independent trades with this hit rate would show."""
    cells = []
    for side in ("all", "long", "short"):
        n, hit = split[side]["trades"], split[side]["win_rate"]
        cells.append(ratio(expected_longest_streak(int(n), hit if won else 1.0 - hit), 1))
    return (f"{'Winning' if won else 'Losing'} streak by chance", *cells)


def _excursions(frame: pl.DataFrame) -> Chart:
    """Worst against best point of each trade: where stops and targets would have bitten."""
    some = frame
    if frame.height > _VECTORS:
        some = frame[:: -(-frame.height // _VECTORS)]
    mae, mfe, pnl = (floats(some, name) for name in ("mae", "mfe", "pnl"))
    plot = Plot(
        HALF,
        (230,),
        left=52,
        right=16,
        top=24,
        bottom=42,
        x_range=(float(np.nanmin(mae, initial=-0.001)) * 1.05, 0.0),
    )
    plot.values(
        0.0,
        float(np.nanmax(mfe, initial=0.001)) * 1.06,
        label=lambda v: percent(v, 0 if np.nanmax(mfe) > 0.04 else 1),
        title="Best point (MFE)",
    )
    plot.across("Worst point (MAE)", label=lambda v: percent(v, 0 if np.nanmin(mae) < -0.04 else 1))
    won = pnl > 0
    size = 8.0 if some.height < 60 else 6.0 if some.height < 300 else 4.0
    plot.points(mae[won], mfe[won], "gain", "^", size=size)
    plot.points(mae[~won], mfe[~won], "loss", "v", size=size)
    finding = _reading(frame)
    note = (
        f" {count(some.height)} of {count(frame.height)} trades drawn."
        if some.height < frame.height
        else ""
    )
    return plot.chart(
        "Best point (MFE) against worst point (MAE) of each trade",
        finding,
        key=[("Won", "gain", "up"), ("Lost", "loss", "down")],
        read=finding + note,
    )


def _reading(frame: pl.DataFrame) -> str:
    """What the excursions say about stops and targets."""
    left = float(np.nanmean(floats(frame, "mfe") - floats(frame, "return")))
    text = f"From its best point to its exit a trade gave back {percent(left)} on average."
    winners = floats(frame.filter(pl.col("pnl") > 0), "mae")
    if winners.size < 10:
        return text
    deep = percent(float(np.quantile(winners, 0.1)))
    return f"Nine in ten winners never fell below {deep}: a stop beyond that costs few. {text}"


def _returns(frame: pl.DataFrame) -> Chart:
    """Histogram of net returns of trades; the far ends are gathered in the outer bars."""
    gain = floats(frame, "return")
    reach = float(np.quantile(np.abs(gain), 0.98)) or 0.01
    edges = np.linspace(-reach, reach, 29)
    counts, _ = np.histogram(np.clip(gain, -reach, reach), bins=edges)
    middle = (edges[1:] + edges[:-1]) / 2
    plot = Plot(
        HALF, (150,), left=52, right=16, top=24, bottom=42, x_range=(-reach * 1.03, reach * 1.03)
    )
    plot.values(0, 1.08 * max(counts.max(), 1), label=whole, most=4, title="Trades")
    up = middle > 0
    for mask, colour in ((up, "gain"), (~up, "loss")):
        plot.bars(middle[mask], np.zeros(mask.sum()), counts[mask], colour, width=1.7 * reach / 28)
    plot.across("Net return of a trade", label=lambda v: percent(v, 0 if reach > 0.03 else 1))
    finding = f"Median {percent(float(np.median(gain)), 2)}, mean {percent(float(gain.mean()), 2)}."
    return plot.chart("How the results of trades spread", finding, read=finding)


def _reasons(frame: pl.DataFrame) -> Table:
    found = (
        frame.group_by("exit_reason")
        .agg(
            pl.len().alias("n"),
            pl.col("pnl").sum(),
            (pl.col("pnl") > 0).mean().alias("hit"),
            pl.col("return").mean(),
            pl.col("bars").mean(),
        )
        .sort("n", "exit_reason", descending=[True, False])
    )
    rows = [
        (
            str(row["exit_reason"] or "still open").replace("_", " "),
            count(row["n"]),
            percent(row["hit"], 0),
            money(row["pnl"]),
            percent(row["return"], 2),
            ratio(row["bars"], 1),
        )
        for row in found.iter_rows(named=True)
    ]
    head = ("Exit", "Trades", "Hit rate", "Net profit", "Mean return", "Bars held")
    return Table("By reason of exit", head, rows)


def _extremes(run: Run, some: pl.DataFrame) -> Table:
    named, shown = len(run.instruments) > 1, shown_symbol(run)
    rows = [
        (
            Cell(minute(row["entry_time"]), zoom=zoom_of(run, shown, row)),
            minute(row["exit_time"]),
            *((short(str(row["symbol"]), 24),) if named else ()),
            row["side"],
            price(row["entry_price"]),
            price(row["exit_price"]),
            count(row["bars"]),
            Cell(money(row["pnl"]), "word"),
            percent(row["return"], 2),
            percent(row["mae"]),
            percent(row["mfe"]),
            str(row["exit_reason"] or "still open").replace("_", " "),
        )
        for row in some.iter_rows(named=True)
    ]
    head = (
        "Entry (UTC)",
        "Exit",
        *(("Symbol",) if named else ()),
        "Side",
        "In at",
        "Out at",
        "Bars",
        "Net profit",
        "Return",
        "MAE",
        "MFE",
        "Reason",
    )
    align = "llll" if named else "lll"
    return Table("Best first, worst last", head, rows, align=f"{align}rrrrrrrl")
