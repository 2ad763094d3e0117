"""The rules of every variant of costs, exits and delay, as the records that compiled code reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from trade_research.errors import TradeResearchError
from trade_research.kernels.jit import B8
from trade_research.simulate.engine import open_books, pack_conf
from trade_research.simulate.market import Market
from trade_research.simulate.records import Books, Records, dtype_of
from trade_research.sweep.factors import Factor
from trade_research.sweep.field import Field
from trade_research.sweep.game import Game
from trade_research.sweep.tally import Terms

_RATES = {
    "fee_bps": ("fee", 1e4),
    "slippage_bps": ("slippage", 1e4),
    "spread_bps": ("half_spread", 2e4),
}
_DISTANCES = ("stop", "take_profit", "trailing")


def books_of(game: Game, market: Market) -> Books:
    """Books of the game before the first bar."""
    conf = pack_conf(
        costs=game.costs,
        exits=game.exits,
        account=game.account,
        fill=game.fill,
        delay=game.delay,
        start=0,
        rebalance=game.rebalance,
        is_optimistic=False,
    )
    books = open_books(conf, game.cash, game.account, market.symbols, game.rules)
    for name in market.delisted:
        s = market.symbols.index(name)
        rows = np.flatnonzero(~np.isnan(market.close[:, s]))
        books.syms[s].last_bar = rows[-1] if rows.size else 0
    return books


def accounts_of(game: Game, base: Records, variants: Factor) -> Records:
    """One account record a variant, as `pack_conf` makes them."""
    out = np.repeat(base, variants.size)
    for name, (field, unit) in _RATES.items():
        if name in variants.values:
            out[field] = variants.values[name] / unit
            if name == "fee_bps" and game.costs.maker_fee_bps is None:
                out["maker_fee"] = out["fee"]
    for name in (*_DISTANCES, "max_hold"):
        if name in variants.values:
            out[name] = np.nan_to_num(variants.values[name])
    if "cooldown" in variants.values:
        out["cooldown"] = np.nan_to_num(variants.values["cooldown"])
    if "delay" in variants.values:
        out["lag"] = variants.values["delay"] + (game.fill != "this_close")
    has_exits = has_exits_of(out) | (out["cooldown"] > 0)
    out["has_range"] = has_exits | (out["is_margin"] != 0)
    return out


def has_exits_of(accounts: Records) -> B8:
    """Which variants have an exit that depends on the fill."""
    found: B8 = (
        accounts["stop"] + accounts["take_profit"] + accounts["trailing"] + accounts["max_hold"] > 0
    )
    return found


def refused(game: Game, variants: Factor) -> dict[int, str]:
    """Variants that `Costs`, `Exits` or the simulator refuses, and what they say."""
    out: dict[int, str] = {}
    for name, column in variants.values.items():
        distinct, of = np.unique(column, return_inverse=True)
        for i, value in enumerate(distinct):
            text = _refusal(game, {name: None if value != value else value.item()})
            if text is not None:
                out |= dict.fromkeys(np.flatnonzero(of == i).tolist(), text)
    return out


def _refusal(game: Game, axes: Mapping[str, Any]) -> str | None:
    try:
        if "max_hold" in axes and axes["max_hold"] is not None:
            axes = {"max_hold": _whole(axes["max_hold"])}
        game.under(axes)
    except TradeResearchError as error:
        return str(error)
    delay = axes.get("delay", 0)
    return (
        None
        if delay == int(delay) and delay >= 0
        else f"delay must be a whole number of bars from 0, found {delay!r}."
    )


def _whole(value: float) -> Any:
    return int(value) if float(value).is_integer() else value


def terms_of(accounts: Records) -> Records:
    """What trades cost under each account, for those whose costs are proportional."""
    out = np.zeros(len(accounts), dtype=dtype_of(Terms))
    worse = accounts["slippage"] + accounts["half_spread"]
    fee, tax = accounts["fee"], accounts["sell_tax"]
    out["lag"] = accounts["lag"]
    out["buy"] = (1.0 + worse) * (1.0 + fee)
    out["sell"] = (1.0 - worse) * (1.0 - fee - tax)
    out["buy_cost"] = (1.0 + worse) * fee + worse
    out["sell_cost"] = (1.0 - worse) * (fee + tax) + worse
    out["bought"] = 0.5 / (1.0 + fee)
    out["sold"] = 0.5 * (1.0 - worse)
    out["worse"], out["fee"], out["tax"] = worse, fee, tax
    out["maker"] = accounts["maker_fee"]
    for name in ("leverage", "maintenance", "is_margin", *_DISTANCES, "max_hold", "cooldown"):
        out[name] = accounts[name]
    return out


def why_stepped(game: Game, market: Market) -> str | None:
    """Why trades cannot be settled from sums, whatever the exits; None where they can."""
    costs, account = game.costs, game.account
    if market.n_symbols > 1:
        return "several symbols share one account"
    if costs.fixed_fee or costs.min_fee or costs.fee_per_unit:
        return "a fixed fee, a minimum fee or a fee per unit is not proportional"
    if costs.impact_bps:
        return "impact is not proportional"
    if account.kind not in ("spot", "margin"):
        return f"a {account.kind} account pays while it holds"
    if game.rules is not None:
        return "ticks, lots or a least notional round every order"
    if game.rebalance is not None:
        return "rebalancing changes what is held between the targets"
    if game.finalize:
        return "closing out at the end is a trade of its own"
    prices = (market.open, market.close)
    if market.delisted or not all(np.isfinite(p).all() and (p > 0.0).all() for p in prices):
        return "a bar without prices"
    return None


def stages_of(game: Game) -> list[int]:
    """Ways of scoring without exits that a game admits, in the order to be tried."""
    is_plain = game.account.leverage == 1.0
    is_lent = game.account.kind == "margin" and game.costs.borrow_bps > 0.0
    return [*([ALL_IN] if is_plain else []), *([] if is_lent else [SIZED]), STEPPED]


def stages_with_exits(game: Game, field: Field) -> list[int]:
    """The same with exits."""
    is_plain = game.account.leverage == 1.0 and game.fill == "next_open"
    return [BRACKETS, STEPPED] if is_plain and field.is_consistent else [STEPPED]


ALL_IN, BRACKETS, SIZED, STEPPED = range(4)
"""Ways to score a configuration: `events`, `brackets`, `levels`, the simulator's own loop."""

EXITS_NEED_BARS = "exits depend on the prices inside bars"
EXITS_FOUND = "all in or out until a stop, a target or a time, at proportional costs"
CHANGES_ONLY = "all in or out at proportional costs"
SIZES_ONLY = "sizes change at trades alone, at proportional costs"
TROUBLE = "a margin call, a ruin or a bar that traded nothing needs every bar"
"""Why a path was taken, for people."""
