"""Probes of frames: one a symbol, and one that builds declared inputs anew from the bars left.

A strategy that reads 4-hour closes beside its minutes can be clean and its inputs not: then the cut
must be made in the base bars, before anything is resampled or aligned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from trade_research.evidence.probe import How, Outputs, Probe, StrategyLike
from trade_research.kernels.jit import F64, I64
from trade_research.strategies.frame import arrays_of


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
    ) -> None:
        self.base, self.whole, self.calendar = base, whole, calendar
        columns = arrays_of(strategy.inputs, base, whole, calendar)
        super().__init__(strategy, columns, params, close_times(base), seed, symbol)

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
        floats = [n for n, kind in self.base.schema.items() if kind == pl.Float64]
        new = [pl.when(later).then(pl.col(n) * by).otherwise(pl.col(n)).alias(n) for n in floats]

        def changed(frame: pl.DataFrame) -> pl.DataFrame:
            joined = frame.join(steps, on="close_time", how="left", maintain_order="left")
            return joined.with_columns(new).drop("_by")

        return self._built(changed(self.base), changed(self.whole))

    def _changed(self, expression: pl.Expr) -> Outputs:
        return self._built(self.base.with_columns(expression), self.whole.with_columns(expression))

    def _built(self, base: pl.DataFrame, whole: pl.DataFrame) -> Outputs:
        return self._run(arrays_of(self.strategy.inputs, base, whole, self.calendar))


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
        return [Probe(strategy, data, params, seed=seed)]
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


def on_arrays(probe: Probe) -> Probe:
    """The same probe with its inputs as they were built from all bars."""
    if not isinstance(probe, RebuiltProbe):
        return probe
    columns, times = probe.columns, probe.times
    return Probe(probe.strategy, columns, probe.params, times, probe.seed, probe.symbol)
