"""The work of a sweep over one set of bars: which path each configuration takes, and taking it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from trade_research.errors import TradeResearchError
from trade_research.kernels.jit import F64, I64
from trade_research.simulate.market import Market
from trade_research.simulate.records import Records
from trade_research.simulate.run import tape_of
from trade_research.strategies.strategy import Strategy
from trade_research.sweep import accounts as acc
from trade_research.sweep.events import FINE, INFINITE, RUINED, UNFIT, new_tallies, settle
from trade_research.sweep.factors import Factor, factor
from trade_research.sweep.game import Game
from trade_research.sweep.measures import measure, moments
from trade_research.sweep.parts import WholeError
from trade_research.sweep.pool import Pool, addresses
from trade_research.sweep.scan import TILE, collect_all
from trade_research.sweep.scores import N_BLOCKS, Scores
from trade_research.sweep.signals import Columns, Maker, Recipe, recipes_of
from trade_research.sweep.space import RUN_AXES, Configurations
from trade_research.sweep.stepped import new_desk, play, with_room
from trade_research.sweep.tables import Tables, prepare, span_table

MOST_SIGNALS = 1024
"""Signals worked on together: their targets of a tile come from values that are in the cache."""

_FEW = 64
_TARGETS = 32 * 1024 * 1024  # bytes of whole targets kept at a time


@dataclass(frozen=True, eq=False)
class Field:
    """The bars of a sweep and the ranges of them that are scored."""

    market: Market
    columns: Columns
    rows: Sequence[Any]
    day: I64
    spans: I64  # (n_spans, 2)
    start: int
    periods_per_year: float | None
    sessions_per_year: float | None
    cash_rate: float
    day_cash_rate: float

    @classmethod
    def of(
        cls,
        market: Market,
        columns: Columns,
        spans: I64 | None,
        start: int,
        sessions: I64 | None,
        periods_per_year: float | None,
        sessions_per_year: float | None,
        cash_rate: float,
        day_cash_rate: float,
    ) -> Field:
        """The field, days numbered from 0."""
        days = market.session_days() if sessions is None else np.asarray(sessions)
        day = np.cumsum(np.append(0, days[1:] != days[:-1]))
        ranges = np.array([[0, market.n_bars]]) if spans is None else np.asarray(spans, np.int64)
        rows = (
            [slice(None)]
            if market.n_symbols == 1
            else [np.flatnonzero(~np.isnan(market.close[:, s])) for s in range(market.n_symbols)]
        )
        return cls(
            market,
            columns,
            rows,
            day,
            ranges.reshape(-1, 2),
            start,
            periods_per_year,
            sessions_per_year,
            cash_rate,
            day_cash_rate,
        )

    @cached_property
    def table(self) -> I64:
        """Spans as compiled code reads them; rows before `start` decide nothing."""
        return span_table(self.spans, self.start, self.day)

    @cached_property
    def forced(self) -> I64:
        """A bit for every row that a span begins to decide on, 64 rows a word."""
        out = np.zeros(self.market.n_bars // 64 + 2, dtype=np.uint64)
        for row in self.table[:, 0]:
            out[row // 64] |= np.uint64(1) << np.uint64(row % 64)
        return out.view(np.int64)


@dataclass
class Paths:
    """Which path each configuration took, and why; `status` holds texts of errors."""

    is_stepped: Any
    why: Any
    status: Any = field(default_factory=dict)


class Shop:
    """All of a sweep's work: `run` does it, `scores` gives what came out."""

    def __init__(
        self, strategy: Strategy, ground: Field, game: Game, configurations: Configurations
    ) -> None:
        self.field, self.game, self.n = ground, game, len(configurations)
        values = configurations.values
        self.signals = factor(values, list(strategy.params), self.n)
        run_axes = [a for a in RUN_AXES if a not in strategy.params and a != "symbol"]
        self.variants: Factor = factor(values, run_axes, self.n)
        market = ground.market
        self.maker = Maker(strategy, self.signals, ground.columns, ground.rows, market.n_bars)
        self.recipes = recipes_of(strategy, self.signals, ground.columns)
        self._books = acc.books_of(game, market)
        self.accounts = acc.accounts_of(game, self._books.acct, self.variants)
        refused = acc.refused(game, self.variants)
        self.refused = {
            int(i): refused[int(self.variants.of[i])]
            for i in np.flatnonzero(np.isin(self.variants.of, list(refused)))
        }
        self.tallies = new_tallies(self.n, ground.table[:, 2], ground.cash_rate)
        self.sums = np.zeros((self.n, len(ground.spans), N_BLOCKS, 2))
        self._paths()
        self.order = np.argsort(self.signals.of, kind="stable")
        self._first = np.searchsorted(self.signals.of[self.order], np.arange(self.signals.size + 1))
        self._lock, self._local = threading.Lock(), threading.local()

    def _paths(self) -> None:
        """Decide which configurations can be settled from sums."""
        why = acc.why_stepped(self.game, self.field.market)
        self.why = np.full(self.n, why or acc.CHANGES_ONLY, dtype=object)
        exits = acc.has_exits_of(self.accounts)[self.variants.of]
        self.is_stepped = exits | (why is not None)
        if why is None:
            self.why[exits] = acc.EXITS_NEED_BARS
        self.status: dict[int, str] = dict(self.refused)

    @cached_property
    def tables(self) -> Tables:
        """What settling from sums reads."""
        market = self.field.market
        price = (market.open if self.game.fill == "next_open" else market.close)[:, 0]
        return prepare(
            np.ascontiguousarray(price),
            np.ascontiguousarray(market.close[:, 0]),
            self.field.day,
            market.volume[:, 0] == 0.0,
            self.field.cash_rate,
        )

    @cached_property
    def terms(self) -> Records:
        """What each variant pays."""
        return acc.terms_of(self.accounts)

    def run(
        self,
        pool: Executor,
        n_threads: int,
        progress: Callable[[int], None],
        stop: Callable[[], bool],
    ) -> None:
        """Do all of it, piece by piece."""
        if not self.is_stepped.all():
            _ = self.tables, self.terms  # made once, before threads ask for them
        for recipe in self.recipes:
            keep = Pool(self.field.columns[0], self.field.market.n_bars)

            def each(work: Callable[[Any], None], items: list[Any]) -> None:
                list(pool.map(work, items))

            pieces = list(self._pieces(recipe, n_threads, keep.room))
            for batch in _batches(pieces, recipe, keep.room, n_threads):
                if stop():
                    break
                try:
                    keep.load(dict.fromkeys(k for p in batch for k in _keys(recipe, p)), each)
                    found = [pool.submit(self._piece, recipe, p, keep) for p in batch]
                except WholeError as error:
                    recipe = Recipe(recipe.signals, str(error))
                    found = [pool.submit(self._piece, recipe, p, keep) for p in batch]
                for piece, one in zip(batch, found, strict=True):
                    one.result()
                    progress(len(self._configs(recipe.signals[piece])))

    def _pieces(self, recipe: Recipe, n_threads: int, room: int) -> Iterable[slice]:
        """Stretches of a recipe's signals whose shared values fit."""
        n = len(recipe.signals)
        size = min(MOST_SIGNALS, n)
        if n_threads > 1:
            size = min(size, max(_FEW, -(-n // (2 * n_threads))))
        first = 0
        while first < n:
            piece = slice(first, min(first + size, n))
            while piece.stop - first > 1 and len(_keys(recipe, piece)) > room:
                piece = slice(first, first + (piece.stop - first) // 2)
            yield piece
            first = piece.stop

    def _configs(self, signals: I64) -> I64:
        """Configurations of some signals, one signal after the other."""
        parts = [self.order[self._first[s] : self._first[s + 1]] for s in signals]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)

    def _piece(self, recipe: Recipe, piece: slice, keep: Pool) -> None:
        """All configurations of some signals."""
        signals = recipe.signals[piece]
        configs = self._configs(signals)
        configs = np.array([c for c in configs if c not in self.refused]) if self.refused else configs
        if not len(configs):
            return
        number = np.full(self.signals.size, -1) if len(signals) > 8 else None
        which = self._positions(signals, configs, number)
        sums = ~self.is_stepped[configs]
        if sums.any() and recipe.scanner is not None:
            self._scan(recipe, piece, keep, configs[sums], which[sums])
            unfit = (self.tallies["status"][configs] == UNFIT).any(axis=1)
            self._reset(configs[unfit])
            self._step(recipe, piece, keep, signals, configs, which, unfit | ~sums, None)
        else:
            self._step(recipe, piece, keep, signals, configs, which, ~sums, sums)

    def _positions(self, signals: I64, configs: I64, number: I64 | None) -> I64:
        """Position of each configuration's signal within the piece."""
        order = np.argsort(signals)
        found: I64 = order[np.searchsorted(signals[order], self.signals.of[configs])]
        return found

    def _reset(self, configs: I64) -> None:
        """Begin again, bar by bar, what did not fit."""
        if len(configs):
            fresh = new_tallies(len(configs), self.field.table[:, 2], self.field.cash_rate)
            self.tallies[configs], self.sums[configs] = fresh, 0.0
            self.is_stepped[configs] = True
            self.why[configs] = acc.FRACTIONS

    def _scan(self, recipe: Recipe, piece: slice, keep: Pool, configs: I64, which: I64) -> None:
        """Targets tile by tile, their changes settled at once."""
        scanner, signals = recipe.scanner, recipe.signals[piece]
        assert scanner is not None and recipe.parts is not None and recipe.keys is not None
        n_bars, k = self.field.market.n_bars, len(signals)
        index, held_at = np.empty((k, len(scanner.arrays)), dtype=np.int64), [np.empty(0, np.int64)]
        for a, name in enumerate(scanner.arrays):
            distinct, of = recipe.keys.get(name, ([name], np.zeros(len(recipe.signals), np.int64)))
            index[:, a] = of[piece] + sum(map(len, held_at))
            held_at.append(addresses(keep, distinct))
        arrays = np.concatenate(held_at)
        ints = self._numbers(scanner.ints, signals, np.int64)
        floats = self._numbers(scanner.floats, signals, np.float64)
        before, held = np.full(k, np.nan), self._begins(recipe, signals)
        room = np.zeros(TILE + 66)
        at, to = np.empty(k * TILE + 66, dtype=np.int32), np.empty(k * TILE + 66)
        begin = np.zeros(k + 1, dtype=np.int64)
        tallies, sums = self.tallies[configs], self.sums[configs]
        of_terms, field_ = self.variants.of[configs], self.field
        for t0 in range(0, n_bars, TILE):
            size = min(TILE, n_bars - t0)
            scanner.kernel.dispatcher(
                arrays, index, ints, floats, field_.forced, t0, size, before, held, room, at, to, begin
            )
            settle(
                at, to, begin, which, self.terms, of_terms, self.tables, field_.table,
                t0 + size == n_bars, tallies, sums,
            )
        self.tallies[configs], self.sums[configs] = tallies, sums

    def _numbers(self, names: Sequence[str], signals: I64, kind: Any) -> Any:
        out = np.empty((len(signals), len(names)), dtype=kind)
        params = self.maker.defaults
        for k, name in enumerate(names):
            column = self.signals.values.get(name)
            out[:, k] = params[name] if column is None else column[signals]
        return out

    def _begins(self, recipe: Recipe, signals: I64) -> F64:
        """What the latch of each signal holds before the first bar."""
        scanner = recipe.scanner
        if scanner is None or scanner.begins is None:
            return np.zeros(len(signals))
        return np.array([scanner.begins_at(self.maker.params(int(s))) for s in signals])

    def _step(
        self,
        recipe: Recipe,
        piece: slice,
        keep: Pool,
        signals: I64,
        configs: I64,
        which: I64,
        stepped: Any,
        sums: Any,
    ) -> None:
        """Targets over all bars, signal by signal; changes settled, or every bar stepped."""
        wanted = stepped if sums is None else stepped | sums
        shape = self.field.market.close.shape
        most = max(1, _TARGETS // (8 * shape[0] * shape[1]))
        needed = np.unique(which[wanted])
        for first in range(0, len(needed), most):
            some = needed[first : first + most]
            targets = np.empty((len(some), *shape))
            is_made = np.array(
                [self._made(recipe, piece, keep, int(j), targets[i], signals, configs, which) for i, j in enumerate(some)]
            )
            position = np.full(len(signals), -1)
            position[some[is_made]] = np.flatnonzero(is_made)
            if sums is not None:
                mine = sums & (position[which] >= 0)
                self._settle_whole(targets, configs[mine], position[which[mine]])
                unfit = np.zeros(len(configs), dtype=np.bool_)
                unfit[mine] = (self.tallies["status"][configs[mine]] == UNFIT).any(axis=1)
                self._reset(configs[unfit])
                self._play(targets, configs, position[which], (stepped | unfit) & (position[which] >= 0))
            else:
                self._play(targets, configs, position[which], stepped & (position[which] >= 0))

    def _made(
        self, recipe: Recipe, piece: slice, keep: Pool, j: int, out: F64, signals: I64, configs: I64, which: I64
    ) -> bool:
        """Targets of one signal; where the strategy fails, its configurations say so."""
        signal = int(signals[j])
        try:
            if recipe.body is not None and recipe.keys is not None:
                at = piece.start + j
                shared = [keep.array(distinct[of[at]]) for distinct, of in recipe.keys.values()]
                try:
                    out[:, 0] = self.maker.from_body(recipe, signal, shared)
                    return True
                except Exception:  # the strategy itself says what is wrong
                    pass
            self.maker.whole(signal, out)
            return True
        except TradeResearchError as error:
            for c in configs[which == j]:
                self.status[int(c)] = str(error)
            return False

    def _settle_whole(self, targets: F64, configs: I64, position: I64) -> None:
        """Changes of whole targets, settled."""
        if not len(configs):
            return
        k, n_bars = targets.shape[:2]
        at, to = np.empty(k * n_bars + 66, dtype=np.int32), np.empty(k * n_bars + 66)
        begin = np.zeros(k + 1, dtype=np.int64)
        collect_all(targets, self.field.forced, np.zeros(TILE + 66), at, to, begin)
        tallies, sums = self.tallies[configs], self.sums[configs]
        of_terms = self.variants.of[configs]
        settle(
            at, to, begin, position, self.terms, of_terms, self.tables, self.field.table, True, tallies, sums
        )
        self.tallies[configs], self.sums[configs] = tallies, sums

    def _play(self, targets: F64, configs: I64, position: I64, wanted: Any) -> None:
        """Every bar of some configurations through the simulator's loop."""
        mine, position = configs[wanted], position[wanted]
        if not len(mine):
            return
        market, done = self.field.market, 0
        desk = getattr(self._local, "desk", None) or new_desk(*market.close.shape)
        flags = np.zeros(market.n_bars, dtype=np.bool_)
        if self.game.rebalance is not None:
            flags = self.game.rebalance.rows(market.close_time, market.session_days(), 0, market.n_bars)
        tape = tape_of(market, market.close, flags)
        tallies, sums = self.tallies[mine], self.sums[mine]
        while True:
            done = play(
                done, tape, targets, position, self.accounts, self.variants.of[mine], self._books.syms, desk,
                self.field.table, self.field.day, self.game.finalize, tallies, sums,
            )
            if done == len(mine):
                break
            desk = with_room(desk)
            fresh = new_tallies(1, self.field.table[:, 2], self.field.cash_rate)
            tallies[done], sums[done] = fresh[0], 0.0
        self._local.desk = desk
        self.tallies[mine], self.sums[mine] = tallies, sums

    def scores(self, configurations: Configurations) -> Scores:
        """What came out."""
        ground = self.field
        n_bars = ground.spans[:, 1] - ground.spans[:, 0]
        n_days = ground.table[:, 18] - ground.table[:, 2]
        metrics = measure(
            self.tallies,
            n_bars,
            n_days,
            self.sums.sum(axis=2),
            cash=self.game.cash,
            cash_rate=ground.cash_rate,
            day_cash_rate=ground.day_cash_rate,
            periods_per_year=ground.periods_per_year,
            sessions_per_year=ground.sessions_per_year,
        )
        status = np.full(self.n, "ok", dtype=object)
        status[(self.tallies["fills"] == 0).all(axis=1)] = "no_trades"
        status[(self.tallies["status"] == RUINED).any(axis=1)] = "ruined"
        status[(self.tallies["status"] == INFINITE).any(axis=1)] = _INFINITE
        for c, text in self.status.items():
            status[c] = text
        failed = ~np.isin(status, ("ok", "no_trades", "ruined"))
        for values in metrics.values():
            values[failed] = np.nan
        path = np.where(self.is_stepped, "general", "events").astype(object)
        edges = ground.table[0, 2:]
        return Scores(
            configurations,
            metrics,
            status,
            path,
            self.why,
            self.sums[:, 0],
            np.diff(edges),
            moments(self.tallies[:, 0], self.sums[:, 0].sum(axis=1), int(n_days[0])),
        )


_INFINITE = "a target is infinite. A target is a fraction of equity; NaN is no opinion."


def _keys(recipe: Recipe, piece: slice) -> list[Any]:
    """What the signals of a piece read: columns and distinct keys of shared values."""
    if recipe.keys is None:
        return []
    columns = [] if recipe.scanner is None else [a for a in recipe.scanner.arrays if a not in recipe.keys]
    shared = [distinct[i] for distinct, of in recipe.keys.values() for i in np.unique(of[piece])]
    return [*columns, *shared]


def _batches(pieces: list[slice], recipe: Recipe, room: int, n_threads: int) -> Iterable[list[slice]]:
    """Pieces whose shared values fit together, at least one."""
    batch: list[slice] = []
    held: set[Any] = set()
    for piece in pieces:
        more = held | set(_keys(recipe, piece))
        if batch and len(more) > room:
            yield batch
            batch, more = [], set(_keys(recipe, piece))
        batch, held = [*batch, piece], more
    if batch:
        yield batch


assert FINE == 0
