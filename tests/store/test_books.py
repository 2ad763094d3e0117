"""Books and trades in the store: exact, small, idempotent, masked, and open to SQL."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data import needs_data, shared
from trade_research.errors import AmbiguousNameError, MissingDataError, SchemaError
from trade_research.frames.books import NANO, depth_of, level_names, to_books, to_trades
from trade_research.frames.recording import Recording
from trade_research.store import Store
from trade_research.store.book_files import read_books_file, write_books_file
from trade_research.store.book_writes import SMALL_FILES
from trade_research.store.commit import read_current

START = int(datetime(2024, 3, 1, 23, 59, tzinfo=UTC).timestamp()) * 10**9


def random_books(rng: np.random.Generator, n: int, depth: int, digits: int = 2) -> pl.DataFrame:
    """Books that move by some ticks, levels missing at the back, sizes that often stay."""
    mid = 10_000 + np.cumsum(rng.integers(-3, 4, n))
    table: dict[str, object] = {
        "time": pl.Series(START + np.cumsum(rng.integers(0, 2_000_000_000, n))).cast(NANO)
    }
    known = rng.integers(0, depth + 1, (2, n))
    for which, (side, sign) in enumerate((("bid", -1), ("ask", 1))):
        steps = np.cumsum(rng.integers(1, 4, (n, depth)), axis=1)
        price = (mid[:, None] + sign * steps) / 10**digits
        size = (1 + (price * 10**digits).astype(int) % 7 + rng.integers(0, 2, (n, depth))) / 1000
        for k in range(depth):
            here = known[which] > k
            table[f"{side}_price_{k + 1}"] = np.where(here, price[:, k], np.nan)
            table[f"{side}_size_{k + 1}"] = np.where(here, size[:, k], np.nan)
    return to_books(pl.DataFrame(table))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31), n=st.integers(1, 60), depth=st.integers(1, 24), d=st.integers(0, 6)
)
def test_files_give_back_every_bit_at_every_depth(
    tmp_path_factory: pytest.TempPathFactory, seed: int, n: int, depth: int, d: int
) -> None:
    books = random_books(np.random.default_rng(seed), n, depth, d)
    path = tmp_path_factory.mktemp("f") / "a.parquet"
    codes = write_books_file(path, books)
    assert codes["bid_price"].digits is not None
    for levels in {1, 2, 5, 6, 20, 21, depth}:
        back = read_books_file(path, codes, levels)
        assert depth_of(back) == min(levels, depth)
        assert back.equals(books.select(back.columns), null_equal=True)


def test_prices_that_are_no_decimals_keep_their_bits(tmp_path: Path) -> None:
    books = random_books(np.random.default_rng(1), 50, 6)
    books = books.with_columns(pl.col(level_names(6)) * np.pi)
    codes = write_books_file(tmp_path / "a.parquet", books)
    assert codes["ask_size"].digits is None
    assert read_books_file(tmp_path / "a.parquet", codes, 6).equals(books, null_equal=True)


def test_a_second_write_changes_nothing_and_a_different_book_is_a_revision(tmp_path: Path) -> None:
    store, rng = Store(tmp_path), np.random.default_rng(2)
    books = random_books(rng, 200, 6)
    name = {"venue": "binance_usdm", "symbol": "BTC/USDT:USDT"}
    first = store.write_books(books[:150], **name)
    assert (first.added, first.unchanged, first.revised) == (150, 0, 0)
    again = store.write_books(books[100:], **name)
    assert (again.added, again.unchanged, again.revised) == (50, 50, 0)
    assert store.write_books(books, **name).version == again.version
    other = books[:1].with_columns(bid_size_1=pl.lit(9.0), bid_price_1=pl.lit(1.0))
    other = other.select(books.columns[0], *level_names(1))
    assert store.write_books(other, **name).revised == 1
    assert store.books("BTC/USDT:USDT", masked=False, as_of=again.version).equals(
        books, null_equal=True
    )
    assert store.books("BTC/USDT:USDT", masked=False)["bid_size_1"][0] == 9.0


@pytest.mark.parametrize("seed", range(2))
def test_books_written_in_pieces_are_those_written_at_once(tmp_path: Path, seed: int) -> None:
    store, rng = Store(tmp_path), np.random.default_rng(seed)
    books = random_books(rng, 400, 3)
    cuts = np.unique([0, *rng.integers(1, 399, 24), 400])
    for first, last in pairwise(cuts):
        if rng.random() < 0.8:  # behind what is stored, or reaching back into it
            back = int(rng.integers(0, 30)) if rng.random() < 0.2 else 0
            store.write_books(_whole(books, first - back, last), venue="v", symbol="X")
    for first, last in pairwise(cuts):  # and what was left out, between
        store.write_books(_whole(books, first, last), venue="v", symbol="X")
    assert store.books("X", masked=False).equals(books, null_equal=True)
    assert store.book_catalog()["days"].to_list() == [2]


def _whole(books: pl.DataFrame, first: int, last: int) -> pl.DataFrame:
    """Rows of the span and those of the same times: turns are counted within a write."""
    times = books["time"][max(first, 0) : last]
    return books.filter(pl.col("time").is_between(times[0], times[-1]))


def test_pieces_that_follow_on_are_files_of_their_own_until_they_are_many(tmp_path: Path) -> None:
    store, books = Store(tmp_path), random_books(np.random.default_rng(9), 20, 2)
    books = books.with_columns(time=books["time"] - pl.duration(hours=2, time_unit="ns"))  # one day
    left = []
    for row in range(20):
        store.write_books(books[row : row + 1], venue="v", symbol="X")
        left.append(len(read_current(next(tmp_path.glob("books/*/*"))).parts))
    assert left == [*range(1, SMALL_FILES + 1), 1, 2, 3, 4]


def test_spans_cross_midnight_and_end_before_their_end(tmp_path: Path) -> None:
    store = Store(tmp_path)
    books = random_books(np.random.default_rng(3), 300, 2)
    assert books["time"].dt.date().n_unique() == 2
    store.write_books(books, venue="binance", symbol="X")
    cut = books["time"][150]
    late = store.books("X", start="2024-03-02", masked=False)
    assert late.equals(books.filter(pl.col("time") >= datetime(2024, 3, 2, tzinfo=UTC)))
    some = store.books("X", end=cut, masked=False, depth=1)
    limit = int(cut.timestamp() * 1e6) * 1000
    assert some.height == int((books["time"].to_physical() < limit).sum())
    rows = sum(batch.num_rows for batch in store.batches("X", "books"))
    assert rows == books.height


def test_broken_spans_are_masked_and_listed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    time = pl.Series([START + k * 10**9 for k in range(4)]).cast(NANO)
    bids = [99.0, 101.0, 99.0, None]
    books = to_books(
        pl.DataFrame(
            {"time": time, "bid_px_0": bids, "bid_sz_0": [1.0, 1.0, 1.0, None]}
            | {"ask_px_0": [100.0] * 4, "ask_sz_0": [2.0] * 4}
        )
    )
    store.write_books(books, venue="v", symbol="X")
    assert store.books("X")["ask_price_1"].to_list() == [100.0, None, 100.0, None]
    assert store.books("X", masked=False)["ask_price_1"].to_list() == [100.0] * 4
    assert store.book_verdicts("X")["kind"].to_list() == ["crossed", "one_sided"]


def test_verdicts_of_a_recording_stay_with_it(tmp_path: Path) -> None:
    from trade_research.frames.book_verdicts import verdict_rows

    store, books = Store(tmp_path), random_books(np.random.default_rng(4), 50, 3)
    at = books["time"].to_physical().to_numpy()[[10, 20]]
    gap = verdict_rows("gap", at[:1], at[1:], np.ones(1, np.int64), ["message 5"])
    store.write_books(Recording(books, gap), venue="v", symbol="X")
    assert store.book_verdicts("X")["detail"].to_list() == ["message 5"]
    assert store.books("X")["bid_price_1"][10:20].null_count() == 10


def test_trades_count_once_and_sql_sees_both(tmp_path: Path) -> None:
    store, rng = Store(tmp_path), np.random.default_rng(5)
    trades = to_trades(
        pl.DataFrame(
            {
                "time": pl.Series(START + np.arange(100) // 3 * 10**9).cast(NANO),
                "price": np.round(rng.uniform(90, 110, 100), 2),
                "size": rng.integers(1, 999, 100) / 1000,
                "side": rng.choice(["buy", "sell"], 100),
                "trade_id": np.arange(100),
            }
        )
    )
    store.write_trades(trades[:70], venue="v", symbol="X")
    assert store.write_trades(trades[50:], venue="v", symbol="X").unchanged == 20
    assert store.trades("X").equals(trades)
    store.write_books(random_books(rng, 40, 2), venue="v", symbol="X")
    seen = store.sql("select sum(size) s, count(*) n from trades where side = 1")
    bought = trades.filter(pl.col("side") == 1)
    assert seen.row(0) == (pytest.approx(bought["size"].sum()), bought.height)
    top = store.sql("select bid_price_1, mid, spread from books order by time")
    books = store.books("X", depth=1, masked=False)
    assert top["bid_price_1"].equals(books["bid_price_1"], null_equal=True)
    mids = (books["bid_price_1"] + books["ask_price_1"]) / 2
    assert top["mid"].equals(mids.alias("mid"), null_equal=True)
    assert store.book_catalog()["kind"].to_list() == ["books", "trades"]


def test_names_are_found_or_said_to_be_missing(tmp_path: Path) -> None:
    store, books = Store(tmp_path), random_books(np.random.default_rng(6), 5, 2)
    assert store.sql("select count(*) from books").item() == 0
    store.write_books(books, venue="a", symbol="BTC/USDT")
    with pytest.raises(MissingDataError, match="did you mean 'a:BTC/USDT'"):
        store.books("BTC/USD")
    store.write_books(books, venue="b", symbol="BTC/USDT")
    with pytest.raises(AmbiguousNameError, match="venue='a'"):
        store.books("BTC/USDT")
    with pytest.raises(SchemaError, match="no levels"):
        store.write_books(books.select("time"), venue="a", symbol="X")
    with pytest.raises(SchemaError, match="the frame is empty"):
        store.write_books(books[:0], venue="a", symbol="X")


@needs_data
@pytest.mark.parametrize(
    "name", ["binance_spot_BTCUSDT_2024-08-08", "okcoin_btccny_20160303_11utc"]
)
def test_real_books_take_less_than_half_of_default_parquet(tmp_path: Path, name: str) -> None:
    suffix = "_l2_100ms" if "binance" in name else "_l2"
    books = to_books(pl.read_parquet(shared(f"l2/{name}{suffix}.parquet")))
    pq.write_table(books.to_arrow(), tmp_path / "peer.parquet", compression="zstd")
    write_books_file(tmp_path / "ours.parquet", books)
    ours, peer = ((tmp_path / f"{who}.parquet").stat().st_size for who in ("ours", "peer"))
    assert ours <= 0.5 * peer
