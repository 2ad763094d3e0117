"""A quoter's run: spread, inventory and fees by hand, and a page that says them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.counts import count
from trade_research.errors import ConfigError
from trade_research.frames.books import NANO
from trade_research.research.book_execution import split_of
from trade_research.research.book_quoter import backtest_quoter
from trade_research.simulate.book_quotes import Quotes
from trade_research.simulate.market_making import avellaneda_stoikov
from trade_research.sources.book_demo import demo_books
from trade_research.strategies.quoter import quoter

S = 1_000_000_000


@quoter
def both(row, position, bid: float = 99.0, ask: float = 104.0):
    """Two units bid while flat, two offered while long."""
    none = np.nan
    return Quotes(bid, 2.0, none, none) if position < 1.0 else Quotes(none, none, ask, 2.0)


def market(mids: list[float]) -> pl.DataFrame:
    """A book a second, one to each side of the mid."""
    mid, size = np.array(mids, float), np.full(len(mids), 10.0)
    time = pl.Series(S * np.arange(len(mids))).cast(NANO)
    return pl.DataFrame({
        "time": time, "bid_price_1": mid - 1, "bid_size_1": size,
        "ask_price_1": mid + 1, "ask_size_1": size,
    })  # fmt: skip


def prints(rows: list[tuple[float, float, int]]) -> pl.DataFrame:
    """Market trades of one unit: seconds, price, side."""
    when, price, side = zip(*rows, strict=True)
    return pl.DataFrame({
        "time": pl.Series([int(t * S) for t in when]).cast(NANO), "price": list(price),
        "size": [1.0] * len(rows), "side": pl.Series(side, dtype=pl.Int8),
    })  # fmt: skip


@pytest.fixture(scope="module")
def run():
    """Bought 2 at 99 with the mid at 100, sold 2 at 104 with it at 103; it ends at 102."""
    mids = [100, 100, 101, 103, 103, 102, 102]
    trades = prints([(1.5, 98.0, -1), (4.5, 105.0, 1)])
    return backtest_quoter(
        both, market(mids), trades=trades, tick=1.0, lot=0.1, costs=tr.Costs(maker_fee_bps=10.0),
        cash=1_000.0, bid=99.0, symbol="X",
    )  # fmt: skip


def test_the_result_is_spread_and_inventory_and_fees_to_the_cent(run):
    assert run.fills.select("price", "units", "mid").rows() == [(99.0, 2.0, 100.0),
                                                                (104.0, -2.0, 103.0)]  # fmt: skip
    m = run.metrics
    assert m["spread"] == pytest.approx(2 * 1 + 2 * 1)
    assert m["inventory"] == pytest.approx(2 * (103 - 100))
    assert m["fees"] == pytest.approx(1e-3 * (2 * 99 + 2 * 104))
    assert m["net"] == pytest.approx(2 * (104 - 99) - m["fees"])
    held = run.parts.filter(pl.col("time") == pl.Series([2 * S]).cast(NANO)[0]).row(0, named=True)
    assert held["spread"] == pytest.approx(2.0)
    assert held["inventory"] == pytest.approx(2 * (101 - 100)), "the mid has moved by one since"


def test_the_takers_half_spread_and_what_moved_by_hand(run):
    found = split_of(run.market, {"takers": run.taken()}, (1.0,)).row(0, named=True)
    # A second later the mid is 101 after our purchase and 102 after our sale.
    paid, moved = (1 / 100 + 1 / 103) / 2, (-1 / 100 - 1 / 103) / 2
    assert found["paid"] == pytest.approx(1e4 * paid)
    assert found["moved"] == pytest.approx(1e4 * moved)
    assert found["kept"] == pytest.approx(1e4 * (paid - moved))


@pytest.mark.parametrize("seed", range(count(20)))
def test_the_parts_of_any_run_are_all_of_it(seed):
    """Against the parts summed fill by fill, mids looked up one by one."""
    made = demo_books(5, seed=seed)
    found = backtest_quoter(
        avellaneda_stoikov, made, tick=0.1, lot=0.001, costs=tr.Costs(maker_fee_bps=-0.3),
        gamma=1e-6, kappa=1e6, size=0.02,
    )  # fmt: skip
    mids = dict(zip(found.market.time.tolist(), found.market.mid.tolist(), strict=True))
    end, spread, inventory, fees = found.equity["mid"][-1], 0.0, 0.0, 0.0
    whens = found.result.fills["time"].to_physical()
    for when, (_, price, units, fee) in zip(whens, found.result.fills.rows(), strict=True):
        before = max(t for t in mids if t < when)
        spread += units * (mids[before] - price)
        inventory += units * (end - mids[before])
        fees += fee
    assert found.fills.height > 3
    assert found.metrics["spread"] == pytest.approx(spread, abs=1e-6)
    assert found.metrics["inventory"] == pytest.approx(inventory, abs=1e-6)
    assert found.metrics["net"] == pytest.approx(spread + inventory - fees, abs=1e-6)


def test_the_page_says_what_the_run_found(run, tmp_path):
    own = run.by_queue.filter(pl.col("queue") == "probability").row(0, named=True)
    assert own["net"] == run.metrics["net"]
    page = run.report(tmp_path / "quoter.html").read_text()
    assert "The spread paid 4.00, what was held paid 6.00" in page
    for words in ("1 bought, 1 sold", "no taker fills", "probability (this run)", "Rigtorp 2013"):
        assert words in page
    assert "= net +9.59" in repr(run)
    quiet = backtest_quoter(
        both, market([100, 100, 100]), trades=prints([(1.5, 100.0, -1)]), tick=1.0, lot=0.1,
        costs=tr.Costs(fee_bps=0.0), bid=99.0,
    )  # fmt: skip
    assert "Nothing was filled" in quiet.report(tmp_path / "quiet.html").read_text()
    with pytest.raises(ConfigError, match="market trades fill a quoter"):
        backtest_quoter(both, market([100.0]), tick=1.0, lot=0.1, costs=tr.Costs(fee_bps=0.0))
