"""What a page carries of its run: one Parquet block with trades, days, manifest and evidence.

The block is a table of one row. `trades` and `daily` are lists of records at full precision, `run`
is JSON: manifest, metrics and evidence. From Python::

    block = pl.read_parquet("report.parquet")
    trades = block["trades"][0].struct.unnest()
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from trade_research.errors import ConfigError
from trade_research.evidence.days import days_of
from trade_research.evidence.luck import Luck, luck_of
from trade_research.frames.calendars import get_calendar
from trade_research.metrics.benchmark import compounded
from trade_research.metrics.definitions import DEFINITIONS
from trade_research.metrics.returns import growth_rate, returns_of
from trade_research.metrics.summary import summary
from trade_research.report.arrays import micros
from trade_research.report.carried import Carried, packed, unpacked, unreadable
from trade_research.report.formats import plural
from trade_research.report.record import decode, encode
from trade_research.report.run import Run
from trade_research.store.hashing import content_hash
from trade_research.store.ledger import Trials

MOST_TRADES = 10_000
_MOST_ROWS, _MOST_POINTS = 1_000, 60  # longer tables, longer curves stay in the run folder
_SCHEMA = "trade-research/page-data/1"
_BY_BAR = ("equity", "benchmark", "gross", "prices", "fills", "orders")
DAILY = ("net", "without_costs", "benchmark", "exposure", "exposure_net")


@dataclass(frozen=True)
class Block:
    """The data of a page: the run as far as it is kept, its days, and facts of its span.

    The frames of `run` by bar, fill and order have their rows, but all null; `equity` has the
    days where each bar is one. The record of signals is left out: the trades tell it.
    """

    run: Run
    daily: pl.DataFrame
    start_us: int | None
    bars: int
    sessions_per_year: float | None

    @property
    def is_daily(self) -> bool:
        """Whether every bar is a day of its own, so that numbers of bars can be recomputed."""
        return self.bars == self.daily.height

    @property
    def trades(self) -> str:
        """How many round trips, in words."""
        return plural(self.run.trades.height, "trade")

    @property
    def metrics(self) -> str:
        """How many metrics days and trades give, in words; the others take the bars."""
        n = sum(_known(name, self.is_daily) for name in DEFINITIONS)
        return f"{n} metrics" if self.is_daily else f"{n} metrics (those of bars take --rerun)"


def block_of(run: Run) -> bytes:
    """The block of a run, the same bytes for the same run."""
    daily = run.daily if run.daily is not None else daily_of(run)
    long = {name: frame for name in _BY_BAR if (frame := getattr(run, name)) is not None}
    small = dataclasses.replace(
        run,
        daily=None,
        evidence=None,
        track=None,
        trades=run.trades.clear(),
        verdicts=None if run.verdicts is None else _counted(run.verdicts),
        **{name: frame.select(frame.columns[:1]).clear() for name, frame in long.items()},
    )
    frames: dict[str, pl.DataFrame] = {}
    about = {
        "schema": _SCHEMA,
        "rows": {name: frame.height for name, frame in long.items()},
        "start_us": _start(run),
        "sessions_per_year": _sessions_per_year(run),
        "run": encode(small, frames, "run", _MOST_ROWS),
        "evidence": encode(run.evidence, {}, "evidence", _MOST_POINTS),
    }
    return packed("run", about, {"trades": run.trades, "daily": daily, **frames})


def carry(run: Run, name: str) -> Carried:
    """The block of a run for a page called `name`; it lies beside it above 10,000 trades."""
    file = f"{name}.parquet"
    is_long = run.trades.height > MOST_TRADES
    plain = f"run-{str(run.manifest.get('run_id', ''))[:12] or 'data'}.parquet"
    what = f"{plural(run.trades.height, 'trade')}, days and manifest"
    if is_long:
        return Carried(block_of(run), what, file, file)
    return Carried(block_of(run), what, plain)


def read_block(data: bytes) -> Block:
    """The block again.

    Raises
    ------
    FormatError
        Not such a block, or a damaged one.
    """
    about, frames = unpacked("run", data)
    with unreadable():
        evidence = decode(about["evidence"], frames)
        run = dataclasses.replace(decode(about["run"], frames), evidence=evidence)
        if about["schema"] != _SCHEMA or not isinstance(run, Run):
            raise ValueError("it holds no run")
        return _whole(run, frames["trades"], frames["daily"], about)


def daily_of(run: Run) -> pl.DataFrame:
    """One row a UTC day (a close at midnight belongs to the day before): what `Run.daily` holds."""
    if run.equity.is_empty():
        return daily_frame(run.equity, run.gross, run.benchmark, np.empty(0, "M8[D]"))
    dates = (micros(run.equity) - 1).astype("M8[us]").astype("M8[D]")
    return daily_frame(run.equity, run.gross, run.benchmark, dates)


def daily_frame(
    equity: pl.DataFrame,
    without_costs: pl.DataFrame | None,
    benchmark: pl.DataFrame | None,
    dates: np.ndarray[Any, Any],
) -> pl.DataFrame:
    """The last bar of each session.

    Parameters
    ----------
    equity : DataFrame
        As in `Run`.
    without_costs, benchmark : DataFrame or None
        `close_time, equity` over the same bars.
    dates : datetime64[D] array of shape (n_bars,)
        Session of each bar.

    Returns
    -------
    DataFrame
        `date, close_time, net, without_costs, benchmark, exposure, exposure_net`; null where not
        known.
    """
    last = np.flatnonzero(np.append(dates[1:] != dates[:-1], True)[: dates.size])
    days = equity[last.tolist()] if equity.height else equity
    columns = {
        "date": pl.Series(dates[last].astype("M8[D]")),
        "close_time": days["close_time"],
        "net": days["equity"],
        "without_costs": _at(without_costs, equity, last),
        "benchmark": _at(benchmark, equity, last),
        "exposure": days["gross"],
        "exposure_net": days["net"],
    }
    return pl.DataFrame([series.alias(name) for name, series in columns.items()])


def recomputed(block: Block) -> dict[str, float | int | None]:
    """The metrics that days and trades give: all but those of bars and fills for intraday runs."""
    run, days = block.run, block.daily
    year = run.periods_per_year if block.is_daily else None
    theirs = days["benchmark"].to_numpy() if days["benchmark"].null_count() == 0 else None
    setup = run.manifest.get("setup")
    free = setup.get("risk_free", 0.0) if isinstance(setup, Mapping) else 0.0
    numbers = summary(
        equity=days["net"].to_numpy(),
        initial_cash=run.initial_cash,
        close_time=micros(days),
        start_time=block.start_us,
        periods_per_year=year,
        sessions_per_year=block.sessions_per_year,
        session_dates=days["date"].to_numpy(),
        gross=days["exposure"].to_numpy(),
        net=days["exposure_net"].to_numpy(),
        trades={series.name: series.to_numpy() for series in run.trades},
        benchmark=None if theirs is None else returns_of(theirs, run.initial_cash),
        risk_free=free,
    )
    found = {name: numbers[name] for name in numbers if _known(name, block.is_daily)}
    if not block.is_daily and days.height:
        found |= _of_span(block, numbers["total_return"], theirs)
    return found


def luck_again(block: Block) -> Luck | None:
    """The luck discount made again from the days and the trials that the manifest counts.

    None where nothing was discounted: no evidence on the page, or trials that nobody counted.
    """
    run, counted = block.run, block.run.manifest.get("trials")
    if run.evidence is None or not counted:
        return None
    setup = run.manifest.get("setup")
    days = days_of(
        block.daily["net"].to_numpy(),
        run.initial_cash,
        block.daily["date"].to_numpy(),
        per_year=block.sessions_per_year,
        risk_free=setup.get("risk_free", 0.0) if isinstance(setup, Mapping) else 0.0,
    )
    return luck_of(days.excess, block.sessions_per_year, Trials(**counted))


def trade_rows(trades: pl.DataFrame) -> list[bytes]:
    """Each trade as bytes, for the checks of the seal."""
    return [repr(row).encode() for row in trades.iter_rows()]


def result_hashes(equity: pl.DataFrame, trades: pl.DataFrame) -> dict[str, str]:
    """What a repeated run must give again: content hashes of equity at each close and of trades."""
    return {
        "equity": content_hash(equity.select("close_time", "equity")),
        "trades": content_hash(trades),
    }


_GROUPS = {"returns", "drawdowns", "tails", "exposure", "benchmark"}  # of bars
_ANY_BARS = ("total_return", "cagr_calendar", "benchmark_return", "excess_return")


def _known(name: str, is_daily: bool) -> bool:
    group = DEFINITIONS[name].group
    if group in ("days", "trades") or name in _ANY_BARS:
        return True
    return is_daily and group in _GROUPS


def _of_span(
    block: Block, total: float | int | None, theirs: np.ndarray[Any, Any] | None
) -> dict[str, float | int | None]:
    """Yearly growth of an intraday run: that needs the number of bars, not the bars."""
    run = block.run
    if run.periods_per_year is None or total is None:
        return {"cagr": None}
    years = block.bars / run.periods_per_year
    found: dict[str, float | int | None] = {"cagr": float(growth_rate(1.0 + total, years))}
    if theirs is not None:
        hold = growth_rate(compounded(returns_of(theirs, run.initial_cash)), years)
        found["excess_cagr"] = float(growth_rate(1.0 + total, years) - hold)
    return {name: value if value == value else None for name, value in found.items()}


def _whole(run: Run, trades: pl.DataFrame, daily: pl.DataFrame, about: dict[str, Any]) -> Block:
    """The run with its trades, and its days as bars where they are."""
    rows = {name: int(n) for name, n in about["rows"].items()}
    bars = rows.pop("equity")
    equity = daily.select(
        "close_time",
        pl.col("net").alias("equity"),
        pl.col("exposure").alias("gross"),
        pl.col("exposure_net").alias("net"),
    )
    whole = dataclasses.replace(
        run,
        trades=trades,
        equity=equity if bars == daily.height else equity.clear(bars),
        **{name: getattr(run, name).clear(n) for name, n in rows.items()},
    )
    return Block(whole, daily, about["start_us"], bars, about["sessions_per_year"])


def _counted(verdicts: pl.DataFrame) -> pl.DataFrame:
    """Bad rows by instrument and kind."""
    by = ["instrument", "kind"]
    return verdicts.group_by(by).agg(pl.col("rows").sum()).sort(by)


def _at(curve: pl.DataFrame | None, equity: pl.DataFrame, rows: np.ndarray[Any, Any]) -> pl.Series:
    if curve is None or curve.height != equity.height:
        return pl.Series([None] * rows.size, dtype=pl.Float64)
    return curve["equity"][rows.tolist()] if rows.size else curve["equity"].clear()


def _start(run: Run) -> int | None:
    """Open of the first bar, microseconds."""
    if run.prices.is_empty() or "open_time" not in run.prices.columns:
        return None
    return int(micros(run.prices.select(pl.col("open_time").min()), "open_time")[0])


def _sessions_per_year(run: Run) -> float | None:
    """As the manifest says; else of a calendar that needs no exchange's schedule."""
    data = run.manifest.get("data")
    if isinstance(data, Mapping) and "sessions_per_year" in data:
        return None if data["sessions_per_year"] is None else float(data["sessions_per_year"])
    try:
        return None if run.calendar is None else get_calendar(run.calendar).sessions_per_year
    except ConfigError:
        return None
