"""One number, one definition, one function: returns, drawdowns, trades, costs and benchmark.

Arrays in, numbers out; NaN means undefined. `summary` puts them together for a run, and
`DEFINITIONS` says what each of them means.
"""

from trade_research.lazy import attach

_HOMES = {
    "activity": "average_exposure costs_of per_year share_of_gross time_in_market times_traded",
    "benchmark": (
        "alpha beta compounded correlation down_capture information_ratio tracking_error up_capture"
    ),
    "definitions": "DEFINITIONS Definition",
    "drawdowns": (
        "Drawdowns average_drawdown bars_at_peak drawdown_episodes drawdown_series "
        "longest_drawdown_bars longest_drawdown_days max_drawdown time_under_water"
    ),
    "groups": "Groups autocorrelation effective_number expected_longest_streak group_means",
    "moments": "Moments moments",
    "periods": "best_year_share daily_equity month_table period_returns",
    "returns": (
        "cagr cagr_calendar calmar_ratio downside_deviation excess_returns growth_rate kurtosis "
        "omega_ratio returns_of risk_free_per_period sharpe_ratio skewness sortino_ratio "
        "total_return volatility win_rate_bars"
    ),
    "sharpe": (
        "annual_sharpe_error deflated_sharpe_ratio expected_maximum_sharpe "
        "probabilistic_sharpe_ratio sharpe_error sharpe_error_normal sharpe_interval"
    ),
    "summary": "Summary summary",
    "tails": "expected_shortfall quantile tail_ratio value_at_risk value_at_risk_normal",
    "trades": (
        "average_loss average_win best_share expectancy longest_streak payoff_ratio profit_factor "
        "system_quality trade_split trade_statistics win_rate"
    ),
}

__getattr__, __dir__, __all__ = attach(
    __name__, {name: home for home, names in _HOMES.items() for name in names.split()}
)
