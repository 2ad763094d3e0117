"""Bars on disk: Parquet files under versioned manifests, atomic commits, exact reads, gated SQL."""

from trade_research.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Ledger": "ledger",
        "Query": "query",
        "RemoteStore": "remote",
        "Store": "store",
        "Trials": "ledger",
        "WriteReport": "bars",
        "content_hash": "hashing",
        "provenance": "query",
    },
)
