"""One strategy decides, others confirm: a signal is taken, made larger or smaller, or refused."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from trade_research.errors import StrategyError, nearest
from trade_research.kernels.jit import F64, kernel
from trade_research.strategies.compose import Composed, Rule, composed
from trade_research.strategies.declare import Param, Span
from trade_research.strategies.parts import Parts, described, listed, named
from trade_research.strategies.strategy import Strategy


class Confirmed(NamedTuple):
    """Targets, and the confidence (0 to 1) that each was given at its signal."""

    target: F64
    confidence: F64


def confirm(
    primary: Strategy,
    by: Parts,
    *,
    required: bool | Iterable[str] = True,
    confidence: float = 1.0,
    boost: float = 1.2,
    penalty: float = 0.7,
    within: int = 0,
    name: str | None = None,
) -> Composed:
    """Take the signals of one strategy as far as others agree with them.

    A signal is a change of the side that `primary` wants. At that bar each of `by` confirms it (it
    wants the same side), conflicts with it (the other side) or is neutral (flat, or no opinion: no
    data, stale, a hole). The position is the primary's target times
    ``min(1, confidence * boost**confirmations * penalty**conflicts)``, and stays so until the next
    signal. One that a required strategy does not confirm is refused; neutral is not enough. What
    was on before the data began was no signal. The primary's exits are always followed.

    Parameters
    ----------
    primary : Strategy
    by : Strategy, sequence of Strategy, or mapping of name to Strategy
        In any order: the result is the same, to the bit.
    required : bool or iterable of names
        Those of `by` that must confirm: all, none, or those named.
    confidence, boost, penalty : float
        As in the formula; parameters of the result. The original engine had 0.7, 1.2 and 0.7.
    within : int
        Bars after its signal in which a refused one is asked again.
    name : str, optional
        Of the new strategy; the primary's name and ``_confirmed`` when left out.

    Returns
    -------
    Composed
        A strategy with the columns `confidence`, ``<name>_vote`` of the primary and each of `by`,
        and the age columns (``…_age``) that any of them reads.

    Raises
    ------
    StrategyError
        Two of one name, a required one that is not among `by`, a number out of range.

    Examples
    --------
    >>> careful = tr.confirm(tr.strategies.macd, by=tr.strategies.rvol)  # doctest: +SKIP
    """
    others = named(by, "confirm")
    primary = next(iter(named(primary, "confirm").values()))
    if primary.name in others:
        raise StrategyError(
            f"confirm: {primary.name!r} cannot confirm itself; name the other one: "
            f"by={{'slow_{primary.name}': …}}"
        )
    if isinstance(required, bool):
        needed = sorted(others) if required else []
    else:
        needed = sorted(set(required))
    for key in needed:
        if key not in others:
            raise StrategyError(f"confirm: nobody is called {key!r}; {nearest(key, others)}")
    if not 0.0 < confidence <= 1.0 or not boost >= 1.0 or not 0.0 <= penalty <= 1.0:
        raise StrategyError(
            f"confirm: confidence must be in (0, 1], boost at least 1 and penalty in [0, 1]; found "
            f"{confidence!r}, {boost!r}, {penalty!r}"
        )
    numbers = {"confidence": confidence, "boost": boost, "penalty": penalty, "within": within}
    module = sys._getframe(1).f_globals.get("__name__", "")
    return _confirm(primary, others, needed, numbers, name, module)


def _confirm(
    primary: Strategy,
    others: Mapping[str, Strategy],
    needed: list[str],
    numbers: Mapping[str, float],
    name: str | None,
    module: str,
) -> Composed:
    parts = dict(sorted({primary.name: primary, **others}.items()))
    called = name or f"{primary.name}_confirmed"
    given = [f"required={needed!r}", *(f"{key}={v!r}" for key, v in numbers.items())]
    votes = "".join(f"_{key}, " for key in others)
    rule = Rule(
        line=f"found = _weigh(_{primary.name}, ({votes}), _needed, {', '.join(numbers)})",
        fields={
            "target": "found.target",
            "confidence": "found.confidence",
            **{f"{key}_vote": f"_{key}" for key in parts},
        },
        names={
            "confirm": confirm,
            "_weigh": weigh,
            "_needed": tuple(key in needed for key in others),
        },
        doc=f"Signals of {primary.name}, confirmed by {', '.join(others)}.\n\n{described(parts)}",
        source=f"{called} = confirm({primary.name}, {listed(others)}, {', '.join(given)}, "
        f"name={called!r})\n",
        params=(
            Param("confidence", float, float(numbers["confidence"]), Span(0.3, 1.0)),
            Param("boost", float, float(numbers["boost"]), Span(1.0, 2.0)),
            Param("penalty", float, float(numbers["penalty"]), Span(0.0, 1.0)),
            Param("within", int, int(numbers["within"]), Span(0, 20)),
        ),
    )

    def without(left_out: str) -> Strategy:
        rest = {key: part for key, part in others.items() if key != left_out}
        if not rest:
            return primary
        left = [key for key in needed if key != left_out]
        return _confirm(primary, rest, left, numbers, f"{called}_without_{left_out}", module)

    return composed(called, parts, rule, module=module, removable=others, without=without)


@kernel
def weigh(
    primary: F64,
    votes: tuple[F64, ...],
    needed: tuple[bool, ...],
    confidence: float,
    boost: float,
    penalty: float,
    within: int,
) -> Confirmed:
    """Targets of the primary by what the others said at each of its signals; (n_bars,) all."""
    target, given = np.empty(primary.size), np.empty(primary.size)
    before, factor, until = np.nan, 0.0, -1
    for t in range(primary.size):
        wants = primary[t]
        if wants != wants:
            target[t], given[t] = np.nan, np.nan
            continue
        side = np.sign(wants)
        if side != before:
            until = t + within if before == before else -1
            before, factor = side, 0.0
        if side != 0.0 and factor == 0.0 and t <= until:
            is_taken, found = True, confidence
            for i in range(len(votes)):
                says = side * votes[i][t]
                found *= boost if says > 0.0 else (penalty if says < 0.0 else 1.0)
                is_taken = is_taken and (says > 0.0 or not needed[i])
            factor = min(found, 1.0) if is_taken else 0.0
        target[t], given[t] = wants * factor, factor
    return Confirmed(target, given)
