"""What is written for speed is to the letter what would be written anyway."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trade_research.feeds.bars import Row
from trade_research.live.clock import iso
from trade_research.live.records import bar_of, bar_text
from trade_research.live.recovery import Ahead, rows_of

PRICE = st.floats(allow_nan=False, allow_infinity=False)


@given(
    symbol=st.text(max_size=9),
    prices=st.tuples(PRICE, PRICE, PRICE, PRICE, st.floats()),
    opened=st.integers(0, 4_000_000_000_000_000),
    is_after_gap=st.booleans(),
)
def test_a_bar_is_written_as_json_writes_it(
    symbol: str, prices: tuple[float, ...], opened: int, is_after_gap: bool
) -> None:
    row = Row(opened, opened + 60_000_000, opened * 1_000, np.empty((5, 1)))
    text = bar_text(symbol, prices, row, is_after_gap)
    known = prices[4] if math.isfinite(prices[4]) else None
    moment = datetime.fromtimestamp(opened // 1_000_000, UTC).isoformat()[:19]
    times = {"timestamp": opened // 1_000, "datetime": moment, "open_us": opened}
    times["close_us"] = row.close_time
    values = dict(zip(("open", "high", "low", "close"), prices, strict=False)) | {"volume": known}
    flags = {"gap_flag": is_after_gap, "zero_vol_flag": prices[4] == 0.0}
    bar = {"symbol": symbol} | times | values | flags
    fields = {"bar": bar, "received_ns": row.received_ns}
    assert f"{{{text}}}" == json.dumps(fields, separators=(",", ":"))
    back = bar_of(json.loads(f"{{{text}}}")["bar"])
    assert np.array(back[3:7]).tobytes() == np.array(prices[:4]).tobytes()


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_price_that_json_has_no_word_for_is_refused(at: int, bad: float) -> None:
    prices = [1e308] * 5
    prices[at] = bad
    with pytest.raises(ValueError, match="not JSON compliant"):
        bar_text("A", prices, Row(0, 60_000_000, 0, np.empty((5, 1))), is_after_gap=False)


@given(second=st.integers(0, 4_000_000_000))
def test_a_second_in_words(second: int) -> None:
    assert iso(second) == f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"


def test_rows_on_record_are_whole_and_no_more_is_read_than_asked_for() -> None:
    read = []

    def told():
        for minute in range(3):
            for symbol in "AB":
                read.append((minute, symbol))
                bar = {"symbol": symbol, "open_us": minute, "close_us": minute + 1} | dict.fromkeys(
                    ("open", "high", "low", "close", "volume"), float(minute)
                )
                absent = {"event": "bar_skipped", "reason": "absent", "bar": bar}
                is_absent = (minute, symbol) == (1, "A")
                bar = {"event": "bar_received", "bar": bar, "received_ns": 7}
                yield absent if is_absent else bar
                if (minute, symbol) == (2, "A"):
                    return

    rows = rows_of(told(), ("A", "B"))
    assert next(rows).bars.tolist() == [[0.0, 0.0]] * 5
    assert read[-1] == (0, "B")
    second = next(rows)
    assert (second.open_time, second.close_time, second.received_ns) == (1, 2, 7)
    assert np.isnan(second.bars[:, 0]).all()
    assert list(rows) == []  # of the third row, one bar is missing
    read.clear()
    ahead = Ahead(told())
    assert ahead.popleft()["bar"]["open_us"] == 0
    assert len(read) == 2
    assert len(list(ahead)) == 4
    while ahead:
        ahead.popleft()
    assert not ahead
