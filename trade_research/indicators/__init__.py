"""The compiled functions that strategies call, by family; the same ones work on plain arrays."""

from trade_research.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Bands": "volatility",
        "INDICATORS": "table",
        "atr": "volatility",
        "bollinger_bands": "volatility",
        "dema": "trend",
        "ema": "trend",
        "hma": "trend",
        "kama": "trend",
        "rolling_max": "volatility",
        "rolling_min": "volatility",
        "rolling_std": "volatility",
        "rsi": "momentum",
        "sma": "trend",
        "tema": "trend",
        "true_range": "volatility",
        "wilder": "trend",
        "wma": "trend",
    },
)
