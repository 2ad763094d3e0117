"""How targets share the gross: the contract of all sizings, equal parts, inverse volatility."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from trade_research.errors import ConfigError
from trade_research.frames.intervals import Interval
from trade_research.kernels.jit import B8, F64, I64
from trade_research.portfolio.caps import Caps, Projection, as_read, forward, project
from trade_research.portfolio.estimates import shrink_variance
from trade_research.portfolio.opinions import (
    ACTIVE,
    ALL,
    LISTED,
    own_returns,
    size_rows,
    trailing_variance,
)
from trade_research.portfolio.schedule import check_schedule, scheduled

_BY = {"all": ALL, "listed": LISTED, "active": ACTIVE}


class Portfolio(Protocol):
    """Anything that turns targets of many symbols into weights."""

    def weights(
        self,
        targets: F64,
        closes: F64,
        *,
        close_time: I64,
        periods_per_year: float | None = None,
        symbols: Sequence[str] | None = None,
    ) -> F64:
        """Weights wanted after each bar; see `Capped.weights`."""
        ...


@dataclass(frozen=True)
class Capped:
    """What everything that makes weights has in common: caps, and the way in.

    Attributes
    ----------
    max_weight, net
        As in `Caps`.
    caps : Caps
        Further caps: of classes, of turnover, no shorts.
    """

    _: KW_ONLY
    max_weight: float | Mapping[str, float] | None = None
    net: float | tuple[float, float] | None = None
    caps: Caps = field(default_factory=Caps)

    def __post_init__(self) -> None:
        gross = self.most_gross()
        if not (0.0 < gross < np.inf):
            raise ConfigError(f"gross must be a fraction of equity over 0, found {gross!r}")
        self.all_caps()

    def most_gross(self) -> float:
        """What absolute weights never add up to more than."""
        raise NotImplementedError

    def all_caps(self) -> Caps:
        """`caps` with gross, max_weight and net put in; the tighter gross where both are given."""
        gross = self.most_gross() if self.caps.gross is None else self.caps.gross
        given: dict[str, Any] = {"gross": min(gross, self.most_gross())}
        for name in ("max_weight", "net"):
            if getattr(self, name) is not None:
                if getattr(self.caps, name) is not None:
                    raise ConfigError(f"{name} is given twice: leave it out of caps")
                given[name] = getattr(self, name)
        return replace(self.caps, **given)

    def weights(
        self,
        targets: F64,
        closes: F64,
        *,
        close_time: I64,
        periods_per_year: float | None = None,
        symbols: Sequence[str] | None = None,
    ) -> F64:
        """Weights wanted after each bar, from what is known at its close.

        Parameters
        ----------
        targets : float64 array of shape (n_bars, n_symbols)
            What each symbol's strategy wants, 1 being all of the symbol's part. NaN: no opinion,
            the last one stands.
        closes : float64 array of shape (n_bars, n_symbols)
            NaN where a symbol has no bar.
        close_time : int64 array of shape (n_bars,)
            µs since 1970, UTC.
        periods_per_year : float, optional
            Bars in a year, where a yearly volatility is asked for.
        symbols : sequence of str, optional
            Names of the columns, where caps or classes name symbols.

        Returns
        -------
        float64 array of shape (n_bars, n_symbols)
            Signed fractions of equity. NaN: keep what is held; given before a symbol's first
            opinion, and where its target is NaN and its weight as before. Row t depends on rows
            up to t alone.

        Raises
        ------
        ConfigError
            Shapes that do not fit, unknown symbols or classes, no `periods_per_year` where needed.
        DataError
            An optimiser found no solution.
        """
        return self.explain(
            targets,
            closes,
            close_time=close_time,
            periods_per_year=periods_per_year,
            symbols=symbols,
        ).weights

    def explain(
        self,
        targets: F64,
        closes: F64,
        *,
        close_time: I64,
        periods_per_year: float | None = None,
        symbols: Sequence[str] | None = None,
    ) -> Projection:
        """`weights`, and beside them what was wanted before the caps."""
        panel = Panel.of(targets, closes, close_time, periods_per_year, symbols)
        wanted = self.wanted(panel)
        return project(wanted, self.all_caps(), symbols=panel.symbols, targets=panel.targets)

    def wanted(self, panel: Panel) -> F64:
        """Weights before the caps; NaN before a symbol's first opinion."""
        raise NotImplementedError


