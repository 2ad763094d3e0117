"""`check`: the three laws over a strategy and bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trade_research.research.books import check_books, is_books
from trade_research.research.data import Data, funded, read_data
from trade_research.simulate.accounts import Account
from trade_research.strategies.parts import check_strategy

if TYPE_CHECKING:
    import polars as pl

    from trade_research.evidence.check import Check
    from trade_research.frames.calendars import Calendar
    from trade_research.strategies.strategy import Strategy


def check(
    strategy: Strategy,
    data: Any,
    *,
    setup: Mapping[str, Any] | None = None,
    funding: pl.DataFrame | float | None = None,
    calendar: str | Calendar | None = None,
    budget_s: float = 10.0,
    seed: int = 0,
    **params: Any,
) -> Check:
    """Prove the three laws on these bars: no look-ahead, honest warm-up, replay equals backtest.

    On order books the rows are books, in event time, and `setup` is as for `backtest` on books.

    Parameters
    ----------
    strategy : Strategy
        Made with ``@tr.strategy``.
    data : Query or polars.DataFrame
        As for `backtest`.
    setup : mapping, optional
        Costs, exits and the like as keyword arguments of `simulate`, for the replay.
    funding : DataFrame or float, optional
        As for `backtest`.
    budget_s : float
        Seconds that each stage of the search for leaks may take on long data.
    seed : int
        Of the random cuts and futures: the same seed gives the same check.
    **params
        Parameters of the strategy.

    Returns
    -------
    Check
        ``passed``; printing it names the first leak with its bar, or the guarantee.
    """
    from trade_research.evidence.check import check as prove

    check_strategy(strategy, "check")
    if is_books(data):
        return check_books(strategy, data, setup=setup, budget_s=budget_s, seed=seed, **params)
    found = data if isinstance(data, Data) else read_data(data, calendar)
    account = Account.of((setup or {}).get("account", "spot")).kind
    if found.funding is None:
        found = funded(found, funding, account=account, reads=strategy.reads)
    return prove(
        strategy,
        found.frame,
        strategy.bind(**params),
        setup=setup,
        calendar=found.calendar_name,
        market=found.market,
        budget_s=budget_s,
        seed=seed,
    )
