"""`books` and `demo --books`: what they print, as text and as JSON, and the page they write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.data import needs_data, shared
from trade_research.cli.app import app

RUN = CliRunner()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("books")
    done = RUN.invoke(
        app, ["demo", "--books", "--store", str(folder / "s"), "--report", str(folder / "r.html")]
    )
    assert done.exit_code == 0, done.output
    assert "break-even fee" in done.output
    return folder


def call(desk: Path, *words: str) -> dict:
    done = RUN.invoke(app, ["books", *words, "--store", str(desk / "s"), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_list_check_and_replay_say_the_same_as_python(desk: Path) -> None:
    import trade_research as tr

    rows = call(desk, "list")["data"]
    assert [(r["kind"], r["symbol"]) for r in rows] == [
        ("books", "DEMO/USD"),
        ("trades", "DEMO/USD"),
    ]
    assert call(desk, "check", "DEMO/USD")["data"] == []
    found = call(desk, "replay", "DEMO/USD", "--fee-bps", "1", "--latency", "200ms")
    books = tr.Store(desk / "s").books("DEMO/USD", depth=5)
    run = tr.backtest(
        tr.strategies.l2_imbalance, books, costs=tr.Costs(fee_bps=1.0), account="margin",
        latency="200ms",
    )  # fmt: skip
    assert found["data"]["net"] == run.metrics["net"]
    assert "minutes of books" in found["warnings"][0]


def test_the_page_says_the_break_even_fee_first_and_fetches_nothing(desk: Path) -> None:
    page = (desk / "r.html").read_text()
    assert page.index("break even at a fee") < page.index("Where a traded dollar")
    assert 'src="http' not in page
    assert len(page) < 2_000_000
    for word in ("Latency", "Signal", "Look at it", "Through the day"):
        assert word in page
    again = desk / "again.html"
    RUN.invoke(app, ["demo", "--books", "--store", str(desk / "s"), "--report", str(again)])
    assert again.read_text() == page, "the same run gives the same bytes"


@needs_data
def test_import_takes_a_recording(tmp_path: Path) -> None:
    path = shared("l2/raw/bybit_XRPUSDT_ob500_2024-12-01.data.zip")
    words = ["import", str(path), "--venue", "bybit", "--symbol", "XRP/USDT", "--every", "all"]
    assert call(tmp_path, *words)["data"]["written"][0]["added"] == 50
    assert call(tmp_path, *words)["data"]["written"][0]["unchanged"] == 50


def test_an_unknown_symbol_is_one_line(desk: Path) -> None:
    done = RUN.invoke(app, ["books", "check", "DEMO/USDT", "--store", str(desk / "s")])
    assert done.exit_code != 0
    assert "did you mean 'demo:DEMO/USD'" in str(done.exception)
