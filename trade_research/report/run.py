"""What a report sees of a run: plain values and frames, filled by the desk, only read here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import polars as pl

if TYPE_CHECKING:
    from trade_research.evidence.estimates import Estimate
    from trade_research.evidence.statistics import Evidence
    from trade_research.kernels.jit import F64


@dataclass(frozen=True)
class StrategyInfo:
    """The rule behind the run: its name, its text, and the values it ran with."""

    name: str
    doc: str = ""
    source: str = ""
    source_hash: str = ""
    params: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class DataInfo:
    """One instrument's bars as they were read.

    `expected_rows` counts the bars the calendar would have over the span (None: unknown).
    `start` and `end` are the first and last `open_time`; `hash` is the content hash ("" for a
    bare frame).
    """

    name: str
    rows: int
    start: datetime
    end: datetime
    hash: str = ""
    expected_rows: int | None = None


@dataclass(frozen=True)
class Other:
    """Another saved run: its name, what it is, its verdict, and how alike their day returns are."""

    name: str
    what: str
    word: str
    correlation: float
    days: int


class CostLevel(Protocol):
    """The same targets at `multiple` times the assumed costs."""

    @property
    def multiple(self) -> float: ...

    @property
    def net_return(self) -> float: ...

    @property
    def sharpe(self) -> float | None: ...


class Budget(Protocol):
    """As much of `evidence.EdgeBudget` as the page shows; None or NaN where there is none."""

    @property
    def break_even_fee_bps(self) -> float | None: ...

    @property
    def break_even_slippage_bps(self) -> float | None: ...

    @property
    def break_even_delay_bars(self) -> float | None: ...

    @property
    def ratio(self) -> float | None: ...

    @property
    def grid(self) -> Sequence[CostLevel]: ...


class Tracked(Protocol):
    """As much of a `research.Track` as the page shows."""

    @property
    def frame(self) -> pl.DataFrame: ...

    @property
    def decay(self) -> pl.DataFrame: ...

    @property
    def as_of(self) -> datetime: ...


@dataclass(frozen=True)
class Run:
    """Everything a report shows of one backtest.

    Fractions are fractions (0.01 is one per cent), times are UTC, money is the account's currency.
    Metrics that are undefined are None or NaN; the page prints "–" and the reason.

    Parameters
    ----------
    equity : DataFrame
        `close_time, equity, return, drawdown, cash, gross, net, cost` (cost: cumulative money).
    benchmark, gross : DataFrame or None
        `close_time, equity`: the benchmark, and the same orders at zero cost.
    trades, fills, orders : DataFrame
        As `simulate.Result` builds them.
    prices : DataFrame
        `open_time, close_time, open, high, low, close`, perhaps `symbol` and output columns.
    intervals : mapping of str to (low, high, n)
        90% intervals of metrics and the observations behind them.
    verdicts : DataFrame
        `frames.audit` of each instrument with a column `instrument`.
    daily : DataFrame or None
        `report.embed.daily_frame` of the calendar's sessions; None: UTC days are taken.
    evidence : Evidence or None
        Intervals, bands, grids, stability and luck; None: the page says what is not known.
    unflagged : mapping or None
        Metrics of the run without the bars that the audit flagged, None where not computed.
    weights : float64 array of shape (n_bars, n_symbols) or None
        Position of each instrument as a fraction of equity, in the order of `instruments`.
    track : Tracked or None
        How the signals have fared, None where none has come to an end.
    others : sequence of Other
        Runs of the same folder, the most alike first.
    """

    title: str
    strategy: StrategyInfo
    instruments: tuple[str, ...]
    interval: str
    calendar: str | None
    equity: pl.DataFrame
    trades: pl.DataFrame
    fills: pl.DataFrame
    orders: pl.DataFrame
    prices: pl.DataFrame
    metrics: Mapping[str, float | int | None]
    initial_cash: float
    account: str = "spot"
    mode: str = "BACKTEST"
    benchmark: pl.DataFrame | None = None
    benchmark_name: str = ""
    benchmark_metrics: Mapping[str, float | int | None] = field(default_factory=dict)
    gross: pl.DataFrame | None = None
    intervals: Mapping[str, tuple[float, float, int]] = field(default_factory=dict)
    periods_per_year: float | None = None
    why_no_annual: str = ""
    budget: Budget | None = None
    check: Any = None
    verdicts: pl.DataFrame | None = None
    data: Sequence[DataInfo] = ()
    ambiguous: int = 0
    pnl_bounds: tuple[float, float] | None = None
    status: str = "ok"
    warmup_bars: int = 0
    manifest: Mapping[str, Any] = field(default_factory=dict)
    daily: pl.DataFrame | None = None
    evidence: Evidence | None = None
    unflagged: Mapping[str, float | int | None] | None = None
    weights: F64 | None = None
    track: Tracked | None = None
    others: Sequence[Other] = ()

    def estimate(self, name: str) -> Estimate | None:
        """Value, interval and n of a metric by resampling, or None."""
        return self.evidence.estimates.get(name) if self.evidence is not None else None

    def interval_of(self, name: str) -> tuple[float, float, int] | None:
        """90% interval and count of a metric, or None; the Sharpe ratio's may come as metrics."""
        given = self.evidence.intervals.get(name) if self.evidence is not None else None
        given = self.intervals.get(name) if given is None else given
        if given is None and name == "sharpe_daily":
            low, high, n = (self.metric(k) for k in ("sharpe_low", "sharpe_high", "days"))
            if low is not None and high is not None and n is not None:
                return low, high, int(n)
        return given

    def assumed(self, name: str) -> float | None:
        """A cost the run assumed, by its name in `Costs`, or None where the manifest lacks it."""
        setup = self.manifest.get("setup")
        costs = setup.get("costs") if isinstance(setup, Mapping) else None
        value = costs.get(name) if isinstance(costs, Mapping) else None
        return float(value) if isinstance(value, int | float) else None

    def metric(self, name: str) -> float | None:
        """The metric as a float, or None where it is missing, None or NaN."""
        value = self.metrics.get(name)
        return None if value is None or value != value else float(value)
