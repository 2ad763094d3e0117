"""How healthy stored bars are: a score for each dataset, and its verdicts on a chart."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from trade_research.errors import MissingDataError
from trade_research.frames.consensus import Consensus, consensus
from trade_research.store.layout import split_name
from trade_research.store.store import Store

# What a per cent of the bars costs: missing ones twice, dead ones one and a half times, wrong ones
# three times, each of them in points of 100.
POINTS = {"missing": 2.0, "zero_volume": 1.5, "wrong": 3.0}
_DEAD = ("gap", "zero_volume")
_COLORS = {"gap": "#888888", "zero_volume": "#bbbbbb"}


def quality(store: Store, name: str | None = None) -> pl.DataFrame:
    """One row for each dataset: its score and what costs it points.

    Parameters
    ----------
    store : Store
    name : str, optional
        One dataset; all when left out.

    Returns
    -------
    DataFrame
        ``instrument, score, bars, missing, zero_volume, wrong, worst, since, until``, worst first.
        The score is 100 less two points a per cent of expected bars that are missing, 1.5 a per
        cent without volume and three a per cent flagged for anything else; not below 0.
    """
    catalog = store.catalog().with_columns(
        pl.format("{}:{}@{}", "venue", "symbol", "interval").alias("instrument")
    )
    if name is not None:
        query = store.query(name)
        catalog = catalog.filter(pl.col("instrument") == query.names[0])
    if catalog.is_empty():
        raise MissingDataError(f"nothing is stored in {store.root}: `data fetch` or `data import`")
    kinds = store.verdicts(name).group_by("instrument", "kind").agg(pl.col("rows").sum())
    rows = [
        _row(line, dict(kinds.filter(instrument=line["instrument"]).select("kind", "rows").rows()))
        for line in catalog.iter_rows(named=True)
    ]
    return pl.DataFrame(rows).sort("score", "instrument")


def _row(line: dict[str, object], count: dict[str, int]) -> dict[str, object]:
    bars = int(str(line["rows"]))
    missing, dead = count.get("gap", 0), count.get("zero_volume", 0)
    wrong = {kind: n for kind, n in count.items() if kind not in _DEAD}
    share = {
        "missing": missing / max(1, bars + missing),
        "zero_volume": dead / max(1, bars),
        "wrong": sum(wrong.values()) / max(1, bars),
    }
    lost = sum(POINTS[what] * 100 * part for what, part in share.items())
    worst = max(wrong, key=lambda kind: wrong[kind]) if wrong else ""
    return {
        "instrument": line["instrument"],
        "score": round(max(0.0, 100.0 - lost), 1),
        "bars": bars,
        "missing": missing,
        "zero_volume": dead,
        "wrong": sum(wrong.values()),
        "worst": f"{worst} {wrong[worst]:,}" if worst else "",
        "since": line["start"],
        "until": line["end"],
    }


def draw(store: Store, name: str, path: Path) -> int:
    """Draw the closes of a dataset with a mark for each verdict; gives how many are drawn.

    Parameters
    ----------
    path : Path
        ``.png``, ``.svg`` or ``.pdf``.
    """
    from matplotlib.figure import Figure

    bars, verdicts = store.query(name).frame(), store.verdicts(name)
    figure = Figure(figsize=(12, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot(bars["open_time"].to_numpy(), bars["close"].to_numpy(), lw=0.7, color="#335577")
    at = verdicts.join_asof(bars.select("open_time", "close"), on="open_time", strategy="backward")
    for number, (kind, rows) in enumerate(sorted(at.partition_by("kind", as_dict=True).items())):
        label = str(kind[0])
        color = _COLORS.get(label, f"C{number % 10}")
        if label == "gap":
            for begin, end in rows.select("open_time", "end_time").iter_rows():
                axes.axvspan(begin, end, color=color, alpha=0.4, lw=0)
            axes.plot([], [], color=color, lw=6, alpha=0.4, label=f"gap ({rows.height:,})")
            continue
        times, closes = rows["open_time"].to_numpy(), rows["close"].to_numpy()
        axes.scatter(times, closes, s=18, color=color, label=f"{label} ({rows.height:,})", zorder=3)
    axes.set_title(name)
    axes.set_yscale("log")
    if verdicts.height:
        axes.legend(loc="best", fontsize=8)
    figure.savefig(path, dpi=130)
    return verdicts.height


def stored_consensus(
    store: Store, names: list[str], *, tolerance_bps: float = 10.0, at_least: int = 2
) -> Consensus:
    """`frames.consensus` of stored datasets of one interval, each named by its venue."""
    frames, calendar = {}, "24/7"
    for name in names:
        query = store.query(name)
        venue = query.venues[0]
        frames[venue if venue not in frames else name] = query.frame()
        calendar = query.calendar.name
    interval = split_name(names[0])[2]
    return consensus(frames, interval, calendar, tolerance_bps=tolerance_bps, at_least=at_least)
