"""Tiles: windows in which every bar is once the last of a truncation."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NamedTuple

from trade_research.evidence.leak import Leak, name_leak
from trade_research.evidence.probe import Probe, same_value, value_at

SHORTEST = 512


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
    values start at the same row, so a recursion that remembers its start is accused of nothing. Bars
    before `after` were tested on the whole already.
    """
    length = max(SHORTEST, 4 * probe.warmup)
    if after >= probe.n_bars:
        return TileCount(0, length, 0, None)
    length = min(length, probe.n_bars)
    tiles = [tile for tile in _tiles(probe.n_bars, length) if tile.high > after]
    started, done, bars = time.perf_counter(), 0, 0
    for tile in tiles:
        if time.perf_counter() - started > budget_s:
            break
        leak = _test(probe, tile, length)
        done, bars = done + 1, bars + tile.high - tile.low
        if leak is not None:
            return TileCount(done, length, bars, leak)
    return TileCount(done, length, bars, None)


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


def _test(probe: Probe, tile: Tile, length: int) -> Leak | None:
    part = probe.window(tile.start, tile.start + length)
    full = part.full()
    for bar in range(tile.low - tile.start, tile.high - tile.start):
        cut = part.prefix(bar + 1)
        for name in full:
            if not same_value(value_at(full, name, bar), value_at(cut, name, bar)):
                return name_leak(part, bar, name, "truncate", offset=tile.start)
    return None
