"""Repairs that yfinance really makes: recorded and planted errors, what changes, what is said."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime

import polars as pl
import pytest

from tests.data import needs_data, shared
from tests.standins.server import Standin
from tests.standins.yahoo import CHARTS, table_routes, yahoo_server
from trade_research.frames.intervals import parse_interval
from trade_research.sources.registry import open_source

pytestmark = needs_data
DAY = parse_interval("1d")
PRICES = ["open", "high", "low", "close"]
MSFT = "yahoo/chart_MSFT_1d_2021-02_2022-01_dividends.json"
NVDA = "yahoo/chart_NVDA_1d_2021-02_2022-01_split.json"
YEAR = (datetime(2021, 2, 1, tzinfo=UTC), datetime(2022, 2, 1, tzinfo=UTC))
EVER = (datetime(2015, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC))


def page_of(server, symbol, span=YEAR, *, repair):
    return open_source("yahoo", to=server.at, repair=repair).page(symbol, DAY, *span)


def days_that_differ(a, b):
    both = a.join(b, on="open_time", suffix="_b")
    apart = pl.any_horizontal((pl.col(f"{n}_b") / pl.col(n) - 1).abs() > 1e-6 for n in PRICES)
    return both.filter(apart)["open_time"].to_list()


def said(page):
    return [note for note in page.notes if "repaired" in note]


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("AET-L-1d-100x-error", 14),
        ("4063-T-1d-bad-stock-split", 9),
        ("SPM-MI-1d-bad-stock-split", 13),
        ("CNE-L-1d-bad-stock-split", 1),
        ("LA-V-1d-bad-stock-split", 1),
        ("MOB-ST-1d-bad-stock-split", 1),
    ],
)
def test_recorded_errors_become_the_fixed_tables(name, count):
    symbol = ".".join(name.split("-")[:2])
    bad = shared(f"ohlcv/defects/yahoo_bad/{name}.csv")
    with Standin(table_routes(bad)) as server:
        raw = page_of(server, symbol, EVER, repair=False)
        mended = page_of(server, symbol, EVER, repair=True)
        server.routes = table_routes(bad.with_name(f"{name}-fixed.csv"))
        fixed = page_of(server, symbol, EVER, repair=False)
    assert said(raw) == []
    assert mended.rows.select("open_time", *PRICES).rows() == [
        (row[0], *(pytest.approx(price, rel=1e-3) for price in row[1:]))
        for row in fixed.rows.select("open_time", *PRICES).rows()
    ]
    changed = days_that_differ(raw.rows, mended.rows)
    assert len(changed) == count
    (note,) = said(mended)
    assert note.startswith(f"yfinance repaired {count} of {raw.rows.height} bars: {changed[0]}")
    assert note.endswith(str(changed[-1]))


def bent(server, change):
    """Let the stand-in's charts be wrong: ``change(times, columns)`` bends them in place."""
    honest = server.routes[CHARTS]

    def chart(request):
        body = copy.deepcopy(honest(request))
        found = body["chart"]["result"][0]
        columns = [values for one in found["indicators"].values() for values in one[0].items()]
        change([datetime.fromtimestamp(t, UTC).date() for t in found["timestamp"]], columns)
        return body

    server.routes[CHARTS] = chart


def test_a_split_that_was_missed_is_put_in_and_traded_prices_are_right():
    split = date(2021, 7, 20)

    def miss(days, columns):
        for name, values in columns:
            if name == "volume":  # yfinance takes a split on a day of many trades for news
                values[:] = [1e7 if day < split else 4e7 for day in days]
            else:
                values[:] = [v * 4 if d < split else v for d, v in zip(days, values, strict=True)]

    with yahoo_server(NVDA, "NVDA") as server:
        truth = page_of(server, "NVDA", repair=False)
        bent(server, miss)
        raw = page_of(server, "NVDA", repair=False)
        mended = page_of(server, "NVDA", repair=True)
    early = truth.rows.filter(pl.col("open_time") < split)["open_time"].to_list()
    assert raw.rows["close"][0] == pytest.approx(4 * truth.rows["close"][0])
    assert days_that_differ(raw.rows, mended.rows) == early
    assert days_that_differ(truth.rows, mended.rows) == []
    assert set(mended.rows["volume"]) == {1e7, 4e7}  # shares of their own time
    assert said(mended) == [
        f"yfinance repaired {len(early)} of {truth.rows.height} bars: {early[0]} … {early[-1]}"
    ]


def test_a_wrong_guess_is_not_taken():
    def hundredfold(days, columns):
        for name, values in columns:
            if name != "volume" and date(2021, 3, 17) in days:
                values[days.index(date(2021, 3, 17))] *= 100

    with yahoo_server(MSFT, "MSFT") as server:
        bent(server, hundredfold)
        raw = page_of(server, "MSFT", repair=False)
        kept = page_of(server, "MSFT", repair=True)
    # yfinance takes the one day for the day on which the unit changed.
    assert kept.rows.equals(raw.rows)
    (note,) = said(kept)
    assert "would still jump on 2021-03-18" in note
    assert any("unit_jump" in note for note in kept.notes)


def test_right_bars_stay_and_nothing_is_said():
    with yahoo_server(MSFT, "MSFT") as server:
        plain = page_of(server, "MSFT", repair=False)
        page = page_of(server, "MSFT", repair=True)
        hosts = {request.path.split("/")[0] for request in server.asked}
    assert page.rows.equals(plain.rows)
    assert page.notes == ()
    assert hosts == {"query2.finance.yahoo.com"}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((503, b"later"), "answered 503"),
        ({"chart": {"result": [], "error": None}}, "no p"),
        (b"<", "no p"),
    ],
)
def test_a_repair_that_cannot_be_made_is_said_and_changes_nothing(answer, told):
    with yahoo_server(MSFT, "MSFT") as server:
        honest = server.routes[CHARTS]
        plain = page_of(server, "MSFT", repair=False)
        # Only yfinance asks for capital gains.
        server.routes[CHARTS] = lambda request: (
            answer if "capitalGains" in request.query.get("events", "") else honest(request)
        )
        page = page_of(server, "MSFT", repair=True)
    assert page.rows.equals(plain.rows)
    (note,) = said(page)
    assert told in note
