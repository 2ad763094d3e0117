"""One case a source: a stand-in with its payload, what the store must hold then, and its rows.

A case's `rows` takes an answer apart into ``[stamp, open, high, low, close, volume]`` (stamp as the
venue prints it) and `pack` puts such rows back into the venue's form: that is what faults bend.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Any

import polars as pl

from tests.standins import recorded
from tests.standins.binance import SPOT, USDM, binance, hourly
from tests.standins.server import Request, Standin
from tests.standins.yahoo import yahoo_server
from trade_research.frames.bars import to_bars

Row = list[Any]


@dataclass
class Case:
    """A source against its stand-in."""

    source: str
    symbol: str
    interval: str
    start: datetime
    middle: datetime
    end: datetime
    make: Callable[[], Standin]
    is_data: Callable[[Request], bool]
    expected: Callable[[], pl.DataFrame]
    rows: Callable[[bytes], list[Row]]
    pack: Callable[[bytes, list[Row]], bytes]
    wrong: Callable[[bytes], bytes]
    running: Callable[[Row, float], Row]
    names_symbol: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    venue: str = ""

    def __str__(self) -> str:
        return self.source.partition(":")[0]


def bars(opens: list[Any], columns: dict[str, list[Any]], interval: str, calendar="24/7"):
    """Bars as the store gives them."""
    kind = pl.Date if isinstance(opens[0], date) and not isinstance(opens[0], datetime) else None
    times = pl.Series("open_time", opens, kind or pl.Datetime("us", "UTC"))
    return to_bars(pl.DataFrame({"open_time": times, **columns}), interval, calendar)


def moment(ms: float) -> datetime:
    """A time of milliseconds since 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


def numbers(rows: list[Row]) -> dict[str, list[float]]:
    """Columns of rows."""
    names = ("open", "high", "low", "close", "volume")
    return {
        n: [None if r[i] is None else float(r[i]) for r in rows] for i, n in enumerate(names, 1)
    }


# Binance's family: lists of twelve, numbers as text.


def _kline_rows(body: bytes) -> list[Row]:
    return [row[:6] for row in json.loads(body)]


def _kline_pack(body: bytes, rows: list[Row]) -> bytes:
    known = {row[0]: row for row in json.loads(body)}
    spare = next(iter(known.values()), [0] * 12)
    return json.dumps([[*row, *known.get(row[0], spare)[6:]] for row in rows]).encode()


def _scaled(rows: list[Row], by: float) -> list[Row]:
    """Rows of something that costs another price."""
    return [[r[0], *(str(float(v) * by) for v in r[1:5]), r[5]] for r in rows]


