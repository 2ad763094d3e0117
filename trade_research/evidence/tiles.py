"""Tiles: windows in which every bar is once the last of a truncation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from trade_research.evidence.compiled import compiled_call, tile_scanner
from trade_research.evidence.leak import Leak, name_leak
from trade_research.evidence.probe import Probe, same_value, value_at

SHORTEST = 512
COMPILED_FROM = 30_000
"""Bars to test from which compiling the loop, up to two seconds, is the quicker way."""


@dataclass(frozen=True)
class TileCount:
    """How many tiles of what length, how many bars they re-derived, and the leak if one showed."""

    tiles: int
    length: int
    bars: int
    leak: Leak | None


class Tile(NamedTuple):
    """Where a tile begins, and the bars [low, high) of the data that it tests."""

    start: int
    low: int
    high: int


def scan_tiles(probe: Probe, budget_s: float, after: int = 0) -> TileCount:
    """Compare every bar's value in its tile with the value when the tile ends there.

    Tiles of L = max(512, 4 × warm-up) bars begin every L/2. A bar is tested in the tile in which it
    lies in the middle half, so it has at least a quarter of a tile of past and of future. Both
    values start at the same row, so a recursion that remembers its start is accused of nothing.
    Bars before `after` were tested on the whole already.
    """
    length = max(SHORTEST, 4 * probe.warmup)
    if after >= probe.n_bars:
        return TileCount(0, length, probe.n_bars, None)
    length = min(length, probe.n_bars)
    tiles = [tile for tile in _tiles(probe.n_bars, length) if tile.high > after]
    test = _tester(probe, length, sum(tile.high - tile.low for tile in tiles))
    bars = after
    for done, tile in enumerate(_affordable(tiles, test, budget_s), 1):
        bars += tile.high - max(tile.low, after)
        bar = test(tile)
        if bar >= 0:
            return TileCount(done, length, bars, _named(probe, tile, length, bar))
    return TileCount(done, length, bars, None)


def _affordable(tiles: list[Tile], test: Callable[[Tile], int], budget_s: float) -> list[Tile]:
    """All tiles, or as many as the first one's time allows, evenly spread."""
    test(tiles[0])  # compiles, perhaps
    started = time.perf_counter()
    test(tiles[0])
    fit = int(budget_s / max(time.perf_counter() - started, 1e-9))
    if fit >= len(tiles):
        return tiles
    return [tiles[i * len(tiles) // max(fit, 1)] for i in range(max(fit, 1))]


def _tiles(n_bars: int, length: int) -> list[Tile]:
    """Tiles that together test every bar once."""
    if n_bars <= length:
        return [Tile(0, 0, n_bars)]
    quarter, half = length // 4, length // 2
    tiles = [
        Tile(min(a, n_bars - length), a + quarter, a + quarter + half)
        for a in range(0, n_bars - half, half)
    ]
    tiles[0] = Tile(0, 0, quarter + half)
    tiles[-1] = Tile(tiles[-1].start, tiles[-1].low, n_bars)
    return tiles


def _tester(probe: Probe, length: int, bars: int) -> Callable[[Tile], int]:
    """The test of one tile: the first bar, from its start, whose value knew later bars, or -1."""
    scan = None
    if bars >= COMPILED_FROM:
        call = compiled_call(probe.strategy, probe.columns, probe.params)
        scan = None if call is None else tile_scanner(*call)
    if scan is None:
        return lambda tile: _test(probe, tile, length)
    compiled = scan
    return lambda tile: compiled(tile.start, tile.low - tile.start, tile.high - tile.start, length)


def _test(probe: Probe, tile: Tile, length: int) -> int:
    part = probe.window(tile.start, tile.start + length)
    for bar in range(tile.low - tile.start, tile.high - tile.start):
        if _disowned(part, bar) is not None:
            return bar
    return -1


def _disowned(part: Probe, bar: int) -> str | None:
    """The column whose value at `bar` is another when the tile ends there."""
    full, cut = part.full(), part.prefix(bar + 1)
    for name in full:
        if not same_value(value_at(full, name, bar), value_at(cut, name, bar)):
            return name
    return None


def _named(probe: Probe, tile: Tile, length: int, bar: int) -> Leak:
    part = probe.window(tile.start, tile.start + length)
    column = _disowned(part, bar) or part.targets[0]
    return name_leak(part, bar, column, bar + 1, "truncate", offset=tile.start)
