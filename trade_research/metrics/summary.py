"""All metrics of a run as one mapping: ids known at once, values computed when asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, TypeVar

import numpy.typing as npt

from trade_research.errors import nearest
from trade_research.kernels.jit import F64, I64
from trade_research.metrics import activity, periods, sharpe, tails
from trade_research.metrics import benchmark as beside
from trade_research.metrics import drawdowns as dd
from trade_research.metrics import returns as ret
from trade_research.metrics.arrays import RunArrays
from trade_research.metrics.definitions import DEFINITIONS
from trade_research.metrics.moments import Moments

T = TypeVar("T")
Value: TypeAlias = float | int | None
Late: TypeAlias = T | Callable[[], T] | None


class Summary(Mapping[str, Value]):
    """Metric id to value, None where undefined; the ids are those of `DEFINITIONS`.

    A value is computed when it is first read, and what several share is made once:
    ``run["sharpe"]`` costs two passes over the returns, ``dict(run)`` gives everything.
    """

    def __init__(self, run: RunArrays) -> None:
        self._run = run
        self._values: dict[str, Value] = {}

    def __getitem__(self, key: str) -> Value:
        if key not in self._values:
            if key not in METRICS:
                raise KeyError(f"no metric {key!r}; {nearest(key, DEFINITIONS)}")
            self._values[key] = _edge(METRICS[key](self._run))
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(DEFINITIONS)

    def __len__(self) -> int:
        return len(DEFINITIONS)

    def __repr__(self) -> str:
        return "\n".join(["Summary(", *(f"  {key:<19} {_text(self[key])}" for key in self), ")"])


def summary(
    *,
    equity: F64,
    initial_cash: float,
    close_time: I64,
    periods_per_year: float | None,
    start_time: int | None = None,
    session_dates: Late[npt.NDArray[Any]] = None,
    sessions_per_year: float | None = None,
    gross: Late[F64] = None,
    net: Late[F64] = None,
    fills: Late[Mapping[str, Any]] = None,
    costs: Late[Mapping[str, float]] = None,
    trades: Late[Mapping[str, Any]] = None,
    benchmark: Late[F64] = None,
    risk_free: float = 0.0,
) -> Summary:
    """Metrics of one run, from arrays. What is dear to make may be a function that makes it.

    Parameters
    ----------
    equity : float64 array of shape (n_bars,)
        Marked at each close, in money. No NaN.
    initial_cash : float
        Capital before the first bar, above 0.
    close_time : int64 array of shape (n_bars,)
        Microseconds since 1970, UTC.
    periods_per_year, sessions_per_year : float or None
        Bars and sessions in a year by the calendar; None leaves annualised numbers undefined.
    start_time : int or None
        Open of the first bar, microseconds; None: the first close.
    session_dates : datetime64[D] array of shape (n_bars,), or a function
        Session of each bar; without it the daily metrics are undefined.
    gross, net : float64 arrays of shape (n_bars,), or functions
        Σ|position value| and Σ position value over equity at each close.
    fills : mapping of str to array of shape (n_fills,), or a function
        `bar` (position), `quantity`, `price`, and the cost columns of `costs_of`.
    costs : mapping of str to float, or a function
        Money paid: any of fees, spread, slippage, impact, tax, borrow, funding. None: the sums of
        the fills.
    trades : mapping of str to array of shape (n_trades,), or a function
        As for `trade_statistics`.
    benchmark : float64 array of shape (n_bars,), or a function
        Returns of the benchmark over the same bars.
    risk_free : float
        Rate of cash a year, a fraction.
    """
    return Summary(RunArrays(**locals()))


def _edge(value: float) -> Value:
    """NaN and the infinities are None outside; numbers lose NumPy's types."""
    if isinstance(value, int):
        return value
    return float(value) if math.isfinite(value) else None


def _text(value: Value) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.6g}"


Metric: TypeAlias = Callable[[RunArrays], float]


def _of_drawdowns(number: Callable[[dd.Drawdowns], float]) -> Metric:
    return lambda run: math.nan if run.drawdowns is None else number(run.drawdowns)


def _of_days(number: Callable[[periods.Dates, F64, float], float]) -> Metric:
    return lambda run: math.nan if run.days is None else number(*run.days, run.initial)


def _of_exposure(number: Callable[[F64], float], name: str) -> Metric:
    def metric(run: RunArrays) -> float:
        exposure = getattr(run, name)
        return math.nan if exposure is None else number(exposure)

    return metric


def _of_trades(name: str) -> Metric:
    return lambda run: math.nan if run.trades is None else run.trades[name]


def _of_benchmark(number: Callable[[RunArrays, Moments], float]) -> Metric:
    return lambda run: math.nan if run.benchmark is None else number(run, run.benchmark)


