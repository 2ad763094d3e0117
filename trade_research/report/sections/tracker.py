"""How have the signals fared? Hits, expectancy and decay by strategy, class and regime."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl

from trade_research.report.charts import WIDE, Chart, Plot
from trade_research.report.formats import NONE, count, minute, percent, plural, short
from trade_research.report.run import Run
from trade_research.report.section import Cell, Part, Section, Table

_ALL, _DRAWN = "all", 8
_SHRUNK = (
    "Shrunk: drawn towards what the strategies of a class share in that regime, by as much as "
    "chance can explain of their differences. One strategy alone keeps its own."
)


def record(run: Run) -> Section | None:
    """The signals of the page's own run."""
    found = run.track
    return None if found is None else tracker(found.frame, found.decay, found.as_of)


def tracker(frame: pl.DataFrame, decay: pl.DataFrame, as_of: datetime) -> Section:
    """A section from the frames of `research.track`."""
    if not frame["trades"].sum():
        return Section("Signals' record", f"No round trip had ended by {minute(as_of)}", (), True)
    parts: list[Part] = [_table(frame), _curve(decay), _streaks(frame)]
    parts.append(
        ("" if _is_one(frame) else f"{_SHRUNK} ")
        + "Nothing here scales a signal: a run of wins says little about the next trade."
    )
    return Section("Signals' record", _claim(frame, as_of), parts, folded=True)


def _is_one(frame: pl.DataFrame) -> bool:
    return frame.filter(pl.col("regime") == _ALL).height == 1


def _claim(frame: pl.DataFrame, as_of: datetime) -> str:
    whole = frame.filter(pl.col("regime") == _ALL)
    sure = whole.filter(pl.col("expectancy_low") > 0).height
    if whole.height == 1:
        made = f"{_points(whole['expectancy_bp'][0])} basis points a trade after costs"
        return f"{made}, {'beyond' if sure else 'not told from'} chance, as of {minute(as_of)}"
    made = f"{sure} of {plural(whole.height, 'strategy', 'strategies')}"
    return f"{made} earned more than costs beyond chance, as of {minute(as_of)}"


def _table(frame: pl.DataFrame) -> Table:
    rows, is_one = [], _is_one(frame)
    for row in frame.iter_rows(named=True):
        kind = "word" if row["regime"] == _ALL else "weak"
        low, high = row["expectancy_low"], row["expectancy_high"]
        is_good, is_bad = low is not None and low > 0, high is not None and high < 0
        rows.append(
            (
                Cell(f"{short(row['strategy'], 30)}, {row['asset_class']}", kind),
                row["regime"],
                count(row["trades"]),
                percent(row["hit_rate"], 0),
                _range(row["hit_low"], row["hit_high"], 100.0),
                *(() if is_one else (percent(row["hit_shrunk"], 0),)),
                Cell(_points(row["expectancy_bp"]), "p2" if is_good else "n2" if is_bad else ""),
                _range(low, high, 1.0),
                *(() if is_one else (_points(row["expectancy_shrunk"]),)),
                _points(row["cost_bp"]),
                percent(row["false_alarms"], 0),
            )
        )
    shrunk = () if is_one else ("Shrunk",)
    head = (
        "Strategy", "Market", "Trades", "Hits", "90%", *shrunk, "Net, bp", "90%", *shrunk,
        "Costs, bp", "False alarms",
    )  # fmt: skip
    note = (
        "Ended round trips. Hit rates with Wilson's interval, net basis points a trade with a "
        "bootstrap's. False alarms: losses that never earned their costs, not even for a moment."
    )
    return Table(
        "Signals by strategy and market", head, rows, align="ll" + "r" * (len(head) - 2), note=note
    )


def _points(value: float | None) -> str:
    return NONE if value is None else f"{value:,.0f}"


def _range(low: float | None, high: float | None, unit: float) -> str:
    if low is None or high is None:
        return NONE
    return f"{_points(low * unit)} to {_points(high * unit)}"


def _streaks(frame: pl.DataFrame) -> Table:
    rows = [
        (
            f"{short(row['strategy'], 30)}, {row['asset_class']}",
            f"{plural(abs(row['streak']), 'win' if row['streak'] > 0 else 'loss', many)}"
            if row["streak"]
            else NONE,
            count(row["longest_wins"]),
            count(row["longest_losses"]),
            count(round(row["losses_by_luck"])) if row["losses_by_luck"] is not None else NONE,
            count(row["pending"]),
        )
        for row in frame.filter(pl.col("regime") == _ALL).iter_rows(named=True)
        for many in ["wins" if row["streak"] > 0 else "losses"]
    ]
    head = ("Strategy", "Now", "Longest wins", "Longest losses", "By luck alone", "Pending")
    note = "By luck alone: the longest run of losses to expect of as many independent trades."
    return Table("Streaks", head, rows, note=note)


def _curve(decay: pl.DataFrame) -> Chart:
    """Information coefficient by horizon, one strategy after the other, with its interval."""
    known = decay.filter((pl.col("regime") == _ALL) & pl.col("ic").is_not_null())
    names = known.select("strategy", "asset_class").unique(maintain_order=True).rows()[:_DRAWN]
    horizons = sorted(set(known["horizon"]))
    low = min(0.0, float(known["low"].min() or 0.0))  # type: ignore[arg-type]
    high = max(0.0, float(known["high"].max() or 0.0))  # type: ignore[arg-type]
    room, step = 0.08 * (high - low or 1.0), len(names) + 1
    plot = Plot(
        WIDE, (200,), left=60, right=12, top=24, bottom=42, x_range=(-0.5, len(horizons) * step)
    )
    plot.values(low - room, high + room, label=lambda v: f"{v:.3f}", most=4, title="Correlation")
    plot.level(0.0)
    said = []
    for which, (strategy, kind) in enumerate(names):
        mine = known.filter((pl.col("strategy") == strategy) & (pl.col("asset_class") == kind))
        at = np.array([horizons.index(h) * step + which for h in mine["horizon"]], float)
        plot.whiskers(at, mine["low"].to_numpy(), mine["high"].to_numpy(), "muted")
        sure = (mine["low"] > 0).to_numpy() | (mine["high"] < 0).to_numpy()
        ic = mine["ic"].to_numpy()
        plot.points(at[~sure], ic[~sure], "muted", "o", size=6.0)
        plot.points(at[sure], ic[sure], "net", "o", size=6.0)
        said.append(f"{short(strategy, 24)} ({kind})")
    for place, horizon in enumerate(horizons):
        plot.below(place * step + (len(names) - 1) / 2, plural(horizon, "bar"))
    beyond = known.filter((pl.col("low") > 0) | (pl.col("high") < 0)).height
    finding = f"{beyond} of {plural(known.height, 'coefficient')} differ from 0 beyond chance."
    return plot.chart(
        "What the signal knows of the bars ahead",
        finding,
        key=[("Beyond chance", "net", "dot"), ("Within it", "muted", "dot")],
        read=f"{finding} Correlation of the signal with the return from the next open on, with 90% "
        f"intervals that allow for overlap. In each group from the left: {', '.join(said)}.",
    )
