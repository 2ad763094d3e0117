"""Scoring of configurations on one set of bars: what a sweep does here, and a worker elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.errors import ConfigError, nearest
from trade_research.kernels.jit import F64, I64
from trade_research.research.data import Data
from trade_research.research.setup import Setup, targets_of
from trade_research.sweep.engine import day_returns, largest_warmup, score
from trade_research.sweep.scores import METRICS, Scores
from trade_research.sweep.space import Configurations, Space

if TYPE_CHECKING:
    from trade_research.portfolio.sizing import Portfolio
    from trade_research.simulate.market import Market
    from trade_research.strategies.strategy import Strategy

MOMENTS = ("day_count", "day_mean", "day_variance", "day_skew", "day_kurtosis")
"""Columns of a part beside the results: what evidence needs of every configuration."""


@dataclass(frozen=True, eq=False)
class Ground:
    """The bars of one account: an instrument of a `symbol` axis, or all of the data."""

    data: Data
    strategy: Strategy
    portfolio: Portfolio | None

    @cached_property
    def market(self) -> Market:
        return self.data.market

    @cached_property
    def is_plain(self) -> bool:
        """Whether the strategy's own targets for one instrument are what is traded."""
        whole = self.portfolio is not None or self.strategy.is_panel
        return not whole and self.market.n_symbols == 1

    @cached_property
    def columns(self) -> Mapping[str, F64] | list[Mapping[str, F64]]:
        """What the strategy reads; nothing where targets are made otherwise."""
        if not self.is_plain:
            return []
        frame = next(iter(self.data.by_instrument().values()))
        found: Mapping[str, F64] = self.strategy.columns_of(
            frame, calendar=self.data.calendar_name, whole=self.data.frame
        )
        return found

    @property
    def sessions(self) -> I64:
        """Number of each bar's session."""
        return self.data.sessions

    def years(self, start: int) -> tuple[I64, I64]:
        """Calendar years (UTC) of the sessions, and their bars [first, last), (n_years, 2).

        Only those with a bar from `start` on.
        """
        years = self.sessions.astype("M8[D]").astype("M8[Y]").astype(np.int64) + 1970
        first = np.flatnonzero(np.append(True, np.diff(years) != 0))
        spans = np.stack([first, np.append(first[1:], years.size)], axis=1)
        counts = spans[:, 1] > start
        return years[first][counts], spans[counts]

    def targets(self, params: Mapping[str, Any]) -> F64:
        """Weights of all instruments, as a backtest makes them."""
        return targets_of(self.strategy, self.data, dict(params), self.portfolio)[0]

    @property
    def common(self) -> dict[str, Any]:
        """Arguments that `score` and `day_returns` share."""
        return {
            "sessions": self.sessions,
            "targets": None if self.is_plain else self.targets,
        }


