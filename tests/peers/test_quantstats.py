"""Every number shared with quantstats 0.0.86: equal on the same returns, or as the page says.

`QUANTSTATS` is the table that a report prints; each of its rows is computed here by both sides, and
every row of quantstats' own table is either in it or named below as one that we do not have.
"""

from __future__ import annotations

import math
import warnings
from statistics import NormalDist

import numpy as np
import pytest

from tests.counts import count
from trade_research.metrics.definitions import DEFINITIONS
from trade_research.metrics.drawdowns import drawdown_episodes
from trade_research.metrics.periods import period_returns
from trade_research.metrics.summary import summary
from trade_research.report.sections.peers import QUANTSTATS

pd = pytest.importorskip("pandas")
stats = pytest.importorskip("quantstats.stats")

A, DAY = 252.0, 86_400_000_000
SAME = [(theirs, ours) for theirs, ours, differs in QUANTSTATS if not differs]
NOT_OURS = {
    "Start Period", "End Period", "Risk-Free Rate", "Smart Sharpe", "Smart Sortino", "Sortino/√2",
    "Smart Sortino/√2", "Ulcer Performance Index", "Risk-Adjusted Return", "Risk-Return Ratio",
    "Avg. Return", "Avg. Win", "Avg. Loss", "Win/Loss Ratio", "Profit Ratio", "Expected Daily",
    "Expected Monthly", "Expected Yearly", "Kelly Criterion", "Risk of Ruin", "Gain/Pain Ratio",
    "Gain/Pain (1M)", "Common Sense Ratio", "CPC Index", "Outlier Win Ratio", "Outlier Loss Ratio",
    "MTD", "3M", "6M", "YTD", "1Y", "3Y (ann.)", "5Y (ann.)", "10Y (ann.)", "All-time (ann.)",
    "Avg. Drawdown Days", "Recovery Factor", "Ulcer Index", "Serenity Index", "Avg. Up Month",
    "Avg. Down Month", "Win Month", "Win Quarter", "Win Year", "Treynor Ratio",
}  # fmt: skip


class Both:
    """The same fat-tailed day returns, a tenth of them 0, and a benchmark, for both sides."""

    def __init__(self, seed: int, n: int = 800) -> None:
        rng = np.random.default_rng(seed)
        self.days = pd.bdate_range("2015-01-02", periods=n)
        self.x = rng.standard_t(5, n) * 0.008 + rng.normal(0.0003, 0.0003)
        self.x[rng.random(n) < 0.1] = 0.0
        self.x[0] = 0.003  # quantstats finds no drawdown in what is under water from its first day
        self.y = 0.5 * self.x + rng.normal(0.0003, 0.008, n)
        self.r, self.b = pd.Series(self.x, self.days), pd.Series(self.y, self.days)
        self.equity = 1e5 * np.cumprod(1.0 + self.x)
        self.dates = self.days.values.astype("M8[D]")
        self.ours = summary(
            equity=self.equity,
            initial_cash=1e5,
            close_time=self.days.values.astype("M8[us]").astype(np.int64) + DAY,
            periods_per_year=A,
            sessions_per_year=A,
            session_dates=self.dates,
            gross=np.ones(n),
            net=np.ones(n),
            benchmark=self.y,
        )
        self.episodes = stats.drawdown_details(stats.to_drawdown_series(self.r))

    def years(self) -> np.ndarray:
        return period_returns(self.dates, self.equity, 1e5, "Y")[1]

    def trough(self) -> str:
        found = drawdown_episodes(self.equity, 1e5).worst(1)
        return str(self.dates[found.valley[0]])


THEIRS = {
    "Cumulative Return": lambda t: stats.comp(t.r),
    "CAGR﹪": lambda t: stats.cagr(t.r, periods=A),
    "Sharpe": lambda t: stats.sharpe(t.r, periods=A),
    "Sortino": lambda t: stats.sortino(t.r, periods=A),
    "Omega": lambda t: stats.omega(t.r),
    "Volatility (ann.)": lambda t: stats.volatility(t.r, A),
    "Calmar": lambda t: stats.calmar(t.r, periods=A),
    "Daily Value-at-Risk": lambda t: stats.var(t.r),
    "Tail Ratio": lambda t: stats.tail_ratio(t.r),
    "Best Day": lambda t: stats.best(t.r),
    "Worst Day": lambda t: stats.worst(t.r),
    "Best Month": lambda t: stats.best(t.r, aggregate="ME"),
    "Worst Month": lambda t: stats.worst(t.r, aggregate="ME"),
    "Best Year": lambda t: stats.best(t.r, aggregate="YE"),
    "Worst Year": lambda t: stats.worst(t.r, aggregate="YE"),
    "Win Days": lambda t: stats.win_rate(t.r),
    "Max Drawdown": lambda t: stats.max_drawdown(t.r),
    "Max DD Date": lambda t: t.episodes.sort_values("max drawdown").iloc[0]["valley"],
    "Avg. Drawdown": lambda t: t.episodes["max drawdown"].mean() / 100,
    "Beta": lambda t: stats.greeks(t.r, t.b, A)["beta"],
}
PLACES = {
    "Best Year": lambda t: t.years().max(),
    "Worst Year": lambda t: t.years().min(),
    "Max DD Date": Both.trough,
}


