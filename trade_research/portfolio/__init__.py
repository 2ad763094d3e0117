"""Targets of many symbols to weights: sizing, caps as a projection, asset classes."""

from trade_research.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "ASSET_CLASSES": "asset_classes",
        "AssetClass": "asset_classes",
        "Caps": "caps",
        "EqualWeight": "sizing",
        "Estimate": "estimates",
        "InverseVolatility": "sizing",
        "MeanVariance": "optimise",
        "Portfolio": "sizing",
        "Projection": "caps",
        "RiskParity": "optimise",
        "VolatilityTarget": "volatility",
        "asset_class": "asset_classes",
        "asset_class_of": "asset_classes",
        "blend": "blend",
        "estimate": "estimates",
        "is_trading": "asset_classes",
        "minutes_to_close": "asset_classes",
        "project": "caps",
        "shrink_variance": "estimates",
    },
)
