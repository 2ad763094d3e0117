"""A strategy made of a bare function, for tests that need no compiler."""

from __future__ import annotations

import inspect
from types import SimpleNamespace

import numpy as np

from trade_research.strategies.declare import Col


class Plain:
    """Columns are the arguments without default; the function may return a dict with "target"."""

    def __init__(self, fn, warmup=0):
        self.fn, self.name, self._warmup = fn, fn.__name__, warmup
        self.columns = tuple(
            n for n, p in inspect.signature(fn).parameters.items() if p.default is p.empty
        )

    @property
    def inputs(self):
        return {name: Col(name) for name in self.columns}

    def warmup(self, **params):
        return self._warmup

    def raw(self, columns, **params):
        out = self.fn(*(columns[name] for name in self.columns), **params)
        out = dict(out) if isinstance(out, dict) else {"target": out}
        return SimpleNamespace(target=out.pop("target"), extras=out)

    def compute(self, columns, **params):
        out = self.raw(columns, **params)
        target = np.array(out.target, dtype=np.float64)
        target[: self._warmup] = 0.0
        return SimpleNamespace(target=target, extras=out.extras)


def prices(n_bars, seed=0):
    """Columns of a random walk with gaps, (n_bars,) each."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, n_bars)))
    open_ = close * np.exp(rng.normal(0, 0.003, n_bars))
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0, 0.003, n_bars)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0, 0.003, n_bars)))
    volume = rng.lognormal(3, 1, n_bars)
    return {"open": open_, "high": high, "low": low, "close": close, "volume": volume}
