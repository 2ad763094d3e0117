"""How alike runs are: by hand, over time, and among the saved runs of a folder."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.research import pages
from trade_research.research.alike import alike, day_returns, difference
from trade_research.research.compare import compare_runs
from trade_research.research.runs import load_run


def days(r: np.ndarray, start: str = "2020-01-01") -> pl.DataFrame:
    dates = np.datetime64(start) + np.arange(r.size)
    return pl.DataFrame({"date": dates, "r": r})


def test_correlation_of_common_days_only() -> None:
    rng = np.random.default_rng(2)
    one, noise = rng.normal(size=(2, 300))
    other = 0.6 * one + 0.8 * noise
    value, n = alike(days(one), days(other[50:], "2020-02-20"))
    assert n == 250
    assert value == pytest.approx(np.corrcoef(one[50:], other[50:])[0, 1], rel=1e-12)
    assert alike(days(one), days(one[:1])) == (None, 1)
    assert alike(days(one), days(np.zeros(300)))[0] is None


def test_day_returns_begin_with_the_capital() -> None:
    daily = pl.DataFrame({"date": [1, 2], "net": [110.0, 99.0]})
    assert day_returns(daily, 100.0)["r"].to_list() == pytest.approx([0.1, -0.1])


def test_a_constant_gap_is_itself_in_every_window() -> None:
    rng = np.random.default_rng(3)
    one = rng.normal(size=400) * 0.01
    found = difference(days(one), days(one + 0.001), 100.0)
    assert found.window == 100
    np.testing.assert_allclose(found.gap, 0.1)
    assert (found.low, found.mean, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert str(found.dates[-1]) == "2021-02-03"  # 400 days from the first of 2020
    assert difference(days(one[:59]), days(one[:59]), 100.0) is None


def test_windows_and_band_by_brute_force() -> None:
    rng = np.random.default_rng(4)
    one, other = rng.normal(size=(2, 90)) * 0.01
    found = difference(days(one), days(other), 252.0)
    assert found.window == 30  # a third: there is no year
    gap = other - one
    windows = {k: 252 * gap[k - 30 : k].mean() for k in range(30, 91)}
    ends = (found.dates - np.datetime64("2020-01-01")).astype(int) + 1
    np.testing.assert_allclose(found.gap, [windows[k] for k in ends])
    reach = 1.645 * 252 * gap.std(ddof=1) / 30**0.5
    assert found.high - found.mean == pytest.approx(reach, rel=1e-12)


def test_nine_windows_in_ten_lie_inside_when_nothing_changes() -> None:
    inside = []
    for seed in range(200):
        one, other = np.random.default_rng(seed).normal(size=(2, 2_520)) * 0.01
        found = difference(days(one), days(other), 252.0)
        inside.append(((found.gap >= found.low) & (found.gap <= found.high)).mean())
    assert np.mean(inside) == pytest.approx(0.9, abs=0.03)


def test_a_report_names_the_runs_beside_it_by_how_alike_they_are(tmp_path) -> None:
    base = pages.daily().save(tmp_path)
    alone = base.report(tmp_path / "alone.html").read_bytes()
    twin = tr.backtest(pages.swing, pages.bars(300), calendar="24/7", level=100.5).save(tmp_path)
    tr.backtest(pages.swing, pages.bars(40), calendar="24/7").save(tmp_path)  # too few days
    (twin.folder.parent / "0123456789ab").mkdir()  # nothing in it
    page = load_run(base.name, tmp_path).report(tmp_path / "page.html").read_text()
    table = re.search(r"<caption>Other saved runs.*?</table>", page, re.S)[0]
    assert re.findall(r"<th scope=row[^>]*>([0-9a-f]{12})</th>", table) == [twin.name]
    told = dict(zip(("correlation", "days"), re.findall(r">([-\d.]+)</td>", table), strict=True))
    value, n = alike(*(day_returns(run.daily, 100_000.0) for run in (base, twin)))
    assert told == {"correlation": f"{value:.2f}", "days": str(n)}
    assert "Other saved runs" not in alone.decode()
    from trade_research.report.verify import verify

    assert verify(tmp_path / "page.html").ok


def test_a_comparison_draws_the_gap_with_its_band(tmp_path) -> None:
    runs = [
        tr.backtest(pages.swing, pages.bars(300), calendar="24/7", level=level).save(tmp_path)
        for level in (100.0, 101.0)
    ]
    found = compare_runs(runs)
    (gap,) = found.found.differences
    assert gap.window == 100
    page = found.report(tmp_path / "c.html").read_text()
    assert "Day returns of B less those of A, in the 100 days up to each" in page
    assert "90% of windows if it never changed" in page
