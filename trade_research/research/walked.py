"""What a walk forward found: choices, what they earned on bars they never saw, the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.errors import ConfigError
from trade_research.evidence.days import days_of
from trade_research.evidence.luck import Luck, luck_of
from trade_research.frames.intervals import parse_interval
from trade_research.metrics.summary import Summary, summary
from trade_research.research.data import NO_CALENDAR, Data
from trade_research.research.setup import Setup
from trade_research.research.sweep_scorer import Ground
from trade_research.research.trials import count_trials
from trade_research.sweep.pipeline import Pipeline, check_walk
from trade_research.sweep.space import Space
from trade_research.sweep.walkforward import Walk, walk

if TYPE_CHECKING:
    from trade_research.evidence.causality import CausalityVerdict
    from trade_research.kernels.jit import F64
    from trade_research.report.walkforward import WalkView
    from trade_research.store.ledger import Trials
    from trade_research.strategies.strategy import Strategy

WORDS = ("Failed", "Inconclusive", "Held up")


@dataclass(frozen=True, repr=False)
class WalkForward:
    """A walk forward: what was chosen when, and what it earned on bars it had not seen.

    Attributes
    ----------
    walk : sweep.Walk
        The plain arrays.
    train, test : str
        Lengths of both spans.
    anchored : bool
        Whether training always began at the first bar.
    """

    strategy: Strategy
    data: Data
    setup: Setup
    space: Space
    walk: Walk
    train: str
    test: str
    anchored: bool
    min_trades: int
    risk_free: float = 0.0
    uncounted: str = ""

    @cached_property
    def folds(self) -> pl.DataFrame:
        """One row a fold: spans, what was chosen, its measure inside and outside, return, rank."""
        market, folds, found = self.data.market, self.walk.folds, self.walk
        frame = found.configurations.frame().drop("trial")
        rows = pl.Series(found.chosen)
        chosen = frame[rows.clip(0).to_numpy()].with_columns(pl.when(rows >= 0).then(pl.all()))
        stamps = {
            "train_start": market.open_time[folds.train[:, 0]],
            "test_start": market.open_time[folds.test[:, 0]],
            "test_end": market.close_time[folds.test[:, 1] - 1],
        }
        times = {name: pl.Series(us).cast(pl.Datetime("us", "UTC")) for name, us in stamps.items()}
        numbers = {
            f"{found.metric}_inside": found.inside,
            f"{found.metric}_outside": found.outside,
            "return": self._fold_returns,
            "rank": found.rank,
        }
        return pl.DataFrame(
            {
                "fold": np.arange(1, len(folds) + 1),
                **times,
                **{series.name: series for series in chosen},
                **{name: pl.Series(values).fill_nan(None) for name, values in numbers.items()},
            }
        )

    @cached_property
    def equity(self) -> pl.DataFrame:
        """``close_time, equity, return, drawdown`` from the first test bar on, stitched."""
        equity, cash = self.walk.equity, self.walk.initial_cash
        before = np.append(cash, equity[:-1])
        peak = np.maximum.accumulate(np.maximum(equity, cash))
        times = self.data.market.close_time[self.walk.first :][: equity.size]
        return pl.DataFrame(
            {
                "close_time": pl.Series(times).cast(pl.Datetime("us", "UTC")),
                "equity": equity,
                "return": equity / before - 1.0,
                "drawdown": equity / peak - 1.0,
            }
        )

    @cached_property
    def trades(self) -> pl.DataFrame:
        """Round trips of the test spans."""
        return pl.concat([result.trades_frame for result in self.walk.results])

    @cached_property
    def metrics(self) -> Summary:
        """Metrics of the stitched equity, those that need no bar-level journal."""
        found = [result.trades for result in self.walk.results]
        first = self.walk.first
        return summary(
            equity=self.walk.equity,
            initial_cash=self.walk.initial_cash,
            close_time=self.data.market.close_time[first:][: self.walk.equity.size],
            start_time=int(self.data.market.open_time[first]),
            periods_per_year=self.data.periods_per_year,
            sessions_per_year=self.data.sessions_per_year,
            session_dates=self._session_dates,
            trades={
                "pnl": np.concatenate([t.pnl for t in found]),
                "return": np.concatenate([t.returns for t in found]),
                "bars": np.concatenate([t.bars for t in found]),
                "mae": np.concatenate([t.mae for t in found]),
                "mfe": np.concatenate([t.mfe for t in found]),
                "open": np.concatenate([t.is_open for t in found]),
            },
            risk_free=self.risk_free,
        )

    @cached_property
    def evidence(self) -> Luck:
        """What the stitched day returns say of their Sharpe ratio, in closed form."""
        year = self.data.sessions_per_year
        days = days_of(
            self.walk.equity,
            self.walk.initial_cash,
            self._session_dates,
            per_year=year,
            risk_free=self.risk_free,
        )
        return luck_of(days.excess, year)

    @property
    def efficiency(self) -> float | None:
        """Growth a year outside over that inside (Pardo), as logarithms; None where inside is ≤ 0.

        1: parameters earned as much on unseen bars as where they were chosen.
        """
        found, market = self.walk, self.data.market
        growth = np.log1p(found.scores.metrics["total_return"][:, 1 : len(found.folds) + 1])
        held = np.flatnonzero(found.chosen >= 0)
        inside = float(growth[found.chosen[held], held].sum())
        made = found.equity[-1] / found.initial_cash
        if not inside > 0.0 or not made > 0.0:
            return None
        lengths = [
            float((market.close_time[spans[:, 1] - 1] - market.open_time[spans[:, 0]]).sum())
            for spans in (found.folds.train, found.folds.test)
        ]
        return float(np.log(made)) / lengths[1] / (inside / lengths[0])

    @property
    def stability(self) -> dict[str, float]:
        """How little each parameter moved from fold to fold; see `sweep.Walk`."""
        return self.walk.stability

    @cached_property
    def trials(self) -> Trials | None:
        """Trials on these bars by the ledger; None for bars that are not from a store."""
        return None if self.uncounted else count_trials(self.data)

    @property
    def word(self) -> str:
        """ "Held up": the 90% interval lies above 0; "Failed": nothing was made; "Inconclusive"."""
        found = self.evidence
        growth = self.walk.equity[-1] / self.walk.initial_cash
        if not growth > 1.0:
            return WORDS[0]
        low = found.low if found.low is not None else (found.psr or 0.0) - 0.95
        return WORDS[2] if low > 0.0 else WORDS[1]

    @property
    def verdict(self) -> str:
        """One sentence."""
        found, made = self.evidence, self.walk.equity[-1] / self.walk.initial_cash - 1.0
        good = int(np.nansum(self._fold_returns > 0.0))
        said = (
            f"{self.word} out of sample: {made:+.1%} over {len(self.walk.folds)} spans of "
            f"{self.test} that no choice had seen, {good} of them with a profit"
        )
        if found.sharpe is not None and found.low is not None and found.high is not None:
            said += f"; Sharpe ratio {found.sharpe:.2f} [{found.low:.2f}, {found.high:.2f}] a year"
        if self.efficiency is not None:
            share = f"{self.efficiency:.0%}" if self.efficiency > 0.0 else "none"
            said += f"; {share} of the growth in sample was kept"
        return f"{said}."

    @property
    def warnings(self) -> list[str]:
        """What a reader must know before believing a number."""
        notes = [NO_CALENDAR] if self.data.calendar is None else []
        idle = int((self.walk.chosen < 0).sum())
        if idle:
            notes.append(
                f"{idle} of {len(self.walk.folds)} folds traded nothing: no configuration had "
                f"{self.min_trades} trades in training"
            )
        return [*notes, self.uncounted] if self.uncounted else notes

    def check(self, *, budget_s: float = 10.0, seed: int = 0) -> CausalityVerdict:
        """Prove on these bars that no fold saw its test bars: the whole walk is cut and replayed.

        Every cut repeats the walk, so give it few configurations or little data. One instrument.
        """
        if self.data.market.n_symbols > 1:
            raise ConfigError("the check of a walk forward takes one instrument at a time")
        columns = self.strategy.columns_of(self.data.frame, calendar=self.data.calendar_name)
        sessions = Ground(self.data, self.strategy, None).sessions
        pipeline = Pipeline(
            self.strategy,
            self.data.market,
            columns,
            lambda strategy, market, given: walk(
                strategy,
                market,
                given,
                self.walk.configurations,
                sessions=sessions[: market.n_bars],
                **self._how,
            ),
        )
        return check_walk(pipeline, budget_s=budget_s, seed=seed)

    @cached_property
    def page(self) -> WalkView:
        """What a report shows of it."""
        from trade_research.research.walk_page import view_of

        return view_of(self)

    def report(self, path: str | Path) -> Path:
        """Write one self-contained HTML page."""
        from trade_research.report.walkforward import write_walk

        return write_walk(self.page, path)

    @property
    def _how(self) -> dict[str, Any]:
        return settings_of(
            self.data,
            self.setup,
            train=self.train,
            test=self.test,
            anchored=self.anchored,
            metric=self.walk.metric,
            min_trades=self.min_trades,
            risk_free=self.risk_free,
        )

    @cached_property
    def _fold_returns(self) -> F64:
        """Return of the stitched equity over each test span, (n_folds,)."""
        ends = self.walk.folds.test[:, 1] - self.walk.first - 1
        reached = np.minimum(ends, self.walk.equity.size - 1)
        after = self.walk.equity[reached]
        made: F64 = after / np.append(self.walk.initial_cash, after[:-1])
        return made - 1.0

    @cached_property
    def _session_dates(self) -> Any:
        times = self.equity["close_time"]
        from trade_research.frames.calendars import get_calendar

        return get_calendar(self.data.calendar_name).session_dates(times).to_numpy()

    def __repr__(self) -> str:
        from trade_research.research.text import walk_text

        return walk_text(self)

    def _repr_html_(self) -> str:
        from trade_research.research.text import walk_html

        return walk_html(self)


def settings_of(
    data: Data,
    setup: Setup,
    *,
    train: str,
    test: str,
    anchored: bool,
    metric: str,
    min_trades: int,
    risk_free: float,
) -> dict[str, Any]:
    """The arguments of `sweep.walk` beside strategy, bars and configurations.

    Where nothing can be annualised the years in a ratio are 1: the same for all, they change no
    choice.
    """
    return {
        "train_us": parse_interval(train).us,
        "test_us": parse_interval(test).us,
        "anchored": anchored,
        "metric": metric,
        "min_trades": min_trades,
        "settings": setup.rules_of_the_game,
        "periods_per_year": data.periods_per_year or 1.0,
        "sessions_per_year": data.sessions_per_year or 1.0,
        "risk_free": risk_free,
    }
