"""Signals whose targets are made over all bars: settled from sums, or stepped bar by bar."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from trade_research.kernels.jit import B8, F64, I64
from trade_research.simulate.market import Market
from trade_research.simulate.records import Books, Records
from trade_research.simulate.result import Result
from trade_research.simulate.run import simulate, tape_of
from trade_research.sweep.field import Field
from trade_research.sweep.game import Game
from trade_research.sweep.scan import TILE, collect_all
from trade_research.sweep.stepped import new_desk, play, tally_run, with_room
from trade_research.sweep.tables import Tables
from trade_research.sweep.tally import RUINED, new_tallies

_local = threading.local()


def settle_whole(
    targets: F64,
    field: Field,
    tables: Tables,
    which: I64,
    terms: Records,
    of_terms: I64,
    tallies: Records,
    sums: F64,
    settle: Callable[..., None],
) -> None:
    """Settle the changes of targets (n_signals, n_bars, 1); `which` is each configuration's."""
    k, n_bars = targets.shape[:2]
    at, to = np.empty(k * n_bars + 66, dtype=np.int32), np.empty(k * n_bars + 66)
    begin = np.zeros((1, k + 1), dtype=np.int64)
    collect_all(targets, field.forced, np.zeros(TILE + 66), at, to, begin)
    settle(at, to, begin, which, terms, of_terms, tables, field.table, True, tallies, sums)


def step(
    targets: F64,
    field: Field,
    game: Game,
    which: I64,
    accounts: Records,
    of_account: I64,
    books: Books,
    tallies: Records,
    sums: F64,
) -> None:
    """Run every bar of each configuration through the simulator's own loop."""
    market, done = field.market, 0
    desk = getattr(_local, "desk", None)
    if desk is None or desk.equity.size < market.n_bars or len(desk.syms) != market.n_symbols:
        desk = new_desk(*market.close.shape)
    tape = tape_of(market, market.close, _rebalancing(game, market))
    while True:
        done = play(
            done,
            tape,
            targets,
            which,
            accounts,
            of_account,
            books.syms,
            desk,
            field.table,
            field.day,
            game.finalize,
            tallies,
            sums,
        )
        if done == len(which):
            break
        desk = with_room(desk)
        fresh = new_tallies(1, field.table[:, 2], field.cash_rate)
        tallies[done], sums[done] = fresh[0], 0.0
    _local.desk = desk


def run_of(target: F64, field: Field, game: Game, s: int) -> Result:
    """A full run over one span; `target` (n_bars, n_symbols) of all bars."""
    first, last = field.spans[s].tolist()
    start = int(field.table[s, 0]) - first
    return simulate(
        field.market.since(first, last), target[first:last], start=start, **game.settings
    )


def simulate_each(
    targets: F64,
    field: Field,
    games: Callable[[int], Game],
    which: I64,
    tallies: Records,
    sums: F64,
) -> None:
    """The same by `simulate`, for accounts whose books begin with more than money."""
    for c, signal in enumerate(which):
        game = games(c)
        for s, (first, last) in enumerate(field.spans):
            run = run_of(targets[signal], field, game, s)
            desk = new_desk(0, field.market.n_symbols, 0)
            day = field.day[first:last]
            me = tallies[c : c + 1, s]
            tally_run(
                run.equity, run.fills, game.cash, day, field.table[s], desk.held, me, sums[c, s]
            )
            me["cost"] += (run.borrow_paid + run.funding_paid) / game.cash
            if run.status == "ruined":
                me["status"] = RUINED


def _rebalancing(game: Game, market: Market) -> B8:
    """Rows that rebalance, by the schedule of all bars."""
    if game.rebalance is None:
        return np.zeros(market.n_bars, dtype=np.bool_)
    return game.rebalance.rows(market.close_time, market.session_days(), 0, market.n_bars)
