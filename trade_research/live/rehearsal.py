"""A session's decisions in a replay: some taken as a live session takes them, the rest known."""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from trade_research.errors import SessionError, TradeResearchError
from trade_research.evidence.decisions import BLOCKS, EACH_OF_FIRST, SAMPLED, changes_of
from trade_research.feeds.bars import Row
from trade_research.kernels.jit import F64, I64
from trade_research.live.deciders import Evaluate, Growing, History, Released, Why


class Past(History):
    """Bars that are all there, seen as far as `cut` says: a history that has grown to there.

    Parameters
    ----------
    symbols : sequence of str
    open_time, close_time : int64 array (n_rows,)
    bars : float64 array (5, n_symbols, n_rows)
        Open, high, low, close, volume; NaN where a symbol has no bar.
    """

    def __init__(self, symbols: Sequence[str], open_time: I64, close_time: I64, bars: F64) -> None:
        super().__init__(symbols)
        self._opened, self._closed, self._bars = open_time, close_time, bars
        self.cut(open_time.size)

    def cut(self, n_rows: int) -> Past:
        """The same with the first rows only."""
        self.n_rows = n_rows
        self._absent = np.isnan(self._bars[3, :, :n_rows]).sum(axis=1)
        return self


class Rehearsed:
    """Decides `alone_on` rows from the bars seen, as `Growing` does, and gives out the others.

    Attributes
    ----------
    alone : int
        Decisions taken on the bars seen up to them and nothing else.
    """

    def __init__(self, growing: Growing, known: Released, alone_on: Collection[int]) -> None:
        self._growing, self._known, self._alone_on = growing, known, alone_on
        self.alone = 0

    def see(self, row: Row) -> None:
        """The row joins the history."""
        self._growing.see(row)

    def decide(self, row: Row) -> tuple[F64, Why]:
        """The targets of the last row seen."""
        if self._growing.history.n_rows - 1 not in self._alone_on:
            return self._known.decide(row)
        self.alone += 1
        try:
            return self._growing.decide(row)
        except TradeResearchError:
            raise
        except Exception as error:
            raise SessionError(f"{type(error).__name__}: {error}") from error


def in_blocks(past: Past, evaluate: Evaluate) -> tuple[F64, Mapping[str, F64]]:
    """Every row's targets and other columns from the rows up to the end of its block."""
    n = past.open_time.size
    edges = np.unique(np.linspace(0, n, BLOCKS + 1).astype(np.int64)).tolist()
    parts = [(a, *evaluate(past.cut(b))) for a, b in itertools.pairwise(edges)]
    target = np.concatenate([found[a:] for a, found, _ in parts])
    extras = {
        name: np.concatenate([beside[name][a:] for a, _, beside in parts]) for name in parts[0][2]
    }
    return target, extras


def alone_rows(
    past: Past, target: F64, evaluate: Evaluate, seconds: float, seed: int = 0
) -> frozenset[int]:
    """Rows to decide alone: the first, those at which the target changes, and others at random.

    As many of each kind as `seconds` allow, drawn at random where they are too many.
    """
    rng, n = np.random.default_rng(seed), len(target)
    first = min(EACH_OF_FIRST, n)
    first = min(first, int(seconds / _cost(past.cut(first), evaluate)))
    later = int(seconds / (0.5 * _cost(past.cut(n), evaluate)))
    changes = changes_of(target)
    changes = changes[changes >= first]
    others = rng.permutation(np.arange(first, n))[: min(later, SAMPLED)]
    drawn = np.concatenate([rng.permutation(changes)[:later], others])
    return frozenset((*range(first), *drawn.tolist()))


def _cost(past: Past, evaluate: Evaluate) -> float:
    """Seconds that one evaluation takes."""
    start = time.perf_counter()
    evaluate(past)
    return time.perf_counter() - start
