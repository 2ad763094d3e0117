"""The numbers we share with quantstats 0.0.86: the same, or how they differ; a test holds each."""

from __future__ import annotations

from trade_research.metrics.definitions import DEFINITIONS
from trade_research.report.section import Cell, Fold, Table

# Its name, ours (a metric, else a place on the page), and what differs: "" where nothing does.
QUANTSTATS = (
    ("Cumulative Return", "total_return", ""),
    ("CAGR﹪", "cagr", ""),
    ("Sharpe", "sharpe", ""),
    ("Prob. Sharpe Ratio", "psr", "there with unbiased skewness and kurtosis"),
    ("Sortino", "sortino", ""),
    ("Omega", "omega", ""),
    ("Volatility (ann.)", "volatility", ""),
    ("Calmar", "calmar", ""),
    ("Skew", "skew", "there unbiased: ours · √(n(n-1)) / (n-2)"),
    ("Kurtosis", "kurtosis", "there unbiased and less 3: a normal law has 0 there, 3 here"),
    ("Daily Value-at-Risk", "var_95_normal", ""),
    (
        "Expected Shortfall (cVaR)",
        "cvar_95",
        "there of a normal law with this mean and deviation, here the mean of the lowest 5%",
    ),
    ("Tail Ratio", "tail_ratio", ""),
    ("Best Day", "best_day", ""),
    ("Worst Day", "worst_day", ""),
    ("Best Month", "best_month", ""),
    ("Worst Month", "worst_month", ""),
    ("Best Year", "Calendar, Total", ""),
    ("Worst Year", "Calendar, Total", ""),
    ("Win Days", "win_rate_bars", ""),
    ("Max Drawdown", "max_drawdown", ""),
    ("Max DD Date", "Drawdowns, Trough", ""),
    ("Max DD Period Start", "Drawdowns, Peak", "there the first day under water, a day later"),
    ("Max DD Period End", "Drawdowns, Recovered", "there the last day under water, a day earlier"),
    (
        "Longest DD Days",
        "max_drawdown_days",
        "there from the first to the last day under water, both counted; here peak to recovery",
    ),
    ("Avg. Drawdown", "avg_drawdown", ""),
    ("Beta", "beta", ""),
    ("Alpha", "alpha", "there a · A, not compounded: ours is (1 + theirs / A)^A - 1"),
    ("Correlation", "correlation", "the same, there in per cent"),
    ("R^2", "correlation", "there its square"),
    ("Information Ratio", "information_ratio", "there of a day: times √A it is ours"),
    (
        "Time in Market",
        "exposure",
        "there days whose return is not 0, rounded up to a per cent; here bars with a position",
    ),
    ("Profit Factor", "profit_factor", "there of days, which is Omega; here of trades"),
    ("Payoff Ratio", "payoff", "there of days, here of trades"),
    ("Max Consecutive Wins", "max_win_streak", "there of days, here of trades"),
    ("Max Consecutive Losses", "max_loss_streak", "there of days, here of trades"),
)


def beside_quantstats() -> Fold:
    """What a reader finds who holds our page against quantstats' of the same daily returns."""
    rows = [
        (
            Cell(theirs, "wrap"),
            Cell(DEFINITIONS[ours].label if ours in DEFINITIONS else ours, "wrap"),
            Cell(differs or "the same", "wrap" if differs else "wrap weak"),
        )
        for theirs, ours, differs in QUANTSTATS
    ]
    head = ("In quantstats", "Here", "How they differ")
    note = "On the same daily returns, with the same number of days a year (A) given to both."
    table = Table("Beside quantstats 0.0.86", head, rows, align="lll", note=note)
    return Fold("The same numbers in quantstats", (table,))
