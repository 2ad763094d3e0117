"""Indicators on Polars columns: importing this module adds ``.ta`` to every expression.

>>> import trade_research.ta  # doctest: +SKIP
>>> bars.with_columns(pl.col("close").ta.rsi(14))  # doctest: +SKIP

The same compiled functions that strategies call; null is NaN to them, and what is not known yet
comes back as null.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from trade_research import indicators
from trade_research.errors import nearest
from trade_research.frames.columns import columns
from trade_research.indicators.table import INDICATORS
from trade_research.kernels.jit import F64

__all__ = ["Indicators"]


@pl.api.register_expr_namespace("ta")
class Indicators:
    """Indicators of a column; see `trade_research.indicators` for their definitions."""

    def __init__(self, expr: pl.Expr) -> None:
        self._expr = expr

    def sma(self, window: int) -> pl.Expr:
        """Simple moving average over `window` bars."""
        return self._map(indicators.sma, window)

    def ema(self, window: int) -> pl.Expr:
        """Exponential moving average of span `window`."""
        return self._map(indicators.ema, window)

    def wilder(self, window: int) -> pl.Expr:
        """Wilder's smoothing of period `window`."""
        return self._map(indicators.wilder, window)

    def rsi(self, window: int = 14) -> pl.Expr:
        """Wilder's relative strength index, 0 to 100."""
        return self._map(indicators.rsi, window)

    def rolling_std(self, window: int, ddof: int = 0) -> pl.Expr:
        """Standard deviation of the last `window` values."""
        return self._map(indicators.rolling_std, window, ddof)

    def rolling_min(self, window: int) -> pl.Expr:
        """Smallest of the last `window` values."""
        return self._map(indicators.rolling_min, window)

    def rolling_max(self, window: int) -> pl.Expr:
        """Largest of the last `window` values."""
        return self._map(indicators.rolling_max, window)

    def bollinger_bands(self, window: int = 20, width: float = 2.0) -> pl.Expr:
        """Bollinger bands, as a struct of `upper`, `middle` and `lower`."""
        return self._map(indicators.bollinger_bands, window, width)

    def true_range(self, high: str | pl.Expr = "high", low: str | pl.Expr = "low") -> pl.Expr:
        """True range of bars whose close this column is."""
        return self._bars(indicators.true_range, high, low)

    def atr(
        self, window: int = 14, high: str | pl.Expr = "high", low: str | pl.Expr = "low"
    ) -> pl.Expr:
        """Average true range of bars whose close this column is."""
        return self._bars(indicators.atr, high, low, window)

    def __getattr__(self, name: str) -> Callable[..., pl.Expr]:
        """Every other indicator of the table, e.g. ``.ta.adx(14)`` or ``.ta.obv(volume="qty")``.

        This column is the close where the indicator reads one, else the first it reads; the others
        are the columns of their own names unless named here. Numbers as in the function. Several
        outputs come as a struct.
        """
        entry = INDICATORS.get(name)
        if entry is None:
            raise AttributeError(f"no indicator {name!r}; {nearest(name, INDICATORS)}")
        own = "close" if "close" in entry.columns else entry.columns[0]

        def call(*numbers: float, **named: Any) -> pl.Expr:
            given = [self._expr if c == own else _column(named.pop(c, c)) for c in entry.columns]
            function = getattr(indicators, name)
            # Polars names the result after the first input, which is this column in all of them.
            order = sorted(range(len(given)), key=lambda i: entry.columns[i] != own)

            def apply(values: Sequence[pl.Series]) -> pl.Series:
                arrays = [_array(values[order.index(i)]) for i in range(len(order))]
                return _series(function(*arrays, *numbers, **named))

            fields = pl.Struct(dict.fromkeys(entry.outputs, pl.Float64))
            return pl.map_batches(
                [given[i] for i in order],
                apply,
                return_dtype=fields if entry.outputs else pl.Float64,
            )

        return call

    def __dir__(self) -> list[str]:
        """Every indicator, for completion."""
        return sorted({*super().__dir__(), *INDICATORS})

    def _map(self, function: Callable[..., Any], *numbers: float) -> pl.Expr:
        def apply(values: pl.Series) -> pl.Series:
            return _series(function(_array(values), *numbers))

        bands = function is indicators.bollinger_bands
        kind = (
            pl.Struct(dict.fromkeys(indicators.Bands._fields, pl.Float64)) if bands else pl.Float64
        )
        return self._expr.map_batches(apply, return_dtype=kind)

    def _bars(
        self, function: Callable[..., Any], high: str | pl.Expr, low: str | pl.Expr, *numbers: float
    ) -> pl.Expr:
        def apply(values: list[pl.Series] | tuple[pl.Series, ...]) -> pl.Series:
            return _series(function(*map(_array, values), *numbers))

        sides = [pl.col(side) if isinstance(side, str) else side for side in (high, low)]
        # Polars names the result after the first input: the close, as in the other indicators.
        close, high_low = self._expr, sides
        return pl.map_batches(
            [close, *high_low], lambda s: apply((s[1], s[2], s[0])), return_dtype=pl.Float64
        )


def _column(given: str | pl.Expr) -> pl.Expr:
    return pl.col(given) if isinstance(given, str) else given


def _array(values: pl.Series) -> F64:
    return columns(values.alias("x").to_frame(), ["x"])["x"]


def _series(result: Any) -> pl.Series:
    """An array as a column; a named tuple of arrays as a column of structs."""
    if hasattr(result, "_fields"):
        return pl.DataFrame({n: _series(v) for n, v in result._asdict().items()}).to_struct()
    return pl.Series(result).fill_nan(None)
