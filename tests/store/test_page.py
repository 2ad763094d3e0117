"""A store in a notebook: small, static, escaped, however many datasets and whatever their names."""

from __future__ import annotations

import time

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from trade_research.frames import to_bars


def days(first: str, n: int) -> pl.DataFrame:
    """Flat daily bars."""
    start = np.datetime64(first, "us") + np.arange(n) * np.timedelta64(1, "D")
    flat = np.full(n, 10.0)
    columns = {"open": flat, "high": flat, "low": flat, "close": flat, "volume": flat}
    return to_bars(pl.DataFrame({"open_time": start, **columns}), "1d")


def test_datasets_with_their_coverage(tmp_path):
    store = tr.Store(tmp_path)
    store.write_bars(days("2020-01-01", 100), venue="binance", symbol="A", interval="1d")
    for first in ("2021-01-01", "2024-01-01"):
        store.write_bars(days(first, 300), venue="binance", symbol="B", interval="1d")
    html = store._repr_html_()
    assert "2 datasets of bars, coverage from 2020-01-01 to 2024-10-27" in html
    assert "binance:A@1d" in html
    assert html.count("bars without a large hole") == 1
    assert html.count("bars in 2 stretches") == 1


def test_hostile_names_stay_text_and_many_datasets_stay_small(tmp_path):
    store = tr.Store(tmp_path)
    bars = days("2020-01-01", 5)
    for k in range(45):
        store.write_bars(bars, venue="binance", symbol=f"<script>{k}", interval="1d")
    start = time.perf_counter()
    html = store._repr_html_()
    assert time.perf_counter() - start < 0.5  # fifty milliseconds, on a machine that is busy
    assert "<script" not in html
    assert len(html.encode()) <= 30_000
    assert "and 5 more" in html


@pytest.mark.parametrize("made", [False, True])
def test_an_empty_store_says_so(tmp_path, made):
    root = tmp_path / "x"
    if made:
        root.mkdir()
    assert "0 datasets" in tr.Store(root)._repr_html_()
