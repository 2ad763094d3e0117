"""Everything a report says about how sure one may be of a run, computed once and kept with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from trade_research.evidence.budget import Simulated
from trade_research.evidence.capacity import Capacity, capacity_of, participation
from trade_research.evidence.days import Days, days_of
from trade_research.evidence.estimates import LEVEL, Estimate, day_estimates, trade_estimates
from trade_research.evidence.grids import Again, Grids, cost_grids
from trade_research.evidence.luck import Luck, TrialCount, luck_of
from trade_research.evidence.montecarlo import TradePaths, trade_paths
from trade_research.evidence.noise import ShiftTest, held_of, open_returns, shift_test
from trade_research.evidence.paths import Bands, DrawdownLaw, bands_of, drawdown_law, marks_of
from trade_research.evidence.stability import Stability, stability_of
from trade_research.evidence.states import States, states_of
from trade_research.kernels.jit import F64
from trade_research.simulate.costs import Costs
from trade_research.simulate.market import Market
from trade_research.simulate.records import Records

DRAWS = 1_000
_HELD = ("borrow", "funding")  # paid for holding, not for trading


class Run(Protocol):
    """As much of a `simulate.Result` as evidence needs."""

    @property
    def equity(self) -> F64: ...
    @property
    def initial_cash(self) -> float: ...
    @property
    def fills(self) -> Records: ...
    @property
    def orders(self) -> Records: ...
    @property
    def market(self) -> Market: ...
    @property
    def costs(self) -> dict[str, float]: ...


@dataclass(frozen=True, repr=False)
class Evidence:
    """How sure one may be of a run. Plain values throughout; None is undefined.

    Attributes
    ----------
    estimates : mapping of str to Estimate
        Metric id to value, 90% interval and n; see `day_estimates` and `trade_estimates`. Values
        are those of day closes.
    block : float
        Mean block of the bootstrap, days.
    luck : Luck
        Sharpe ratio in closed form, its probability, the record it needs.
    bands, drawdowns : Bands, DrawdownLaw, or None
        Of the resampled paths.
    grids : Grids or None
        Costs by delay and lead/lag; None without a way to simulate again.
    stability : Stability
    capacity : Capacity or None
    shifted : ShiftTest or None
        The positions at other times.
    notes : tuple of str
        Why something is missing.
    trade_paths : TradePaths or None
        The trades in other orders, some missed, or dearer; None with fewer than 10.
    """

    level: float
    draws: int
    seed: int
    days: int
    block: float
    estimates: dict[str, Estimate]
    luck: Luck
    bands: Bands | None
    drawdowns: DrawdownLaw | None
    grids: Grids | None
    stability: Stability | None
    capacity: Capacity | None
    shifted: ShiftTest | None
    notes: tuple[str, ...]
    trade_paths: TradePaths | None = None

    def __repr__(self) -> str:
        lines = [f"evidence of {self.days:,} days, {self.level:.0%} intervals"]
        for name, one in self.estimates.items():
            value = "-" if one.value is None else f"{one.value:.4g}"
            band = "" if one.low is None else f" [{one.low:.4g}, {one.high:.4g}]"
            lines.append(f"  {name:22}{value}{band}, n = {one.n:,}")
        if self.luck.dsr is not None:
            lines.append(
                f"  deflated Sharpe ratio {self.luck.dsr:.2f} of {self.luck.trials:,} trials"
            )
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    @property
    def intervals(self) -> dict[str, tuple[float, float, int]]:
        """Metric id to (low, high, n), of those that have an interval."""
        return {
            name: (e.low, e.high, e.n)
            for name, e in self.estimates.items()
            if e.low is not None and e.high is not None
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without NaN and infinities."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Evidence:
        """The record that `to_dict` was called on, also after a way through JSON.

        Raises
        ------
        ConfigError
            The values are not those of a record of this version.
        """
        from pydantic import TypeAdapter, ValidationError

        from trade_research.errors import ConfigError

        try:
            found: Evidence = TypeAdapter(cls).validate_python(dict(values))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ConfigError(
                f"stored evidence cannot be read: {first['msg']} at {where!r}. It was written by "
                "another version; compute it again."
            ) from None
        return found


def gather(
    run: Run,
    *,
    session_dates: npt.NDArray[Any],
    sessions_per_year: float | None,
    trades: Mapping[str, Any],
    benchmark: Simulated | None = None,
    again: Again | None = None,
    target: F64 | None = None,
    costs: Costs | None = None,
    delay: int = 0,
    risk_free: float = 0.0,
    trials: TrialCount | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Evidence:
    """All evidence on one run, in compiled passes over its days.

    Parameters
    ----------
    run : simulate.Result
    session_dates : datetime64[D] array of shape (n_bars,)
        Session of each bar by the calendar.
    sessions_per_year : float or None
        None leaves what is annualised undefined.
    trades : mapping of str to array of shape (n_trades,)
        `pnl`, `return`, `open` and perhaps `exit_time` of the run's trades.
    benchmark : simulate.Result or anything with `equity` and `initial_cash`, optional
        On the same bars.
    again, target, costs, delay : optional
        ``again(costs, delay, target)`` simulates targets with everything else as in the run; with
        the run's own targets, costs and delay it gives the run. Without it there are no grids.
    risk_free : float
        Rate of cash a year.
    trials : store.Trials, optional
        How many were tried on these bars so far, for the deflated Sharpe ratio.
    draws, seed : int
        Of the bootstrap; same seed, same bits.
    """
    days = days_of(
        run.equity,
        run.initial_cash,
        session_dates,
        per_year=sessions_per_year,
        risk_free=risk_free,
        benchmark=None if benchmark is None else benchmark.equity,
        benchmark_initial=None if benchmark is None else benchmark.initial_cash,
    )
    marks = marks_of(days.n)
    estimates, paths, block = day_estimates(days, draws=draws, seed=seed, marks=marks)
    estimates |= trade_estimates(trades, draws=draws, seed=seed + 1)
    has_days = days.n >= 2
    grids = None
    if again is not None and target is not None and costs is not None and has_days:
        grids = cost_grids(again, target, days, costs=costs, delay=delay, orders=len(run.orders))
    capacity = capacity_of(*participation(run.fills, run.market), run.initial_cash)
    shifted = _shifted(run, days, seed + 2)
    return Evidence(
        LEVEL,
        draws,
        seed,
        days.n,
        block,
        estimates,
        luck_of(days.excess, sessions_per_year, trials),
        bands_of(days, paths, marks) if has_days else None,
        drawdown_law(days, paths) if has_days else None,
        grids,
        stability_of(days, states=_states(run, days)) if has_days else None,
        capacity if capacity.fills else None,
        shifted,
        tuple(_notes(days, grids, capacity, shifted)),
        _trade_paths(run, trades, seed + 3),
    )


def _trade_paths(run: Run, trades: Mapping[str, Any], seed: int) -> TradePaths | None:
    """Monte Carlo on the trades, at the average cost of one."""
    pnl = np.asarray(trades["pnl"], np.float64)
    paid = sum(run.costs.values()) / pnl.size if pnl.size else 0.0
    return trade_paths(pnl, run.initial_cash, cost=max(paid, 0.0), seed=seed)


def _states(run: Run, days: Days) -> States | None:
    """The run's bars by the state of their market."""
    per_day = run.equity.size / days.n
    return states_of(
        run.market,
        run.equity,
        run.initial_cash,
        bars_per_year=None if days.per_year is None else days.per_year * per_day,
        cash=days.cash / per_day,
    )


def _shifted(run: Run, days: Days, seed: int) -> ShiftTest | None:
    """The shift test at the average cost the run paid for what it traded."""
    fills = run.fills
    if not len(fills) or days.n < 2:
        return None
    traded = float((np.abs(fills["quantity"]) * fills["reference"]).sum())
    paid = sum(cost for name, cost in run.costs.items() if name not in _HELD)
    held = held_of(fills, run.market, run.equity)
    rate = paid / traded if traded > 0.0 else 0.0
    return shift_test(held, open_returns(run.market), days, cost=rate, seed=seed)


def _notes(
    days: Days, grids: Grids | None, capacity: Capacity, shifted: ShiftTest | None
) -> list[str]:
    found = []
    if days.per_year is None:
        found.append("nothing is annualised: the trading calendar is not known")
    if grids is None:
        found.append("no cost and delay grids: the run cannot be simulated again")
    if not capacity.fills:
        found.append("no capacity: the volume before the fills is not known")
    if shifted is None:
        found.append("no shift test: too few days, or positions that never changed")
    return found
