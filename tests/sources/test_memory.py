"""Frames of other libraries are read as bars: what they mean is told by names, index and zone."""

import pandas as pd
import polars as pl
import pytest

from tests.frames.make import grid, walk
from trade_research.errors import BarOrderError, DataError, FormatError, SchemaError
from trade_research.sources.files import read_bars, read_bars_report, symbols_in

BARS = walk(grid(50))
OURS = BARS.drop("close_time")
PANDAS = OURS.to_pandas().set_index("open_time").rename_axis(None)
DAYS = PANDAS.set_axis(pd.date_range("2024-02-26", periods=50, tz="America/New_York"))


@pytest.mark.parametrize(
    "table",
    [
        PANDAS,
        PANDAS.tz_localize(None),
        PANDAS.tz_convert("Asia/Kolkata"),
        PANDAS.rename_axis("Date").rename(columns=str.title),
        PANDAS.rename_axis("ts").reset_index(),
        PANDAS.rename_axis("ts").reset_index().set_index("ts", drop=False),
        PANDAS.rename_axis("ts").reset_index().astype({"ts": str}),
        PANDAS.set_axis(PANDAS.columns.map(lambda name: (name.title(), "BTC-USD")), axis=1),
        PANDAS.set_axis(PANDAS.columns.map(lambda name: ("BTC-USD", name)), axis=1),
        OURS.rename({"open_time": "Timestamp", "close": "Close"}),
        OURS.lazy(),
        OURS.to_arrow(),
    ],
)
def test_frames_of_other_libraries_are_the_same_bars(table: object) -> None:
    assert read_bars(table).equals(BARS)


def test_days_of_a_zone_with_summer_time_are_sessions_of_a_calendar() -> None:
    with pytest.raises(DataError, match=r"summer time: .* calendar='XNYS'"):
        read_bars(DAYS)
    found = read_bars(DAYS[DAYS.index.day_of_week < 5], calendar="XNYS")
    assert str(found["open_time"][0])[:10] == "2024-02-26"
    assert found["close_time"].dt.hour().to_list()[:20] == [21] * 10 + [20] * 10


def test_what_was_done_to_a_frame_is_told() -> None:
    twice = pd.concat([PANDAS, PANDAS.iloc[[7]]]).sort_index().iloc[::-1].tz_localize(None)
    found = read_bars_report(twice)
    assert found.frame.equals(BARS)
    assert [note.split(" ", 1)[0] for note in found.notes] == ["times", "rows", "1"]


@pytest.mark.parametrize(
    ("table", "kind", "words"),
    [
        (PANDAS.reset_index(drop=True), FormatError, "the frame has no column 'ts', found open"),
        (PANDAS["close"], FormatError, "the frame has no column"),
        (pd.DataFrame(), FormatError, "found none"),
        (PANDAS.iloc[:0], DataError, "the frame has columns and no bars"),
        (PANDAS.sort_values("close"), BarOrderError, "out of order"),
        (
            PANDAS.assign(open=PANDAS["open"].where(PANDAS["open"] != PANDAS["open"].iloc[9])),
            SchemaError,
            "'open' is null at row 9",
        ),
        (PANDAS.assign(close=[[1.0]] * 50), SchemaError, "'close' is not a number"),
        (PANDAS.assign(close=[object()] * 50), FormatError, "no table of plain columns"),
    ],
)
def test_frames_that_are_no_bars_say_why(table: object, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        read_bars(table)


def test_numbers_beside_the_bars_are_kept_for_strategies() -> None:
    mine = PANDAS.assign(signal=range(50), Up=PANDAS["close"] > 60_000, note="x", Trades=7)
    found = read_bars(mine.iloc[::-1])
    assert set(found.columns) - set(BARS.columns) == {"signal", "Up", "trades"}
    assert found["signal"].to_list() == [float(k) for k in range(50)]
    assert found["Up"].to_list() == [float(close > 60_000) for close in BARS["close"]]
    assert read_bars(OURS.with_columns(**{"Adj Close": pl.col("close")})).equals(BARS)


def test_columns_of_several_symbols_want_a_choice() -> None:
    both = pd.concat({"A": PANDAS, "B": PANDAS}, axis=1)
    with pytest.raises(FormatError, match=r"2 symbols: .* frame.xs\('A', axis=1, level=0\)"):
        read_bars(both)
    assert read_bars(both.xs("A", axis=1, level=0)).equals(BARS)
    long = pl.concat([OURS.with_columns(symbol=pl.lit(s)) for s in "AB"])
    assert symbols_in(long) == ["A", "B"]
    assert read_bars(long, symbol="B").equals(BARS)
