"""Any signal on one scale: where a value stands among those before it, in [-1, 1]."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from trade_research.errors import ConfigError, nearest
from trade_research.kernels import normalise as kernels
from trade_research.kernels.bits import WORD
from trade_research.kernels.ordered import make_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trade_research.kernels.jit import F64, I64

METHODS = {
    "zscore": kernels.ZSCORE,
    "percentile": kernels.PERCENTILE,
    "mad": kernels.MAD,
    "rank_gauss": kernels.RANK_GAUSS,
    "ewm": kernels.EWM,
}


class Normaliser:
    """Scores values against those before them; a series at once or one value at a time.

    Parameters
    ----------
    method : str
        ``zscore`` by mean and population deviation, ``ewm`` by exponentially weighted ones, ``mad``
        by median and median distance from it, ``percentile`` ``2·(less + ½·equal)/n − 1``, or
        ``rank_gauss``, the normal quantile of the rank.
    window : int
        Values remembered at most. Of ``ewm`` the half-life, in values or in `span`.
    span : timedelta, optional
        Forget values that are older; `update` then wants times. Of ``ewm`` the unit of time.
    min_periods : int
        Values that must be known before the first score; NaN until then.
    squash : bool
        ``tanh(z/2)`` of all but the percentile, so that every method ends in [-1, 1].

    Notes
    -----
    A value is scored before it is remembered, so it never has a part in its own scale. NaN scores
    NaN and is not remembered; infinities score ±1 and are not either; where the values known do not
    vary there is no scale and the score is NaN. Feeding values one at a time gives the bits of
    feeding them at once.

    References
    ----------
    Origin of the squashed z-score and the percentile: `systems.md` S19. MAD: Leys et al. (2013).
    """

    def __init__(
        self,
        method: str = "zscore",
        window: int = 720,
        *,
        span: timedelta | None = None,
        min_periods: int = 20,
        squash: bool = True,
    ) -> None:
        if method not in METHODS:
            raise ConfigError(f"no method is called {method!r}: {nearest(method, METHODS)}")
        if window < 2 or not 2 <= min_periods <= window:
            raise ConfigError(
                f"window must be 2 or more and min_periods between 2 and it, found {window} and "
                f"{min_periods}"
            )
        self.method, self.window, self.min_periods, self.squash = (
            method,
            window,
            min_periods,
            squash,
        )
        self._span = 0 if span is None else span // timedelta(microseconds=1)
        self._known = _nothing(METHODS[method], window, squash)

    def update(self, values: float | Sequence[float] | F64, times: I64 | int | None = None) -> F64:
        """Scores of the next values, float64 array of shape (n,).

        Parameters
        ----------
        values : float or array of shape (n,)
        times : int or array of int64, shape (n,)
            Microseconds, not falling; needed with `span`.
        """
        x = np.atleast_1d(np.asarray(values, dtype=np.float64))
        if self._span and times is None:
            raise ConfigError("a span of time needs the values' times, microseconds since 1970")
        at = np.zeros(x.size, np.int64) if times is None else np.atleast_1d(np.asarray(times))
        if at.size != x.size:
            raise ConfigError(f"{x.size} values and {at.size} times: give one of each")
        out = np.empty(x.size)
        kernels.normalise_run(
            np.ascontiguousarray(x),
            np.ascontiguousarray(at, dtype=np.int64),
            METHODS[self.method],
            self._span,
            self.min_periods,
            float(self.window),
            self.squash,
            self._known,
            out,
        )
        return out


def _nothing(method: int, window: int, squash: bool) -> kernels.Memory:
    """Room for a window of values, none of which is known yet."""
    ranked = method in (kernels.PERCENTILE, kernels.RANK_GAUSS)
    ranks = np.empty(2 * window + 1 if ranked else 0)
    if ranked:
        kernels.fill_ranks(method, squash, ranks)
    return kernels.Memory(
        np.empty(window),
        np.zeros(window, np.int64),
        np.full(-(-window // WORD) * WORD, np.nan, np.float32),
        *make_order(window if method == kernels.MAD else 0),
        ranks,
        np.zeros(7),
    )


def normalise(
    values: F64,
    method: str = "zscore",
    window: int = 720,
    *,
    times: I64 | None = None,
    span: timedelta | None = None,
    min_periods: int = 20,
    squash: bool = True,
) -> F64:
    """Every value of a series against those before it, (n,) to (n,); see `Normaliser`."""
    made = Normaliser(method, window, span=span, min_periods=min_periods, squash=squash)
    return made.update(values, times)
