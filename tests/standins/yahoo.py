"""Yahoo's charts on loopback: recorded ones, and tables of prices in their form."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.standins import recorded
from tests.standins.server import Request, Route, Standin

CHARTS = "query2.finance.yahoo.com/v8/finance/chart/*"
_PLACES = {
    "L": ("Europe/London", "LSE", "GBp"),
    "T": ("Asia/Tokyo", "JPX", "JPY"),
    "V": ("America/Toronto", "TOR", "CAD"),
    "ST": ("Europe/Stockholm", "STO", "SEK"),
    "MI": ("Europe/Rome", "MIL", "EUR"),
}
"""Time zone, exchange and currency of a symbol's ending."""


def yahoo_server(part: str, symbol: str) -> Standin:
    """A stand-in that serves a recorded chart, cut to the span that is asked for."""
    return Standin(yahoo_routes(part, symbol))


def yahoo_routes(part: str, symbol: str) -> dict[str, Route]:
    """Routes of a recorded chart."""
    whole = recorded.answer(part)
    body = whole["response"]["bodyJson"] if "response" in whole else whole

    def chart(request: Request) -> object:
        if request.path.rpartition("/")[2] != symbol:
            error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
            return 404, {"chart": {"result": None, "error": error}}
        first, last = int(request.query["period1"]), int(request.query["period2"])
        found = body["chart"]["result"][0]
        stamps = found.get("timestamp", [])
        keep = [i for i, t in enumerate(stamps) if first <= t < last]
        quote = found["indicators"]["quote"][0]
        kept = {k: [quote[k][i] for i in keep] for k in quote}
        indicators = {"quote": [kept]}
        if "adjclose" in found["indicators"]:
            whole = found["indicators"]["adjclose"][0]["adjclose"]
            indicators["adjclose"] = [{"adjclose": [whole[i] for i in keep]}]
        made = {**found, "timestamp": [stamps[i] for i in keep], "indicators": indicators}
        return {"chart": {"result": [made], "error": None}}

    return {CHARTS: chart}


def table_routes(path: Path) -> dict[str, Route]:
    """Charts of a file of daily bars as yfinance's repair tests keep them, ``CNE-L-1d-….csv``."""
    with path.open() as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["Date"])
    symbol = ".".join(path.name.split("-")[:2])
    zone, exchange, currency = _PLACES[symbol.partition(".")[2]]
    for row in rows:
        row["at"] = int(datetime.fromisoformat(row["Date"]).timestamp())
    meta = {
        "symbol": symbol,
        "currency": currency,
        "exchangeName": exchange,
        "exchangeTimezoneName": zone,
        "instrumentType": "EQUITY",
        "firstTradeDate": rows[0]["at"],
    }

    def chart(request: Request) -> object:
        first, last = int(request.query["period1"]), int(request.query["period2"])
        made = _chart(meta, [row for row in rows if first <= row["at"] < last])
        return {"chart": {"result": [made], "error": None}}

    return {CHARTS: chart}


def _chart(meta: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Rows of a table as Yahoo would print them."""

    def column(name: str) -> list[float | None]:
        return [float(row[name]) if row[name] else None for row in rows]

    splits = {
        row["at"]: {"date": row["at"], "numerator": float(row["Stock Splits"]), "denominator": 1.0}
        for row in rows
        if float(row["Stock Splits"])
    }
    paid = {
        row["at"]: {"date": row["at"], "amount": float(row["Dividends"])}
        for row in rows
        if float(row["Dividends"])
    }
    quote = {n.lower(): column(n) for n in ("Open", "High", "Low", "Close", "Volume")}
    return {
        "meta": meta,
        "timestamp": [row["at"] for row in rows],
        "events": {"splits": splits, "dividends": paid},
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": column("Adj Close")}]},
    }
