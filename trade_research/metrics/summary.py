"""All metrics of a run as one mapping: keys known at once, values computed when asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TypeAlias

from trade_research.errors import nearest
from trade_research.kernels.jit import F64, I64
from trade_research.metrics import drawdowns as dd
from trade_research.metrics import returns as ret
from trade_research.metrics.definitions import DEFINITIONS
from trade_research.metrics.moments import Moments, moments

Value: TypeAlias = float | int | None


class Summary(Mapping[str, Value]):
    """Metric id to value, None where undefined; the ids are those of `DEFINITIONS`.

    A group of metrics is computed when one of its members is first read, and kept.
    """

    def __init__(self, groups: Mapping[str, Callable[[], Mapping[str, float]]]) -> None:
        self._groups = groups
        self._values: dict[str, Value] = {}

    def __getitem__(self, key: str) -> Value:
        if key not in self._values:
            if key not in DEFINITIONS:
                raise KeyError(f"no metric {key!r}; {nearest(key, DEFINITIONS)}")
            found = self._groups[DEFINITIONS[key].group]()
            self._values.update({k: _edge(v) for k, v in found.items()})
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(DEFINITIONS)

    def __len__(self) -> int:
        return len(DEFINITIONS)


def _edge(value: float) -> Value:
    """NaN and the infinities are None outside; numbers lose NumPy's types."""
    if isinstance(value, int):
        return value
    return float(value) if math.isfinite(value) else None


class _Run:
    """The arrays of one run and what several groups share."""

    def __init__(
        self,
        equity: F64,
        initial: float,
        close_time: I64,
        start_time: int | None,
        periods_per_year: float | None,
        risk_free: float,
    ) -> None:
        self.equity, self.initial = equity, float(initial)
        self.close_time, self.start_time = close_time, start_time
        self.a, self.risk_free = periods_per_year, risk_free

    @cached_property
    def returns(self) -> F64:
        return ret.returns_of(self.equity, self.initial)

    @cached_property
    def moments(self) -> Moments:
        return moments(self.returns)

    @cached_property
    def excess(self) -> Moments:
        cash = ret.risk_free_per_period(self.risk_free, self.a)
        return self.moments if cash == 0.0 else moments(self.returns - cash)

    @cached_property
    def drawdowns(self) -> dd.Drawdowns:
        return dd.drawdowns(self.equity, self.initial)

    @cached_property
    def cagr(self) -> float:
        return ret.cagr(self.equity, self.initial, periods_per_year=self.a)

    def of_returns(self) -> dict[str, float]:
        m, a = self.moments, self.a
        return {
            "total_return": ret.total_return(self.equity, self.initial),
            "cagr": self.cagr,
            "cagr_calendar": ret.cagr_calendar(
                self.equity, self.initial, self.close_time, self.start_time
            ),
            "volatility": ret.volatility(m, periods_per_year=a),
            "sharpe": ret.sharpe_ratio(self.excess, periods_per_year=a),
            "sortino": ret.sortino_ratio(self.excess, periods_per_year=a),
            "omega": ret.omega_ratio(m),
            "skew": ret.skewness(m),
            "kurtosis": ret.kurtosis(m),
            "best_bar": m.high,
            "worst_bar": m.low,
            "win_rate_bars": ret.win_rate_bars(m),
            "bars": m.n,
            "periods_per_year": math.nan if a is None else a,
        }

    def of_drawdowns(self) -> dict[str, float]:
        found, deepest = self.drawdowns, dd.max_drawdown(self.drawdowns)
        if not self.equity.size:
            return dict.fromkeys(_GROUPS["drawdowns"], math.nan)
        return {
            "max_drawdown": deepest,
            "max_drawdown_bars": dd.longest_drawdown_bars(found),
            "max_drawdown_days": dd.longest_drawdown_days(found, self.close_time, self.start_time),
            "avg_drawdown": dd.average_drawdown(found),
            "time_under_water": dd.time_under_water(found, self.equity.size),
            "calmar": ret.calmar_ratio(self.cagr, deepest),
        }


_GROUPS: dict[str, list[str]] = {}
for _key, _definition in DEFINITIONS.items():
    _GROUPS.setdefault(_definition.group, []).append(_key)


def summary(
    *,
    equity: F64,
    initial_cash: float,
    close_time: I64,
    periods_per_year: float | None,
    start_time: int | None = None,
    risk_free: float = 0.0,
) -> Summary:
    """Metrics of one run, from arrays."""
    run = _Run(equity, initial_cash, close_time, start_time, periods_per_year, risk_free)
    return Summary({"returns": run.of_returns, "drawdowns": run.of_drawdowns})
