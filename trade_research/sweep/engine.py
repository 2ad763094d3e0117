"""`score`: every configuration over the same bars, to accumulators and not to equity curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from trade_research.errors import TradeResearchError
from trade_research.kernels.jit import F64, I64
from trade_research.metrics.moments import moments
from trade_research.metrics.returns import returns_of
from trade_research.metrics.summary import summary
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits
from trade_research.simulate.market import Market
from trade_research.simulate.result import Result
from trade_research.simulate.run import simulate
from trade_research.simulate.schedule import Rebalance
from trade_research.strategies.strategy import Strategy
from trade_research.sweep.game import Game
from trade_research.sweep.scores import METRICS, N_BLOCKS, Scores, block_edges
from trade_research.sweep.space import RUN_AXES, Configurations


def score(
    strategy: Strategy,
    market: Market,
    columns: Mapping[str, F64] | Sequence[Mapping[str, F64]],
    configurations: Configurations,
    *,
    costs: Costs | None = None,
    exits: Exits | None = None,
    account: Account | str = "spot",
    cash: float = 100_000.0,
    fill: str = "next_open",
    delay: int = 0,
    rebalance: Any = None,
    rules: Rules | None = None,
    finalize: bool = False,
    start: int | None = None,
    spans: I64 | None = None,
    periods_per_year: float | None = None,
    sessions_per_year: float | None = None,
    sessions: I64 | None = None,
    risk_free: float = 0.0,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Scores:
    """Metrics of every configuration over every span."""
    game = Game(
        costs or Costs(),
        exits or Exits(),
        Account.of(account),
        float(cash),
        fill,
        delay,
        Rebalance.of(rebalance),
        rules,
        finalize,
    )
    n, first = len(configurations), largest_warmup(strategy, configurations) if start is None else start
    days = market.session_days() if sessions is None else sessions
    ranges = np.array([[0, market.n_bars]]) if spans is None else np.asarray(spans)
    edges = block_edges(len(np.unique(days[slice(*ranges[0])])))
    scores = Scores(
        configurations,
        {name: np.full((n, len(ranges)), np.nan) for name in METRICS},
        np.full(n, "ok", dtype=object),
        np.full(n, "general", dtype=object),
        np.full(n, "not optimised yet", dtype=object),
        np.zeros((n, N_BLOCKS, 2)),
        np.diff(edges),
        np.full((n, 5), np.nan),
    )
    for i in range(n):
        if stop is not None and stop():
            break
        try:
            target = _target(strategy, columns, configurations.row(i), market, first)
            mine = game.under(configurations.row(i))
            for s, (a, b) in enumerate(ranges):
                cut = _cut(market, int(a), int(b))
                run = simulate(cut, target[a:b], **mine.settings)
                _fill(scores, i, s, run, days[a:b], periods_per_year, sessions_per_year, risk_free)
        except TradeResearchError as error:
            scores.status[i] = str(error)
        if progress is not None:
            progress(1)
    return scores


def day_returns(
    strategy: Strategy,
    market: Market,
    columns: Mapping[str, F64] | Sequence[Mapping[str, F64]],
    configurations: Configurations,
    *,
    sessions: I64 | None = None,
    start: int | None = None,
    **settings: Any,
) -> F64:
    """Return of each day of each configuration, (n_days, n_configs)."""
    days = market.session_days() if sessions is None else sessions
    last = np.flatnonzero(np.append(days[1:] != days[:-1], True))
    first = largest_warmup(strategy, configurations) if start is None else start
    game = Game(**{k: v for k, v in settings.items() if k in Game.__dataclass_fields__ and v is not None})
    out = np.full((len(last), len(configurations)), np.nan)
    for i in range(len(configurations)):
        target = _target(strategy, columns, configurations.row(i), market, first)
        mine = game.under(configurations.row(i))
        run = simulate(market, target, **mine.settings)
        out[:, i] = returns_of(run.equity[last], mine.cash)
    return out


def largest_warmup(strategy: Strategy, configurations: Configurations) -> int:
    """Bars that the configuration with the longest warm-up needs."""
    mine = [name for name in strategy.params if name in configurations.values]
    found = [configurations.values[name] for name in mine]
    rows = dict.fromkeys(zip(*(c.tolist() for c in found), strict=True)) if mine else {(): None}
    return max(strategy.warmup(**dict(zip(mine, row, strict=True))) for row in rows)


def _target(strategy: Strategy, columns: Any, row: dict[str, Any], market: Market, first: int) -> F64:
    params = {k: v for k, v in row.items() if k in strategy.params}
    parts = [columns] if isinstance(columns, Mapping) else list(columns)
    target = np.full(market.close.shape, np.nan)
    for s, part in enumerate(parts):
        rows = np.flatnonzero(~np.isnan(market.close[:, s])) if len(parts) > 1 else slice(None)
        target[rows, s] = strategy.compute(part, **params).target / len(parts)
    target[:first] = 0.0
    return target


def _cut(market: Market, a: int, b: int) -> Market:
    from dataclasses import replace

    names = ("open_time", "close_time", "open", "high", "low", "close", "volume")
    session = None if market.session is None else market.session[a:b]
    return replace(market, session=session, **{n: getattr(market, n)[a:b] for n in names})


def _fill(scores: Scores, i: int, s: int, run: Result, days: I64, ppy: Any, spy: Any, rf: float) -> None:
    found = summary(
        equity=run.equity,
        initial_cash=run.initial_cash,
        close_time=run.close_time,
        start_time=int(run.market.open_time[0]),
        periods_per_year=ppy,
        sessions_per_year=spy,
        session_dates=days.astype("datetime64[D]"),
        gross=lambda: run.equity_frame["gross"].to_numpy(),
        fills=lambda: {name: run.fills[name] for name in ("bar", "quantity", "price")},
        costs=lambda: run.costs,
        trades=lambda: {
            "pnl": run.trades.pnl,
            "return": run.trades.returns,
            "bars": run.trades.bars,
            "mae": run.trades.mae,
            "mfe": run.trades.mfe,
            "open": run.trades.is_open,
        },
        risk_free=rf,
    )
    for name in METRICS:
        value = found[name]
        scores.metrics[name][i, s] = np.nan if value is None else value
    if run.status != "ok":
        scores.status[i] = run.status
    if s == 0:
        last = np.flatnonzero(np.append(days[1:] != days[:-1], True))
        daily = returns_of(run.equity[last], run.initial_cash)
        edges = block_edges(len(daily))
        for b in range(N_BLOCKS):
            part = daily[edges[b] : edges[b + 1]]
            scores.blocks[i, b] = part.sum(), (part * part).sum()
        m = moments(daily)
        skew, kurt = (m.m3 / m.m2**1.5, m.m4 / m.m2**2) if m.varies else (np.nan, np.nan)
        scores.moments[i] = m.n, m.mean, m.m2 * m.n / max(m.n - 1, 1), skew, kurt


assert set(RUN_AXES)
