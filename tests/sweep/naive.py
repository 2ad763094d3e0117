"""Scores as they are defined: every configuration simulated on its own, metrics from the run."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np

from trade_research.metrics import summary
from trade_research.simulate import Account, Costs, Exits, simulate
from trade_research.sweep import METRICS
from trade_research.sweep.game import Game
from trade_research.sweep.scores import N_BLOCKS

RATE = 0.0003  # of every funding
PRICES = ("open_time", "close_time", "open", "high", "low", "close", "volume")


def cut(market, first, last):
    """The bars [first, last) as a market."""
    session = None if market.session is None else market.session[first:last]
    parts = {name: getattr(market, name)[first:last] for name in PRICES}
    made = dataclasses.replace(market, session=session, funding=None, **parts)
    return made if market.funding is None else made.with_funding(RATE)


def targets(strategy, market, columns, params):
    """Targets of every symbol, (n_bars, n_symbols)."""
    parts = [columns] if isinstance(columns, dict) else columns
    out = np.full(market.close.shape, np.nan)
    for s, part in enumerate(parts):
        rows = np.flatnonzero(~np.isnan(market.close[:, s])) if len(parts) > 1 else slice(None)
        out[rows, s] = strategy.compute(part, **params).target / len(parts)
    return out


def one(strategy, market, columns, row, start, spans, game, **year):
    """Metrics of one configuration over each span, and its day returns of the first."""
    params = {k: v for k, v in row.items() if k in strategy.params}
    target = targets(strategy, market, columns, params)
    target[:start] = 0.0
    mine = game.under({k: v for k, v in row.items() if k not in strategy.params})
    runs = [simulate(cut(market, a, b), target[a:b], **mine.settings) for a, b in spans]
    return runs, [numbers(run, **year) for run in runs]


def numbers(run, *, periods_per_year, sessions_per_year, risk_free=0.0):
    """The metrics of a sweep of one run; NaN where undefined."""
    found = summary(
        equity=run.equity,
        initial_cash=run.initial_cash,
        close_time=run.close_time,
        start_time=int(run.market.open_time[0]),
        periods_per_year=periods_per_year,
        sessions_per_year=sessions_per_year,
        session_dates=run.market.session_days().astype("datetime64[D]"),
        gross=run.equity_frame["gross"].to_numpy(),
        fills={name: run.fills[name] for name in ("bar", "quantity", "price")},
        costs=run.costs,
        trades={
            "pnl": run.trades.pnl,
            "return": run.trades.returns,
            "bars": run.trades.bars,
            "mae": run.trades.mae,
            "mfe": run.trades.mfe,
            "open": run.trades.is_open,
        },
        risk_free=risk_free,
    )
    return {name: np.nan if found[name] is None else found[name] for name in METRICS}


def blocks(daily):
    """Sums of day returns and of their squares in 16 stretches."""
    edges = [len(daily) * b // N_BLOCKS for b in range(N_BLOCKS + 1)]
    parts = [daily[a:b] for a, b in pairwise(edges)]
    return np.array([(p.sum(), (p * p).sum()) for p in parts])


def game_of(rng, *, exits=False, costs=True, general=False):
    """Random rules of a run."""
    bps = lambda most: float(rng.choice([0.0, 0.0, rng.uniform(0, most)]))  # noqa: E731
    made = Costs(fee_bps=bps(50), spread_bps=bps(20), slippage_bps=bps(20), sell_tax_bps=bps(30))
    more = {}
    if general:
        fees = ["min_fee", "fixed_fee", "fee_per_unit", "impact_bps"]
        others = {
            "finalize": {"finalize": True},
            "rebalance": {"rebalance": 7},
            "drift": {"rebalance": 0.05},
            "perp": {"account": Account("perp", 2.0)},
        }
        kind = str(rng.choice([*fees, *others]))
        if kind in others:
            more = others[kind]
        else:
            made = dataclasses.replace(made, **{kind: float(rng.uniform(0.01, 5.0))})
    chosen = Exits()
    if exits:
        part = lambda a, b: float(rng.uniform(a, b)) if rng.random() < 0.6 else None  # noqa: E731
        chosen = Exits(
            part(0.005, 0.1), part(0.005, 0.2), part(0.005, 0.1), None, int(rng.choice([0, 3]))
        )
    account = rng.choice(["spot", "margin", "margin2"])
    return {
        "costs": made,
        "exits": chosen,
        "account": Account("margin", 2.0) if account == "margin2" else Account(str(account)),
        "cash": float(rng.choice([1_000.0, 1e6])),
        "fill": str(rng.choice(["next_open", "next_open", "next_close", "this_close"])),
        "delay": int(rng.choice([0, 0, 0, 1, 3])),
        **more,
    }


def as_game(rules):
    """The same as a `Game`."""
    from trade_research.simulate.schedule import Rebalance

    return Game(**(rules | {"rebalance": Rebalance.of(rules.get("rebalance"))}))
