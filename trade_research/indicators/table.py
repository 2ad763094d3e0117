"""What every indicator reads, takes, gives, and when its first value comes: one row each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

HOLES = {
    "anew": "NaN where an input it needs is NaN; what it knows starts anew behind the hole",
    "reads": "NaN where one of the values it reads is NaN; it may look back over a hole",
    "event": "as anew; the first value comes with the first event, not before the stated bar",
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
        Bar of the first value by the parameters, in columns without holes; one for each output
        where they differ.
    holes : str
        A key of `HOLES`.
    source : str
        Where the definition is from, and the function of TA-Lib it equals.
    """

    columns: tuple[str, ...]
    parameters: Mapping[str, Any]
    outputs: tuple[str, ...]
    units: str
    first: Callable[..., int | tuple[int, ...]]
    source: str
    holes: str = "anew"


X, HL, HLC = ("x",), ("high", "low"), ("high", "low", "close")
OHLC, HLCV = ("open", "high", "low", "close"), ("high", "low", "close", "volume")
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

_LINES = {"fast": 12, "slow": 26, "signal": 9}
_CONVERGENCE = ("line", "signal", "histogram")
_MOMENTUM = {
    "rsi": Entry(X, {"window": 14}, (), "0 to 100", _changes, "Wilder 1978; TA-Lib RSI"),
    "rsi_cutler": Entry(X, {"window": 14}, (), "0 to 100", _changes, "Cutler"),
    "mom": Entry(X, {"window": 10}, (), "x", _changes, "TA-Lib MOM", "reads"),
    "roc": Entry(X, {"window": 10}, (), "percent", _changes, "TA-Lib ROC", "reads"),
    "trix": Entry(
        X,
        {"window": 30},
        (),
        "percent",
        lambda window: 3 * window - 2,
        "Hutson 1983; TA-Lib TRIX",
    ),
    "macd": Entry(
        X,
        _LINES,
        _CONVERGENCE,
        "x",
        lambda fast, slow, signal: max(fast, slow) + signal - 2,
        "Appel 1979; TA-Lib MACD",
    ),
    "ppo": Entry(
        X,
        _LINES,
        _CONVERGENCE,
        "percent",
        lambda fast, slow, signal: max(fast, slow) + signal - 2,
        "Appel; TA-Lib PPO",
    ),
    "stochastic": Entry(
        HLC,
        {"window": 14, "smoothing": 3, "signal": 3},
        ("k", "d"),
        "0 to 100",
        lambda window, smoothing, signal: window + smoothing + signal - 3,
        "Lane 1984; TA-Lib STOCH",
    ),
    "stoch_rsi": Entry(
        X,
        {"window": 14, "span": 14, "smoothing": 3, "signal": 3},
        ("k", "d"),
        "0 to 100",
        lambda window, span, smoothing, signal: window + span + smoothing + signal - 3,
        "Chande and Kroll 1994; TA-Lib STOCHRSI",
    ),
    "williams_r": Entry(
        HLC, {"window": 14}, (), "−100 to 0", _window, "Williams 1973; TA-Lib WILLR"
    ),
    "cci": Entry(HLC, {"window": 14}, (), "ratio", _window, "Lambert 1980; TA-Lib CCI"),
}

_DIRECTION = {
    "adx": Entry(
        HLC,
        {"window": 14},
        ("adx", "plus", "minus"),
        "0 to 100",
        lambda window: (2 * window - 1, window, window),
        "Wilder 1978; TA-Lib ADX, PLUS_DI, MINUS_DI",
    ),
    "aroon": Entry(
        HL, {"window": 14}, ("down", "up"), "0 to 100", _changes, "Chande 1995; TA-Lib AROON"
    ),
    "supertrend": Entry(
        HLC,
        {"window": 10, "multiple": 3.0},
        ("line", "direction"),
        "price; 1 or −1",
        _changes,
        "Seban 2008; TA-Lib SUPERTREND",
    ),
    "parabolic_sar": Entry(
        HL, {"step": 0.02, "most": 0.2}, (), "price", lambda **_: 1, "Wilder 1978; TA-Lib SAR"
    ),
    "ichimoku": Entry(
        HL,
        {"conversion": 9, "base": 26, "span": 52, "ahead": 26},
        ("conversion", "base", "span_a", "span_b"),
        "price",
        lambda conversion, base, span, ahead: (
            conversion - 1,
            base - 1,
            max(conversion, base) - 1 + ahead,
            span - 1 + ahead,
        ),
        "Hosoda 1969",
        "reads",
    ),
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
    "natr": Entry(HLC, {"window": 14}, (), "percent", _changes, "Forman 2006; TA-Lib NATR"),
    "bollinger_ribbon": Entry(
        X,
        {"window": 20, "width": 2.0, "lookback": 120},
        ("percent_b", "bandwidth", "squeeze"),
        "ratio; fraction; percent",
        lambda window, width, lookback: (window - 1, window - 1, window - 1 + lookback),
        "Bollinger 2001",
    ),
    "donchian": Entry(
        HL, {"window": 20}, BANDS, "price", _window, "Donchian 1960; TA-Lib DONCHIAN"
    ),
    "keltner": Entry(
        HLC,
        {"window": 20, "span": 10, "width": 2.0},
        BANDS,
        "price",
        lambda window, span, width: max(window - 1, span),
        "Keltner 1960; TA-Lib KC once its seed has faded",
    ),
    "volatility_close": Entry(X, {"window": 20}, (), "fraction a bar", _changes, "ddof 1"),
    "volatility_parkinson": Entry(
        HL, {"window": 20}, (), "fraction a bar", _window, "Parkinson 1980"
    ),
    "volatility_garman_klass": Entry(
        OHLC, {"window": 20}, (), "fraction a bar", _window, "Garman and Klass 1980"
    ),
    "volatility_yang_zhang": Entry(
        OHLC, {"window": 20}, (), "fraction a bar", _changes, "Yang and Zhang 2000"
    ),
}

