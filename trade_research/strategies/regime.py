"""A strategy that trades in some kinds of market only."""

from __future__ import annotations

import inspect
import sys

import numpy as np

from trade_research.errors import StrategyError, nearest
from trade_research.indicators.regime import Regime, regime
from trade_research.kernels.jit import F64, kernel
from trade_research.strategies.compose import Composed, Rule, composed
from trade_research.strategies.declare import Param, Span
from trade_research.strategies.parts import described, listed, named
from trade_research.strategies.strategy import Strategy

TRENDS = {
    "trend_up": (1, 2),
    "trend_down": (-2, -1),
    "trend": (-2, -1, 1, 2),
    "strong_up": (2,),
    "weak_up": (1,),
    "range": (0,),
    "weak_down": (-1,),
    "strong_down": (-2,),
}
"""Name to states of the trend: direction times strength."""
VOLATILITIES = {"calm": (0,), "normal": (1,), "wild": (2,)}
"""Name to states of the volatility."""
_SPANS = {
    "window": Span(5, 50),
    "span": Span(30, 300),
    "base": Span(30, 300),
    "weak": Span(10.0, 25.0),
    "strong": Span(20.0, 50.0),
    "reverting": Span(0.3, 0.5),
    "persistent": Span(0.5, 0.7),
    "calm": Span(0.3, 0.9),
    "wild": Span(1.1, 3.0),
    "dwell": Span(1, 20),
}


def only_in_regime(strategy: Strategy, *regimes: str, name: str | None = None) -> Composed:
    """A strategy in the regimes named, flat in all others.

    Parameters
    ----------
    strategy : Strategy
    *regimes : str
        Of the trend: ``trend_up``, ``trend_down``, ``trend``, ``strong_up``, ``weak_up``,
        ``range``, ``weak_down``, ``strong_down``; of the volatility: ``calm``, ``normal``,
        ``wild``. Of one kind any may hold; of both kinds, one of each must.
    name : str, optional
        Of the new strategy; the strategy's name and the regimes when left out.

    Returns
    -------
    Composed
        A strategy that also reads high, low and close; parameters of `indicators.regime` as
        ``regime__window`` and so on; columns `direction`, `strength`, `volatility` and
        ``<name>_vote``. Where the regime is not known it has no opinion.

    Raises
    ------
    StrategyError
        No regime, or one that is not known.

    Examples
    --------
    >>> calm = tr.only_in_regime(tr.strategies.bollinger, "range", "calm")  # doctest: +SKIP
    """
    parts = named(strategy, "only_in_regime")
    wanted = sorted(set(regimes))
    known = {**TRENDS, **VOLATILITIES}
    for one in wanted or [""]:
        if one not in known:
            raise StrategyError(f"there is no regime {one!r}; {nearest(one, known)}")
    module = sys._getframe(1).f_globals.get("__name__", "")
    trends = {state for one in wanted for state in TRENDS.get(one, ())} or set(range(-2, 3))
    swings = {state for one in wanted for state in VOLATILITIES.get(one, ())} or set(range(3))
    part = next(iter(parts))
    called = name or f"{part}_in_{'_'.join(wanted)}"
    params = _params()
    numbers = ", ".join(param.name for param in params)
    rule = Rule(
        line=f"state = _regime(high, low, close, {numbers})",
        fields={
            "target": f"_only(_{part}, state, _trends, _swings)",
            "direction": "state.direction",
            "strength": "state.strength",
            "volatility": "state.volatility",
            f"{part}_vote": f"_{part}",
        },
        names={
            "only_in_regime": only_in_regime,
            "_regime": regime,
            "_only": only,
            "_trends": tuple(state in trends for state in range(-2, 3)),
            "_swings": tuple(state in swings for state in range(3)),
        },
        doc=f"{part} while the market is {' and '.join(wanted)}, else flat.\n\n{described(parts)}",
        source=f"{called} = only_in_regime({listed(parts)[1:-1]}, "
        f"{', '.join(map(repr, wanted))}, name={called!r})\n",
        inputs=("high", "low", "close"),
        params=params,
        warmup=_warmup,
    )
    return composed(
        called, parts, rule, module=module, removable=("regime",), without=lambda _: strategy
    )


def _params() -> tuple[Param, ...]:
    """The parameters of the indicator, as a composition has those of its parts."""
    found = inspect.signature(regime.py_func).parameters.values()
    return tuple(
        Param(f"regime__{p.name}", type(p.default), p.default, _SPANS[p.name])
        for p in found
        if p.default is not p.empty
    )


def _warmup(**given: float) -> int:
    """Bars before the regime is known, and as many again for Wilder's averages to settle."""
    window, span, base = (int(given[f"regime__{n}"]) for n in ("window", "span", "base"))
    return max(10 * window, span, window + base) + int(given["regime__dwell"])


@kernel
def only(target: F64, state: Regime, trends: tuple[bool, ...], swings: tuple[bool, ...]) -> F64:
    """`target` where the state is one of those wanted, 0 elsewhere, NaN where it is not known."""
    out = np.empty(target.size)
    for t in range(target.size):
        swing = state.volatility[t]
        if swing != swing:
            out[t] = np.nan
            continue
        is_wanted = trends[int(state.direction[t] * state.strength[t]) + 2] and swings[int(swing)]
        out[t] = target[t] if is_wanted else 0.0
    return out