@dataclass(frozen=True, eq=False)
class Scorer:
    """Strategy, bars and rules of a sweep: gives the results of any of its configurations."""

    strategy: Strategy
    data: Data
    setup: Setup
    start: int
    risk_free: float
    portfolio: Portfolio | None = None
    instruments: tuple[str, ...] = ()

    @cached_property
    def grounds(self) -> dict[str, Ground]:
        """Name of an instrument of the `symbol` axis to its bars; "" to all of the data."""
        if not self.instruments:
            return {"": Ground(self.data, self.strategy, self.portfolio)}
        parts = self.data.by_instrument()
        for name in self.instruments:
            if name not in parts:
                raise ConfigError(f"symbol {name!r} is not in the data: {nearest(name, parts)}")
        return {
            name: Ground(
                replace(self.data, frame=parts[name], instruments=(name,)),
                self.strategy,
                self.portfolio,
            )
            for name in self.instruments
        }

    def score(
        self,
        found: Configurations,
        *,
        threads: int | None = None,
        progress: Callable[[int], None] | None = None,
        spans: I64 | None = None,
    ) -> Scores:
        """Scores of some configurations, each on its own instrument's bars."""
        more = {
            "threads": threads,
            "progress": progress,
            "spans": spans,
            "risk_free": self.risk_free,
        }
        done = [
            (rows, self._on(ground, score, found[rows], **self._years, **more))
            for ground, rows in self._rows(found)
        ]
        return done[0][1] if len(done) == 1 else _joined(found, done)

    def by_year(self, found: Configurations) -> pl.DataFrame:
        """Metrics of some configurations in each calendar year, one row a configuration and year.

        Columns are the axes, `year`, the metrics and `trial`. All years come of one pass over the
        bars, each an account of its own that begins with the cash and no position; years that end
        before the first bar that counts are left out.
        """
        tables = []
        for ground, rows in self._rows(found):
            years, spans = ground.years(self.start)
            how = {"spans": spans, "risk_free": self.risk_free, **self._years}
            scores = self._on(ground, score, found[rows], **how)
            trial, *axes = found[np.repeat(rows, years.size)].frame().get_columns()
            year = pl.Series("year", np.tile(years, rows.size))
            numbers = numbers_of({name: v.ravel() for name, v in scores.metrics.items()})
            tables.append(pl.DataFrame([*axes, year, *numbers, trial]))
        return pl.concat(tables).sort("trial", "year", maintain_order=True)

    def day_returns(self, found: Configurations, *, threads: int | None = None) -> F64:
        """Day returns of some configurations, (n_days, n_configs); days of all instruments."""
        parts = [
            (rows, self._on(ground, day_returns, found[rows], threads=threads), ground.sessions)
            for ground, rows in self._rows(found)
        ]
        days = np.unique(np.concatenate([sessions for _, _, sessions in parts]))
        out = np.zeros((len(days), len(found)))
        for rows, values, sessions in parts:
            at = np.searchsorted(days, np.unique(sessions))
            out[np.ix_(at, rows)] = values
        return out

    @property
    def _years(self) -> dict[str, float | None]:
        data = self.data
        return {
            "periods_per_year": data.periods_per_year,
            "sessions_per_year": data.sessions_per_year,
        }

    def _on(
        self, ground: Ground, how: Callable[..., Any], found: Configurations, **more: Any
    ) -> Any:
        rules = self.setup.rules_of_the_game | {"finalize": self.setup.finalize}
        values = {name: v for name, v in found.values.items() if name != "symbol"}
        mine = Configurations(values, found.trial)
        return how(
            self.strategy,
            ground.market,
            ground.columns,
            mine,
            start=self.start,
            **rules,
            **ground.common,
            **more,
        )

    def _rows(self, found: Configurations) -> list[tuple[Ground, I64]]:
        """Which configurations stand on which ground."""
        if not self.instruments:
            return [(self.grounds[""], np.arange(len(found)))]
        names = found.values["symbol"]
        mine = {name: np.flatnonzero(names == name) for name in self.instruments}
        return [(self.grounds[name], rows) for name, rows in mine.items() if len(rows)]


def _joined(found: Configurations, done: list[tuple[I64, Scores]]) -> Scores:
    """Scores of configurations that stood on different grounds, in their order."""

    def put(of: Callable[[Scores], Any]) -> Any:
        first = of(done[0][1])
        out = np.empty((len(found), *first.shape[1:]), dtype=first.dtype)
        for rows, scores in done:
            out[rows] = of(scores)
        return out

    metrics = {name: put(lambda s, of=name: s.metrics[of]) for name in METRICS}  # type: ignore[misc]  # bound now
    return Scores(
        found,
        metrics,
        put(lambda s: s.status),
        put(lambda s: s.path),
        put(lambda s: s.why),
        put(lambda s: s.blocks),
        done[0][1].block_days,
        put(lambda s: s.moments),
    )


def table_of(scores: Scores, found: Configurations) -> pl.DataFrame:
    """One row a configuration: axes, metrics, status, path, why, trial, moments of day returns."""
    axes = found.frame()
    numbers = numbers_of({name: values[:, 0] for name, values in scores.metrics.items()})
    texts = [
        pl.Series(name, column.tolist(), dtype=pl.String)
        for name, column in (("status", scores.status), ("path", scores.path), ("why", scores.why))
    ]
    days = [pl.Series(name, scores.moments[:, k]) for k, name in enumerate(MOMENTS)]
    trial, *values = axes.get_columns()
    return pl.DataFrame([*values, *numbers, *texts, trial, *days])


def numbers_of(metrics: Mapping[str, F64]) -> list[pl.Series]:
    """Metrics as columns: null where one is undefined, trades as the counts that they are."""
    made = {name: pl.Series(name, v, nan_to_null=True) for name, v in metrics.items()}
    return [*(made | {"trades": made["trades"].cast(pl.Int64)}).values()]


def start_of(strategy: Strategy, space: Space, found: Configurations | None) -> int:
    """The largest warm-up of a space: of its corners where it is not drawn yet."""
    if found is not None:
        return largest_warmup(strategy, found)
    names = [name for name in strategy.warmup_names if name in space.axes]
    if not names:
        return strategy.warmup()
    return largest_warmup(strategy, Space({n: space.levels[n] for n in names}).grid())
