"""One number, one definition, one function: returns, drawdowns, trades, costs and benchmark.

Arrays in, numbers out; NaN means undefined. `summary` puts them together for a run, and
`DEFINITIONS` says what each of them means.
"""

from trade_research.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "DEFINITIONS": "definitions",
        "Definition": "definitions",
        "Drawdowns": "drawdowns",
        "Moments": "moments",
        "Summary": "summary",
        "cagr": "returns",
        "cagr_calendar": "returns",
        "calmar_ratio": "returns",
        "drawdown_series": "drawdowns",
        "excess_returns": "returns",
        "max_drawdown": "drawdowns",
        "moments": "moments",
        "omega_ratio": "returns",
        "returns_of": "returns",
        "sharpe_ratio": "returns",
        "sortino_ratio": "returns",
        "summary": "summary",
        "volatility": "returns",
    },
)