@pytest.fixture(scope="module")
def cases() -> list[Both]:
    return [Both(seed) for seed in range(count(200))]


@pytest.mark.parametrize(("theirs", "ours"), SAME)
def test_said_to_be_the_same_and_is(cases: list[Both], theirs: str, ours: str) -> None:
    for case in cases:
        mine = PLACES[theirs](case) if theirs in PLACES else case.ours[ours]
        other = THEIRS[theirs](case)
        if isinstance(mine, str):
            assert str(other)[:10] == mine
        else:
            assert mine == pytest.approx(float(other), rel=1e-12)


def test_said_to_differ_and_does_so_as_said(cases: list[Both]) -> None:
    for t in cases:
        n, ours = t.x.size, t.ours
        unbiased = stats.skew(t.r) * (n - 2) / math.sqrt(n * (n - 1))
        assert ours["skew"] == pytest.approx(unbiased, rel=1e-10)
        excess = (stats.kurtosis(t.r) * (n - 2) * (n - 3) / (n - 1) - 6) / (n + 1)
        assert ours["kurtosis"] - 3 == pytest.approx(excess, rel=1e-9)
        law = NormalDist(t.x.mean(), t.x.std(ddof=1))
        beyond = law.mean - law.stdev * NormalDist().pdf(NormalDist().inv_cdf(0.05)) / 0.05
        assert stats.cvar(t.r) == pytest.approx(beyond, rel=1e-9)
        assert ours["cvar_95"] == pytest.approx(np.sort(t.x)[: int((n - 1) * 0.05) + 1].mean())
        alpha = stats.greeks(t.r, t.b, A)["alpha"]
        assert ours["alpha"] == pytest.approx((1 + alpha / A) ** A - 1, rel=1e-9)
        assert ours["correlation"] == pytest.approx(t.b.corr(t.r), rel=1e-12)
        assert ours["correlation"] ** 2 == pytest.approx(stats.r_squared(t.r, t.b), rel=1e-12)
        ratio = stats.information_ratio(t.r, t.b) * math.sqrt(A)
        assert ours["information_ratio"] == pytest.approx(ratio, rel=1e-11)
        assert stats.exposure(t.r) == math.ceil(100 * (t.x != 0).mean()) / 100
        assert stats.profit_factor(t.r) == pytest.approx(ours["omega"], rel=1e-12)
        assert stats.payoff_ratio(t.r) == pytest.approx(t.x[t.x > 0].mean() / -t.x[t.x < 0].mean())


def test_durations_differ_by_their_ends(cases: list[Both]) -> None:
    """Its first and last day under water, both counted; ours from the peak to the recovery."""
    for t in cases:
        found = drawdown_episodes(t.equity, 1e5)
        open_days = t.days.append(t.days[-1:])
        for k, row in enumerate(t.episodes.sort_values("start").itertuples()):
            first, last = int(found.peak[k]) + 1, int(found.end[k]) - (not found.open[k])
            assert str(t.days[first])[:10] == row.start
            assert str(open_days[last])[:10] == row.end
            assert row.days == (open_days[last] - t.days[first]).days + 1


def test_no_row_of_quantstats_is_forgotten() -> None:
    import quantstats

    t = Both(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own
        table = quantstats.reports.metrics(t.r, t.b, display=False, mode="full", periods_per_year=A)
    printed = {name.strip() for name in table.index if name.strip()}
    shared = {theirs for theirs, _, _ in QUANTSTATS}
    assert printed == shared | NOT_OURS
    assert not shared & NOT_OURS


def test_the_report_prints_the_table() -> None:
    from tests.report import factory
    from tests.report.reading import made, table

    rows = table(made("definitions", factory.daily()), "Beside quantstats 0.0.86")
    assert len(rows) == len(QUANTSTATS)
    assert rows[0] == ["Cumulative Return", DEFINITIONS["total_return"].label, "the same"]
