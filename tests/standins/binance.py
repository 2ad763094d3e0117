"""Binance on loopback: klines of a series by its paging rules, recorded exchange information."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from tests.standins import recorded
from tests.standins.server import Request, Standin

SPOT = "api.binance.com/api/v3"
USDM = "fapi.binance.com/fapi/v1"


def binance(
    klines: dict[tuple[str, str], list[list[Any]]],
    *,
    root: str = SPOT,
    info: str = "spot",
    most=1000,
) -> Standin:
    """A stand-in that serves `klines`, (symbol, interval) to rows as the venue sends them."""
    times = {key: [row[0] for row in rows] for key, rows in klines.items()}

    def page(request: Request) -> object:
        key = (request.query["symbol"], request.query["interval"])
        if key not in klines:
            return 400, {"code": -1121, "msg": "Invalid symbol."}
        limit = min(int(request.query.get("limit", 500)), most)
        at = times[key]
        first = bisect_left(at, int(request.query.get("startTime", at[0])))
        last = bisect_left(at, int(request.query.get("endTime", at[-1])) + 1)
        return klines[key][first : min(last, first + limit)]

    whole = recorded.answer(f"binance/rest/{info}_exchangeInfo_full.json.gz")["body"]
    few = [s for s in whole["symbols"] if s["symbol"] in ("BTCUSDT", "ETHUSDT", "ETHBTC")]
    body = whole | {"symbols": few}
    return Standin(
        {
            f"{root}/klines": page,
            f"{root}/exchangeInfo": lambda _: body,
            f"{root}/ticker/24hr": _ticker,
            f"{root}/fundingRate": _funding,
        }
    )


def hourly() -> list[list[Any]]:
    """744 recorded hours of BTCUSDT, August 2025."""
    return recorded.answer("binance/rest/klines_BTCUSDT_1h_2025-08-01.json.gz")


def _ticker(request: Request) -> object:
    found = recorded.answer("binance/rest_trimmed/api_v3_ticker_24hr.json")["responses"]
    for one in found:
        body = one["body"]
        if isinstance(body, dict):
            return body | {"symbol": request.query.get("symbol", body["symbol"])}
    return found[0]["body"]


def _funding(request: Request) -> object:
    rows = recorded.answer("binance/rest_trimmed/fapi_v1_fundingRate.json")["responses"]
    every = {r["fundingTime"]: r for one in rows for r in one["body"]}
    start = int(request.query.get("startTime", 0))
    mine = [r for t, r in sorted(every.items()) if t >= start]
    return [r for r in mine if r["symbol"] == request.query["symbol"]][:1000]
