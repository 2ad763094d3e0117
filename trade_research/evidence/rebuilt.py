"""Probes of frames: one a symbol, and one that builds declared inputs anew from the bars left.

A strategy that reads 4-hour closes beside its minutes can be clean and its inputs not: then the cut
must be made in the base bars, before anything is resampled or aligned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from trade_research.evidence.probe import How, Outputs, Probe, StrategyLike
from trade_research.frames.grid import Grid
from trade_research.kernels.jit import F64, I64
from trade_research.strategies.frame import arrays_of
from trade_research.strategies.panel import panel_arrays


class RebuiltProbe(Probe):
    """A probe whose every cut is made in the base bars of all symbols.

    Parameters
    ----------
    base : DataFrame
        Bars of one symbol, in time order.
    whole : DataFrame
        Bars of all symbols, `base` among them.
    """

    def __init__(
        self,
        strategy: StrategyLike,
        base: pl.DataFrame,
        whole: pl.DataFrame,
        params: Mapping[str, Any],
        calendar: str,
        seed: int = 0,
        symbol: str | None = None,
        across: tuple[str, ...] = (),
    ) -> None:
        self.base, self.whole, self.calendar = base, whole, calendar
        self.strategy, self.across = strategy, across
        columns = self._arrays(base, whole)
        super().__init__(strategy, columns, params, close_times(base), seed, symbol, across)

    def window(self, a: int, b: int) -> Probe:
        """The same questions about base rows [a, b), and what other symbols have in that time."""
        first, last = self.base["open_time"][a], self.base["close_time"][b - 1]
        whole = self.whole.filter((pl.col("open_time") >= first) & (pl.col("close_time") <= last))
        return RebuiltProbe(
            self.strategy,
            self.base[a:b],
            whole,
            self.params,
            self.calendar,
            self.seed,
            self.symbol,
        )

    def perturbed(self, row: int, name: str, factor: float) -> Outputs:
        """Outputs when one value of the bars that an input is built from is multiplied."""
        col = self.strategy.inputs[name]
        is_row = pl.col("open_time") == self.base["open_time"][row]
        changed = pl.when(is_row).then(pl.col(col.name) * factor).otherwise(pl.col(col.name))
        return self._tried(row + 1, lambda: self._changed(changed.alias(col.name)))

    def _cut(self, t: int) -> Outputs:
        known = pl.col("close_time") <= self.base["close_time"][t - 1]
        return self._built(self.base[:t], self.whole.filter(known))

    def _replaced(self, t: int, how: How) -> Outputs:
        later = pl.col("close_time") > self.base["close_time"][t - 1]
        # One factor a close time, so that a bar stays a bar and symbols stay in step.
        steps = pl.DataFrame({"close_time": self.base["close_time"], "_by": self.walk()})
        by = pl.lit(1000.0) if how == "times_1000" else pl.col("_by").fill_null(1.5)
        floats = [n for n, kind in self.whole.schema.items() if kind == pl.Float64]
        new = [pl.when(later).then(pl.col(n) * by).otherwise(pl.col(n)).alias(n) for n in floats]

        def changed(frame: pl.DataFrame) -> pl.DataFrame:
            joined = frame.join(steps, on="close_time", how="left", maintain_order="left")
            return joined.with_columns(new).drop("_by")

        return self._both(changed)

    def _changed(self, expression: pl.Expr) -> Outputs:
        return self._both(lambda frame: frame.with_columns(expression))

    def _both(self, change: Callable[[pl.DataFrame], pl.DataFrame]) -> Outputs:
        return self._built(change(self.base), change(self.whole))

    def _built(self, base: pl.DataFrame, whole: pl.DataFrame) -> Outputs:
        return self._run(self._arrays(base, whole))

    def _arrays(self, base: pl.DataFrame, whole: pl.DataFrame) -> dict[str, F64]:
        return arrays_of(self.strategy.inputs, base, whole, self.calendar)


class RebuiltPanel(RebuiltProbe):
    """The probe of a panel strategy: every cut is made in the bars of all symbols.

    Parameters
    ----------
    whole : DataFrame
        Bars of all symbols.
    symbols : tuple of str
        The symbols as they were fixed: in the first bars some may be missing.
    """

    def __init__(
        self,
        strategy: StrategyLike,
        whole: pl.DataFrame,
        symbols: tuple[str, ...],
        params: Mapping[str, Any],
        calendar: str,
        seed: int = 0,
    ) -> None:
        bars = Grid.of(whole, symbols).frame()
        super().__init__(strategy, bars, whole, params, calendar, seed, across=symbols)

    def window(self, a: int, b: int) -> Probe:
        """The same questions about bars [a, b)."""
        first, last = self.base["open_time"][a], self.base["close_time"][b - 1]
        whole = self.whole.filter((pl.col("open_time") >= first) & (pl.col("close_time") <= last))
        return RebuiltPanel(
            self.strategy, whole, self.across, self.params, self.calendar, self.seed
        )

    def _both(self, change: Callable[[pl.DataFrame], pl.DataFrame]) -> Outputs:
        return self._built(self.base, change(self.whole))

    def _arrays(self, base: pl.DataFrame, whole: pl.DataFrame) -> dict[str, F64]:
        return panel_arrays(self.strategy.inputs, whole, self.calendar, self.across)[0]


def close_times(frame: pl.DataFrame) -> I64 | None:
    """Close times of a frame as microseconds UTC (n_bars,), None where it has none."""
    if "close_time" not in frame.columns:
        return None
    times: I64 = frame["close_time"].dt.timestamp("us").to_numpy()
    return times


def probes_of(
    strategy: StrategyLike,
    data: Mapping[str, F64] | pl.DataFrame,
    params: Mapping[str, Any],
    *,
    calendar: str = "24/7",
    seed: int = 0,
) -> list[Probe]:
    """A probe for the columns given, or for each symbol of a frame.

    A frame's probe is a `RebuiltProbe` where the strategy declares inputs of another interval or
    symbol, or late ones.
    """
    if isinstance(data, Mapping):
        return [Probe(strategy, data, params, seed=seed, across=_numbered(strategy, data))]
    if any(col.panel for col in strategy.inputs.values()):
        symbols = Grid.of(data).symbols
        panel = RebuiltPanel(strategy, data, symbols, params, calendar, seed)
        is_plain = all(col.plain for col in strategy.inputs.values())
        return [on_arrays(panel) if is_plain else panel]
    parts: list[tuple[str | None, pl.DataFrame]] = [(None, data)]
    if "symbol" in data.columns and data["symbol"].n_unique() > 1:
        parts = [
            (str(key[0]), rows)
            for key, rows in data.partition_by("symbol", maintain_order=True, as_dict=True).items()
        ]
    if all(col.plain for col in strategy.inputs.values()):
        return [
            Probe(
                strategy,
                arrays_of(strategy.inputs, base, data, calendar),
                params,
                close_times(base),
                seed,
                symbol,
            )
            for symbol, base in parts
        ]
    return [
        RebuiltProbe(strategy, base, data, params, calendar, seed, symbol) for symbol, base in parts
    ]


def _numbered(strategy: StrategyLike, data: Mapping[str, F64]) -> tuple[str, ...]:
    """Names for the symbols of a panel strategy's arrays; none for other strategies."""
    panels = [name for name, col in strategy.inputs.items() if col.panel]
    return tuple(f"symbol {s}" for s in range(data[panels[0]].shape[1])) if panels else ()


def on_arrays(probe: Probe) -> Probe:
    """The same probe with its inputs as they were built from all bars."""
    if not isinstance(probe, RebuiltProbe):
        return probe
    columns, times = probe.columns, probe.times
    more = probe.seed, probe.symbol, probe.across
    return Probe(probe.strategy, columns, probe.params, times, *more)
