"""Wrong vendor tables, real gaps, clean data left alone, and faults planted at random found."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tests.counts import count
from tests.data import SHARED, needs_data, shared
from tests.frames.make import grid, us, walk
from trade_research.frames.bars import to_bars
from trade_research.frames.vendor import VENDOR_KINDS, audit_vendor
from trade_research.frames.verdicts import OF_VENUE, Thresholds, audit
from trade_research.sources.files import read_bars

PAIRS = sorted((SHARED / "ohlcv/defects/yahoo_bad").glob("*-fixed.csv")) if SHARED else []


def vendor_table(path):
    """A Yahoo file as yfinance's repair tests keep it."""
    raw = pl.read_csv(path, infer_schema_length=None)
    raw.columns = ["open_time", *(c.lower().replace(" ", "_") for c in raw.columns[1:])]
    day = pl.col("open_time").str.slice(0, 19).str.replace("T", " ")
    when = pl.coalesce(
        day.str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False),
        day.str.slice(0, 10).str.to_datetime("%Y-%m-%d", strict=False),
    )
    return raw.rename({"stock_splits": "splits"}).with_columns(when)


def interval_of(path):
    return "1h" if "-1h-" in path.name else "1w" if "-1wk-" in path.name else "1d"


@needs_data
def test_every_bad_yahoo_table_is_flagged_and_no_fixed_one():
    assert len(PAIRS) == 14
    found = {}
    for fixed in PAIRS:
        bad = fixed.with_name(fixed.name.replace("-fixed", ""))
        assert audit_vendor(vendor_table(fixed), interval_of(fixed)).is_empty(), fixed.name
        found[bad.stem] = set(audit_vendor(vendor_table(bad), interval_of(bad))["kind"])
    assert all(found.values()), found
    assert set().union(*found.values()) == set(VENDOR_KINDS)
    assert found["AET-L-1d-100x-error"] == {"unit_jump"}
    assert found["KEN-TA-1d-bad-div"] == {"bad_adjustment"}


@needs_data
def test_the_first_months_of_a_market():
    bars = read_bars(
        shared("ohlcv/defects/binance_spot_1m_BTCUSDT_2017-08_2018-02.parquet"), interval="1m"
    )
    found = audit(bars, "1m")
    gaps = found.filter(kind="gap")
    assert (gaps.height, gaps["rows"].sum()) == (8, 2729)
    assert found.filter(kind="zero_volume")["rows"].sum() == 23_634


@needs_data
@pytest.mark.parametrize(
    ("part", "interval", "symbol"),
    [
        ("binance_spot_1m/BTCUSDT_2020.parquet", "1m", None),
        ("binance_spot_1m/BTCUSDT_2022.parquet", "1m", None),
        ("binance_usdm_1m/XMRUSDT.parquet", "1m", None),
        ("binance_usdm_1m/LAYERUSDT.parquet", "1m", None),
        ("binance_spot_1h_10symbols.parquet", "1h", "DOGEUSDT"),
        ("binance_spot_1h_10symbols.parquet", "1h", "BTCUSDT"),
        ("binance_spot_1d_10symbols.parquet", "1d", "DOGEUSDT"),
    ],
)
def test_clean_data_is_left_alone(part, interval, symbol):
    bars = read_bars(shared(f"ohlcv/{part}"), interval=interval, symbol=symbol)
    found = audit(bars, interval).filter(~pl.col("kind").is_in(["gap", "zero_volume"]))
    assert found["rows"].sum() <= 0.001 * bars.height


def _prices(bars, rows, by):
    names = ["open", "high", "low", "close"]
    factor = np.ones(bars.height)
    factor[rows] = by
    return bars.with_columns(pl.col(n) * pl.Series(factor) for n in names)


def _frozen(bars, rows):
    at = np.arange(bars.height)
    for row in rows:
        at[row : row + 5] = row
    names = ["open", "high", "low", "close", "volume"]
    return bars.with_columns(bars[n][at.tolist()].alias(n) for n in names)


def _outside(bars, rows):
    close = bars["close"].to_numpy().copy()
    close[rows] = bars["high"].to_numpy()[rows] * 1.001
    return bars.with_columns(pl.Series("close", close))


def _other_unit(bars, rows):
    volume = bars["volume"].to_numpy().copy()
    volume[rows] = bars["quote_volume"].to_numpy()[rows]
    return bars.with_columns(pl.Series("volume", volume))


def _twice(bars, rows):
    return bars[np.sort(np.append(np.arange(bars.height), rows)).tolist()]