@dataclass(frozen=True)
class Sizing(Capped):
    """Weights that are parts of a gross.

    Attributes
    ----------
    gross : float
        What the absolute weights add up to when every target is 1 or -1; never more.
    by : {"listed", "all", "active"}
        Who shares the gross. "listed" (default): the symbols that have had a bar so far, so an
        opinion on one symbol never trades another. "all": every symbol of the data, listed or
        not yet. "active": those whose last target is not 0, so the gross is always used.
    forget : int, optional
        A symbol without a bar for more rows than this does not count, and its weight is 0.
    """

    _: KW_ONLY
    gross: float = 1.0
    by: str = "listed"
    forget: int | None = None

    def __post_init__(self) -> None:
        if self.by not in _BY:
            raise ConfigError(f"by={self.by!r} is unknown: use one of {', '.join(sorted(_BY))}")
        if self.forget is not None and self.forget < 1:
            raise ConfigError(f"forget must be a number of bars from 1 up, found {self.forget!r}")
        super().__post_init__()

    def most_gross(self) -> float:
        return self.gross

    def wanted(self, panel: Panel) -> F64:
        shares, estimate = self.shares(panel)
        out = np.empty(panel.targets.shape)
        size_rows(
            as_read(panel.targets),
            as_read(panel.closes),
            as_read(shares),
            as_read(estimate),
            _BY[self.by],
            float(self.gross),
            self.forget or 0,
            out,
        )
        return out

    def shares(self, panel: Panel) -> tuple[F64, I64]:
        """Parts of the symbols, (n_estimates, n_symbols), and which of them holds at each bar."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Panel:
    """The checked input of a sizing: arrays of (n_bars, n_symbols)."""

    targets: F64
    closes: F64
    close_time: I64
    periods_per_year: float | None
    symbols: tuple[str, ...]

    @classmethod
    def of(
        cls,
        targets: F64,
        closes: F64,
        close_time: I64,
        periods_per_year: float | None,
        symbols: Sequence[str] | None,
    ) -> Panel:
        """Arrays brought to contiguous float64 and int64; ConfigError where they do not fit."""
        wanted = np.ascontiguousarray(targets, dtype=np.float64)
        prices = np.ascontiguousarray(closes, dtype=np.float64)
        times = np.ascontiguousarray(close_time, dtype=np.int64)
        if wanted.ndim != 2 or wanted.shape != prices.shape or times.shape != wanted.shape[:1]:
            raise ConfigError(
                "targets and closes must be (n_bars, n_symbols) and close_time (n_bars,), found "
                f"{wanted.shape}, {prices.shape} and {times.shape}"
            )
        names = tuple(symbols or (f"symbol {s}" for s in range(wanted.shape[1])))
        if len(names) != wanted.shape[1]:
            raise ConfigError(f"{wanted.shape[1]} columns of targets, but {len(names)} symbols")
        return cls(wanted, prices, times, periods_per_year, names)

    def returns(self) -> F64:
        """Return of each symbol since its own last bar; NaN where it has none."""
        out = np.empty(self.closes.shape)
        own_returns(as_read(self.closes), out)
        return out

    def sides(self, rows: I64) -> F64:
        """Sign of each standing target at `rows`; 1 where it is 0 or there is none."""
        standing = forward(self.targets)[rows] if len(rows) else self.targets
        return np.where(standing < 0.0, -1.0, 1.0)

    def a_year(self, what: str) -> float:
        """`periods_per_year`, which `what` needs."""
        if self.periods_per_year is None:
            raise ConfigError(
                f"{what} needs the number of bars in a year: pass calendar='24/7' or e.g. 'XNYS'"
            )
        return self.periods_per_year


@dataclass(frozen=True)
class EqualWeight(Sizing):
    """Each symbol an equal part of the gross, times its target.

    Four listed symbols of which two are long, at ``gross=1``: 0.25 each, half in cash; with
    ``by="active"`` 0.5 each. Fields as in `Sizing`.
    """

    def shares(self, panel: Panel) -> tuple[F64, I64]:
        return np.ones((1, len(panel.symbols))), np.zeros(len(panel.targets), dtype=np.int64)


@dataclass(frozen=True)
class InverseVolatility(Sizing):
    """Each symbol a part of the gross in proportion to 1 / volatility, times its target.

    Attributes
    ----------
    lookback : int
        Returns of the symbol's own last bars that its volatility is measured on.
    every : int or str
        When it is measured anew: bars, or the first bar of each "1d", "1w", "4w" (UTC).
    prior : str or mapping of str to str, optional
        Class of each symbol (see `ASSET_CLASSES`). Without it a symbol counts once it has
        `lookback` returns. With it the variance is shrunk towards that of its class, as if the
        class had been seen for `prior_bars` bars, so a symbol counts from its first bar.
    prior_bars : int
        Weight of the prior, in bars.
    """

    lookback: int = 63
    every: int | str | Interval = "1w"
    _: KW_ONLY
    prior: str | Mapping[str, str] | None = None
    prior_bars: int = 20

    def __post_init__(self) -> None:
        check_lookback(self.lookback, self.every)
        super().__post_init__()

    def shares(self, panel: Panel) -> tuple[F64, I64]:
        is_row = scheduled(panel.close_time, self.every)
        rows = np.flatnonzero(is_row)
        variance = np.empty((rows.size, len(panel.symbols)))
        known = np.empty(variance.shape, dtype=np.int64)
        trailing_variance(as_read(panel.returns()), as_read(rows), self.lookback, variance, known)
        if self.prior is None:
            variance[known < self.lookback] = np.nan
        else:
            variance = shrink_variance(variance, known, self._prior(panel), self.prior_bars)
        shares = np.full(variance.shape, np.nan)
        np.power(variance, -0.5, out=shares, where=variance > 0.0)
        return shares, latest(is_row)

    def _prior(self, panel: Panel) -> F64:
        """Variance of one bar of each symbol's class."""
        from trade_research.portfolio.asset_classes import asset_class

        of: Any = self.prior
        names = [of if isinstance(of, str) else of.get(name, "") for name in panel.symbols]
        a_year = panel.a_year("a prior volatility")
        return np.array([asset_class(name).volatility ** 2 / a_year for name in names])


def check_lookback(lookback: int, every: int | str | Interval) -> None:
    """Raise ConfigError for a look-back below 2 or no schedule."""
    if isinstance(lookback, bool) or not isinstance(lookback, int) or lookback < 2:
        raise ConfigError(f"lookback must be a number of bars from 2 up, found {lookback!r}")
    check_schedule(every)


def latest(is_row: B8) -> I64:
    """Number of the last estimate at each bar, 0 for the first."""
    found: I64 = np.cumsum(is_row) - 1
    return found
