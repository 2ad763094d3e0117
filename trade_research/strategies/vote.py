"""A vote of strategies: k of n, weighted, with vetoes."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from trade_research.errors import StrategyError, nearest
from trade_research.kernels.jit import F64, kernel
from trade_research.strategies.compose import Composed, Rule, composed
from trade_research.strategies.declare import Param, Span
from trade_research.strategies.parts import Parts, described, listed, named
from trade_research.strategies.strategy import Strategy


def vote(
    voters: Parts,
    *,
    k: float = 2,
    weights: Mapping[str, float] | None = None,
    veto: Iterable[str] = (),
    name: str | None = None,
) -> Composed:
    """Hold the side that strategies of at least weight `k` want.

    The target is the weighted mean target of those who want that side. Where both sides reach `k`,
    the heavier one wins, and a tie is flat. A voter whose target is NaN abstains; where those who
    abstain could have brought a side to `k`, the vote is open: NaN, keep what you hold. So a hole
    in one voter's data neither sells nor stops the others.

    Parameters
    ----------
    voters : sequence of Strategy, or mapping of name to Strategy
        In any order: the result is the same, to the bit. Their parameters become ``name__param``.
    k : float
        Weight that a side needs; without `weights` the number of voters. A parameter of the result.
    weights : mapping of name to float, optional
        Above 0; 1 for those not named.
    veto : iterable of names
        Voters without whom there is no position: where one of them does not want the side that won,
        the target is 0.
    name : str, optional
        Of the new strategy; ``vote_`` and the voters' names when left out.

    Returns
    -------
    Composed
        A strategy with the columns ``<name>_vote`` beside its target: what each voter wanted.

    Raises
    ------
    StrategyError
        Two voters of one name, a weight or veto for nobody, a `k` that no side can reach.

    Examples
    --------
    >>> both = tr.vote([tr.strategies.macd, tr.strategies.donchian], k=2)  # doctest: +SKIP
    >>> tr.backtest(both, bars, macd__fast=8)                              # doctest: +SKIP
    """
    parts = named(voters, "vote")
    module = sys._getframe(1).f_globals.get("__name__", "")
    return _vote(parts, k, dict(weights or {}), sorted(set(veto)), name, module)


def _vote(
    parts: Mapping[str, Strategy],
    k: float,
    weights: Mapping[str, float],
    veto: list[str],
    name: str | None,
    module: str,
) -> Composed:
    _check(parts, k, weights, veto)
    heavy = tuple(float(weights.get(key, 1.0)) for key in parts)
    called = name or _called("vote", parts)
    given = [f"k={k!r}", *([f"weights={dict(sorted(weights.items()))!r}"] if weights else [])]
    given += [*([f"veto={veto!r}"] if veto else []), f"name={called!r}"]
    votes = "".join(f"_{key}, " for key in parts)
    rule = Rule(
        line=f"target = _tally(({votes}), _weights, _veto, k)",
        fields={"target": "target", **{f"{key}_vote": f"_{key}" for key in parts}},
        names={
            "vote": vote,
            "_tally": tally,
            "_weights": heavy,
            "_veto": tuple(key in veto for key in parts),
        },
        doc=f"Hold the side that voters of weight {k:g} of {sum(heavy):g} want.\n\n"
        f"{described(parts)}",
        source=f"{called} = vote({listed(parts)}, {', '.join(given)})\n",
        params=(Param("k", float, float(k), Span(min(heavy), sum(heavy), min(heavy))),),
    )

    def without(left_out: str) -> Strategy:
        rest = {key: part for key, part in parts.items() if key != left_out}
        fewer = {key: weight for key, weight in weights.items() if key != left_out}
        total = sum(fewer.get(key, 1.0) for key in rest)
        vetoes = [key for key in veto if key != left_out]
        return _vote(rest, min(k, total), fewer, vetoes, f"{called}_without_{left_out}", module)

    removable = tuple(parts) if len(parts) > 1 else ()
    return composed(called, parts, rule, module=module, removable=removable, without=without)


def _check(
    parts: Mapping[str, Strategy], k: float, weights: Mapping[str, float], veto: list[str]
) -> None:
    for key in (*weights, *veto):
        if key not in parts:
            raise StrategyError(f"vote: there is no voter {key!r}; {nearest(key, parts)}")
    for key, weight in weights.items():
        if not 0.0 < weight < float("inf"):
            raise StrategyError(f"vote: the weight of {key} must be above 0, found {weight!r}")
    total = sum(weights.get(key, 1.0) for key in parts)
    if not 0.0 < k <= total:
        raise StrategyError(
            f"vote: k={k!r} can never be reached or is no majority of anything; the voters weigh "
            f"{total:g} together"
        )


def _called(what: str, parts: Mapping[str, Any]) -> str:
    """A name made of those of the parts, unless that is a mouthful."""
    full = f"{what}_{'_'.join(parts)}"
    return full if len(full) <= 60 else f"{what}_of_{len(parts)}"


@kernel
def tally(
    votes: tuple[F64, ...], weights: tuple[float, ...], veto: tuple[bool, ...], k: float
) -> F64:
    """The target of each bar from the targets of the voters, (n_bars,) each."""
    out = np.empty(votes[0].size)
    for t in range(out.size):
        up, down, quiet, rise, fall = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(len(votes)):
            wants, weight = votes[i][t], weights[i]
            if wants > 0.0:
                up, rise = up + weight, rise + weight * wants
            elif wants < 0.0:
                down, fall = down + weight, fall + weight * wants
            elif wants != wants:
                quiet += weight
        side = 1.0 if up >= k and up > down else (-1.0 if down >= k and down > up else 0.0)
        is_open = side == 0.0 and quiet > 0.0 and max(up, down) + quiet >= k
        blocked = False
        for i in range(len(votes)):
            wants = votes[i][t]
            if veto[i] and side != 0.0:
                is_open = is_open or wants != wants
                blocked = blocked or (wants == wants and wants * side <= 0.0)
        target = rise / up if side > 0.0 else (fall / down if side < 0.0 else 0.0)
        out[t] = 0.0 if blocked else (np.nan if is_open else target)
    return out
