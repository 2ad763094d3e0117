"""Strategies: columns in, targets out; one a file. `strategy` makes one of a plain function."""

from trade_research.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Col": "declare",
        "Composed": "compose",
        "Panel": "declare",
        "Param": "declare",
        "Span": "declare",
        "Strategy": "strategy",
        "Targets": "evaluate",
        "bollinger": "bands",
        "book_pressure": "book_pressure",
        "breakout": "breakout",
        "breakout_perp": "breakout_perp",
        "buy_and_hold": "hold",
        "confirm": "confirm",
        "donchian": "donchian",
        "l2_imbalance": "l2_imbalance",
        "l2_reversion": "l2_combined",
        "l2_trend": "l2_combined",
        "l2_volatility": "l2_combined",
        "load_strategy": "load",
        "ma_crossover": "crossover",
        "macd": "macd",
        "oi_funding": "oi_funding",
        "only_in_regime": "regime",
        "put_call": "put_call",
        "rsi_divergence": "rsi_divergence",
        "rsi_reversion": "rsi_reversion",
        "rvol": "rvol",
        "shipped": "load",
        "time_series_momentum": "momentum",
        "vote": "vote",
    },
)
