"""Prices without the patterns: what a strategy finds in them it finds anywhere.

Permuted bars keep every move of the data and lose their order, but for blocks; white noise keeps
only how far prices move. Shapes of bars and volumes come along with the moves.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np

from trade_research.errors import ConfigError
from trade_research.kernels.jit import F64, I64
from trade_research.simulate.market import Market

Kind = Literal["permuted", "white"]
KINDS = ("permuted", "white")


def surrogate(market: Market, *, kind: Kind = "permuted", block: int = 1, seed: int = 0) -> Market:
    """A market of one symbol with the same times and other prices.

    Parameters
    ----------
    market : Market
        One symbol without holes.
    kind : {"permuted", "white"}
        "permuted": blocks of bars in random order; the last close is the data's. What is earned
        by being invested is earned here too, what is earned by timing across blocks is not.
        "white": moves from close to close are independent and normal, without drift; nothing can
        be earned but by luck.
    block : int
        Bars that stay together; patterns within them survive. 1 for white noise.
    seed : int
        Same seed, same bits.

    Raises
    ------
    ConfigError
        Several symbols, missing prices, an unknown kind, or a block that leaves nothing to permute.
    """
    n = market.n_bars
    if kind not in KINDS:
        raise ConfigError(f"surrogates are 'permuted' or 'white', found {kind!r}")
    if market.n_symbols != 1 or np.isnan(market.close).any():
        raise ConfigError("surrogate prices are made of one instrument without missing bars")
    if not 1 <= block <= max(1, n // 2):
        raise ConfigError(f"blocks of {block} bars leave nothing to permute in {n}")
    rng = np.random.Generator(np.random.Philox(seed))
    open_, high, low, close = (getattr(market, p)[:, 0] for p in ("open", "high", "low", "close"))
    gap = np.log(open_ / np.append(open_[0], close[:-1]))
    body, up, down = np.log(close / open_), np.log(high / open_), np.log(low / open_)
    at = permutation(n, block, rng)
    gap, body, up, down = gap[at], body[at], up[at], down[at]
    if kind == "white":
        move = np.diff(np.log(np.append(open_[0], close)))
        drawn = rng.standard_normal(n) * move.std()
        # A bar of another move keeps its wicks: how far it reached beyond open and close.
        above, below = up - np.maximum(body, 0.0), down - np.minimum(body, 0.0)
        gap, body = np.zeros(n), drawn
        up, down = np.maximum(body, 0.0) + above, np.minimum(body, 0.0) + below
    start = np.log(open_[0]) + np.append(0.0, np.cumsum(gap + body)[:-1]) + gap
    prices = {name: np.exp(start + part) for name, part in _parts(body, up, down).items()}
    return Market(
        market.open_time,
        market.close_time,
        volume=market.volume[at],
        symbols=market.symbols,
        session=market.session,
        **prices,
    )


def permutation(n: int, block: int, rng: np.random.Generator) -> I64:
    """Rows 0 to n - 1 with blocks of `block` in random order; the cut between blocks is random."""
    first = int(rng.integers(0, block))
    edges = np.unique(np.concatenate([[0], np.arange(first, n, block), [n]]))
    parts = [np.arange(a, b) for a, b in pairwise(edges)]
    return np.concatenate([parts[k] for k in rng.permutation(len(parts))])


def _parts(body: F64, up: F64, down: F64) -> dict[str, F64]:
    zero = np.zeros(body.size)
    return {"open": zero, "high": up, "low": down, "close": body}