METRICS: dict[str, Metric] = {
    "total_return": lambda run: ret.total_return(run.equity, run.initial),
    "cagr": lambda run: run.growth,
    "cagr_calendar": lambda run: ret.cagr_calendar(
        run.equity, run.initial, run.close_time, run.start_time
    ),
    "volatility": lambda run: ret.volatility(run.moments, periods_per_year=run.a),
    "sharpe": lambda run: ret.sharpe_ratio(run.excess, periods_per_year=run.a),
    "sortino": lambda run: ret.sortino_ratio(run.excess, periods_per_year=run.a),
    "omega": lambda run: ret.omega_ratio(run.moments),
    "skew": lambda run: ret.skewness(run.moments),
    "kurtosis": lambda run: ret.kurtosis(run.moments),
    "best_bar": lambda run: run.moments.high,
    "worst_bar": lambda run: run.moments.low,
    "win_rate_bars": lambda run: ret.win_rate_bars(run.moments),
    "bars": lambda run: run.n,
    "periods_per_year": lambda run: math.nan if run.a is None else run.a,
    "max_drawdown": _of_drawdowns(dd.max_drawdown),
    "max_drawdown_bars": _of_drawdowns(dd.longest_drawdown_bars),
    "max_drawdown_days": lambda run: (
        math.nan
        if run.drawdowns is None
        else dd.longest_drawdown_days(run.drawdowns, run.close_time, run.start_time)
    ),
    "avg_drawdown": _of_drawdowns(dd.average_drawdown),
    "time_under_water": _of_drawdowns(dd.time_under_water),
    "calmar": lambda run: (
        math.nan
        if run.drawdowns is None
        else ret.calmar_ratio(run.growth, dd.max_drawdown(run.drawdowns))
    ),
    "var_95": lambda run: tails.value_at_risk(run.moments.returns),
    "cvar_95": lambda run: tails.expected_shortfall(run.moments.returns),
    "var_95_normal": lambda run: tails.value_at_risk_normal(run.moments),
    "tail_ratio": lambda run: tails.tail_ratio(run.moments.returns),
    "days": lambda run: math.nan if run.days is None else run.days[1].size,
    "volatility_daily": lambda run: ret.volatility(run.day_moments, periods_per_year=run.sessions),
    "sharpe_daily": lambda run: ret.sharpe_ratio(run.day_excess, periods_per_year=run.sessions),
    "sharpe_error": lambda run: sharpe.annual_sharpe_error(
        run.day_excess, periods_per_year=run.sessions
    ),
    "sharpe_low": lambda run: run.day_interval.low,
    "sharpe_high": lambda run: run.day_interval.high,
    "psr": lambda run: sharpe.probabilistic_sharpe_ratio(run.day_excess),
    "best_day": lambda run: run.day_moments.high,
    "worst_day": lambda run: run.day_moments.low,
    "best_month": lambda run: max(run.months, default=math.nan),
    "worst_month": lambda run: min(run.months, default=math.nan),
    "best_year_share": _of_days(periods.best_year_share),
    "exposure": _of_exposure(activity.time_in_market, "gross"),
    "gross_exposure": _of_exposure(activity.average_exposure, "gross"),
    "net_exposure": _of_exposure(activity.average_exposure, "net"),
    "turnover": lambda run: activity.per_year(run.traded, run.n, run.a),
    "turnover_total": lambda run: run.traded,
    "cost_paid": lambda run: run.cost_paid,
    "fees_paid": lambda run: run.costs["fees"],
    "spread_paid": lambda run: run.costs["spread"],
    "slippage_paid": lambda run: run.costs["slippage"],
    "impact_paid": lambda run: run.costs["impact"],
    "tax_paid": lambda run: run.costs["tax"],
    "borrow_paid": lambda run: run.costs["borrow"],
    "funding_paid": lambda run: run.costs["funding"],
    "cost_per_year": lambda run: run.cost_per_year,
    "cost_share": lambda run: activity.share_of_gross(run.profit, run.cost_paid),
    **{
        name: _of_trades(name)
        for name, definition in DEFINITIONS.items()
        if definition.group == "trades"
    },
    "benchmark_return": lambda run: run.benchmark_growth - 1.0,
    "excess_return": lambda run: (
        ret.total_return(run.equity, run.initial) - (run.benchmark_growth - 1.0)
    ),
    "excess_cagr": lambda run: run.growth - run.benchmark_cagr,
    "alpha": _of_benchmark(
        lambda run, b: beside.alpha(run.excess, run.less_cash(b), periods_per_year=run.a)
    ),
    "beta": _of_benchmark(lambda run, b: beside.beta(run.moments, b)),
    "correlation": _of_benchmark(lambda run, b: beside.correlation(run.moments, b)),
    "tracking_error": _of_benchmark(
        lambda run, b: beside.tracking_error(run.active, periods_per_year=run.a)
    ),
    "information_ratio": _of_benchmark(
        lambda run, b: beside.information_ratio(run.active, periods_per_year=run.a)
    ),
    "up_capture": _of_benchmark(lambda run, b: beside.up_capture(run.moments.returns, b.returns)),
    "down_capture": _of_benchmark(
        lambda run, b: beside.down_capture(run.moments.returns, b.returns)
    ),
}
