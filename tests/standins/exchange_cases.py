"""Cases of exchanges and of Binance's archive; see `tests.standins.case`."""

from __future__ import annotations

import hashlib
import json
import zipfile
from io import BytesIO
from typing import Any

import polars as pl

from tests.standins import recorded
from tests.standins.binance import binance, hourly
from tests.standins.case import Case, Row, bars, moment, numbers, scaled
from tests.standins.server import Request, Standin

# Binance's family: lists of twelve, numbers as text.


def _kline_rows(body: bytes) -> list[Row]:
    return [row[:6] for row in json.loads(body)]


def _kline_pack(body: bytes, rows: list[Row]) -> bytes:
    known = {row[0]: row for row in json.loads(body)}
    spare = next(iter(known.values()), [0] * 12)
    return json.dumps([[*row, *known.get(row[0], spare)[6:]] for row in rows]).encode()


def kline_case(source: str, root: str, klines: list[list[Any]], interval: str, info: str) -> Case:
    """One of Binance's family."""
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
        lambda body: _kline_pack(body, scaled(_kline_rows(body), 0.05)),
        lambda row, now: [int(now * 1000) // step * step, *row[1:]],
    )


def usdm() -> list[list[Any]]:
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


def kraken_case() -> Case:
    """Kraken spot."""
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


def futures_case() -> Case:
    """Kraken Futures."""
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
        lambda body: pack(body, scaled(unpack(body), 0.05)),
        lambda row, now: [int(now * 1000) // 3_600_000 * 3_600_000, *row[1:]],
    )


# Binance's archive at an address.


def zipped(name: str, rows: list[list[Any]]) -> bytes:
    """A file of the archive."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, "\n".join(",".join(map(str, r)) for r in rows) + "\n")
    return packed.getvalue()


def archive_case() -> Case:
    """Binance's archive at an address."""
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
