"""History from outside into frames: files of many formats, and demonstration data."""

from trade_research.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Imported": "files",
        "demo_bars": "demo",
        "demo_books": "book_demo",
        "read_books": "books",
        "read_bars": "files",
        "read_bars_report": "files",
    },
)
