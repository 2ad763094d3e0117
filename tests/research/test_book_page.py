"""The page of a run over books: markouts and who paid whom by hand, and what the page says."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from trade_research.frames.books import NANO
from trade_research.research.book_execution import cost_by_size, markouts, mid_at, paid_and_kept
from trade_research.sources.book_demo import demo_books

S = 1_000_000_000


@tr.strategy
def buys_then_sells(bid_price):
    """Long at the third book, flat at the forty-third."""
    target = np.full(bid_price.shape[0], np.nan)
    target[3], target[43] = 1.0, 0.0
    return target


@pytest.fixture
def run():
    """A mid that rises by one each second from 1000, books two wide, three levels of one unit."""
    n, mid = 400, 1000.0 + np.arange(400)
    table = {"time": pl.Series(S * np.arange(1, n + 1)).cast(NANO)}
    for k in range(3):
        table |= {f"bid_price_{k + 1}": mid - 1 - k, f"bid_size_{k + 1}": np.ones(n)}
        table |= {f"ask_price_{k + 1}": mid + 1 + k, f"ask_size_{k + 1}": np.ones(n)}
    trades = pl.DataFrame(
        {
            "time": pl.Series([100 * S + 5, 200 * S + 5]).cast(NANO),
            "price": [mid[99] + 1, mid[199] - 1],
            "size": [1.0, 3.0],
            "side": pl.Series([1, -1], dtype=pl.Int8),
        }
    )
    return tr.backtest(
        buys_then_sells, pl.DataFrame(table), trades=trades, costs=tr.Costs(fee_bps=1.0),
        account="margin", cash=1003.0, latency="0ms",
    )  # fmt: skip


def test_markouts_by_hand(run):
    found = {row["seconds"]: row for row in markouts(run).iter_rows(named=True)}
    bought, sold = run.fills["price"].to_list()
    assert run.fills.height == 2
    assert bought == 1004.0
    assert sold == 1042.0
    assert found[10.0]["buys"] == pytest.approx(1e4 * (1013 / bought - 1))
    assert found[10.0]["sells"] == pytest.approx(-1e4 * (1053 / sold - 1))
    assert found[0.5]["buys"] == pytest.approx(1e4 * (1003 / bought - 1)), "the last mid seen then"
    both = [1e4 * (1013 / bought - 1), -1e4 * (1053 / sold - 1)]
    assert found[10.0]["all"] == pytest.approx(np.mean(both))
    assert found[10.0]["error"] == pytest.approx(1.96 * np.std(both, ddof=1) / np.sqrt(2))
    assert -10.0 not in found, "before the first book there is no mid for the first fill"
    assert 60.0 not in found, "no further than a tenth of the recording"


def test_paid_is_moved_and_kept(run):
    rows = paid_and_kept(run)
    for row in rows.iter_rows(named=True):
        assert row["paid"] == pytest.approx(row["moved"] + row["kept"])
    market = rows.filter(pl.col("who") == "market", pl.col("seconds") == 5.0).row(0, named=True)
    up, down = 1e4 / 1099, 1e4 / 1199
    assert market["paid"] == pytest.approx((1 * up + 3 * down) / 4)
    assert market["moved"] == pytest.approx((5 * up - 3 * 5 * down) / 4)


def test_cost_by_size_by_hand(run):
    rows = cost_by_size(run)
    assert rows["multiple"].to_list() == [0.5, 1.0, 5.0, 10.0, 50.0]
    assert rows["units"][1] == pytest.approx(1.0)
    mid = 1000.0 + np.arange(400)
    assert rows["buy"][0] == pytest.approx(1e4 * np.mean(1 / mid))
    assert rows["short"].to_list() == [0.0, 0.0, 1.0, 1.0, 1.0]


def test_the_mid_is_not_known_outside_of_the_recording(run):
    when = run.market.time[[0, 10, -1]]
    assert np.isnan(mid_at(run.market, when, -1.0)[0])
    np.testing.assert_array_equal(np.isnan(mid_at(run.market, when, 5.0)), [False, False, True])


def test_the_page_says_what_the_run_found(tmp_path):
    made = demo_books(5)
    run = tr.backtest(
        tr.strategies.l2_imbalance, made, costs=tr.Costs(fee_bps=2.0), account="margin"
    )
    page = run.report(tmp_path / "books.html").read_text()
    broken = run.metrics["break_even_bps"]
    assert f"It would break even at a fee of {broken:.2f} bp a side" in page
    for words in ("Markout", "adverse selection", "The recording", "Cost of taking at once"):
        assert words in page
    quiet = tr.backtest(buys_then_sells, made.books[:2], account="margin")
    assert "Nothing was traded" in quiet.report(tmp_path / "quiet.html").read_text()
