"""A run in, one self-contained HTML page out. Sections show what metrics and evidence found."""

from trade_research.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Cell": "section",
        "Chart": "charts",
        "DataInfo": "run",
        "Run": "run",
        "Section": "section",
        "StrategyInfo": "run",
        "Table": "section",
        "Verdict": "verdict",
        "judge": "verdict",
        "render": "page",
        "write": "page",
    },
)
