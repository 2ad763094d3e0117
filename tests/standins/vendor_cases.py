"""Cases of vendors, which gather what exchanges traded; see `tests.standins.case`."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from tests.standins import recorded
from tests.standins.case import Case, Row, bars, moment, number, numbers, scaled, text
from tests.standins.server import Request, Standin
from tests.standins.yahoo import yahoo_server

# Yahoo.


def yahoo_case() -> Case:
    """Yahoo."""
    part = "yahoo/chart_MSFT_1d_2021-02_2022-01_dividends.json"
    found = recorded.answer(part)["response"]["bodyJson"]["chart"]["result"][0]
    quote = found["indicators"]["quote"][0]
    names = ("open", "high", "low", "close", "volume")
    days = [(moment(t * 1000) - timedelta(hours=5)).date() for t in found["timestamp"]]

    def unpack(body: bytes) -> list[Row]:
        one = json.loads(body)["chart"]["result"][0]
        q = one["indicators"]["quote"][0]
        return [[t, *(q[n][i] for n in names)] for i, t in enumerate(one["timestamp"])]

    def pack(body: bytes, rows: list[Row]) -> bytes:
        whole = json.loads(body)
        one = whole["chart"]["result"][0]
        one["timestamp"] = [r[0] for r in rows]
        one["indicators"]["quote"] = [{n: [r[i] for r in rows] for i, n in enumerate(names, 1)}]
        return json.dumps(whole).encode()

    def midnight(day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=UTC)

    return Case(
        "yahoo",
        "MSFT",
        "1d",
        midnight(days[0]),
        midnight(days[120]),
        midnight(days[-1]) + timedelta(days=1),
        lambda: yahoo_server(part, "MSFT"),
        lambda request: request.query.get("interval") == "1d",
        lambda: bars(days, {n: quote[n] for n in names}, "1d", "XNYS"),
        unpack,
        pack,
        lambda body: body.replace(b'"symbol": "MSFT"', b'"symbol": "AAPL"'),
        lambda row, now: [int(now), *row[1:]],
        names_symbol=True,
    )


# Alpha Vantage.


def alpha_vantage_server() -> Standin:
    """Daily and intraday series, a quote, a rate and a search, as recorded."""
    files = {
        "TIME_SERIES_DAILY": "TIME_SERIES_DAILY_MSFT_full_1999_2019.json.gz",
        "TIME_SERIES_WEEKLY": "TIME_SERIES_WEEKLY_full.json.gz",
        "TIME_SERIES_INTRADAY": "TIME_SERIES_INTRADAY_MSFT_1min_compact.json",
        "GLOBAL_QUOTE": "GLOBAL_QUOTE_MSFT.json",
        "CURRENCY_EXCHANGE_RATE": "CURRENCY_EXCHANGE_RATE_BTC_CNY.json",
        "SYMBOL_SEARCH": "SYMBOL_SEARCH_BA.json",
    }

    def query(request: Request) -> object:
        function = request.query["function"]
        if function not in files or request.query.get("symbol", "MSFT") != "MSFT":
            return {"Error Message": "Invalid API call. Please retry or visit the documentation."}
        return recorded.text("alpha_vantage/" + files[function])

    return Standin({"www.alphavantage.co/query": query})


def alpha_case() -> Case:
    """Alpha Vantage."""
    whole = recorded.answer("alpha_vantage/TIME_SERIES_DAILY_MSFT_full_1999_2019.json.gz")
    series = whole["Time Series (Daily)"]
    days = sorted(d for d in series if d >= "2019-01-02")
    keys = ("1. open", "2. high", "3. low", "4. close", "5. volume")
    rows = [[date.fromisoformat(d), *(float(series[d][k]) for k in keys)] for d in days]

    def make() -> Standin:
        server = alpha_vantage_server()
        body = {**whole, "Time Series (Daily)": {d: series[d] for d in reversed(days)}}
        server.routes["www.alphavantage.co/query"] = lambda _: body
        return server

    def unpack(body: bytes) -> list[Row]:
        found = json.loads(body)["Time Series (Daily)"]
        return [[d, *(found[d][k] for k in keys)] for d in found]

    def pack(body: bytes, rows: list[Row]) -> bytes:
        made = {r[0]: dict(zip(keys, map(text, r[1:]), strict=True)) for r in rows}
        return json.dumps(json.loads(body) | {"Time Series (Daily)": made}).encode()

    return Case(
        "alpha_vantage",
        "MSFT",
        "1d",
        datetime(2019, 1, 2, tzinfo=UTC),
        datetime(2019, 5, 1, tzinfo=UTC),
        datetime(2019, 9, 17, tzinfo=UTC),
        make,
        lambda request: True,
        lambda: bars([r[0] for r in rows], numbers(rows), "1d", "XNYS"),
        unpack,
        pack,
        lambda body: body.replace(b'"MSFT"', b'"AAPL"'),
        lambda row, now: [f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d}", *row[1:]],
        names_symbol=True,
        options={"key": "CANARYKEYalpha0001"},
    )


# CoinGecko: no answer of its OHLC route was recorded; one is made of the recorded prices.


def gecko_ohlc() -> list[Row]:
    """30-minute bars of the recorded samples, labelled by their close as the route does."""
    prices = recorded.answer("coingecko/coins_market_chart_days1.json")["prices"]
    half, made = 1_800_000, {}
    for ms, price in prices:
        made.setdefault(ms // half * half + half, []).append(price)
    closed = sorted(made)[1:-1]
    return [[t, made[t][0], max(made[t]), min(made[t]), made[t][-1]] for t in closed]


def gecko_case() -> Case:
    """CoinGecko."""
    rows = gecko_ohlc()

    def make() -> Standin:
        root = "api.coingecko.com/api/v3/coins/cardano"
        chart = "coingecko/coins_market_chart_days1.json"
        return Standin(
            {
                f"{root}/ohlc": lambda _: rows,
                f"{root}/market_chart": lambda _: recorded.answer(chart),
            }
        )

    def unpack(body: bytes) -> list[Row]:
        return [[*r, 0] for r in json.loads(body)]

    def pack(body: bytes, rows: list[Row]) -> bytes:
        return json.dumps([[r[0], *map(number, r[1:5])] for r in rows]).encode()

    opens = [moment(r[0] - 1_800_000) for r in rows]
    return Case(
        "coingecko",
        "cardano/usd",
        "30m",
        opens[0],
        opens[24],
        opens[-1] + timedelta(minutes=30),
        make,
        lambda request: request.path.endswith("/ohlc"),
        lambda: bars(opens, numbers([[*r, None] for r in rows]), "30m"),
        unpack,
        pack,
        lambda body: pack(body, scaled(unpack(body), 0.05)),
        lambda row, now: [int(now * 1000) // 1_800_000 * 1_800_000 + 1_800_000, *row[1:]],
    )


# CoinMarketCap: its OHLCV route in the form of the recorded quotes.


def _cap_series() -> list[Row]:
    first = datetime(2019, 1, 1, tzinfo=UTC)
    rows = []
    for k in range(60):
        price = 3475.55287338 + 40 * ((k * 5) % 13 - 6)
        rows.append(
            [first + timedelta(days=k), price - 10, price + 30, price - 35, price, 4.9e9 + k]
        )
    return rows


def cap_server() -> Standin:
    """Quotes and listings as recorded, OHLCV of a series."""
    root = "pro-api.coinmarketcap.com"

    def ohlcv(request: Request) -> object:
        first, last = (datetime.fromisoformat(request.query[k]) for k in ("time_start", "time_end"))
        mine = [r for r in _cap_series() if first < r[0] < last]
        return {"status": {"error_code": 0, "error_message": None}, "data": _cap_data(mine)}

    quotes = "coinmarketcap/v1_cryptocurrency_quotes_latest.json"
    listings = "coinmarketcap/v1_cryptocurrency_listings_latest.json"
    return Standin(
        {
            f"{root}/v1/cryptocurrency/quotes/latest": lambda _: recorded.answer(quotes),
            f"{root}/v1/cryptocurrency/listings/latest": lambda _: recorded.answer(listings),
            f"{root}/v2/cryptocurrency/ohlcv/historical": ohlcv,
        }
    )


def _cap_data(rows: list[Row]) -> dict[str, Any]:
    names = ("open", "high", "low", "close", "volume")
    return {
        "id": 1,
        "name": "Bitcoin",
        "symbol": "BTC",
        "quotes": [
            {
                "time_open": f"{r[0]:%Y-%m-%dT%H:%M:%S}.000Z",
                "time_close": f"{r[0]:%Y-%m-%dT}23:59:59.999Z",
                "quote": {"USD": dict(zip(names, r[1:], strict=True))},
            }
            for r in rows
        ],
    }


def cap_case() -> Case:
    """CoinMarketCap."""
    rows = _cap_series()

    def unpack(body: bytes) -> list[Row]:
        names = ("open", "high", "low", "close", "volume")
        return [
            [datetime.fromisoformat(q["time_open"]), *(q["quote"]["USD"][n] for n in names)]
            for q in json.loads(body)["data"]["quotes"]
        ]

    def pack(body: bytes, rows: list[Row]) -> bytes:
        made = [[r[0], *map(number, r[1:])] for r in rows]
        return json.dumps(json.loads(body) | {"data": _cap_data(made)}).encode()

    def expected() -> pl.DataFrame:
        columns = numbers([[*r[:5], None] for r in rows])
        return bars([r[0] for r in rows], columns | {"quote_volume": [r[5] for r in rows]}, "1d")

    return Case(
        "coinmarketcap",
        "BTC/USD",
        "1d",
        rows[0][0],
        rows[30][0],
        rows[-1][0] + timedelta(days=1),
        cap_server,
        lambda request: request.path.endswith("historical"),
        expected,
        unpack,
        pack,
        lambda body: body.replace(b'"BTC"', b'"LTC"'),
        lambda row, now: [
            datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0),
            *row[1:],
        ],
        names_symbol=True,
        options={"key": "CANARYKEYcmc000001"},
    )
