"""What to expect of a kind of instrument before its data says better: one table, with sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from trade_research.errors import ConfigError, nearest
from trade_research.frames.calendars import get_calendar
from trade_research.frames.intervals import parse_interval
from trade_research.kernels.jit import B8, F64, I64

if TYPE_CHECKING:
    import polars as pl

_SHARE = 0.015
"""Daily volatility of a share, to which stops and largest weights are scaled (the preset's)."""


@dataclass(frozen=True)
class AssetClass:
    """One kind of instrument.

    Attributes
    ----------
    name : str
    calendar : str
        When it trades, as `Calendar` names it.
    daily_volatility : float
        Standard deviation of a session's log return, as a fraction.
    spread_bps, slippage_bps : float
        What a small market order pays: the whole spread, and slippage beside it. Measure yours.
    overnight_risk, circuit_breakers : bool
        Prices jump between sessions; trading can be halted.
    before_close : float
        What weights are multiplied by shortly before a close (see `minutes_to_close`).
    presets : mapping of str to mapping
        Parameters by strategy, as keyword arguments. Bands hold volatility already, so their
        width is 2 deviations everywhere.
    source : str
        Where the numbers come from.
    """

    name: str
    calendar: str
    daily_volatility: float
    spread_bps: float
    slippage_bps: float
    source: str
    overnight_risk: bool = True
    circuit_breakers: bool = False
    before_close: float = 1.0
    presets: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def volatility(self) -> float:
        """Volatility a year: the daily one times the root of the calendar's sessions."""
        return float(self.daily_volatility * np.sqrt(get_calendar(self.calendar).sessions_per_year))

    def stop(self, volatility: float | None = None) -> float:
        """Stop distance as a fraction of price: 2 % for a share, in proportion to volatility.

        `volatility` is the instrument's own, a year; the class's when left out.
        """
        return 0.02 * self._daily(volatility) / _SHARE

    def max_weight(self, volatility: float | None = None) -> float:
        """Largest weight: 10 % of equity, less in proportion above a share's volatility."""
        return 0.10 * min(1.0, _SHARE / self._daily(volatility))

    def _daily(self, volatility: float | None) -> float:
        if volatility is None:
            return self.daily_volatility
        return float(volatility / np.sqrt(get_calendar(self.calendar).sessions_per_year))


def _presets(
    fast: int = 12, slow: int = 26, low: float = 30.0, high: float = 70.0
) -> dict[str, dict[str, float]]:
    return {
        "macd": {"fast": fast, "slow": slow},
        "rsi": {"oversold": low, "overbought": high},
        "bollinger": {"width": 2.0},
    }


_TICK = "spread: one tick of the front contract at 2024 prices, rounded up"

ASSET_CLASSES: dict[str, AssetClass] = {
    one.name: one
    for one in (
        AssetClass(
            "crypto",
            "24/7",
            0.05,
            2.0,
            5.0,
            "volatility: preset of the original engine; measured 3.7 % (BTC) to 7.0 % (DOGE), "
            "median 5.4 %, over ten Binance spot pairs, daily, 2017–2025. Spread: large pairs",
            overnight_risk=False,
            presets=_presets(8, 18, 20.0, 80.0),
        ),
        AssetClass(
            "equity",
            "XNYS",
            0.015,
            2.0,
            1.0,
            "preset of the original engine; measured 1.7 to 2.3 % for AAPL, AIG, FB, GOOG, GOOGL "
            "(split-adjusted), daily, 2012–2021",
            circuit_breakers=True,
            before_close=0.5,
            presets=_presets(),
        ),
        AssetClass(
            "etf",
            "XNYS",
            0.011,
            1.0,
            1.0,
            "measured 1.0 % (SPY), 1.2 % (QQQ), 1.3 % (EEM), daily, 2012–2021; spread: one cent",
            circuit_breakers=True,
            before_close=0.5,
            presets=_presets(),
        ),
        AssetClass(
            "index",
            "XNYS",
            0.012,
            1.0,
            1.0,
            "measured 1.2 % (S&P 500) and 1.6 % (Nasdaq), daily, 1999–2018; costs: of its ETF",
            circuit_breakers=True,
            before_close=0.5,
            presets=_presets(),
        ),
        AssetClass(
            "fx",
            "24/5",
            0.006,
            1.0,
            0.5,
            "volatility: between the original engine's 0.7 % and 0.4 % measured for GBPUSD, "
            "February 2012, where the spread of minute closes was 0.4 bp",
            overnight_risk=False,
            presets=_presets(),
        ),
        AssetClass(
            "futures",
            "CMES",
            0.012,
            0.5,
            0.5,
            f"equity index futures: volatility of the S&P 500; {_TICK} (0.25 of 5,500 points)",
            circuit_breakers=True,
            presets=_presets(),
        ),
        AssetClass(
            "metal",
            "CMES",
            0.011,
            1.0,
            0.5,
            f"assumed: gold near 17 % a year; silver is about twice that. {_TICK} (0.10 of 2,400)",
            presets=_presets(),
        ),
        AssetClass(
            "commodity",
            "CMES",
            0.022,
            2.0,
            1.0,
            "crude oil: measured 2.4 % (USO), daily, 2012–2021, 2020 included; grains are near "
            f"1.5 %. {_TICK} (0.01 of 75)",
            presets=_presets(),
        ),
    )
}

_ALIASES = {"stock": "equity", "forex": "fx", "metals": "metal", "commodities": "commodity"}

_OF_VENUE = {"us_equity": "equity", "index": "index", "fx": "fx"}


def asset_class(name: str | AssetClass) -> AssetClass:
    """The class of that name; "stock" and "forex" are known too.

    Raises
    ------
    ConfigError
        No class has that name; names the nearest.
    """
    if isinstance(name, AssetClass):
        return name
    found = ASSET_CLASSES.get(_ALIASES.get(name, name))
    if found is None:
        raise ConfigError(
            f"no asset class is called {name!r}: {nearest(name, [*ASSET_CLASSES, *_ALIASES])}"
        )
    return found


def asset_class_of(venue: str) -> AssetClass:
    """The class of what a venue of `trade_research.venues` trades."""
    from trade_research.venues import VENUES

    if venue not in VENUES:
        raise ConfigError(f"venue {venue!r} is unknown: {nearest(venue, VENUES)}")
    return ASSET_CLASSES[_OF_VENUE.get(venue, "crypto")]


def is_trading(of: str | AssetClass, times: pl.Series) -> B8:
    """Whether the class's market is open at each time: holidays, half days, summer time known.

    Parameters
    ----------
    of : str or AssetClass
    times : Series of Datetime("us", "UTC")

    Returns
    -------
    bool array of shape (n,)
        A session holds its open and not its close.
    """
    stamps = times.to_physical().to_numpy()
    return get_calendar(asset_class(of).calendar).is_open(stamps, parse_interval("1m"))


def minutes_to_close(of: str | AssetClass, times: pl.Series) -> F64:
    """Minutes until the running session closes; infinite around the clock, NaN when closed.

    Parameters
    ----------
    of : str or AssetClass
    times : Series of Datetime("us", "UTC")

    Returns
    -------
    float64 array of shape (n,)
        Known ahead: sessions are published. ``weights * np.where(left <= 15, kind.before_close,
        1)`` steps down before the close.
    """
    calendar = get_calendar(asset_class(of).calendar)
    stamps: I64 = times.to_physical().to_numpy()
    if calendar.continuous or not stamps.size:
        return np.full(stamps.size, np.inf)
    _, close = calendar.buckets(stamps, parse_interval("1m"), parse_interval("1d"))
    return np.where(close >= 0, (close - stamps) / 60e6, np.nan)
