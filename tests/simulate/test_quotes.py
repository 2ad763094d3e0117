"""Resting quotes: their place in the queue by hand, the ladder against the books it came from."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.data import needs_data, shared
from trade_research.errors import ConfigError, ParameterError, SimulationError, StrategyError
from trade_research.kernels.book_ladder import DEPTH, TRADE, set_tick
from trade_research.simulate.book_quotes import Quotes
from trade_research.simulate.book_quoting import BookEvents, QuoteResult, simulate_quotes
from trade_research.simulate.costs import Costs
from trade_research.simulate.market_making import avellaneda_stoikov
from trade_research.strategies.quoter import quoter

S = 1_000_000_000


@quoter
def one_bid(row, position, price: float = 100.0, size: float = 2.0):
    """A bid that rests at one price until it is filled."""
    if position >= size:
        return Quotes(np.nan, np.nan, np.nan, np.nan)
    return Quotes(price, size, np.nan, np.nan)


def events(rows: list[tuple[float, int, int, float, float]]) -> BookEvents:
    """Rows of seconds, kind, side, price, size; ticks of 1."""
    table = np.array(rows, float)
    time = (table[:, 0] * S).astype(np.int64)
    return BookEvents(
        50, 1.0, 200, table[:, 1].astype(np.int8), table[:, 2].astype(np.int8),
        (table[:, 3] - 50).astype(np.int64), np.ascontiguousarray(table[:, 4]), time, time,
    )  # fmt: skip


def run(
    rows: list[tuple[float, int, int, float, float]], queue: str, **more: object
) -> QuoteResult:
    settings: dict[str, object] = {"every": "100ms", "latency": "0ms", "response": "0ms"}
    return simulate_quotes(
        one_bid, events(rows), costs=Costs(fee_bps=0.0, maker_fee_bps=1.0), lot=0.001, queue=queue,
        power=1.0, **(settings | more),
    )  # fmt: skip


OPEN = [(0.0, DEPTH, 1, 100.0, 5.0), (0.0, DEPTH, -1, 102.0, 5.0)]
END = [(9.0, DEPTH, -1, 103.0, 1.0)]


@pytest.mark.parametrize(
    ("queue", "filled"),
    # Five are ahead of us. A sale of 3 leaves 2 of them and the level at 4 (2 ahead, our 2 are not
    # in the record, 2 came behind). Then 2 of those 4 are cancelled: none ahead of us (back), the
    # half of what is ahead (even spreads: 1 stays ahead). A sale of 2 follows.
    [("front", 2.0), ("back", 0.0), ("proportional", 1.0), ("probability", 1.0)],
)
def test_the_place_in_the_queue_decides_what_is_filled(queue: str, filled: float) -> None:
    rows = [
        *OPEN,
        (1.0, DEPTH, 1, 100.0, 7.0),  # two come behind us
        (2.0, TRADE, -1, 100.0, 3.0),
        (2.0, DEPTH, 1, 100.0, 4.0),
        (3.0, DEPTH, 1, 100.0, 2.0),  # two cancel
        (4.0, TRADE, -1, 100.0, 2.0),
        *END,
    ]
    found = run(rows, queue)
    assert found.fills["units"].sum() == pytest.approx(filled)


def test_a_trade_through_the_price_fills_all_and_pays_the_makers_fee() -> None:
    found = run([*OPEN, (1.0, TRADE, -1, 99.0, 0.1), *END], "back")
    assert found.fills.select("price", "units").row(0) == (100.0, 2.0)
    assert found.metrics["fees"] == pytest.approx(200.0 * 1e-4)
    assert found.equity["equity"][-1] == pytest.approx(
        100_000 - 0.02 + 2 * (101 - 100)
    )  # 102 still stands


def test_an_order_does_not_exist_before_it_arrives_and_never_takes() -> None:
    trade = (1.05, TRADE, -1, 99.0, 1.0)
    assert run([*OPEN, trade, *END], "front", latency="2s").fills.height == 0
    assert run([*OPEN, trade, *END], "front", latency="10ms").fills.height == 1
    taking = [*OPEN, (1.0, DEPTH, -1, 101.0, 1.0), (2.0, TRADE, 1, 101.0, 1.0), *END]
    assert run(taking, "front", price=101.5).fills["price"].to_list() == [101.0]  # it came to us
    assert run(taking, "front", price=103.0).fills.height == 0


def test_until_it_hears_of_a_fill_it_sends_no_other_order() -> None:
    """Sold to at 1.05 s and told at 2.05: the bid is not renewed for the trade at 1.5 s."""
    rows = [*OPEN, (1.05, TRADE, -1, 99.0, 1.0), (1.5, TRADE, -1, 99.0, 1.0), *END]
    assert run(rows, "front", response="1s").fills["units"].to_list() == [2.0]
    # Told of its arrival only at 3.01, it cannot be told of anything else to do before.
    moved = [*OPEN, (0.5, DEPTH, 1, 101.0, 1.0), (1.0, TRADE, -1, 100.0, 2.0), *END]
    assert run(moved, "front", latency="10ms", response="3s").fills.height == 1


@pytest.mark.parametrize(("partial", "units"), [(True, [0.5, 1.2]), (False, [2.0])])
def test_fills_in_parts_are_whole_lots(partial: bool, units: list[float]) -> None:
    trades = [(1.0, TRADE, -1, 100.0, 0.5004), (2.0, TRADE, -1, 100.0, 1.2)]
    found = run([*OPEN, *trades, *END], "front", partial=partial)
    assert found.fills["units"].to_list() == pytest.approx(units, rel=1e-12)


@needs_data
def test_the_ladder_holds_the_recorded_books() -> None:
    frame = pl.read_parquet(shared("l2/binance_usdm_BTCUSDT_2024-08-08_l2_100ms.parquet"))
    books = tr.frames.to_books(frame)[:600]
    none = pl.DataFrame(schema=tr.frames.TRADE_COLUMNS)
    made = BookEvents.of(books, none, tick=0.1)
    ladder, best = np.zeros((2, made.width)), np.array([0, made.width - 1])
    rows = books.select("bid_price_1", "bid_size_3", "ask_price_1", "ask_price_5").rows()
    time, head = books["time"].to_physical().to_list(), 0
    for now, (bid, third, ask, _) in zip(time, rows, strict=True):
        while head < made.time.size and made.time[head] <= now:
            set_tick(ladder, best, made.side[head], made.at[head], made.size[head])
            head += 1
        assert (made.base + best[0]) * 0.1 == pytest.approx(bid)
        assert (made.base + best[1]) * 0.1 == pytest.approx(ask)
        assert ladder[0][ladder[0] > 0][-3] == third


@needs_data
def test_the_further_back_in_the_queue_the_fewer_fills() -> None:
    name = "l2/binance_usdm_BTCUSDT_2024-08-08"
    books = tr.frames.to_books(pl.read_parquet(shared(f"{name}_l2_100ms.parquet")))
    trades = tr.frames.to_trades(pl.read_parquet(shared(f"{name}_trades.parquet")).sort("ts"))
    made = BookEvents.of(books, trades, tick=0.1)
    still = {"size": 0.01, "most": 1.0, "gamma": 1e-6, "kappa": 1e6}
    fills = {
        queue: simulate_quotes(
            avellaneda_stoikov, made, costs=Costs(fee_bps=5.0, maker_fee_bps=0.0), lot=0.001,
            queue=queue, **still,
        )
        for queue in ("front", "proportional", "back")
    }  # fmt: skip
    counts = [fills[q].metrics["notional"] for q in ("front", "proportional", "back")]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[2] > 0
    for found in fills.values():
        tape, last = found.fills, found.equity.row(-1, named=True)
        cash = 100_000 - float((tape["units"] * tape["price"]).sum()) - float(tape["fee"].sum())
        assert last["equity"] == pytest.approx(cash + tape["units"].sum() * last["mid"], rel=1e-12)


def test_errors() -> None:
    with pytest.raises(StrategyError, match="must begin with"):
        quoter(lambda book: book)
    with pytest.raises(SimulationError, match="no queue model 'fornt': did you mean 'front'"):
        run(OPEN, "fornt")
    with pytest.raises(ParameterError, match="no parameter 'prize'"):
        run(OPEN, "front", prize=3.0)
    books = pl.DataFrame(
        {"time": pl.Series([0]).cast(tr.frames.TRADE_COLUMNS["time"]), "bid_px_0": [99.95]}
        | {"bid_sz_0": [1.0], "ask_px_0": [100.0], "ask_sz_0": [1.0]}
    )
    with pytest.raises(ConfigError, match="not the step"):
        BookEvents.of(
            tr.frames.to_books(books), pl.DataFrame(schema=tr.frames.TRADE_COLUMNS), tick=0.1
        )
