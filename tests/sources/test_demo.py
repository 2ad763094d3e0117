import subprocess
import sys

import pytest

from tests.frames.make import utc
from trade_research.errors import MissingDataError
from trade_research.frames.bars import check_bars, interval_of
from trade_research.frames.verdicts import audit
from trade_research.sources import demo


def test_two_indices_of_twenty_years():
    bars = demo.demo_bars()
    assert list(bars) == ["SP500", "NASDAQ"]
    for frame in bars.values():
        check_bars(frame)
        assert frame.height == 5031
        assert interval_of(frame).text == "1d"
        assert frame["open_time"][0] == utc("1999-01-04")
        assert frame["close_time"][-1] == utc("2018-12-31T21:00")
    # The file begins: 1/4/1999,1229.22998,1248.810059,1219.099976,1228.099976,…,877000000
    first = bars["SP500"].row(0, named=True)
    assert (first["open"], first["high"], first["low"]) == (1229.22998, 1248.810059, 1219.099976)
    assert (first["close"], first["volume"]) == (1228.099976, 877_000_000)


def test_what_is_wrong_with_them():
    bars = demo.demo_bars()
    assert audit(bars["SP500"], "1d", "XNYS").height == 0
    found = audit(bars["NASDAQ"], "1d", "XNYS")
    assert found["kind"].to_list() == ["zero_volume"] * 2
    assert found["open_time"].to_list() == [utc("2015-05-12"), utc("2018-01-09")]


def test_arch_itself_is_not_imported():
    code = (
        "import sys; from trade_research.sources import demo_bars; demo_bars(); "
        "assert 'arch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_missing_package_is_one_line(monkeypatch):
    monkeypatch.setattr(demo, "files", lambda name: [])
    with pytest.raises(MissingDataError, match=r"arch brings no sp500.csv.gz: reinstall it"):
        demo.demo_bars()
