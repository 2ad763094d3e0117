"""`data fetch|update|sources|symbols|quote|quality|consensus` against stand-ins, as typed."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest
from typer.testing import CliRunner

from tests.data import needs_data
from tests.standins.binance import binance, hourly
from trade_research.cli.app import app
from trade_research.sources.exchanges import EXCHANGES
from trade_research.sources.registry import SOURCES
from trade_research.store.store import Store

SPAN = ("--since", "2025-08-01", "--until", "2025-09-01")


@pytest.fixture
def venue(monkeypatch, tmp_path):
    """A stand-in of Binance that every command asks, and an empty folder."""
    with binance({("BTCUSDT", "1h"): hourly(), ("ETHUSDT", "1h"): hourly()}) as server:
        monkeypatch.setenv("TRADE_RESEARCH_STAND_IN", server.at)
        monkeypatch.chdir(tmp_path)
        yield server


def run(*words):
    return CliRunner().invoke(app, [*words], catch_exceptions=False)


def data_of(*words, code=0):
    found = run(*words, "--json")
    assert found.exit_code == code, found.output
    return json.loads(found.stdout.strip().splitlines()[-1])["data"]


@needs_data
def test_fetch_update_quality_and_a_chart(venue, tmp_path):
    done = data_of("data", "fetch", "binance:BTC/USDT@1h", "binance:ETH/USDT@1h", *SPAN)
    assert [(one["added"], one["error"]) for one in done] == [(744, None)] * 2
    text = run("data", "update", "--until", "2025-09-01").output
    assert "binance:BTC/USDT@1h: 0 added" in text
    rows = data_of("data", "quality")
    assert {row["score"] for row in rows} == {100.0}
    chart = tmp_path / "chart.png"
    assert run("data", "quality", "binance:BTC/USDT@1h", "--chart", str(chart)).exit_code == 0
    assert chart.read_bytes()[:4] == b"\x89PNG"
    assert run("data", "quality", "--below", "100").exit_code == 0


@needs_data
def test_a_failure_beside_a_success_is_partial(venue):
    found = run("data", "fetch", "binance:BTC/USDT@1h", "binance:NO/SUCH@1h", *SPAN)
    assert found.exit_code == 4
    assert "NO/SUCH" in found.output
    assert Store("datasets").catalog()["symbol"].to_list() == ["BTC/USDT"]
    assert run("data", "fetch", "binance:NO/SUCH@1h", *SPAN).exit_code == 1


@needs_data
def test_a_watch_list_brings_in_what_is_new(venue, tmp_path):
    path = tmp_path / "watch.txt"
    path.write_text("# mine\nbinance:BTC/USDT@1h since 2025-08-20  # a third\n\n")
    done = data_of("data", "update", "--list", str(path), "--until", "2025-09-01")
    assert done[0]["added"] == 12 * 24
    path.write_text("binance:BTC/USDT@1h since yesterday\n")
    with pytest.raises(Exception, match="line 1"):
        run("data", "update", "--list", str(path))


@needs_data
def test_symbols_and_a_quote(venue):
    rows = data_of("data", "symbols", "binance", "--like", "btc")
    assert {row["symbol"] for row in rows} == {"BTC/USDT", "ETH/BTC"}
    (quote,) = data_of("data", "quote", "binance:ETH/BTC")
    assert quote["bid"] < quote["ask"]
    twice = data_of("data", "quote", "binance:ETH/BTC", "binance:ETH/BTC", "--agree")
    assert (twice["status"], twice["price"]) == ("agreed", quote["price"])


def test_sources_are_listed_without_asking_anybody():
    rows = data_of("data", "sources")
    gives = {row["source"]: row["gives"] for row in rows}
    assert {"binance", "yahoo", "kraken_futures", "coinmarketcap"} <= gives.keys()
    assert "live only" in gives["input basis"]
    assert "archive" in gives["input open_interest"]


def test_exchanges_give_what_is_said_of_them():
    import ccxt

    calls = {"trades": "fetchTrades", "books": "fetchOrderBook", "bars": "fetchOHLCV"}
    calls["funding"] = "fetchFundingRateHistory"
    for name, facts in EXCHANGES.items():
        has = getattr(ccxt, facts.ccxt)().has
        for word, call in calls.items():
            if word in SOURCES[name].gives:
                assert has[call], (name, word)


def test_consensus_of_stored_bars_names_the_liar(tmp_path, monkeypatch):
    from tests.frames.test_consensus import seen, times_hundred, truth

    monkeypatch.chdir(tmp_path)
    store, real = Store("datasets"), truth(600)
    for i, venue in enumerate(("binance", "kraken", "coinbase")):
        bars = seen(real, i)
        bars = times_hundred(bars) if venue == "kraken" else bars
        store.write_bars(bars, venue=venue, symbol="X", interval="1h")
    names = [f"{venue}:X@1h" for venue in ("binance", "kraken", "coinbase")]
    found = data_of("data", "consensus", *names, "--into", "agreed")
    told = {row["source"]: row["verdict"] for row in found["sources"]}
    assert told == {"binance": "ok", "kraken": "unit", "coinbase": "ok"}
    assert store.bars("X", "1h", venue="agreed").height == found["bars"] > 590
    two = run("data", "consensus", *names[:2])
    assert two.exit_code == 3
    assert "undecided" in two.output


@needs_data
def test_provenance_is_kept(venue):
    data_of("data", "fetch", "binance:BTC/USDT@1h", *SPAN)
    told = Store("datasets").catalog()["source"][0]
    source, _, rest = told.partition(" by ")
    client, _, when = rest.partition(" at ")
    assert (source, client.split()[0]) == ("binance", "ccxt")
    assert (datetime.now(UTC) - datetime.fromisoformat(when)).total_seconds() < 600
    assert isinstance(Store("datasets").catalog(), pl.DataFrame)