_VOLUME = {
    "vwap_session": Entry(
        (*HLCV, "day"), {}, (), "price", lambda: 0, "Berkowitz 1988; TA-Lib VWAP", "session"
    ),
    "vwap": Entry(HLCV, {"window": 20}, (), "price", _window, "Berkowitz 1988"),
    "obv": Entry(("close", "volume"), {}, (), "volume", lambda: 0, "Granville 1963; TA-Lib OBV"),
    "ad": Entry(HLCV, {}, (), "volume", lambda: 0, "Chaikin; TA-Lib AD"),
    "cmf": Entry(HLCV, {"window": 20}, (), "−1 to 1", _window, "Chaikin; TA-Lib CMF"),
    "mfi": Entry(
        HLCV, {"window": 14}, (), "0 to 100", _changes, "Quong and Soudack 1989; TA-Lib MFI"
    ),
    "relative_volume": Entry(("volume",), {"window": 20}, (), "ratio", _changes, "TA-Lib RVOL"),
}

XY = ("x", "y")
_STATISTICS = {
    "zscore": Entry(X, {"window": 20}, (), "deviations", _window, "ddof 0"),
    "percent_rank": Entry(X, {"window": 100}, (), "0 to 100", _changes, "TA-Lib PERCENTRANK"),
    "rolling_median": Entry(X, {"window": 20}, ("median", "mad"), "x", _window, "Hampel 1974"),
    "linear_slope": Entry(X, {"window": 14}, (), "x per bar", _window, "TA-Lib LINEARREG_SLOPE"),
    "correlation": Entry(XY, {"window": 30}, (), "−1 to 1", _window, "Pearson; TA-Lib CORREL"),
    "beta": Entry(XY, {"window": 30}, (), "ratio", _window, "TA-Lib BETA, of returns"),
    "hurst": Entry(X, {"window": 100}, (), "exponent", _window, "Di Matteo 2007, order 2"),
}

_PIVOTS = {
    "confirmed_pivots": Entry(
        HL,
        {"left": 5, "right": 5},
        ("high", "low"),
        "price",
        lambda left, right: left + right,
        "Williams 1995; TA-Lib FRACTAL marks the same bars",
        "event",
    ),
    "support_resistance": Entry(
        HL,
        {"left": 5, "right": 5},
        ("support", "resistance"),
        "price",
        lambda left, right: left + right,
        "the last of confirmed_pivots",
        "event",
    ),
}

_REGIME = {
    "regime": Entry(
        HLC,
        {
            "window": 14,
            "span": 100,
            "base": 100,
            "weak": 20.0,
            "strong": 25.0,
            "reverting": 0.45,
            "persistent": 0.55,
            "calm": 0.5,
            "wild": 2.0,
            "dwell": 3,
        },
        ("direction", "strength", "volatility"),
        "−1 to 1; 0 to 2; 0 to 2",
        lambda window, span, base, **_: max(2 * window, span, window + base) - 1,
        "Wilder 1978 and Di Matteo 2007",
    ),
}

INDICATORS: Mapping[str, Entry] = MappingProxyType(
    _TREND | _MOMENTUM | _DIRECTION | _VOLATILITY | _VOLUME | _STATISTICS | _PIVOTS | _REGIME
)
"""Every indicator by name."""
