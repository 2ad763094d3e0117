"""The work of one sweep: which path each configuration takes, and taking it, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import numpy as np

from trade_research.errors import TradeResearchError
from trade_research.kernels.jit import B8, F64, I64
from trade_research.kernels.lanes import LANES
from trade_research.simulate.records import Records
from trade_research.strategies.strategy import Strategy
from trade_research.sweep import accounts as acc
from trade_research.sweep.brackets import settle_brackets
from trade_research.sweep.events import settle
from trade_research.sweep.exact import from_run, is_lost
from trade_research.sweep.factors import Factor, factor
from trade_research.sweep.field import Field
from trade_research.sweep.game import Game
from trade_research.sweep.levels import settle_levels
from trade_research.sweep.measures import measure, moments
from trade_research.sweep.pool import Pool
from trade_research.sweep.scores import N_BLOCKS, Scores
from trade_research.sweep.signals import Maker, Recipe, recipes_of
from trade_research.sweep.space import RUN_AXES, Configurations
from trade_research.sweep.tables import Tables
from trade_research.sweep.tally import INFINITE, RUINED, UNFIT, new_tallies
from trade_research.sweep.tiles import Scan
from trade_research.sweep.whole import run_of, settle_whole, simulate_each, step

MOST_SIGNALS = 1024
"""Signals worked on together: their targets of a tile come from values that are in the cache."""

_FEW = 64  # signals of a piece, at least
_TARGETS = 32 * 1024 * 1024  # bytes of whole targets kept at a time
_WHY = {
    acc.ALL_IN: acc.CHANGES_ONLY,
    acc.BRACKETS: acc.EXITS_FOUND,
    acc.SIZED: acc.SIZES_ONLY,
    acc.STEPPED: acc.TROUBLE,
}
_INFINITE = "a target is infinite. A target is a fraction of equity; NaN is no opinion."


class Work:
    """All of a sweep's work: `run` does it, `scores` gives what came out."""

    def __init__(
        self,
        strategy: Strategy,
        field: Field,
        game: Game,
        found: Configurations,
        maker: Maker,
        failed: Mapping[int, str],
    ) -> None:
        self.n, self._field, self._game, self._maker = len(found), field, game, maker
        self._strategy, self._values = strategy, found.values
        self.signals: Factor = maker.signals
        axes = [a for a in RUN_AXES if a not in strategy.params and a != "symbol"]
        self._variants = factor(found.values, axes, self.n)
        self._books = acc.books_of(game, field.market)
        self._accounts = acc.accounts_of(game, self._books.acct, self._variants)
        self._order = np.argsort(self.signals.of, kind="stable")
        ends = np.arange(self.signals.size + 1)
        self._first = np.searchsorted(self.signals.of[self._order], ends)
        self._tallies = new_tallies(self.n, field.table[:, 2], field.cash_rate)
        self._sums = np.zeros((self.n, len(field.spans), N_BLOCKS, 2))
        self._is_done = np.zeros(self.n, dtype=np.bool_)
        self._status = dict(failed)
        refused = acc.refused(game, self._variants)
        for c in np.flatnonzero(np.isin(self._variants.of, list(refused))).tolist():
            self._status[c] = refused[int(self._variants.of[c])]
        self._choose_paths()

    def _choose_paths(self) -> None:
        """Decide how each configuration is scored, and say why."""
        why = acc.why_stepped(self._game, self._field.market)
        exits = acc.has_exits_of(self._accounts)[self._variants.of]
        plain, bracketed = [acc.STEPPED], [acc.STEPPED]
        if why is None:
            plain = acc.stages_of(self._game)
            bracketed = acc.stages_with_exits(self._game, self._field) if exits.any() else bracketed
        self._after = dict([*pairwise(plain), *pairwise(bracketed)])
        self._stage = np.where(exits, bracketed[0], plain[0])
        self._why = np.full(self.n, why or _WHY[plain[0]], dtype=object)
        if why is None:
            known = _WHY[bracketed[0]] if len(bracketed) > 1 else acc.EXITS_NEED_BARS
            self._why[exits] = known

    @cached_property
    def _tables(self) -> Tables:
        is_margin = self._game.account.kind == "margin"
        return self._field.tables(self._game.fill, is_margin or acc.BRACKETS in self._stage)

    @cached_property
    def _terms(self) -> Records:
        return acc.terms_of(self._accounts)

    def run(
        self,
        pool: Executor,
        n_threads: int,
        progress: Callable[[int], None],
        stop: Callable[[], bool],
    ) -> None:
        """Do all of it, piece by piece, or until `stop` says so."""
        if (self._stage != acc.STEPPED).any():
            tables = pool.submit(lambda: (self._tables, self._terms))
        else:
            tables = None
        for recipe in recipes_of(self._strategy, self.signals, self._maker.columns):
            held = Pool(next(iter(self._maker.columns), {}), self._field.market.n_bars)
            for batch in self._batches(recipe, n_threads, held.room):
                if stop():
                    return
                used = self._load(recipe, batch, held, pool, n_threads)
                if tables is not None:
                    tables.result()
                waiting = [pool.submit(self._piece, used, piece, held) for piece in batch]
                for piece in waiting:
                    progress(piece.result())

    def _load(
        self, recipe: Recipe, batch: list[slice], held: Pool, pool: Executor, n_threads: int
    ) -> Recipe:
        """Hold what a batch shares; the recipe without shared values where that fails."""

        def each(work: Callable[[Any], None], items: list[Any]) -> None:
            left = iter(items)  # every thread takes the next

            def take() -> None:
                for item in left:
                    work(item)

            for taker in [pool.submit(take) for _ in range(n_threads)]:
                taker.result()

        try:
            held.load((key for piece in batch for key in _keys(recipe, piece)), each)
        except Exception as error:  # whatever an indicator raises, the strategy itself will say
            return Recipe(recipe.signals, f"{type(error).__name__} in a shared indicator")
        return recipe

    def _batches(self, recipe: Recipe, n_threads: int, room: int) -> Iterator[list[slice]]:
        """Stretches of a recipe's signals whose shared values fit, in even pieces."""
        n, first = len(recipe.signals), 0
        while first < n:
            last = min(first + MOST_SIGNALS * n_threads, n)
            while last - first > 1 and len(_keys(recipe, slice(first, last))) > room:
                last = first + (last - first) // 2
            pieces = min(n_threads, -(-(last - first) // _FEW))  # each reads all that it shares
            ends = [first + (last - first) * k // pieces for k in range(pieces + 1)]
            yield [slice(*pair) for pair in pairwise(ends)]
            first = last

    def _piece(self, recipe: Recipe, piece: slice, held: Pool) -> int:
        """All configurations of some signals; returns how many."""
        mine = recipe.signals[piece]
        parts = [self._order[self._first[s] : self._first[s + 1]] for s in mine]
        configs = np.concatenate(parts)
        which = np.repeat(np.arange(len(mine)), [len(part) for part in parts])
        self._is_done[configs] = True
        if self._status:
            kept = np.array([c not in self._status for c in configs.tolist()], dtype=np.bool_)
            configs, which = configs[kept], which[kept]
        if recipe.scanner is not None:
            for stage in self._after:
                mine = self._stage[configs] == stage
                if mine.any():
                    scan = Scan(recipe, piece, held, self.signals, self._maker.defaults)
                    self._settle(recipe, scan.settle, stage, configs[mine], which[mine])
            stepped = self._stage[configs] == acc.STEPPED
            configs, which = configs[stepped], which[stepped]
        if recipe.why:
            self._why[configs] = self._why[configs] + f"; {recipe.why}"
        self._whole(recipe, piece, held, configs, which)
        return sum(map(len, parts))

    def _settle(
        self, recipe: Recipe, how: Callable[..., None], stage: int, configs: I64, which: I64
    ) -> None:
        """Settle configurations from sums; those that turn out unfit are left to the next stage."""
        tallies, sums = self._tallies[configs], self._sums[configs]
        variants, field = self._variants.of[configs], self._field
        settle = self._settler(stage)
        how(field, self._tables, which, self._terms, variants, tallies, sums, settle)
        unfit = (tallies["status"] == UNFIT).any(axis=1)
        tallies[unfit] = new_tallies(int(unfit.sum()), field.table[:, 2], field.cash_rate)
        sums[unfit] = 0.0
        self._tallies[configs], self._sums[configs] = tallies, sums
        self._stage[configs[unfit]] = self._after[stage]
        known = _WHY[self._after[stage]]
        self._why[configs[unfit]] = f"{known}; {recipe.why}" if recipe.why else known

    def _settler(self, stage: int) -> Callable[..., None]:
        """The compiled code of a way to settle, with the room it works in."""
        if stage == acc.ALL_IN:
            return settle
        if stage == acc.SIZED:
            lanes = np.zeros(3 * LANES)
            return lambda *rest: settle_levels(*rest, lanes)
        return lambda *rest: settle_brackets(*rest, self._field.bars)

    def _whole(self, recipe: Recipe, piece: slice, held: Pool, configs: I64, which: I64) -> None:
        """Targets over all bars, some signals at a time; settled where that fits, else stepped."""
        shape = self._field.market.close.shape
        needed = np.unique(which)
        most = max(1, _TARGETS // (8 * shape[0] * shape[1]))
        for first in range(0, len(needed), most):
            some = needed[first : first + most]
            targets, place = np.empty((len(some), *shape)), np.full(which.max() + 1, -1)
            for i, j in enumerate(some.tolist()):
                signal = int(recipe.signals[piece.start + j])
                text = self._make(recipe, piece.start + j, signal, held, targets[i])
                if text is None:
                    place[j] = i
                else:
                    self._status |= dict.fromkeys(configs[which == j].tolist(), text)
            mine = np.isin(which, some) & (place[which] >= 0)
            self._take(recipe, targets, configs[mine], place[which[mine]])

    def _take(self, recipe: Recipe, targets: F64, configs: I64, which: I64) -> None:
        """Configurations through targets that are made."""
        for stage in self._after:
            mine = self._stage[configs] == stage
            if mine.any():
                how = partial(settle_whole, targets)
                self._settle(recipe, how, stage, configs[mine], which[mine])
        stepped = self._stage[configs] == acc.STEPPED
        configs, which = configs[stepped], which[stepped]
        if not len(configs):
            return
        tallies, accumulated = self._tallies[configs], self._sums[configs]
        if self._game.is_elaborate:
            simulate_each(
                targets,
                self._field,
                lambda c: self._game_of(configs[c]),
                which,
                tallies,
                accumulated,
            )
        else:
            variants = self._variants.of[configs]
            step(
                targets, self._field, self._game, which, self._accounts, variants, self._books,
                tallies, accumulated,
            )  # fmt: skip
        self._tallies[configs], self._sums[configs] = tallies, accumulated

    def _game_of(self, config: int) -> Game:
        return self._game.under(self._variants.row(int(self._variants.of[config])))

    def _make(self, recipe: Recipe, at: int, signal: int, held: Pool, out: F64) -> str | None:
        """Targets of one signal; where the strategy fails, what it says."""
        try:
            if recipe.body is not None and recipe.keys is not None:
                shared = [held.array(keys[of[at]]) for keys, of in recipe.keys.values()]
                try:
                    out[:, 0] = self._maker.from_body(recipe, signal, shared)
                    return None
                except Exception:  # the strategy itself says what is wrong
                    pass
            self._maker.whole(signal, out)
        except TradeResearchError as error:
            return str(error)
        return None

    def scores(self, configurations: Configurations) -> Scores:
        """What came out."""
        field, tallies, first = self._field, self._tallies, self._sums[:, 0]
        metrics = measure(
            tallies,
            field.n_bars,
            field.n_days,
            self._sums.sum(axis=2),
            cash=self._game.cash,
            cash_rate=field.cash_rate,
            day_cash_rate=field.day_cash_rate,
            periods_per_year=field.periods_per_year,
            sessions_per_year=field.sessions_per_year,
        )
        status = np.full(self.n, "ok", dtype=object)
        status[(tallies["fills"] == 0).all(axis=1)] = "no_trades"
        status[(tallies["status"] == RUINED).any(axis=1)] = "ruined"
        status[(tallies["status"] == INFINITE).any(axis=1)] = _INFINITE
        for c, text in self._status.items():
            status[c] = text
        status[~self._is_done] = "stopped"
        failed = ~np.isin(status, ("ok", "no_trades", "ruined"))
        found = moments(tallies[:, 0], first.sum(axis=1), int(field.n_days[0]))
        self._mend(metrics, found, failed)
        for values in (*metrics.values(), first, found):
            values[failed] = np.nan
        path = np.where(self._stage == acc.STEPPED, "general", "events").astype(object)
        days = np.diff(field.table[0, 2:19])
        return Scores(configurations, metrics, status, path, self._why, first, days, found)

    def _mend(self, metrics: dict[str, F64], found: F64, failed: B8) -> None:
        """Put in what sums have lost: see `exact`."""
        field, tables = self._field, self.__dict__.get("_tables")
        lost = is_lost(field, tables, self._tallies, self._sums.sum(axis=2))
        lost[failed] = False
        for c, s in np.argwhere(lost).tolist():
            target = np.empty(field.market.close.shape)
            self._maker.whole(int(self.signals.of[c]), target)
            run, day = run_of(target, field, self._game_of(c), s), field.day[slice(*field.spans[s])]
            numbers, days = from_run(run, day, field, self._game.cash)
            for name, value in numbers.items():
                metrics[name][c, s] = value
            if s == 0:
                found[c, 1:] = days


def _keys(recipe: Recipe, piece: slice) -> Sequence[Any]:
    """What the signals of a piece read: columns, and keys of shared values."""
    if recipe.keys is None:
        return []
    names = () if recipe.scanner is None else recipe.scanner.arrays
    columns = [name for name in names if name not in recipe.keys]
    return columns + [keys[i] for keys, of in recipe.keys.values() for i in np.unique(of[piece])]
