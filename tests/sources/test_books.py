"""Recordings of real order books, rebuilt and compared with what others recorded beside them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.data import needs_data, shared
from trade_research.errors import FormatError, MissingDataError, SchemaError
from trade_research.frames.books import NANO, level_names, to_books, to_trades
from trade_research.sources.books import read_books

DAY = "2024-08-08"
SETS = {
    "binance_spot_BTCUSDT": ("20240808", "20240809"),
    "binance_spot_ETHUSDT": ("20240808", "20240809"),
    "binance_usdm_BTCUSDT": ("20240808",),
    "binance_coinm_BTCUSD_PERP": ("20240808",),
}


def raw(name: str) -> list[Path]:
    return [shared(f"l2/raw/{name}_{day}.gz") for day in SETS[name]]


@needs_data
@pytest.mark.parametrize("name", SETS)
def test_rebuilt_books_equal_the_recorded_snapshots_level_for_level(name: str) -> None:
    found = read_books(raw(name))
    recorded = pl.read_parquet(shared(f"l2/{name}_{DAY}_l2_100ms.parquet"))
    stands = recorded["recv_ts"].alias("stands")
    theirs = to_books(recorded).with_columns(stands)
    ours = found.books.with_columns(stands=pl.col("recv_time").cast(pl.Datetime("us", "UTC")))
    # The coin-margined recording runs on for some minutes after its raw log ends.
    theirs = theirs.filter(pl.col("time") <= ours["time"][-1])
    pair = theirs.join(ours, on="time", suffix="_ours")
    assert pair.height == theirs.height > 3000
    assert (pair["stands"] == pair["stands_ours"]).all(), "the same last message: equal ids"
    for level in level_names(20):
        assert (pair[level] == pair[f"{level}_ours"]).all(), level
    assert "gap" not in found.verdicts["kind"].to_list()


@needs_data
@pytest.mark.parametrize("name", SETS)
def test_best_quotes_equal_the_book_ticker_at_the_same_ids(name: str) -> None:
    """Each message's book against the ticker of its last id, wherever the venue sent one."""
    from trade_research.frames.rebuild import rebuild_books
    from trade_research.sources import book_logs
    from trade_research.sources.books import _content, _lines

    lines = [_lines(_content(path)[0]) for path in raw(name)]
    log = book_logs.join_logs([book_logs.read_binance(part)[0] for part in lines])
    books, verdicts = rebuild_books(log, depth=1)
    ids = pl.DataFrame({"recv": pl.Series(log.recv).cast(NANO), "id": log.last})
    ours = books.join(ids.unique("recv"), left_on="recv_time", right_on="recv")
    ticks = {}
    for text in pl.concat(lines).filter(pl.concat(lines).str.contains("bookTicker", literal=True)):
        data = json.loads(text.split(" ", 1)[1])["data"]
        ticks[data["u"]] = tuple(float(data[k]) for k in "bBaA")
    unseen = verdicts.filter(pl.col("kind") == "unseen")
    compared = wrong = 0
    for row in ours.iter_rows(named=True):
        quote = ticks.get(row["id"])
        if quote is None:
            continue
        compared += 1
        mine = tuple(row[f"{s}_1"] for s in ("bid_price", "bid_size", "ask_price", "ask_size"))
        if mine != quote:
            # Beyond the depth of the first snapshot a level may be missing, and we say so.
            inside = (unseen["time"] <= row["time"]) & (unseen["end_time"] > row["time"])
            assert inside.any(), (row["time"], mine, quote)
            wrong += 1
    assert compared > 300
    assert wrong <= 0.001 * compared


