"""`simulate`: bars and targets in, fills and equity out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from trade_research.errors import SimulationError
from trade_research.kernels.jit import B8, F64
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.costs import Costs
from trade_research.simulate.engine import advance, end, has_ledger, open_books, pack_conf
from trade_research.simulate.exits import Exits
from trade_research.simulate.market import Market, read_only
from trade_research.simulate.records import Records, Tape
from trade_research.simulate.result import Result
from trade_research.simulate.schedule import Rebalance

if TYPE_CHECKING:
    import polars as pl


def simulate(
    bars: Market | pl.DataFrame,
    target: F64,
    *,
    costs: Costs | None = None,
    exits: Exits | None = None,
    account: Account | str = "spot",
    cash: float = 100_000.0,
    fill: str = "next_open",
    delay: int = 0,
    rebalance: Rebalance | bool | int | float | str | None = None,
    rules: Rules | None = None,
    finalize: bool = False,
    start: int = 0,
) -> Result:
    """Trade a row of targets after every bar and account for all of it.

    Parameters
    ----------
    bars : Market or polars.DataFrame
        What happened. A frame of bars is turned into a Market.
    target : float64 array of shape (n_bars,) or (n_bars, n_symbols)
        Signed fraction of equity wanted after each row; NaN keeps what is wanted. A *change* fixes
        the units once, at the next fill; between changes units are held.
    costs : Costs
        None: the default costs, which are not zero.
    exits : Exits, optional
        Stops and other exits done by the fill step.
    account : Account or {"spot", "margin", "perp"}
        Buying power; "perp" needs a market with funding (`Market.with_funding`).
    cash : float
        Money at the start.
    fill : {"next_open", "next_close", "this_close"}
        Which price the decision of a row gets. "this_close" trades at the close that decided:
        fit for comparisons, never for trading.
    delay : int
        Extra bars between decision and fill.
    rebalance : optional
        When to go back to the weights without a change; see `Rebalance.of`.
    rules : Rules, optional
        Tick, lot and minimum notional.
    finalize : bool
        Close what is open at the last close, with costs; marked "finalize".
    start : int
        First row whose target counts; equity before is the cash.

    Returns
    -------
    Result
        Same inputs, same bits.

    Raises
    ------
    SimulationError
        Shapes that do not agree, an infinite target, or an argument outside its choices.
    """
    market = bars if isinstance(bars, Market) else Market.from_frame(bars)
    settings: dict[str, Any] = {
        "costs": costs or Costs(),
        "exits": exits,
        "account": Account.of(account),
        "fill": fill,
        "delay": delay,
        "start": start,
        "rebalance": Rebalance.of(rebalance),
    }
    matrix = _target_matrix(target, market)
    _check_impact(settings["costs"], market)

    once: Callable[[bool], Result] = partial(
        _once, market=market, target=matrix, cash=cash, rules=rules, finalize=finalize, **settings
    )
    result = once(False)
    object.__setattr__(result, "rerun", once)
    return result


def _once(
    is_optimistic: bool,
    *,
    market: Market,
    target: F64,
    cash: float,
    rules: Rules | None,
    finalize: bool,
    **settings: Any,
) -> Result:
    acct = pack_conf(is_optimistic=is_optimistic, **settings)
    rebalance = settings["rebalance"]
    n_bars = market.n_bars
    account = settings["account"]
    due = fundings_of(market, account)
    books = open_books(acct, cash, account, market.symbols, rules, n_bars, due)
    for name in market.delisted:
        s = market.symbols.index(name)
        rows = np.flatnonzero(~np.isnan(market.close[:, s]))
        books.syms[s].last_bar = rows[-1] if rows.size else 0
    if rebalance is None:
        flags = np.zeros(n_bars, dtype=np.bool_)
    else:
        flags = rebalance.rows(market.close_time, market.session_days(), 0, n_bars)
    tape = tape_of(market, target, flags)
    equity = np.empty(n_bars)
    ledger = np.empty((n_bars if has_ledger(acct) else 0, 2))
    if n_bars:
        books = advance(0, n_bars, tape, books, equity, ledger)
        books = end(n_bars, finalize, tape, books)
    return Result.from_books(market, books, float(cash), equity, ledger)


def fundings_of(market: Market, account: Account) -> Records | None:
    """The fundings that the account pays; the error when a perpetual's rates are not known."""
    if account.kind != "perp":
        return None
    if market.funding is None:
        raise SimulationError(
            "a 'perp' account pays funding, and the rates are not known. Pass funding= (a frame "
            "of time, funding_rate and perhaps mark_price, or one rate for every 8 hours; 0.0 for "
            "none), or write them to the store with store.write_funding."
        )
    return market.funding


def tape_of(market: Market, target: F64, flags: B8) -> Tape:
    """The market and the targets as the step reads them."""
    return Tape(
        market.open,
        market.high,
        market.low,
        market.close,
        market.volume,
        target,
        market.open_time,
        market.close_time,
        flags,
    )


def _target_matrix(target: F64, market: Market) -> F64:
    matrix = np.ascontiguousarray(target, dtype=np.float64)
    if matrix.ndim == 1:
        matrix = matrix.reshape(-1, 1)
    if matrix.shape != (market.n_bars, market.n_symbols):
        raise SimulationError(
            f"targets have shape {np.shape(target)}, but there are {market.n_bars} bars of "
            f"{market.n_symbols} symbols. Give one target per bar and symbol; NaN is no opinion."
        )
    return read_only(matrix)


def _check_impact(costs: Costs, market: Market) -> None:
    if costs.impact_bps > 0 and market.n_bars and np.isnan(market.volume).all():
        raise SimulationError(
            "costs have impact_bps, but no bar has a known volume to measure an order against. "
            "Use bars with volume, or impact_bps=0."
        )
