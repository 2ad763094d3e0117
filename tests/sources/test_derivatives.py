"""Inputs beside prices: from the archive with their lag, live only where there is none."""

from __future__ import annotations

import hashlib
import zipfile
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tests.data import needs_data
from tests.frames.make import grid, walk
from tests.standins import recorded
from tests.standins.server import Standin
from trade_research.errors import ConfigError, SourceError
from trade_research.sources.archive import ArchiveSource
from trade_research.sources.derivatives import INPUTS, archived, recent, with_inputs

DAY = datetime(2024, 1, 1, tzinfo=UTC)


def publish(folder):
    """A day of metrics in the archive's layout: open interest counts the five minutes."""
    place = folder / "data/futures/um/daily/metrics/BTCUSDT"
    place.mkdir(parents=True)
    head = "create_time,symbol,sum_open_interest,sum_open_interest_value,count_long_short_ratio"
    rows = [
        f"{DAY + timedelta(minutes=5 * k):%Y-%m-%d %H:%M:%S},BTCUSDT,{k}.0,{k * 100}.0,1.5"
        for k in range(288)
    ]
    name = "BTCUSDT-metrics-2024-01-01"
    with zipfile.ZipFile(place / f"{name}.zip", "w") as packed:
        packed.writestr(f"{name}.csv", "\n".join([head, *rows]))
    digest = hashlib.sha256((place / f"{name}.zip").read_bytes()).hexdigest()
    (place / f"{name}.zip.CHECKSUM").write_text(f"{digest}  {name}.zip\n")
    return place / f"{name}.zip"


def test_archived_inputs_are_known_their_lag_later(tmp_path):
    publish(tmp_path)
    frame = archived(ArchiveSource(str(tmp_path)), "BTC/USDT:USDT", DAY, DAY + timedelta(days=2))
    assert frame.height == 288
    bars = with_inputs(walk(grid(60)), {"open_interest": frame})
    # The bar that closes at 00:10 knows what was measured at 00:05 or before, out 5 minutes later.
    at = dict(bars.select("close_time", "open_interest").iter_rows())
    assert at[DAY + timedelta(minutes=4)] is None
    assert at[DAY + timedelta(minutes=5)] == 0.0
    assert at[DAY + timedelta(minutes=9)] == 0.0
    assert at[DAY + timedelta(minutes=10)] == 1.0


def test_a_damaged_file_is_not_read(tmp_path):
    path = publish(tmp_path)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(SourceError, match="CHECKSUM"):
        archived(ArchiveSource(str(tmp_path)), "BTC/USDT:USDT", DAY, DAY + timedelta(days=1))


def test_live_only_inputs_stay_out_of_backtests():
    frame = pl.DataFrame({"close_time": [DAY], "basis_rate": [0.1], "basis": [1.0]}).cast(
        {"close_time": pl.Datetime("us", "UTC")}
    )
    bars = walk(grid(20))
    assert not INPUTS["basis"].backtestable
    with pytest.raises(ConfigError, match="not backtestable"):
        with_inputs(bars, {"basis": frame})
    assert "basis_rate" in with_inputs(bars, {"basis": frame}, live=True).columns
    with pytest.raises(ConfigError, match="did you mean 'open_interest'"):
        with_inputs(bars, {"open_intrest": frame})


@needs_data
def test_recent_values_of_a_venue():
    file = "binance/rest_trimmed/futures_data_globalLongShortAccountRatio.json"
    rows = recorded.answer(file)["responses"][0]["body"]
    with Standin({"fapi.binance.com/futures/data/*": lambda _: rows}) as server:
        frame = recent("long_short", "BTC/USDT:USDT", "4h", to=server.at)
        assert frame["long_short_ratio"][0] == 1.3781
        assert frame["close_time"][0].timestamp() == 1602403200
        with pytest.raises(SourceError, match="not for ETHUSDT"):
            recent("long_short", "ETH/USDT:USDT", "4h", to=server.at)
