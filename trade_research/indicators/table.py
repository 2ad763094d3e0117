"""What every indicator reads, takes, gives, and when its first value comes: one row each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

HOLES = {
    "anew": "NaN where an input it needs is NaN; what it knows starts anew behind the hole",
    "session": "NaN from the hole to the end of the session; the next session starts anew",
}
"""What a NaN among the inputs does, by the word in the table."""


@dataclass(frozen=True)
class Entry:
    """One indicator.

    Attributes
    ----------
    columns : tuple of str
        Arrays it reads, in the order of its arguments; ``x`` and ``y`` are any columns.
    parameters : mapping
        Its other arguments, with the values for which `first` is tested.
    outputs : tuple of str
        Fields of the named tuple it gives; empty where it gives one array.
    units : str
        Of the outputs: price, percent, ratio, bars, volume, or the units of x.
    first : callable
        Bar of the first value by the parameters, in columns without holes.
    holes : str
        A key of `HOLES`.
    source : str
        Where the definition is from, and the function of TA-Lib it equals.
    """

    columns: tuple[str, ...]
    parameters: Mapping[str, Any]
    outputs: tuple[str, ...]
    units: str
    first: Callable[..., int]
    source: str
    holes: str = "anew"


X, HL, HLC = ("x",), ("high", "low"), ("high", "low", "close")
BANDS = ("upper", "middle", "lower")


def _window(window: int, **_: Any) -> int:
    return window - 1


def _changes(window: int, **_: Any) -> int:
    return window


_TREND = {
    "sma": Entry(X, {"window": 20}, (), "x", _window, "TA-Lib SMA"),
    "ema": Entry(X, {"window": 20}, (), "x", _window, "TA-Lib EMA"),
    "wilder": Entry(X, {"window": 14}, (), "x", _window, "Wilder 1978; TA-Lib RMA"),
    "wma": Entry(X, {"window": 20}, (), "x", _window, "TA-Lib WMA"),
    "dema": Entry(
        X, {"window": 20}, (), "x", lambda window: 2 * window - 2, "Mulloy 1994; TA-Lib DEMA"
    ),
    "tema": Entry(
        X, {"window": 20}, (), "x", lambda window: 3 * window - 3, "Mulloy 1994; TA-Lib TEMA"
    ),
    "hma": Entry(
        X,
        {"window": 20},
        (),
        "x",
        lambda window: window + int(window**0.5) - 2,
        "Hull 2005; TA-Lib HMA",
    ),
    "kama": Entry(
        X, {"window": 10, "fast": 2, "slow": 30}, (), "x", _changes, "Kaufman 1995; TA-Lib KAMA"
    ),
}

_MOMENTUM = {
    "rsi": Entry(X, {"window": 14}, (), "0 to 100", _changes, "Wilder 1978; TA-Lib RSI"),
}

_VOLATILITY = {
    "rolling_std": Entry(X, {"window": 20, "ddof": 0}, (), "x", _window, "TA-Lib STDDEV"),
    "rolling_min": Entry(X, {"window": 20}, (), "x", _window, "TA-Lib MIN"),
    "rolling_max": Entry(X, {"window": 20}, (), "x", _window, "TA-Lib MAX"),
    "bollinger_bands": Entry(
        X, {"window": 20, "width": 2.0}, BANDS, "x", _window, "Bollinger 2001; TA-Lib BBANDS"
    ),
    "true_range": Entry(HLC, {}, (), "price", lambda: 1, "Wilder 1978; TA-Lib TRANGE"),
    "atr": Entry(HLC, {"window": 14}, (), "price", _changes, "Wilder 1978; TA-Lib ATR"),
}

INDICATORS: Mapping[str, Entry] = MappingProxyType(_TREND | _MOMENTUM | _VOLATILITY)
"""Every indicator by name."""
