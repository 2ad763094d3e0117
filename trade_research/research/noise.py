"""`noise_test`: would the same search have found as much in prices without patterns?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.errors import ConfigError
from trade_research.evidence.surrogates import Kind, surrogate
from trade_research.research.data import Data, read_data
from trade_research.research.setup import Setup
from trade_research.research.trials import record_configurations
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits
from trade_research.simulate.market import PRICES, Market
from trade_research.sweep.engine import score
from trade_research.sweep.scores import Scores
from trade_research.sweep.space import Space

if TYPE_CHECKING:
    from trade_research.frames.calendars import Calendar
    from trade_research.kernels.jit import F64
    from trade_research.strategies.strategy import Strategy

LEVEL = 0.05
_TIME = pl.Datetime("us", "UTC")


@dataclass(frozen=True, eq=False)
class NoiseTest:
    """The best of a search beside the best of the same search on prices without patterns.

    Attributes
    ----------
    best : float
        Highest Sharpe ratio of day returns on the data, a year (a day without a calendar).
    others : float64 array of shape (n_surrogates,)
        The highest on each surrogate.
    p_value : float
        (1 + surrogates at least as good) / (1 + surrogates).
    """

    best: float
    others: F64
    p_value: float
    kind: Kind
    block: int
    configurations: int
    seed: int

    @property
    def passed(self) -> bool:
        """Whether fewer than 5 of 100 searches in noise find as much."""
        return self.p_value <= LEVEL

    def __str__(self) -> str:
        low, middle, high = np.quantile(self.others, [0.05, 0.5, 0.95])
        many = (
            f"the best of {self.configurations:,} configurations"
            if self.configurations > 1
            else "the configuration"
        )
        what = {
            "permuted": "with the data's own moves in another order",
            "white": "of white noise as volatile as the data",
        }[self.kind]
        said = "More than noise gives" if self.passed else "Noise gives as much"
        return (
            f"{said}: {many} has a Sharpe ratio of {self.best:.2f}; on {self.others.size} markets "
            f"{what} it has {middle:.2f} [{low:.2f}, {high:.2f}], as much in "
            f"{int((self.others >= self.best).sum())} of them (p = {self.p_value:.3f})."
        )

    __repr__ = __str__


def noise_test(
    strategy: Strategy,
    data: Any,
    *,
    kind: Kind = "permuted",
    block: int = 1,
    surrogates: int = 100,
    seed: int = 0,
    where: str | None = None,
    costs: Costs | None = None,
    account: str | Account = "spot",
    cash: float = 100_000.0,
    exits: Exits | None = None,
    fill: str = "next_open",
    delay: int = 0,
    rules: Rules | None = None,
    calendar: str | Calendar | None = None,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
    **axes: Any,
) -> NoiseTest:
    """Run a search again on prices whose patterns are destroyed.

    Parameters
    ----------
    strategy : Strategy
        That reads bars of the instrument itself.
    data : Query or polars.DataFrame
        One instrument without missing bars.
    kind : {"permuted", "white"}
        "permuted": the bars of the data in random order: what is earned by being invested stays,
        timing goes. "white": normal moves without drift.
    block : int
        Bars that stay together when they are permuted; patterns shorter than that survive.
    surrogates : int
        How many such markets.
    seed : int
        Same seed, same bits.
    **axes
        Values to search, as for `walk_forward`; single values test one configuration.
    where, costs, account, cash, exits, fill, delay, rules, calendar
        As for `walk_forward`.
    progress : callable, optional
        Is told 1 after each surrogate.

    Returns
    -------
    NoiseTest
        The search on the data itself goes to the ledger, those on surrogates do not: they are no
        trials on these bars.

    Raises
    ------
    ConfigError
        Several instruments, missing bars, or nothing that varies.

    References
    ----------
    Aronson (2006), Evidence-Based Technical Analysis, chapter 5; Masters (2018), Testing and
    Tuning Market Trading Systems, chapter 7.
    """
    found = data if isinstance(data, Data) else read_data(data, calendar)
    setup = Setup(
        costs=Costs() if costs is None else costs,
        account=Account.of(account),
        exits=exits,
        rules=rules,
        cash=float(cash),
        fill=fill,
        delay=delay,
        rebalance=None,
        finalize=False,
    )
    configurations = Space(axes, where).grid()
    year = found.sessions_per_year or 1.0

    def best_on(market: Market) -> tuple[float, Scores]:
        scores = score(
            strategy,
            market,
            strategy.columns_of(_frame(market), calendar=found.calendar_name),
            configurations,
            **setup.rules_of_the_game,
            sessions_per_year=year,
            periods_per_year=found.periods_per_year or 1.0,
            threads=threads,
        )
        ratios = scores.metrics["sharpe_daily"][:, 0]
        # A market on which nothing trades has cash's ratio.
        return (0.0 if np.isnan(ratios).all() else float(np.nanmax(ratios))), scores

    best, own = best_on(found.market)
    if not (own.status == "ok").any():
        raise ConfigError(
            f"no configuration trades on the data ({own.status[0]}): there is nothing to test"
        )
    record_configurations(
        strategy, found, configurations, own.moments, exits=exits, kind="noise_test"
    )
    others = np.empty(surrogates)
    for k in range(surrogates):
        others[k], _ = best_on(surrogate(found.market, kind=kind, block=block, seed=seed + k))
        if progress is not None:
            progress(1)
    p_value = (1.0 + float((others >= best).sum())) / (1.0 + surrogates)
    return NoiseTest(best, others, p_value, kind, block, len(configurations), seed)


def _frame(market: Market) -> pl.DataFrame:
    """The bars of a market of one symbol as a frame."""
    times = {
        name: pl.Series(getattr(market, name)).cast(_TIME) for name in ("open_time", "close_time")
    }
    return pl.DataFrame({**times, **{name: getattr(market, name)[:, 0] for name in PRICES}})
