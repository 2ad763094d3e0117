"""SQL: ordinary prices, few files opened, and nothing but one SELECT."""

from __future__ import annotations

import polars as pl
import pytest

from tests.store.make import minutes
from trade_research.errors import QueryError
from trade_research.store import Store

WHERE = {"venue": "binance", "interval": "1m"}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("sql*[x]?'") / "d's")
    store.write_bars(minutes(300), symbol="BTC/USDT", **WHERE)
    store.write_bars(minutes(200, digits=4), symbol="ETH", **WHERE)
    odd = minutes(100).with_columns(pl.col("close") / 3, low=pl.lit(1.0), trades=pl.int_range(100))
    store.write_bars(odd, symbol="ODD", **WHERE)
    return store


def test_the_view_shows_ordinary_prices(store):
    rows = store.sql(
        "select open_time, open, high, low, close, volume from bars "
        "where symbol = $symbol order by open_time",
        {"symbol": "BTC/USDT"},
    )
    assert rows.equals(minutes(300).select(rows.columns))
    assert rows.schema["open_time"] == pl.Datetime("us", "UTC")


def test_the_view_has_all_columns_whatever_is_stored(store):
    row = store.sql("select * from bars where symbol = 'ODD' order by open_time limit 1 offset 7")
    assert row.columns == [
        "venue", "symbol", "interval", "open_time", "close_time", "open", "high", "low", "close",
        "volume", "quote_volume", "trades",
    ]  # fmt: skip
    assert row["close"][0] == minutes(100)["close"][7] / 3
    assert (row["trades"][0], row["quote_volume"][0]) == (7, None)


def test_counts_over_all(store):
    rows = store.sql("select symbol, count(*) n from bars group by symbol order by symbol")
    assert rows.rows() == [("BTC/USDT", 300), ("ETH", 200), ("ODD", 100)]


def test_an_empty_store_has_an_empty_view(tmp_path):
    rows = Store(tmp_path).sql("select * from bars")
    assert rows.height == 0
    assert rows.schema["trades"] == pl.Int64


def test_the_newest_version_is_seen(tmp_path):
    store = Store(tmp_path)
    for rows in (10, 20):
        store.write_bars(minutes(rows), symbol="A", **WHERE)
        assert store.sql("select count(*) n from bars")["n"][0] == rows
        assert Store(tmp_path).sql("select count(*) n from bars")["n"][0] == rows


def test_a_filter_on_the_symbol_opens_only_its_files(store):
    explain = "explain analyze select sum(volume) from bars where "
    for where in ("symbol = 'ETH'", "symbol in ('ETH')", "venue = 'binance' and symbol = 'ETH'"):
        plan = store._reader.connection().execute(explain + where).fetchall()[0][1]
        assert "symbol=ETH" in plan
        assert "symbol=BTC" not in plan
        assert plan.count("Total Files Read: 1") == 1


REFUSED = [
    "",
    "  -- nothing",
    "select 1; select 2",
    "insert into bars values (1)",
    "drop view bars",
    "create table t as select 1",
    "create or replace view bars as select 1",
    "copy (select 1) to 'out.csv'",
    "explain analyze copy (select 1) to 'out.csv'",
    "export database 'out'",
    "attach 'x.db'",
    "set variable a = 1",
    "set enable_external_access = true",
    "reset lock_configuration",
    "install httpfs",
    "load httpfs",
    "pragma version",
    "call pragma_version()",
    "checkpoint",
    "with a as (select 1) insert into b select * from a",
    "selec 1",
]


@pytest.mark.parametrize("text", REFUSED)
def test_anything_but_one_select_is_refused_in_one_line(store, text):
    files = sorted(store.root.rglob("*"))
    with pytest.raises(QueryError) as error:
        store.sql(text)
    assert "\n" not in str(error.value)
    assert sorted(store.root.rglob("*")) == files


@pytest.mark.parametrize(
    "text",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('/etc/passwd')",
        "select * from '/etc/passwd'",
        "select * from glob('/etc/*')",
        "select * from read_parquet('https://example.com/x.parquet')",
        "select * from read_text('{beside}')",
        "select * from secret_frame",
        "select set_config('a', 'b')",
        "select nothing from bars",
        "select * from query('copy (select 1) to ''x''')",
    ],
)
def test_nothing_outside_the_store_can_be_read(store, text):
    secret_frame = pl.DataFrame({"a": [1]})
    beside = store.root.parent / "beside.txt"
    beside.write_text("secret")
    with pytest.raises(QueryError) as error:
        store.sql(text.replace("{beside}", str(beside).replace("'", "''")))
    assert "\n" not in str(error.value)
    assert secret_frame.height == 1


def test_time_buckets_are_those_of_the_built_in(store):
    """Ours does without DuckDB's calendar; also before 1970, and for what it leaves to DuckDB."""
    widths = ["1 second", "7 minutes", "1 hour", "1 day", "1 week", "10 days", "1 month", "1 year"]
    text = """select sum((time_bucket({w}, {t}) is distinct from
        system.main.time_bucket({w}, {t}))::int) d from (select
        make_timestamptz((random() * 4e15)::bigint - 1000000000000000) t from range(2000))"""
    for width in widths:
        for kind in ("t", "t::timestamp", "t::date"):
            rows = store.sql(text.format(w=f"interval '{width}'", t=kind))
            assert rows["d"][0] == 0, (width, kind)
    hours = store.sql(
        "select time_bucket('1 hour', open_time) t, time_bucket(interval 1 hour, open_time, "
        "interval 5 minutes) s, count(*) n from bars where symbol = 'ETH' group by all order by all"
    )
    assert hours["n"].to_list() == [5, 55, 5, 55, 5, 55, 5, 15]
    with pytest.raises(QueryError, match="greater than 0"):
        store.sql("select time_bucket(interval '-1 hour', open_time) from bars")


def test_values_are_bound_not_pasted(store):
    rows = store.sql("select count(*) n from bars where symbol = ?", ["x' or '1'='1"])
    assert rows["n"][0] == 0
    with pytest.raises(QueryError):
        store.sql("select count(*) n from bars where symbol = ?", [])


def test_columns_of_one_name_are_told(store):
    with pytest.raises(QueryError, match="name 'a'"):
        store.sql("select 1 as a, 2 as a")


def test_nothing_is_written_where_it_runs(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store.sql("select * from bars order by close")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_whose_name_is_a_pattern_reads_its_own_files(tmp_path):
    """DuckDB takes ``d[1]`` for ``d1`` where that has a file of the same name."""
    store = Store(tmp_path / "d[1]")
    store.write_bars(minutes(10), symbol="A", **WHERE)
    part = next(store.root.rglob("part-*.parquet"))
    other = Store(tmp_path / "other")
    other.write_bars(minutes(10, seed=1), symbol="A", **WHERE)
    twin = tmp_path / "d1" / part.relative_to(store.root)
    twin.parent.mkdir(parents=True)
    twin.write_bytes(next(other.root.rglob("part-*.parquet")).read_bytes())
    rows = store.sql("select close from bars order by open_time")
    assert rows["close"].to_list() == minutes(10)["close"].to_list()
