"""What each source gives on recorded payloads: times right, values equal, quotes, actions."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from tests.data import needs_data
from tests.standins import recorded
from tests.standins.binance import USDM, binance
from tests.standins.case import moment
from tests.standins.server import Standin
from tests.standins.vendor_cases import alpha_vantage_server, cap_server, gecko_ohlc
from tests.standins.yahoo import CHARTS, yahoo_routes, yahoo_server
from trade_research.errors import ConfigError, SourceGoneError, SourceRefusedError
from trade_research.frames.intervals import parse_interval
from trade_research.settings.secrets import Secret
from trade_research.sources.fetch import fetch_bars
from trade_research.sources.http import Retry
from trade_research.sources.registry import open_source
from trade_research.store.facts import read_facts
from trade_research.store.layout import Name
from trade_research.store.store import Store

pytestmark = needs_data
QUICK = Retry(tries=2, first_s=0.001, most_s=0.002)
KEY = Secret("CANARYKEYsources01")
NEW_YORK = ZoneInfo("America/New_York")


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def fetch(tmp_path, source, symbol, interval, start, end, venue=None):
    store = Store(tmp_path)
    name = Name(venue or source.name, symbol, parse_interval(interval))
    done = fetch_bars(source, store, name, start=start, end=end, retry=QUICK)
    return store, done


# Yahoo


def test_yahoo_prices_are_those_traded_and_actions_stand_beside(tmp_path):
    part = "yahoo/chart_NVDA_1d_2021-02_2022-01_split.json"
    found = recorded.answer(part)["response"]["bodyJson"]["chart"]["result"][0]
    close = found["indicators"]["quote"][0]["close"]
    volume = found["indicators"]["quote"][0]["volume"]
    (split,) = found["events"]["splits"].values()
    assert split["numerator"] / split["denominator"] == 4
    with yahoo_server(part, "NVDA") as server:
        source = open_source("yahoo", to=server.at)
        store, done = fetch(tmp_path, source, "NVDA", "1d", at("2021-02-01"), at("2022-02-01"))
    assert done.error is None
    bars = store.bars("NVDA", "1d", venue="yahoo")
    days = bars["open_time"].dt.date()
    before = (days < date(2021, 7, 20)).to_list()
    assert bars["close"].to_list() == [
        c * 4 if early else c for c, early in zip(close, before, strict=True)
    ]
    assert bars["volume"].to_list() == [
        v / 4 if early else v for v, early in zip(volume, before, strict=True)
    ]
    actions = store.actions("yahoo", "NVDA")
    assert actions.filter(kind="split").rows() == [(date(2021, 7, 20), "split", 4.0)]
    # Adjusted as of the end, prices are Yahoo's own again.
    adjusted = store.bars("NVDA", "1d", venue="yahoo", adjust="splits")
    assert adjusted["close"].to_list() == pytest.approx(close, rel=1e-12)


def test_yahoo_dividends_are_cash_on_a_share_of_their_day(tmp_path):
    part = "yahoo/chart_AAPL_1d_2020-08-31_2020-11-07_split_dividend.json"
    with yahoo_server(part, "AAPL") as server:
        source = open_source("yahoo", to=server.at)
        store, _ = fetch(tmp_path, source, "AAPL", "1d", at("2020-08-31"), at("2020-11-07"))
    assert store.actions("yahoo", "AAPL").rows() == [
        (date(2020, 8, 31), "split", 4.0),
        (date(2020, 11, 6), "dividend", 0.205),
    ]


def test_yahoo_prices_that_contradict_its_own_adjustment_are_said():
    part = "yahoo/chart_MSFT_1d_2021-02_2022-01_dividends.json"
    span = (at("2021-02-01"), at("2022-02-01"))
    with yahoo_server(part, "MSFT") as server:
        source = open_source("yahoo", to=server.at)
        honest = server.routes[CHARTS]

        def hundredfold(request):
            body = copy.deepcopy(honest(request))
            for one in body["chart"]["result"][0]["indicators"].values():
                for values in one[0].values():
                    values[100:120] = [v * 100 for v in values[100:120]]
            return body

        assert source.page("MSFT", parse_interval("1d"), *span).notes == ()
        server.routes[CHARTS] = hundredfold
        (note,) = source.page("MSFT", parse_interval("1d"), *span).notes
    assert "unit_jump" in note


@pytest.mark.parametrize("day", ["2021-03-12", "2021-03-15", "2021-11-05", "2021-11-08"])
def test_yahoo_sessions_close_by_new_york_around_daylight_saving(tmp_path, day):
    part = "yahoo/chart_MSFT_1d_2021-02_2022-01_dividends.json"
    with yahoo_server(part, "MSFT") as server:
        source = open_source("yahoo", to=server.at)
        store, _ = fetch(tmp_path, source, "MSFT", "1d", at("2021-02-01"), at("2022-02-01"))
    bar = store.bars("MSFT", "1d", day, at(day) + timedelta(days=1), venue="yahoo")
    assert bar["open_time"][0] == at(day)
    local = datetime.fromisoformat(f"{day}T16:00").replace(tzinfo=NEW_YORK)
    assert bar["close_time"][0] == local


def test_yahoo_days_without_prices_are_left_out_and_pence_are_said(tmp_path):
    part = "yahoo/chart_GSK.L_1d_max_1988_2020.json.gz"
    with yahoo_server(part, "GSK.L") as server:
        source = open_source("yahoo", to=server.at)
        store, done = fetch(tmp_path, source, "GSK.L", "1d", at("2000-01-01"), at("2020-03-20"))
    assert done.error is None
    assert any("GBp" in note for note in done.notes)
    assert any("without prices" in note for note in done.notes)
    assert store.catalog()["calendar"].to_list() == ["XLON"]
    stored = store.bars("GSK.L", "1d", venue="yahoo")
    assert stored["close"].null_count() == 0


def test_a_dead_yahoo_symbol_is_a_fact(tmp_path):
    part = "yahoo/chart_MSFT_1d_2021-02_2022-01_dividends.json"
    with yahoo_server(part, "MSFT") as server:
        source = open_source("yahoo", to=server.at)
        store, _ = fetch(tmp_path, source, "MSFT", "1d", at("2021-02-01"), at("2021-06-01"))
        server.routes = yahoo_routes(part, "GONE")
        store, done = fetch(tmp_path, source, "MSFT", "1d", None, at("2022-01-01"))
        with pytest.raises(SourceGoneError, match="delisted"):
            source.quote("MSFT")
    assert "delisted" in done.error
    facts = read_facts(store.root, "yahoo", "MSFT").filter(kind="ended")
    assert facts["start"].to_list() == [at("2021-05-28")]


@pytest.mark.parametrize(
    ("part", "symbol", "calendar"),
    [
        ("yahoo/chart_BTC-USD_1d.json", "BTC-USD", "24/7"),
        ("yahoo/chart_EURUSD_1d.json", "EURUSD=X", "24/5"),
        ("yahoo/chart_WSU.DE_1d.json", "WSU.DE", "XETR"),
        ("yahoo/chart_AAPL_1d_2020-08-31_2020-11-07_split_dividend.json", "AAPL", "XNYS"),
    ],
)
def test_yahoo_calendars(part, symbol, calendar):
    with yahoo_server(part, symbol) as server:
        source = open_source("yahoo", to=server.at)
        assert source.calendar(symbol) == calendar
        if symbol == "AAPL":
            quote = source.quote(symbol)
            assert (quote.price, quote.volume_24h) == (244.87, 32129951)


def test_an_empty_yahoo_answer_stores_nothing(tmp_path):
    body = recorded.answer("yahoo/chart_AAPL_1m_weekend_empty.json")["response"]["bodyJson"]
    with Standin({CHARTS: lambda _: body}) as server:
        source = open_source("yahoo", to=server.at)
        page = source.page("AAPL", parse_interval("1m"), at("2025-02-01"), at("2025-02-02"))
    assert page.rows.is_empty()


# Alpha Vantage


def test_alpha_vantage_minutes_are_new_york_time(tmp_path):
    with alpha_vantage_server() as server:
        source = open_source("alpha_vantage", to=server.at, key=KEY)
        span = (at("2017-12-18"), at("2017-12-19"))
        store, done = fetch(tmp_path, source, "MSFT", "1m", *span)
    series = recorded.answer("alpha_vantage/TIME_SERIES_INTRADAY_MSFT_1min_compact.json")
    rows = series["Time Series (1min)"]
    bars = store.bars("MSFT", "1m", venue="alpha_vantage")
    assert done.error is None
    assert bars.height == len(rows) == 100
    last = datetime(2017, 12, 18, 14, 56, tzinfo=NEW_YORK)
    assert bars["open_time"][-1] == last == at("2017-12-18T19:56")
    assert bars["close_time"][-1] == last + timedelta(minutes=1)
    assert bars["close"][-1] == float(rows["2017-12-18 14:56:00"]["4. close"])


def test_alpha_vantage_labels_of_closes_are_turned(tmp_path):
    # The extended month of 2020 ends its days on 20:00, when no bar opens.
    lines = recorded.text("alpha_vantage/TIME_SERIES_INTRADAY_EXTENDED_1min_month.csv.gz")
    rows = [line.split(",") for line in lines.decode().splitlines()[1:]]
    day = [r for r in rows if r[0].startswith("2020-12-18")]
    series = {
        r[0]: {
            f"{i}. {n}": v
            for i, (n, v) in enumerate(
                zip(("open", "high", "low", "close", "volume"), r[1:], strict=True), 1
            )
        }
        for r in day
    }
    body = {
        "Meta Data": {"2. Symbol": "MSFT", "6. Time Zone": "US/Eastern"},
        "Time Series (1min)": series,
    }
    with Standin({"www.alphavantage.co/query": lambda _: body}) as server:
        source = open_source("alpha_vantage", to=server.at, key=KEY)
        page = source.page("MSFT", parse_interval("1m"), at("2020-12-18"), at("2020-12-19"))
    assert page.rows["open_time"][-1] == datetime(2020, 12, 18, 19, 59, tzinfo=NEW_YORK)


def test_alpha_vantage_weeks_are_labelled_by_monday(tmp_path):
    with alpha_vantage_server() as server:
        source = open_source("alpha_vantage", to=server.at, key=KEY)
        span = (at("2018-12-24"), at("2019-01-14"))
        store, done = fetch(tmp_path, source, "MSFT", "1w", *span)
    bars = store.bars("MSFT", "1w", venue="alpha_vantage")
    assert done.error is None
    # Printed as 2018-12-28, 2019-01-04 and 2019-01-11.
    assert [f"{t:%F}" for t in bars["open_time"]] == ["2018-12-24", "2018-12-31", "2019-01-07"]
    assert bars["close"].to_list() == [100.39, 101.93, 102.80]
    assert bars["close_time"][-1] == datetime(2019, 1, 11, 16, tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("key", "words", "told"),
    [
        ("Error Message", "Invalid API call for apikey CANARYKEYsources01", "refuses"),
        ("Note", "Thank you! Our standard API call frequency is 5 calls per minute", "wait"),
        (
            "Information",
            "We have detected your API key as CANARYKEYsources01 and our standard API rate limit "
            "is 25 requests per day.",
            "wait",
        ),
        ("Information", "This is a premium endpoint. You may subscribe", "premium"),
    ],
)
def test_alpha_vantage_errors_inside_200(tmp_path, key, words, told):
    with Standin({"www.alphavantage.co/query": lambda _: {key: words}}) as server:
        source = open_source("alpha_vantage", to=server.at, key=KEY)
        patient = Retry(tries=1)
        name = Name("alpha_vantage", "MSFT", parse_interval("1d"))
        done = fetch_bars(source, Store(tmp_path), name, start=at("2020-01-01"), retry=patient)
    assert told in done.error
    assert "CANARYKEY" not in done.error
    assert not list(tmp_path.rglob("*.parquet"))


def test_alpha_vantage_quotes_and_search():
    with alpha_vantage_server() as server:
        source = open_source("alpha_vantage", to=server.at, key=KEY)
        stock, pair = source.quote("MSFT"), source.quote("BTC/CNY")
        assert (stock.price, stock.time) == (112.13, at("2018-10-05"))
        assert (pair.price, pair.time) == (109631.430607, at("2017-12-20T19:23:21"))
        assert source.search("BA")["symbol"][:2].to_list() == ["BA", "BABA"]


# CoinGecko, CoinMarketCap


def test_coingecko_labels_are_closes_and_volume_is_unknown(tmp_path):
    from tests.standins.cases import all_cases

    case = next(c for c in all_cases() if c.source == "coingecko")
    with case.make() as server:
        source = open_source("coingecko", to=server.at)
        store, done = fetch(tmp_path, source, case.symbol, "30m", case.start, case.end)
        chart = source.chart("cardano/usd")
    bars = store.bars(case.symbol, "30m", venue="coingecko")
    assert done.error is None
    assert bars["close_time"].to_list() == [moment(row[0]) for row in gecko_ohlc()]
    assert bars["volume"].null_count() == bars.height
    body = recorded.answer("coingecko/coins_market_chart_days1.json")
    assert chart.columns == ["time", "price", "market_cap", "volume_24h"]
    assert chart["price"].to_list() == [price for _, price in body["prices"]]
    assert chart["volume_24h"].to_list() == [volume for _, volume in body["total_volumes"]]


def test_coinmarketcap_quote_and_listings():
    with cap_server() as server:
        source = open_source("coinmarketcap", to=server.at, key=KEY)
        quote, listed = source.quote("LTC/USD"), source.symbols()
        headers = {r.headers.get("X-CMC_PRO_API_KEY") for r in server.asked}
        targets = [r.target for r in server.asked]
    assert quote.price == 33.8041552743
    assert quote.time == at("2019-02-04T08:22:06")
    assert listed["symbol"][0] == "BTC/USD"
    assert headers == {"CANARYKEYsources01"}
    assert not any("CANARYKEY" in target for target in targets)


def test_coinmarketcap_says_what_the_plan_lacks():
    status = {"error_code": 1006, "error_message": "Your plan doesn't support this endpoint."}
    with Standin({"pro-api.coinmarketcap.com/*": lambda _: (403, {"status": status})}) as server:
        source = open_source("coinmarketcap", to=server.at, key=KEY)
        with pytest.raises(SourceRefusedError, match="plan"):
            source.page("BTC/USD", parse_interval("1d"), at("2019-01-01"), at("2019-02-01"))


# Exchanges


def test_kraken_gives_its_last_bars_only_and_never_the_running_one(tmp_path):
    from tests.standins.cases import all_cases

    case = next(c for c in all_cases() if c.source == "kraken")
    rows = recorded.answer("kraken/rest/ohlc.json.gz")["result"]["XBTUSDT"]
    with case.make() as server:
        read = moment(rows[-1][0] * 1000 + 12_000)  # twelve seconds into the last bar
        server.clock_offset = (read - datetime.now(UTC)).total_seconds()
        source = open_source("kraken", to=server.at)
        source.symbols()
        store, done = fetch(tmp_path, source, "BTC/USDT", "1m", at("2025-11-01"), None)
        quote = source.quote("BTC/USDT")
    bars = store.bars("BTC/USDT", "1m", venue="kraken")
    assert bars["open_time"][-1] == moment(rows[-2][0] * 1000)
    assert bars.height == 720
    assert any("last 720" in note for note in done.notes)
    assert (quote.bid, quote.ask, quote.price) == (105944.2, 105944.3, 105899.4)
    assert quote.spread_bps == pytest.approx(1e4 * 0.1 / 105944.25)


def test_funding_rates():
    with binance({}, root=USDM, info="usdm") as server:
        source = open_source("binance_usdm", to=server.at)
        rates = source.funding("BTC/USDT:USDT", at("2020-09-01"), at("2020-09-20"))
    # Recorded: 1600128000000 and, ten milliseconds late, 1600156800010.
    assert rates.select("time", "funding_rate").head(2).rows() == [
        (at("2020-09-15T00:00"), -0.0002227),
        (at("2020-09-15T08:00"), -0.00002796),
    ]


def test_unknown_names_say_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'binance'"):
        open_source("binanc")
    with pytest.raises(ConfigError, match="ALPHA_VANTAGE_KEY"):
        open_source("alpha_vantage")
    with pytest.raises(ConfigError, match="bitcoin/usd"):
        open_source("coingecko").page(
            "BTC", parse_interval("4h"), at("2020-01-01"), at("2020-01-02")
        )


def test_no_source_asks_a_host_of_others():
    source = open_source("binance")
    with pytest.raises(ConfigError, match="no business"):
        source.http.get("https://evil.example/api")
    with pytest.raises(ConfigError, match=r"127\.0\.0\.1"):
        open_source("binance", to="evil.example:80")


def test_hostile_symbols_are_left_out():
    with binance({}) as server:
        body = dict(
            server.answer(type("R", (), {"path": "api.binance.com/api/v3/exchangeInfo"})()) and {}
        )
        info = recorded.answer("binance/rest/spot_exchangeInfo_full.json.gz")["body"]
        odd = [
            info["symbols"][0] | {"symbol": "../../x", "baseAsset": "../..", "quoteAsset": "x"},
            info["symbols"][0] | {"symbol": "<b>", "baseAsset": "<script>", "quoteAsset": "Y"},
        ]
        body = info | {"symbols": [*info["symbols"][:3], *odd]}
        server.routes["api.binance.com/api/v3/exchangeInfo"] = lambda _: body
        symbols = open_source("binance", to=server.at).symbols()
    assert symbols.height == 3
    assert not symbols["symbol"].str.contains(r"\.\.|<").any()


def test_us_daylight_saving_of_2025_for_24_7_and_24_5(tmp_path):
    """Crypto and currency bars of the two Sundays, and the Fridays and Mondays around them."""
    from trade_research.frames.bars import to_bars

    for sunday in (date(2025, 3, 9), date(2025, 11, 2)):
        days = pl.date_range(sunday - timedelta(days=2), sunday + timedelta(days=1), eager=True)
        ones = {n: [1.0] * 4 for n in ("open", "high", "low", "close", "volume")}
        coins = to_bars(pl.DataFrame({"open_time": days, **ones}), "1d", "24/7")
        assert (coins["close_time"] - coins["open_time"]).to_list() == [timedelta(days=1)] * 4
        week = [days[0], days[3]]  # Friday, Monday
        two = {n: [1.0] * 2 for n in ones}
        fx = to_bars(pl.DataFrame({"open_time": week, **two}), "1d", "24/5")
        nyse = to_bars(pl.DataFrame({"open_time": week, **two}), "1d", "XNYS")
        for at_close, frame in ((17, fx), (16, nyse)):
            local = [datetime(d.year, d.month, d.day, at_close, tzinfo=NEW_YORK) for d in week]
            assert frame["close_time"].to_list() == local
