"""The arrays of one run, and what several metrics share: made when first asked for, and kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from trade_research.kernels.jit import F64, I64
from trade_research.metrics import activity, sharpe
from trade_research.metrics import drawdowns as dd
from trade_research.metrics import returns as ret
from trade_research.metrics.benchmark import compounded
from trade_research.metrics.moments import Moments, moments
from trade_research.metrics.periods import Dates, daily_equity, period_returns
from trade_research.metrics.trades import trade_statistics


class RunArrays:
    """What `summary` was given; an input that is a function is called when first needed."""

    def __init__(self, **given: Any) -> None:
        self.equity: F64 = given["equity"]
        self.initial = float(given["initial_cash"])
        self.close_time: I64 = given["close_time"]
        self.start_time: int | None = given["start_time"]
        self.a: float | None = given["periods_per_year"]
        self.sessions: float | None = given["sessions_per_year"]
        self.risk_free = float(given["risk_free"])
        self.n = self.equity.size
        self._late = given

    def _made(self, name: str) -> Any:
        value = self._late[name]
        return value() if callable(value) else value

    def _array(self, name: str) -> F64 | None:
        value = self._made(name)
        return None if value is None else np.ascontiguousarray(value, np.float64)

    def less_cash(self, m: Moments) -> Moments:
        """Returns of bars less those of cash."""
        if self.risk_free == 0.0:
            return m
        return moments(ret.excess_returns(m.returns, self.risk_free, self.a))

    @property
    def profit(self) -> float:
        return float(self.equity[-1]) - self.initial if self.n else math.nan

    @cached_property
    def moments(self) -> Moments:
        return ret.moments_of(self.equity, self.initial)

    @cached_property
    def excess(self) -> Moments:
        return self.less_cash(self.moments)

    @cached_property
    def growth(self) -> float:
        return ret.cagr(self.equity, self.initial, periods_per_year=self.a)

    @cached_property
    def drawdowns(self) -> dd.Drawdowns | None:
        return dd.drawdown_episodes(self.equity, self.initial) if self.n else None

    @cached_property
    def days(self) -> tuple[Dates, F64] | None:
        dates = self._made("session_dates")
        return None if dates is None or not self.n else daily_equity(self.equity, dates)

    @cached_property
    def day_moments(self) -> Moments:
        return moments(ret.returns_of(self.days[1], self.initial) if self.days else np.empty(0))

    @cached_property
    def day_excess(self) -> Moments:
        if self.risk_free == 0.0:
            return self.day_moments
        returns = self.day_moments.returns
        return moments(ret.excess_returns(returns, self.risk_free, self.sessions))

    @cached_property
    def day_interval(self) -> sharpe.Interval:
        return sharpe.sharpe_interval(self.day_excess, periods_per_year=self.sessions)

    @cached_property
    def months(self) -> F64:
        return period_returns(*self.days, self.initial, "M")[1] if self.days else np.empty(0)

    @cached_property
    def gross(self) -> F64 | None:
        return self._array("gross")

    @cached_property
    def net(self) -> F64 | None:
        return self._array("net")

    @cached_property
    def fills(self) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = self._made("fills")
        return found

    @cached_property
    def traded(self) -> float:
        f = self.fills
        if f is None:
            return math.nan
        bar, quantity, price = (np.asarray(f[name]) for name in ("bar", "quantity", "price"))
        return activity.times_traded(bar, quantity, price, self.equity, self.initial)

    @cached_property
    def costs(self) -> dict[str, float]:
        given = self._made("costs")
        if given is None and self.fills is not None:
            given = activity.costs_of(self.fills)
        nothing = math.nan if given is None else 0.0
        names = (*activity.COST_COLUMNS, "borrow", "funding")
        return {name: float((given or {}).get(name, nothing)) for name in names}

    @cached_property
    def cost_paid(self) -> float:
        return sum(self.costs.values())

    @cached_property
    def cost_per_year(self) -> float:
        mean = float(self.equity.mean()) if self.n else math.nan
        if not mean > 0.0:
            return math.nan
        return activity.per_year(self.cost_paid / mean, self.n, self.a)

    @cached_property
    def trades(self) -> dict[str, float] | None:
        found = self._made("trades")
        return None if found is None else trade_statistics(found)

    @cached_property
    def benchmark(self) -> Moments | None:
        found = self._array("benchmark") if self.n else None
        return None if found is None else moments(found)

    @cached_property
    def benchmark_growth(self) -> float:
        return math.nan if self.benchmark is None else compounded(self.benchmark.returns)

    @property
    def benchmark_cagr(self) -> float:
        years = math.nan if self.a is None else self.n / self.a
        return ret.growth_rate(self.benchmark_growth, years)

    @cached_property
    def active(self) -> Moments:
        theirs = math.nan if self.benchmark is None else self.benchmark.returns
        return moments(self.moments.returns - theirs)
