"""What each number of a summary means: label, formula, unit, when it is null, and its source.

Reports, the command line and the documentation print these texts; nothing else defines a metric.
In formulas: r_t return of bar t (the first from the initial capital), n bars, A bars per year by
calendar and interval, rf_p = (1+rf)^(1/A) - 1, E equity at the close, E_0 initial capital.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Unit = Literal["fraction", "ratio", "count", "money", "bars", "time", "bp"]
Group = Literal["returns", "drawdowns", "tails", "days", "exposure", "costs", "trades", "benchmark"]


@dataclass(frozen=True)
class Definition:
    """One metric: `unit` "time" is in days of 24 hours, "fraction" 0.01 for one per cent."""

    group: Group
    label: str
    formula: str
    unit: Unit
    null_rule: str
    source: str


_NO_BARS = "no bars"
_NO_YEAR = "bars per year unknown"
_FLAT = f"fewer than 2 returns, all equal, or {_NO_YEAR}"

DEFINITIONS: dict[str, Definition] = {}


def _define(group: Group, rows: dict[str, tuple[str, str, Unit, str, str]]) -> None:
    for key, row in rows.items():
        DEFINITIONS[key] = Definition(group, *row)


_define(
    "returns",
    {
        "total_return": ("Total return", "E_n / E_0 - 1", "fraction", _NO_BARS, "-"),
        "cagr": (
            "CAGR",
            "(E_n / E_0)^(A/n) - 1; -1 when nothing is left",
            "fraction",
            f"{_NO_BARS}, or {_NO_YEAR}",
            "as empyrical, quantstats, vectorbt",
        ),
        "cagr_calendar": (
            "CAGR (calendar)",
            "(E_n / E_0)^(1/years) - 1, years of 365.25 days, first open to last close",
            "fraction",
            "no time passes",
            "as ffn",
        ),
        "volatility": ("Volatility", "std(r, ddof 1) · √A", "fraction", _FLAT, "-"),
        "sharpe": (
            "Sharpe ratio",
            "mean(r - rf_p) / std(r, ddof 1) · √A",
            "ratio",
            _FLAT,
            "Sharpe (1994)",
        ),
        "sortino": (
            "Sortino ratio",
            "mean(r - rf_p) · √A / √mean(min(r - rf_p, 0)²), the mean over all n bars",
            "ratio",
            f"fewer than 2 returns, none negative, or {_NO_YEAR}",
            "Sortino & van der Meer (1991)",
        ),
        "omega": (
            "Omega ratio",
            "Σ max(r, 0) / Σ max(-r, 0): threshold 0 per bar",
            "ratio",
            "no negative return",
            "Keating & Shadwick (2002)",
        ),
        "skew": ("Skewness", "m3 / m2^1.5, biased moments of r", "ratio", "returns all equal", "-"),
        "kurtosis": (
            "Kurtosis",
            "m4 / m2², biased moments of r, raw: 3 for a normal distribution",
            "ratio",
            "returns all equal",
            "-",
        ),
        "best_bar": ("Best bar", "max r", "fraction", _NO_BARS, "-"),
        "worst_bar": ("Worst bar", "min r", "fraction", _NO_BARS, "-"),
        "win_rate_bars": (
            "Winning bars",
            "bars with r > 0 / bars with r ≠ 0",
            "fraction",
            "every return is 0",
            "-",
        ),
        "bars": ("Bars", "n", "count", "never", "-"),
        "periods_per_year": (
            "Bars per year",
            "A = bars per session · sessions per year of the calendar",
            "ratio",
            "calendar unknown",
            "-",
        ),
    },
)
_define(
    "drawdowns",
    {
        "max_drawdown": (
            "Max drawdown",
            "min E_t / max(E_0 … E_t) - 1, from the initial capital, marked equity",
            "fraction",
            _NO_BARS,
            "-",
        ),
        "max_drawdown_bars": (
            "Longest drawdown (bars)",
            "longest way from a peak to its recovery, or to the last bar; 0 without drawdown",
            "bars",
            _NO_BARS,
            "-",
        ),
        "max_drawdown_days": (
            "Longest drawdown (days)",
            "the same in calendar days of 24 hours, close to close",
            "time",
            _NO_BARS,
            "-",
        ),
        "avg_drawdown": (
            "Average drawdown",
            "mean depth of all drawdowns (episodes, not bars)",
            "fraction",
            "no drawdown",
            "as quantstats",
        ),
        "time_under_water": (
            "Time under water",
            "bars with E_t below an earlier peak / n",
            "fraction",
            _NO_BARS,
            "-",
        ),
        "calmar": (
            "Calmar ratio",
            "CAGR / |max drawdown|, over the whole span",
            "ratio",
            f"no drawdown, or {_NO_YEAR}",
            "Young (1991)",
        ),
    },
)
