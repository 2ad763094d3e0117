"""Metrics of a million bars: the headline, one ratio, and all that need only the equity curve."""

from __future__ import annotations

import numpy as np

from tests.bench.table import Row, paired
from trade_research.metrics import DEFINITIONS, summary

N = 1_000_000
HEADLINE = "total_return cagr volatility sharpe sortino max_drawdown max_drawdown_days calmar"
OWN = [key for key, d in DEFINITIONS.items() if d.group in ("returns", "drawdowns", "tails")]


def rows() -> list[Row]:
    """Nanoseconds per bar, each from a new summary; the peer computes the same headline."""
    import empyrical

    rng = np.random.default_rng(0)
    returns = rng.normal(2e-7, 1e-3, N)
    equity = 100.0 * np.cumprod(1.0 + returns)
    close = (np.arange(N) + 1) * 60_000_000

    def read(keys):
        run = summary(
            equity=equity, initial_cash=100.0, close_time=close, periods_per_year=525_600.0
        )
        return [run[key] for key in keys]

    def peer():
        for metric in ("cagr", "annual_volatility", "sharpe_ratio", "sortino_ratio"):
            getattr(empyrical, metric)(returns, annualization=525_600)
        empyrical.cum_returns_final(returns)
        empyrical.calmar_ratio(returns, annualization=525_600)

    head, theirs = paired(lambda: read(HEADLINE.split()), peer)
    one, every = paired(lambda: read(["sharpe"]), lambda: read(OWN))
    ns = 1e9 / N
    return [
        Row("metrics, headline, 1M bars", head * ns, theirs * ns, "empyrical", "ns/bar", "≤ 4"),
        Row("metrics, Sharpe ratio, 1M bars", one * ns, None, "", "ns/bar", "≤ 2"),
        Row(
            f"metrics, all {len(OWN)} of the curve, 1M bars", every * ns, None, "", "ns/bar", "≤ 15"
        ),
    ]


if __name__ == "__main__":
    for row in rows():
        print(f"{row.work:42} {row.ours:6.2f} {row.unit}   {row.goal}   {row.ratio}")