@needs_data
def test_bitstamps_orders_rebuild_its_snapshots_up_to_orders_of_before_the_start() -> None:
    path = shared("l2/raw/bitstamp_BTCUSD_2015-05-01.log.xz")
    ours = read_books(path, every=None, depth=60).books
    theirs = to_books(
        pl.read_parquet(shared("l2/bitstamp_btcusd_20150501_l2_snapshots_list.parquet"))
    )
    at = np.searchsorted(ours["time"].to_physical(), theirs["time"].to_physical(), side="right") - 1
    mine = ours.select(level_names(60)).to_numpy().reshape(-1, 4, 60)
    snap = theirs.select(level_names(20)).to_numpy().reshape(-1, 4, 20)
    best = more = levels = equal = 0
    for row in range(theirs.height // 2, theirs.height):
        have = mine[at[row]]
        best += all(have[k, 0] == snap[row, k, 0] for k in (0, 2))
        for side in (0, 2):
            book = dict(zip(have[side], have[side + 1], strict=True))
            for price, size in zip(snap[row, side], snap[row, side + 1], strict=True):
                levels += 1
                equal += abs(book.get(price, 0.0) - size) < 1e-6
                more += book.get(price, 0.0) > size + 1e-6
    n = theirs.height - theirs.height // 2
    assert best >= 0.98 * n
    assert equal >= 0.9 * levels
    assert more <= 0.005 * levels, "what differs is missing: orders of before the start"


@needs_data
def test_bybits_archive_is_followed_message_by_message() -> None:
    path = shared("l2/raw/bybit_XRPUSDT_ob500_2024-12-01.data.zip")
    found = read_books(path, every=None, depth=3)
    assert found.format == "bybit"
    assert found.books.height == 50
    assert found.books.select(level_names(1)).row(0) == (1.9531, 6203.0, 1.9535, 8415.0) or (
        found.books["bid_price_1"][0] == 1.9531
    )
    assert found.books["bid_size_1"].head(3).to_list() == [6203.0, 6198.0, 7171.0]
    assert found.verdicts.height == 0


@needs_data
def test_gemini_and_snapshot_files_equal_their_parquet_twins() -> None:
    csv = read_books(shared("l2/raw/gemini__eth-usd__2021-07-01__market-depth.csv.gz"))
    parquet = read_books(shared("l2/gemini_ETHUSD_2021-07-01_bbo_1s.parquet"))
    assert csv.format == "gemini"
    assert csv.books.equals(parquet.books)
    trades = read_books(shared("l2/raw/gemini__eth-usd__2021-07-01__trade.csv.gz")).trades
    twin = to_trades(pl.read_parquet(shared("l2/gemini_ETHUSD_2021-07-01_trades.parquet")))
    assert trades.equals(twin)
    assert read_books(shared("l2/okcoin_btccny_20160303_11utc_l2.parquet")).books.height == 9145


@needs_data
@pytest.mark.parametrize("name", SETS)
def test_trades_of_the_logs_equal_the_recorded_ones(name: str) -> None:
    ours = read_books(raw(name), depth=1).trades
    theirs = to_trades(pl.read_parquet(shared(f"l2/{name}_{DAY}_trades.parquet")))
    last = ours["trade_id"].max()
    columns = ["time", "price", "size", "side", "trade_id"]
    theirs = theirs.filter(pl.col("trade_id") <= last)
    assert ours.select(columns).sort("trade_id").equals(theirs.select(columns).sort("trade_id"))


def test_jsonl_snapshots_of_the_original_recorder(tmp_path: Path) -> None:
    path = tmp_path / "l2_BTCUSDT_20240101.jsonl"
    rows = [
        {
            "timestamp": f"2024-01-01T00:00:0{k}.250000",
            "exchange_timestamp": None if k else 1704067200100,
            "symbol": "BTC/USDT",
            "bids": [[100.0, 1.5], [99.5, 2]],
            "asks": [[100.5, 1.0], [101.0, 4.0]],
            "nonce": k,
            "imbalance": {"ratio": 1.0},
        }
        for k in range(2)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    books = read_books(path).books
    assert books["time"].dt.epoch("ms").to_list() == [1704067200100, 1704067201250]
    assert books.select(level_names(2)).row(0) == (100.0, 99.5, 1.5, 2.0, 100.5, 101.0, 1.0, 4.0)


def test_hftbacktest_events(tmp_path: Path) -> None:
    kind = np.dtype(
        {
            "names": ["ev", "exch_ts", "local_ts", "px", "qty", "order_id", "ival", "fval"],
            "formats": ["<u8", "<i8", "<i8", "<f8", "<f8", "<u8", "<i8", "<f8"],
        }
    )
    both, buy, sell = (1 << 31) | (1 << 30), 1 << 29, 1 << 28
    rows = [
        (both | buy | 4, 10, 12, 99.0, 1.0), (both | sell | 4, 10, 12, 101.0, 2.0),
        (both | buy | 1, 20, 22, 100.0, 5.0), (both | sell | 2, 25, 27, 100.0, 1.0),
        (both | buy | 1, 30, 31, 100.0, 4.0),
    ]  # fmt: skip
    events = np.zeros(len(rows), kind)
    for at, row in enumerate(rows):
        events[at] = (*row, 0, 0, 0.0)
    np.savez_compressed(tmp_path / "day.npz", data=events)
    found = read_books(tmp_path / "day.npz", every=None, depth=2)
    assert found.books["time"].to_physical().to_list() == [10, 20, 30]
    assert found.books["bid_price_1"].to_list() == [99.0, 100.0, 100.0]
    assert found.books["bid_size_1"].to_list() == [1.0, 5.0, 4.0]
    assert found.trades.select("price", "size", "side").row(0) == (100.0, 1.0, -1)


def test_tardis_files(tmp_path: Path) -> None:
    head = "exchange,symbol,timestamp,local_timestamp,"
    book = tmp_path / "incremental.csv.gz"
    rows = [
        "1000,1100,true,bid,99,1", "1000,1100,true,ask,101,2",
        "2000,2100,false,bid,100,3", "3000,3100,false,bid,100,0",
    ]  # fmt: skip
    text = head + "is_snapshot,side,price,amount\n" + "".join(f"x,B,{r}\n" for r in rows)
    book.write_bytes(gzip.compress(text.encode()))
    found = read_books(book, every=None, depth=2)
    assert found.books["bid_price_1"].to_list() == [99.0, 100.0, 99.0]
    top = tmp_path / "snapshot.csv"
    top.write_text(
        head + "asks[0].price,asks[0].amount,bids[0].price,bids[0].amount\n"
        "x,B,1000,1100,101,2,99,1\n"
    )
    assert read_books(top).books.select(level_names(1)).row(0) == (99.0, 1.0, 101.0, 2.0)
    prints = tmp_path / "trades.csv"
    prints.write_text(head + "id,side,price,amount\nx,B,1000,1100,7,sell,99,1\n")
    assert read_books(prints).trades.select("trade_id", "side").row(0) == (7, -1)


def test_errors_say_what_and_where(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="there is no file"):
        read_books(tmp_path / "none.gz")
    odd = tmp_path / "odd.txt"
    odd.write_text("hello\n")
    with pytest.raises(FormatError, match="Say which: format="):
        read_books(odd)
    with pytest.raises(FormatError, match="no format of books: did you mean 'binance'"):
        read_books(odd, format="binanse")
    with pytest.raises(FormatError, match="line 0 does not begin"):
        read_books(odd, format="binance")
    frame = pl.DataFrame({"ts": pl.Series([0]).cast(NANO), "bid_px_0": [1.0], "bid_sz_0": [1.0]})
    with pytest.raises(SchemaError, match="books need levels"):
        to_books(frame)
    asks = {"ask_px_0": [2.0], "ask_sz_0": [-1.0]}
    with pytest.raises(SchemaError, match="'ask_size_1' is -1 at row 0"):
        to_books(frame.with_columns(**{k: pl.Series(v) for k, v in asks.items()}))
