"""Days, months and years by session date: by hand, and against a plain loop."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trade_research.metrics import best_year_share, daily_equity, month_table, period_returns

# Two bars on 30 January, one on the 31st, two on 1 February 2023, one in March 2025.
DATES = np.array(
    ["2023-01-30", "2023-01-30", "2023-01-31", "2023-02-01", "2023-02-01", "2025-03-03"],
    "datetime64[D]",
)
EQUITY = np.array([101.0, 102.0, 110.0, 100.0, 99.0, 198.0])


def test_a_session_has_its_last_equity():
    dates, equity = daily_equity(EQUITY, DATES)
    np.testing.assert_array_equal(dates, DATES[[1, 2, 4, 5]])
    np.testing.assert_array_equal(equity, [102.0, 110.0, 99.0, 198.0])


def test_months_compound_and_the_first_starts_from_the_capital():
    months, returns = period_returns(*daily_equity(EQUITY, DATES), 100.0, "M")
    assert months.astype(str).tolist() == ["2023-01", "2023-02", "2025-03"]
    np.testing.assert_allclose(returns, [0.10, -0.10, 1.0], rtol=1e-14)


def test_the_table_of_months_leaves_holes_open():
    years, months, totals = month_table(*daily_equity(EQUITY, DATES), 100.0)
    assert years.tolist() == [2023, 2024, 2025]
    assert months.shape == (3, 12)
    np.testing.assert_allclose(months[0, :2], [0.10, -0.10], rtol=1e-14)
    assert months[2, 2] == pytest.approx(1.0)
    assert np.isnan(months).sum() == 33
    np.testing.assert_allclose(totals, [-0.01, np.nan, 1.0], rtol=1e-12)


def test_the_best_year_by_its_share_of_the_money_made():
    dates, equity = daily_equity(EQUITY, DATES)
    # 2023 lost 1, 2025 made 99, in all 98.
    assert best_year_share(dates, equity, 100.0) == pytest.approx(99 / 98)
    assert math.isnan(best_year_share(dates, equity, 200.0))


def test_no_bars_have_no_periods():
    dates, equity = daily_equity(np.empty(0), np.empty(0, "datetime64[D]"))
    assert dates.size == equity.size == 0
    assert period_returns(dates, equity, 100.0, "M")[1].size == 0
    assert [x.size for x in month_table(dates, equity, 100.0)] == [0, 0, 0]
    assert math.isnan(best_year_share(dates, equity, 100.0))


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(50, 150)), min_size=1, max_size=80))
def test_months_and_years_multiply_to_the_whole(steps):
    dates = np.datetime64("2019-11-20") + np.cumsum([s for s, _ in steps])
    last = dict(zip(dates.tolist(), (float(e) for _, e in steps), strict=True))
    dates, equity = daily_equity(np.array([float(e) for _, e in steps]), dates)
    assert equity.tolist() == list(last.values())
    whole = equity[-1] / 100.0
    for unit in ("M", "Y"):
        assert np.prod(1 + period_returns(dates, equity, 100.0, unit)[1]) == pytest.approx(whole)
    _, months, totals = month_table(dates, equity, 100.0)
    np.testing.assert_allclose(
        np.nanprod(1 + months, axis=1), np.where(np.isnan(totals), 1.0, 1 + totals), rtol=1e-9
    )
