"""What expressions can do beside arithmetic and indicators: logic of three values, looking back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from trade_research.kernels.jit import F64
from trade_research.kernels.windows import rolling_sum


def known(found: Any, a: Any, b: Any) -> Any:
    """1 and 0 for true and false, NaN where a side is no number."""
    return np.where(np.isfinite(a) & np.isfinite(b), np.where(found, 1.0, 0.0), np.nan)


def both(a: Any, b: Any) -> Any:
    return np.where((a == 0.0) | (b == 0.0), 0.0, a * b)


def either(a: Any, b: Any) -> Any:
    return np.where((a == 1.0) | (b == 1.0), 1.0, a + b)


def fold(join: Callable[[Any, Any], Any], values: list[Any]) -> Any:
    found = values[0]
    for value in values[1:]:
        found = join(found, value)
    return found


def _ago(x: F64, bars: int) -> F64:
    out = np.full(x.size, np.nan)
    out[bars:] = x[: max(x.size - bars, 0)]
    return out


def _crosses(x: F64, y: F64, above: bool) -> F64:
    a, b = (x, y) if above else (y, x)
    now, before = known(a > b, a, b), known(_ago(a, 1) <= _ago(b, 1), _ago(a, 1), _ago(b, 1))
    out: F64 = both(now, before)
    return out


def _count(condition: F64, bars: int) -> F64:
    return rolling_sum(condition, bars)


def _within(condition: F64, bars: int) -> F64:
    held = rolling_sum(np.where(condition == 1.0, 1.0, 0.0), bars)
    out: F64 = np.where(held > 0.5, 1.0, 0.0 * rolling_sum(condition, bars))
    return out


def _spread(high: F64, low: F64, close: F64, bars: int) -> F64:
    """Abdi and Ranaldo's effective spread over the last `bars` pairs of bars, at least 0."""
    middle, last = 0.5 * (np.log(high) + np.log(low)), np.log(_ago(close, 1))
    square = rolling_sum(4.0 * (last - _ago(middle, 1)) * (last - middle), bars) / max(bars, 1)
    out: F64 = np.sqrt(np.maximum(square, 0.0))
    return out


FUNCTIONS: dict[str, tuple[tuple[str, ...], str, Callable[..., Any]]] = {
    "ago": (("column", "bars"), "column", _ago),
    "crosses_above": (("column", "column"), "condition", lambda x, y: _crosses(x, y, True)),
    "crosses_below": (("column", "column"), "condition", lambda x, y: _crosses(x, y, False)),
    "within": (("condition", "bars"), "condition", _within),
    "count": (("condition", "bars"), "column", _count),
    "total": (("column", "bars"), "column", rolling_sum),
    "spread": (("high", "low", "close", "bars"), "column", _spread),
    "abs": (("column",), "column", np.abs),
    "log": (("column",), "column", np.log),
    "sqrt": (("column",), "column", np.sqrt),
    "min": (("column", "column"), "column", np.minimum),
    "max": (("column", "column"), "column", np.maximum),
}
"""Name to arguments, what it gives, and the function."""
