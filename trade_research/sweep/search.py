"""Model-guided search of a space: Optuna's samplers, asked and told in memory, batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trade_research.errors import ConfigError
from trade_research.kernels.jit import F64, I64
from trade_research.strategies.declare import Span
from trade_research.sweep.space import Configurations, Space

if TYPE_CHECKING:
    import optuna

METHODS = ("tpe", "nsga2")
BATCH = 64
"""Configurations asked for at a time: one generation of NSGA-II, one fit of the model of TPE."""

_TRIES = 200  # draws for one configuration that the constraint admits
LOWER_IS_BETTER = frozenset({"volatility", "turnover", "cost_paid", "exposure"})


class Search:
    """Asks for batches of configurations and is told what they gave.

    Parameters
    ----------
    space : Space
        Numeric axes are ordered; texts and switches are not.
    by : sequence of str
        Measures to improve; those of `LOWER_IS_BETTER` are made small, all others large.
    n : int
        Configurations in all.
    method : {"tpe", "nsga2"}
    seed : int
        Same seed and same answers, same questions.
    folds : int
        Prefixes of the bars that configurations are tried on first; those that fall behind the
        median of others there are not carried on. 1: none.
    """

    def __init__(
        self, space: Space, by: Sequence[str], n: int, method: str, seed: int, folds: int = 1
    ) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        if folds > 1 and len(by) > 1:
            raise ConfigError("pruning over folds needs a single measure: give one in by=")
        self.space, self.by, self.n, self.folds = space, tuple(by), n, folds
        directions: list[Any] = [
            "minimize" if name in LOWER_IS_BETTER else "maximize" for name in by
        ]
        pruner = optuna.pruners.MedianPruner(n_startup_trials=BATCH // 2, n_warmup_steps=0)
        self._study = optuna.create_study(
            directions=directions,
            sampler=_sampler(method, seed),
            pruner=pruner if folds > 1 else optuna.pruners.NopPruner(),
        )
        self._asked = 0

    def ask(self) -> tuple[Configurations, list[optuna.Trial]]:
        """The next batch, empty after the last."""
        size = min(BATCH, self.n - self._asked)
        trials: list[Any] = []
        rows: list[dict[str, Any]] = []
        for _ in range(size):
            trial, row = self._admitted()
            trials.append(trial)
            rows.append(row)
        first, self._asked = self._asked, self._asked + size
        return _configurations(self.space, rows, first), trials

    def _admitted(self) -> tuple[Any, dict[str, Any]]:
        """A trial that the constraint admits; others are told as failed."""
        import optuna

        for _ in range(_TRIES):
            trial = self._study.ask()
            row = {name: _suggested(trial, name, axis) for name, axis in self.space.axes.items()}
            if self.space.admits(row):
                return trial, row
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
        raise ConfigError(
            f"where={self.space.where!r} admits hardly any configuration: {_TRIES} were drawn in "
            "vain"
        )

    def tell(self, trials: Sequence[Any], values: F64, is_pruned: Any) -> None:
        """What a batch gave: values (n, n_measures), NaN where there is none."""
        import optuna

        state = optuna.trial.TrialState
        for trial, row, pruned in zip(trials, values, is_pruned, strict=True):
            if pruned:
                self._study.tell(trial, state=state.PRUNED)
            elif np.isfinite(row).all():
                self._study.tell(trial, row.tolist())
            else:
                self._study.tell(trial, state=state.FAIL)

    def survivors(self, trials: Sequence[Any], fold: int, values: F64) -> Any:
        """Which trials are worth carrying on after a fold, (n,); `values` (n,) of that fold."""
        kept = np.ones(len(trials), dtype=np.bool_)
        for i, (trial, value) in enumerate(zip(trials, values.tolist(), strict=True)):
            if value == value:
                trial.report(value, fold)
                kept[i] = not trial.should_prune()
        return kept

    def prefixes(self, n_bars: int) -> I64:
        """Ends of the folds: the bars of each begin with those of the one before, (folds,)."""
        return np.arange(1, self.folds + 1, dtype=np.int64) * n_bars // self.folds


def _sampler(method: str, seed: int) -> Any:
    import warnings

    import optuna

    if method == "nsga2":
        return optuna.samplers.NSGAIISampler(population_size=BATCH, seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            n_startup_trials=BATCH, multivariate=True, constant_liar=True, seed=seed
        )


def _suggested(trial: Any, name: str, axis: Any) -> Any:
    """A value of an axis: numbers by their order, texts and switches as choices."""
    if isinstance(axis, Span):
        if isinstance(axis.lo, int) and isinstance(axis.hi, int):
            whole = 1 if axis.step is None or axis.log else int(axis.step)
            return trial.suggest_int(name, axis.lo, axis.hi, step=whole, log=axis.log)
        step = None if axis.log else axis.step
        return trial.suggest_float(name, axis.lo, axis.hi, step=step, log=axis.log)
    values = axis.tolist()
    if len(values) == 1:
        return values[0]
    is_ordered = axis.dtype.kind in "if" and not np.isnan(axis.astype(float)).any()
    if is_ordered:
        return sorted(values)[trial.suggest_int(name, 0, len(values) - 1)]
    return values[trial.suggest_categorical(name, list(range(len(values))))]


def _configurations(space: Space, rows: Sequence[dict[str, Any]], first: int) -> Configurations:
    values = {}
    for name, axis in space.axes.items():
        column = [row[name] for row in rows]
        kind = axis.dtype if not isinstance(axis, Span) else None
        values[name] = np.array(column, dtype=kind)
    return Configurations(values, first + np.arange(len(rows), dtype=np.int64))