def _swapped(bars, rows):
    at = np.arange(bars.height)
    for row in rows:
        at[[row, row + 1]] = at[[row + 1, row]]
    return bars[at.tolist()]


PLANTS = {
    "unit_jump": lambda bars, rows: _prices(bars, rows, 100.0),
    "unit_jump down": lambda bars, rows: _prices(bars, rows, 0.01),
    "outlier": lambda bars, rows: _prices(bars, rows, 1.3),
    "spike": lambda bars, rows: _prices(bars, rows, 0.7),
    "stale": _frozen,
    "ohlc_inconsistent": _outside,
    "volume_unit": _other_unit,
    "duplicate": _twice,
    "out_of_order": _swapped,
    "gap": lambda bars, rows: bars[np.delete(np.arange(bars.height), rows).tolist()],
}


@needs_data
@pytest.mark.parametrize("plant", PLANTS)
def test_planted_faults_are_found(plant):
    bars = read_bars(
        shared("ohlcv/binance_spot_1h_10symbols.parquet"), interval="1h", symbol="ETHUSDT"
    ).tail(20_000)
    rng, found, planted = np.random.default_rng(7), 0, 0
    for _ in range(count(100)):
        rows = np.sort(rng.choice(np.arange(300, 19_900, 20), 40, replace=False))
        kind = plant.partition(" ")[0]
        verdicts = audit(PLANTS[plant](bars, rows), "1h").filter(kind=kind)
        starts, ends = (verdicts[n].to_physical().to_numpy() for n in ("open_time", "end_time"))
        for row in rows:
            at = bars["open_time"].to_physical()[int(row)]
            reach = 5 * 3_600_000_000 if plant == "stale" else 0
            found += bool(((starts <= at + reach) & (ends > at)).any())
        planted += rows.size
    assert found >= 0.99 * planted, (found, planted)


@pytest.mark.parametrize(
    ("opened", "times_volume", "flagged"), [(1.0, 8, False), (1.0, 2, True), (1.5, 8, True)]
)
def test_news_is_traded_from_the_open_on_with_much_volume(opened, times_volume, flagged):
    bars = walk(grid(400, "1d"), "1d").with_columns(volume=pl.lit(10.0))
    after = _prices(bars, np.arange(300, 400), 1.5)
    before = bars["close"][299]
    news = pl.int_range(400) == 300
    after = after.with_columns(
        open=pl.when(news).then(before * opened).otherwise("open"),
        low=pl.when(news).then(before * 0.99).otherwise("low"),
        volume=pl.when(news).then(10.0 * times_volume).otherwise("volume"),
    )
    assert bool(audit(after, "1d").filter(kind="outlier").height) == flagged


def test_a_split_that_nobody_applied_is_seen_and_a_crash_that_recovers_is_not():
    bars = walk(grid(400, "1d"), "1d")
    halved = _prices(bars, np.arange(200, 400), 0.25)
    found = audit(halved, "1d").filter(kind="split_like")
    assert found.select("open_time", "rows", "causal").rows() == [
        (bars["open_time"][200], 1, False)
    ]
    assert "-75" in found["detail"][0]
    assert audit(_prices(bars, [200], 0.25), "1d").filter(kind="split_like").is_empty()


@pytest.mark.parametrize("shift", [-60, 60])
def test_a_session_that_missed_summer_time(shift):
    days = [us(f"2025-03-{d}T13:30") for d in ("10", "11", "12")]
    minute = 60_000_000
    opens = np.concatenate(
        [day + (np.arange(390) + (shift if i == 1 else 0)) * minute for i, day in enumerate(days)]
    )
    frame = walk(opens, "1m", "XNYS")
    found = audit(frame, "1m", "XNYS")
    slipped = found.filter(kind="dst_slip")
    assert slipped["rows"].sum() == 60
    assert found.filter(kind="off_session").is_empty()


def test_thresholds_of_a_venue():
    bars = walk(grid(600))
    still = _frozen(bars, [300])
    assert audit(still, "1m").filter(kind="stale").height == 1
    assert audit(still, "1m", thresholds=Thresholds(stale_bars=6)).filter(kind="stale").height == 0
    assert OF_VENUE["kraken"].stale_bars > Thresholds().stale_bars


def test_average_price_inside_the_bar_is_no_wrong_unit():
    frame = walk(grid(50)).with_columns(
        quote_volume=pl.col("volume") * (pl.col("high") + pl.col("low")) / 2
    )
    assert audit(to_bars(frame, "1m"), "1m").filter(kind="volume_unit").is_empty()