def _kline_case(source: str, root: str, klines: list[list[Any]], interval: str, info: str) -> Case:
    symbol = "BTC/USDT:USDT" if info == "usdm" else "BTC/USDT"
    step = klines[1][0] - klines[0][0]

    def make() -> Standin:
        return binance({("BTCUSDT", interval): klines}, root=root, info=info, most=60)

    def expected() -> pl.DataFrame:
        more = {"quote_volume": [float(r[7]) for r in klines], "trades": [r[8] for r in klines]}
        return bars([moment(r[0]) for r in klines], numbers(klines) | more, interval)

    return Case(
        source,
        symbol,
        interval,
        moment(klines[0][0]),
        moment(klines[len(klines) // 2][0]),
        moment(klines[-1][0] + step),
        make,
        lambda request: request.path.endswith("klines"),
        expected,
        _kline_rows,
        _kline_pack,
        lambda body: _kline_pack(body, _scaled(_kline_rows(body), 0.05)),
        lambda row, now: [int(now * 1000) // step * step, *row[1:]],
    )


def _usdm() -> list[list[Any]]:
    """Recorded days of the USD-M future, out of several answers."""
    every = {}
    for one in recorded.answer("binance/rest_trimmed/fapi_v1_klines.json.gz")["responses"]:
        if "interval=1d" in one["query"] and "BTCUSDT" in one["query"] and len(one["body"]) == 116:
            every |= {row[0]: row for row in one["body"]}
    return [every[t] for t in sorted(every)]


# Kraken.


def _kraken_body() -> dict[str, Any]:
    return recorded.answer("kraken/rest/ohlc.json.gz")


def _kraken_server() -> Standin:
    root = "api.kraken.com/0/public"

    def ohlc(request: Request) -> object:
        since = int(float(request.query.get("since", 0)))
        rows = [r for r in _kraken_body()["result"]["XBTUSDT"] if r[0] > since]
        return {
            "error": [],
            "result": {"XBTUSDT": rows, "last": rows[-2][0] if rows[1:] else since},
        }

    return Standin(
        {
            f"{root}/Assets": lambda _: {"error": [], "result": {}},
            f"{root}/AssetPairs": lambda _: recorded.answer("kraken/rest/asset_pairs.json"),
            f"{root}/OHLC": ohlc,
            f"{root}/Ticker": lambda _: recorded.answer("kraken/rest/ticker.json"),
        }
    )


def _kraken_case() -> Case:
    rows = _kraken_body()["result"]["XBTUSDT"]
    tidy = [[r[0], *r[1:5], r[6]] for r in rows]

    def unpack(body: bytes) -> list[Row]:
        found = json.loads(body)["result"].get("XBTUSDT", [])
        return [[r[0], *r[1:5], r[6]] for r in found]

    def pack(body: bytes, rows: list[Row]) -> bytes:
        return json.dumps(
            {"error": [], "result": {"XBTUSDT": [[*r[:5], r[4], r[5], 1] for r in rows]}}
        ).encode()

    return Case(
        "kraken",
        "BTC/USDT",
        "1m",
        moment(tidy[0][0] * 1000),
        moment(tidy[300][0] * 1000),
        moment((tidy[-1][0] + 60) * 1000),
        _kraken_server,
        lambda request: request.path.endswith("/OHLC"),
        lambda: bars([moment(r[0] * 1000) for r in tidy], numbers(tidy), "1m"),
        unpack,
        pack,
        lambda body: body.replace(b"XBTUSDT", b"ETHUSDT"),
        lambda row, now: [int(now) // 60 * 60, *row[1:]],
        names_symbol=True,
    )


def _futures_series() -> list[Row]:
    """The three recorded candles, then a series in their form: 90 hours."""
    given = recorded.answer("kraken_futures/rest/futures_candles_trade.json")["candles"]
    rows = [[c["time"], c["open"], c["high"], c["low"], c["close"], c["volume"]] for c in given]
    for k in range(87):
        price = 91490.5 + 35 * ((k * 7) % 11 - 5)
        last = rows[-1]
        rows.append(
            [
                last[0] + 3_600_000,
                last[4],
                str(max(price, float(last[4])) + 20),
                str(min(price, float(last[4])) - 20),
                str(price),
                str(1000 + 13 * k),
            ]
        )
    return rows


def _futures_case() -> Case:
    rows = _futures_series()
    names = ("time", "open", "high", "low", "close", "volume")

    def candles(request: Request) -> object:
        first, last = (int(request.query.get(k, d)) for k, d in (("from", 0), ("to", 1 << 40)))
        mine = [r for r in rows if first * 1000 <= r[0] <= last * 1000][:50]
        return {"candles": [dict(zip(names, r, strict=True)) for r in mine], "more_candles": False}

    def make() -> Standin:
        root = "futures.kraken.com"
        file = "kraken_futures/rest/futures_instruments.json"
        tick = "kraken_futures/rest/futures_tickers.json"
        return Standin(
            {
                f"{root}/derivatives/api/v3/instruments": lambda _: recorded.answer(file),
                f"{root}/derivatives/api/v3/tickers": lambda _: recorded.answer(tick),
                f"{root}/derivatives/api/v3/historicalfundingrates": lambda _: recorded.answer(
                    "kraken_futures/rest/futures_historical_funding_rates.json"
                ),
                f"{root}/api/charts/v1/trade/PI_XBTUSD/1h": candles,
                f"{root}/api/charts/v1/trade/PI_XBTUSD/1d": lambda _: {
                    "candles": [dict(zip(names, rows[0], strict=True))],
                    "more_candles": False,
                },
            }
        )

    def unpack(body: bytes) -> list[Row]:
        return [[c[n] for n in names] for c in json.loads(body)["candles"]]

    def pack(body: bytes, rows: list[Row]) -> bytes:
        made = [dict(zip(names, r, strict=True)) for r in rows]
        return json.dumps({"candles": made, "more_candles": False}).encode()

    return Case(
        "kraken_futures",
        "BTC/USD:BTC",
        "1h",
        moment(rows[0][0]),
        moment(rows[40][0]),
        moment(rows[-1][0] + 3_600_000),
        make,
        lambda request: request.path.endswith("/1h"),
        lambda: bars([moment(r[0]) for r in rows], numbers(rows), "1h"),
        unpack,
        pack,
        lambda body: pack(body, _scaled(unpack(body), 0.05)),
        lambda row, now: [int(now * 1000) // 3_600_000 * 3_600_000, *row[1:]],
    )


# Yahoo.


def _yahoo_case() -> Case:
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


def _alpha_case() -> Case:
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
        made = {r[0]: dict(zip(keys, map(_text, r[1:]), strict=True)) for r in rows}
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


def _text(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else str(value)


# CoinGecko: no answer of its OHLC route was recorded; one is made of the recorded prices.


def gecko_ohlc() -> list[Row]:
    """30-minute bars of the recorded samples, labelled by their close as the route does."""
    prices = recorded.answer("coingecko/coins_market_chart_days1.json")["prices"]
    half, made = 1_800_000, {}
    for ms, price in prices:
        made.setdefault(ms // half * half + half, []).append(price)
    closed = sorted(made)[1:-1]
    return [[t, made[t][0], max(made[t]), min(made[t]), made[t][-1]] for t in closed]


def _gecko_case() -> Case:
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
        return json.dumps([[r[0], *map(_number, r[1:5])] for r in rows]).encode()

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
        lambda body: pack(body, _scaled(unpack(body), 0.05)),
        lambda row, now: [int(now * 1000) // 1_800_000 * 1_800_000 + 1_800_000, *row[1:]],
    )


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, str) else value


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


def _cap_case() -> Case:
    rows = _cap_series()

    def unpack(body: bytes) -> list[Row]:
        names = ("open", "high", "low", "close", "volume")
        return [
            [datetime.fromisoformat(q["time_open"]), *(q["quote"]["USD"][n] for n in names)]
            for q in json.loads(body)["data"]["quotes"]
        ]

    def pack(body: bytes, rows: list[Row]) -> bytes:
        made = [[r[0], *map(_number, r[1:])] for r in rows]
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


# Binance's archive at an address.


def zipped(name: str, rows: list[list[Any]]) -> bytes:
    """A file of the archive."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, "\n".join(",".join(map(str, r)) for r in rows) + "\n")
    return packed.getvalue()


def _archive_case() -> Case:
    rows = hourly()
    more = [[rows[-1][0] + 3_600_000 * (k + 1), *r[1:]] for k, r in enumerate(rows[::-1])]
    series = rows + more
    root = "data.binance.vision/data/spot/monthly/klines/BTCUSDT/1h"

    def files() -> dict[str, bytes]:
        made = {}
        for month, rows in (("2025-08", series[:744]), ("2025-09", series[744:1464])):
            name = f"BTCUSDT-1h-{month}"
            made[f"{root}/{name}.zip"] = data = zipped(f"{name}.csv", rows)
            made[f"{root}/{name}.zip.CHECKSUM"] = _sum(data, name)
        return made

    def make() -> Standin:
        return Standin({path: lambda _, data=data: data for path, data in files().items()})

    def unpack(body: bytes) -> list[Row]:
        with zipfile.ZipFile(BytesIO(body)) as file:
            text = file.read(file.namelist()[0]).decode()
        return [[int(f[0]), *f[1:]] for f in (line.split(",") for line in text.splitlines())]

    def pack(body: bytes, rows: list[Row]) -> bytes:
        with zipfile.ZipFile(BytesIO(body)) as file:
            name = file.namelist()[0]
        return zipped(name, rows)

    kept = series[:1464]

    def expected() -> pl.DataFrame:
        extra = {"quote_volume": [float(r[7]) for r in kept], "trades": [r[8] for r in kept]}
        return bars([moment(r[0]) for r in kept], numbers(kept) | extra, "1h")

    return Case(
        "archive:https://data.binance.vision",
        "BTC/USDT",
        "1h",
        moment(kept[0][0]),
        moment(kept[700][0]),
        moment(kept[-1][0] + 3_600_000),
        make,
        lambda request: request.path.endswith("2025-09.zip"),
        expected,
        unpack,
        pack,
        lambda body: zipped("ETHUSDT-1h-2025-09.csv", unpack(body)),
        lambda row, now: [int(now * 1000) // 3_600_000 * 3_600_000, *row[1:]],
        names_symbol=True,
        venue="binance",
    )


def _sum(data: bytes, name: str) -> bytes:
    return f"{hashlib.sha256(data).hexdigest()}  {name}.zip\n".encode()


def all_cases() -> list[Case]:
    """Every source."""
    day = recorded.answer("binance/rest/klines_BTCUSDT_1d_2024-01-01.json.gz")
    return [
        _kline_case("binance", SPOT, hourly()[:200], "1h", "spot"),
        _kline_case("binance_usdm", USDM, _usdm(), "1d", "usdm"),
        _kline_case("binanceus", "api.binance.us/api/v3", day[:150], "1d", "spot"),
        _kraken_case(),
        _futures_case(),
        _yahoo_case(),
        _alpha_case(),
        _gecko_case(),
        _cap_case(),
        _archive_case(),
    ]
