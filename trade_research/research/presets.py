"""Screens that come with the package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Preset:
    """Named conditions, how many of them make a match, and what orders the matches."""

    rules: Mapping[str, str]
    at_least: int
    rank: str
    about: str
    show: Mapping[str, str] = field(default_factory=dict)


_HIGH = "ago(rolling_max(high, 20), 1)"
"""Highest high of the 20 bars before: today is not among those it is compared with."""

PRESETS: Mapping[str, Preset] = {
    "breakout": Preset(
        rules={
            "price": "close >= 10",
            "gain": "close / ago(close, 1) - 1 >= 0.08",
            "volume": "relative_volume(volume, 20) >= 2",
            "breakout": f"close >= 0.98 * {_HIGH}",
            "trend": "close > sma(close, 50) and sma(close, 50) > sma(close, 200)",
            "macd": "within(crosses_above(macd(close).line, macd(close).signal), 5)",
            "rsi": "40 <= rsi(close, 14) <= 70",
        },
        at_least=4,
        rank=(
            "0.25 * min(max((close / ago(close, 1) - 1) / 0.16, 0), 1)"
            " + 0.25 * min(relative_volume(volume, 20) / 4, 1)"
            f" + 0.20 * min(max(1 - 5 * ({_HIGH} / close - 1), 0), 1)"
            " + 0.15 * min(max(10 * (close / sma(close, 50) - 1), 0), 1)"
            " + 0.15 * (1 - min(abs(rsi(close, 14) - 55) / 45, 1))"
        ),
        show={"gain %": "roc(close, 1)", "rvol": "relative_volume(volume, 20)"},
        about=(
            "Breakout: of price, gain of the day, volume against the 20 days before, closeness to "
            "the high of the 20 days before, trend, MACD crossing within 5 days and RSI, four must "
            "hold. Market capitalisation is not looked at: bars do not know it."
        ),
    ),
    "tradable": Preset(
        rules={
            "turnover": "total(close * volume, bars_per_day) > 10000000",
            "spread": "spread(20 * bars_per_day) < 0.001",
            "signals": "count(target != ago(target, 1), 20 * bars_per_day) >= 20",
        },
        at_least=2,
        rank="total(close * volume, bars_per_day)",
        show={
            "turnover of a day": "total(close * volume, bars_per_day)",
            "spread, guessed": "spread(20 * bars_per_day)",
        },
        about=(
            "Tradable: more than 10 million a day in quote units, a spread below 0.1 % guessed "
            "from 20 days of bars (quotes know better), and with a strategy at least one change of "
            "target a day over 20 days."
        ),
    ),
}
