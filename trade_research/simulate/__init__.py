"""Targets to fills to equity: costs, accounts, the one fill step and its loop; plain results."""

from trade_research.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Account": "accounts",
        "Costs": "costs",
        "Exits": "exits",
        "Funding": "funding",
        "Market": "market",
        "Quotes": "book_quotes",
        "Rebalance": "schedule",
        "Result": "result",
        "Rules": "accounts",
        "Simulator": "simulator",
        "Trades": "trades",
        "avellaneda_stoikov": "market_making",
        "simulate": "run",
    },
)
