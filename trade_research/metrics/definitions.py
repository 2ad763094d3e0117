"""What each number of a summary means: label, formula, unit, when it is null, and its source.

Reports, the command line and the documentation print these texts; nothing else defines a metric.
In formulas: r return of each bar (the first from the initial capital), n bars, A bars per year by
calendar and interval, rf_p = (1+rf)^(1/A) - 1, E equity at the close, E_0 initial capital, d the
returns of sessions (last equity of each), S sessions per year, b returns of the benchmark.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Unit = Literal["fraction", "ratio", "count", "money", "bars", "time", "bp"]
Group = Literal["returns", "drawdowns", "tails", "days", "exposure", "costs", "trades", "benchmark"]


@dataclass(frozen=True)
class Definition:
    """One metric. A "fraction" of 0.01 is one per cent, a "time" is in days of 24 hours."""

    label: str
    formula: str
    unit: Unit
    null_rule: str
    source: str = ""
    group: Group = "returns"


_NO_BARS = "no bars"
_NO_YEAR = "bars per year unknown"
_STILL = "fewer than 2 returns, or all equal"
_STILL_OR_NO_YEAR = f"{_STILL}, or {_NO_YEAR}"
_NO_DAYS = "fewer than 2 sessions, all equal, or sessions per year unknown"
_NO_DATES = "session dates unknown"
_NO_FILLS = "fills not given"
_NO_GROSS = "positions not given, or no bars"
_NO_TRADES = "no closed trade"
_NO_BENCHMARK = "no benchmark"
_NO_BENCHMARK_YEAR = f"{_NO_BENCHMARK}, or {_NO_YEAR}"

_D = Definition

_RETURNS = {
    "total_return": _D("Total return", "E_n / E_0 - 1", "fraction", _NO_BARS),
    "cagr": _D(
        "CAGR",
        "(E_n / E_0)^(A/n) - 1; -1 when nothing is left",
        "fraction",
        f"{_NO_BARS}, or {_NO_YEAR}",
        "as empyrical, quantstats, vectorbt",
    ),
    "cagr_calendar": _D(
        "CAGR (calendar)",
        "(E_n / E_0)^(1/y) - 1, y years of 365.25 days from first open to last close",
        "fraction",
        "no time passes",
        "as ffn",
    ),
    "volatility": _D(
        "Volatility", "std(r, ddof 1) · √A", "fraction", f"fewer than 2 returns, or {_NO_YEAR}"
    ),
    "sharpe": _D(
        "Sharpe ratio",
        "mean(r - rf_p) / std(r, ddof 1) · √A",
        "ratio",
        _STILL_OR_NO_YEAR,
        "Sharpe (1994)",
    ),
    "sortino": _D(
        "Sortino ratio",
        "mean(r - rf_p) · √A / √mean(min(r - rf_p, 0)²), both means over all n bars",
        "ratio",
        f"fewer than 2 returns, none negative, or {_NO_YEAR}",
        "Sortino & van der Meer (1991)",
    ),
    "omega": _D(
        "Omega ratio",
        "Σ max(r, 0) / Σ max(-r, 0): threshold 0 per bar",
        "ratio",
        "fewer than 2 returns, or none negative",
        "Keating & Shadwick (2002)",
    ),
    "skew": _D("Skewness", "m3 / m2^1.5, biased moments of r", "ratio", _STILL),
    "kurtosis": _D("Kurtosis", "m4 / m2², biased moments of r; normal: 3", "ratio", _STILL),
    "best_bar": _D("Best bar", "max r", "fraction", _NO_BARS),
    "worst_bar": _D("Worst bar", "min r", "fraction", _NO_BARS),
    "win_rate_bars": _D(
        "Winning bars", "bars with r > 0 / bars with r ≠ 0", "fraction", "every return is 0"
    ),
    "bars": _D("Bars", "n", "count", "never"),
    "periods_per_year": _D(
        "Bars per year",
        "A = bars per session · sessions per year of the calendar",
        "ratio",
        "calendar unknown",
    ),
}

_DRAWDOWNS = {
    "max_drawdown": _D(
        "Max drawdown", "min E_t / max(E_0 … E_t) - 1, marked at each close", "fraction", _NO_BARS
    ),
    "max_drawdown_bars": _D(
        "Longest drawdown, bars",
        "longest way from a peak to its recovery, or to the last bar; 0 without drawdown",
        "bars",
        _NO_BARS,
    ),
    "max_drawdown_days": _D(
        "Longest drawdown, days", "the same in days of 24 hours, close to close", "time", _NO_BARS
    ),
    "avg_drawdown": _D(
        "Average drawdown", "mean depth of the drawdowns (not of bars)", "fraction", "no drawdown"
    ),
    "time_under_water": _D(
        "Time under water", "bars with E_t below an earlier peak / n", "fraction", _NO_BARS
    ),
    "calmar": _D(
        "Calmar ratio",
        "CAGR / |max drawdown|, over the whole span",
        "ratio",
        f"no drawdown, or {_NO_YEAR}",
        "Young (1991)",
    ),
}

_TAILS = {
    "var_95": _D(
        "VaR 95%",
        "5% quantile of r, historical, interpolated; a loss is negative",
        "fraction",
        _NO_BARS,
    ),
    "cvar_95": _D(
        "CVaR 95%", "mean of the ⌊(n-1)·0.05⌋ + 1 lowest r", "fraction", _NO_BARS, "as empyrical"
    ),
    "var_95_normal": _D(
        "VaR 95%, normal",
        "mean(r) - 1.645 · std(r, ddof 1), as if r were normal",
        "fraction",
        "fewer than 2 returns",
        "as quantstats",
    ),
    "tail_ratio": _D(
        "Tail ratio",
        "|95% quantile of r| / |5% quantile of r|",
        "ratio",
        "no bars, or 5% quantile 0",
    ),
}

_DAYS = {
    "days": _D("Sessions", "sessions with a bar", "count", _NO_DATES),
    "volatility_daily": _D(
        "Volatility, daily",
        "std(d, ddof 1) · √S",
        "fraction",
        "fewer than 2 sessions, or no calendar",
    ),
    "sharpe_daily": _D(
        "Sharpe ratio, daily", "mean(d - rf_p) / std(d, ddof 1) · √S", "ratio", _NO_DAYS
    ),
    "sharpe_error": _D(
        "Standard error of the Sharpe ratio, daily",
        "√((1 - γ3·SR + (γ4-1)/4·SR²) / days) · √S, SR per day, γ3, γ4 biased, γ4 raw",
        "ratio",
        _NO_DAYS,
        "Lo (2002), Mertens (2002)",
    ),
    "sharpe_low": _D(
        "Sharpe ratio, daily, 5%", "sharpe_daily - 1.645 · sharpe_error", "ratio", _NO_DAYS
    ),
    "sharpe_high": _D(
        "Sharpe ratio, daily, 95%", "sharpe_daily + 1.645 · sharpe_error", "ratio", _NO_DAYS
    ),
    "psr": _D(
        "Probabilistic Sharpe ratio",
        "Φ(SR·√(days-1) / √(1 - γ3·SR + (γ4-1)/4·SR²)): chance that the true ratio is above 0",
        "fraction",
        "fewer than 2 sessions, or all equal",
        "Bailey & López de Prado (2012)",
    ),
    "best_day": _D("Best day", "max d", "fraction", _NO_DATES),
    "worst_day": _D("Worst day", "min d", "fraction", _NO_DATES),
    "best_month": _D("Best month", "max of the compounded months", "fraction", _NO_DATES),
    "worst_month": _D("Worst month", "min of the compounded months", "fraction", _NO_DATES),
    "best_year_share": _D(
        "Best year's share",
        "money made in the best calendar year / money made in all",
        "fraction",
        "nothing made in all, or session dates unknown",
    ),
}

_EXPOSURE = {
    "exposure": _D(
        "Time in market", "bars with a position at the close / n", "fraction", _NO_GROSS
    ),
    "gross_exposure": _D(
        "Gross exposure", "mean over all bars of Σ|position value| / E", "fraction", _NO_GROSS
    ),
    "net_exposure": _D(
        "Net exposure", "mean over all bars of Σ position value / E", "fraction", _NO_GROSS
    ),
}

_COSTS = {
    "turnover": _D(
        "Turnover a year",
        "½ Σ |quantity|·price / E before the fill's bar, · A / n: one-sided",
        "ratio",
        f"{_NO_FILLS}, or {_NO_YEAR}",
    ),
    "turnover_total": _D(
        "Turnover", "the same over the whole run: in and out again counts 1", "ratio", _NO_FILLS
    ),
    "cost_paid": _D("Costs paid", "sum of the kinds below", "money", _NO_FILLS),
    "fees_paid": _D("Fees paid", "fees of all fills; rebates are negative", "money", _NO_FILLS),
    "spread_paid": _D("Spread paid", "half spread · quantity · reference", "money", _NO_FILLS),
    "slippage_paid": _D("Slippage paid", "slippage · quantity · reference", "money", _NO_FILLS),
    "impact_paid": _D("Impact paid", "impact · quantity · reference", "money", _NO_FILLS),
    "tax_paid": _D("Tax paid", "tax on sells", "money", _NO_FILLS),
    "borrow_paid": _D("Borrowing paid", "interest on what was borrowed", "money", _NO_FILLS),
    "funding_paid": _D(
        "Funding paid", "funding of perpetuals; received is negative", "money", _NO_FILLS
    ),
    "cost_per_year": _D(
        "Costs a year",
        "costs paid / mean E · A / n",
        "fraction",
        f"{_NO_FILLS}, mean equity not above 0, or {_NO_YEAR}",
    ),
    "cost_share": _D(
        "Costs, share of gross",
        "costs paid / (net profit + costs paid), of the same fills",
        "fraction",
        f"{_NO_FILLS}, or no profit before costs",
    ),
}

_TRADES = {
    "trades": _D("Trades", "closed round trips", "count", "trades not given"),
    "open_trades": _D("Open trades", "round trips still open", "count", "trades not given"),
    "win_rate": _D(
        "Win rate", "closed trades with net result > 0 / closed trades", "fraction", _NO_TRADES
    ),
    "profit_factor": _D(
        "Profit factor", "Σ wins / Σ|losses|, money, net of costs", "ratio", "no losing trade"
    ),
    "payoff": _D("Payoff", "average win / |average loss|, money", "ratio", "no win, or no loss"),
    "expectancy": _D("Expectancy", "mean net result of a trade", "money", _NO_TRADES),
    "expectancy_bp": _D(
        "Expectancy, bp", "mean of net result / value at entry, · 10⁴", "bp", _NO_TRADES
    ),
    "sqn": _D(
        "SQN",
        "√n · mean / std(ddof 1) of the net results in money, n trades, not capped",
        "ratio",
        "fewer than 2 trades, or all equal",
        "Tharp (2008)",
    ),
    "avg_win": _D("Average win", "mean of the results > 0", "money", "no win"),
    "avg_loss": _D("Average loss", "mean of the results < 0", "money", "no loss"),
    "largest_win": _D("Largest win", "max result", "money", "no win"),
    "largest_loss": _D("Largest loss", "min result", "money", "no loss"),
    "best5_share": _D(
        "Best 5 trades' share",
        "Σ of the 5 best results / Σ of all",
        "fraction",
        "nothing made in all",
    ),
    "avg_bars_held": _D("Average hold", "mean bars from entry to exit", "bars", _NO_TRADES),
    "median_bars_held": _D("Median hold", "median bars from entry to exit", "bars", _NO_TRADES),
    "avg_mae": _D(
        "Average MAE", "mean worst excursion while held / entry price", "fraction", _NO_TRADES
    ),
    "avg_mfe": _D(
        "Average MFE", "mean best excursion while held / entry price", "fraction", _NO_TRADES
    ),
    "max_win_streak": _D(
        "Longest win streak", "wins in a row, by exit", "count", "trades not given"
    ),
    "max_loss_streak": _D(
        "Longest loss streak", "losses in a row, by exit", "count", "trades not given"
    ),
}

_BENCHMARK = {
    "benchmark_return": _D("Benchmark's total return", "Π(1+b) - 1", "fraction", _NO_BENCHMARK),
    "excess_return": _D(
        "Excess return", "total return - the benchmark's", "fraction", _NO_BENCHMARK
    ),
    "excess_cagr": _D("Excess CAGR", "CAGR - the benchmark's", "fraction", _NO_BENCHMARK_YEAR),
    "alpha": _D(
        "Alpha a year",
        "(1 + a)^A - 1, a = mean(r - rf_p) - β·mean(b - rf_p)",
        "fraction",
        f"{_NO_BENCHMARK_YEAR}, or b all equal",
        "Jensen (1968)",
    ),
    "beta": _D("Beta", "cov(r, b) / var(b)", "ratio", f"{_NO_BENCHMARK}, or b all equal"),
    "correlation": _D(
        "Correlation",
        "cov(r, b) / √(var(r)·var(b))",
        "ratio",
        f"{_NO_BENCHMARK}, or r or b all equal",
    ),
    "tracking_error": _D(
        "Tracking error", "std(r - b, ddof 1) · √A", "fraction", _NO_BENCHMARK_YEAR
    ),
    "information_ratio": _D(
        "Information ratio",
        "mean(r - b) / std(r - b, ddof 1) · √A",
        "ratio",
        f"{_NO_BENCHMARK_YEAR}, or r - b all equal",
        "Goodwin (1998)",
    ),
    "up_capture": _D(
        "Up capture",
        "geometric mean of r over bars with b > 0 / that of b in them",
        "ratio",
        f"{_NO_BENCHMARK}, or no such bar",
        "Morningstar",
    ),
    "down_capture": _D(
        "Down capture",
        "geometric mean of r over bars with b < 0 / that of b in them",
        "ratio",
        f"{_NO_BENCHMARK}, or no such bar",
        "Morningstar",
    ),
}

_GROUPS: dict[Group, dict[str, Definition]] = {
    "returns": _RETURNS,
    "drawdowns": _DRAWDOWNS,
    "tails": _TAILS,
    "days": _DAYS,
    "exposure": _EXPOSURE,
    "costs": _COSTS,
    "trades": _TRADES,
    "benchmark": _BENCHMARK,
}

DEFINITIONS: dict[str, Definition] = {
    key: replace(definition, group=group)
    for group, members in _GROUPS.items()
    for key, definition in members.items()
}
