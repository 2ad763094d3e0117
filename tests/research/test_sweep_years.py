"""Sweeps year by year: each year is a run of its own, and the page says what became of the best."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.frames.make import grid, walk
from tests.report.reading import table
from tests.sweep import naive
from trade_research.report.sections.sweep_years import years
from trade_research.sweep import METRICS

AXES = {"fast": [3, 8], "slow": [20, 45, 70], "stop": [None, 0.03], "fee_bps": [0.0, 12.0]}


@pytest.fixture(scope="module")
def bars():
    return walk(grid(1_100, "1d", start="2019-08-01"), "1d", seed=4)


@pytest.fixture(scope="module")
def found(bars):
    return tr.sweep(tr.strategies.ma_crossover, bars, calendar="24/7", progress=False, **AXES)


def spans(frame, first):
    """Bars [a, b) of each calendar year of the closes, as far as any counts."""
    year = (frame["close_time"].dt.offset_by("-1us")).dt.year().to_numpy()
    all_of = [(y, np.flatnonzero(year == y)) for y in np.unique(year)]
    return {int(y): (int(at[0]), int(at[-1]) + 1) for y, at in all_of if at[-1] >= first}


def test_a_year_is_a_run_of_its_own_on_the_targets_of_all_bars(bars, found):
    by_year, cut = found.by_year(), spans(bars, found.start)
    assert sorted(cut) == [2019, 2020, 2021, 2022]
    assert by_year.height == found.size * 4
    ground = found.scorer.grounds[""]
    for row in by_year.sample(24, seed=1).iter_rows(named=True):
        own = {name: row[name] for name in AXES}
        rules = found.scorer.setup.rules_of_the_game | {"exits": tr.Exits()}
        game = naive.as_game(rules | {"finalize": False})
        year = {"periods_per_year": 365.0, "sessions_per_year": 365.0}
        _, (want,) = naive.one(
            tr.strategies.ma_crossover, ground.market, ground.columns, own, found.start,
            [cut[row["year"]]], game, **year,
        )  # fmt: skip
        got = {name: np.nan if row[name] is None else row[name] for name in METRICS}
        assert got == pytest.approx(want, rel=1e-9, abs=1e-9, nan_ok=True)


def test_a_year_is_what_a_backtest_from_its_first_bar_says(bars, found):
    for year, (first, last) in list(spans(bars, found.start).items())[1:]:
        run = tr.backtest(
            tr.strategies.ma_crossover, bars[:last], calendar="24/7", start=first,
            fast=8, slow=45, exits=tr.Exits(stop=0.03), costs=tr.Costs(fee_bps=12.0),
        )  # fmt: skip
        mine = pl.col("fast") == 8, pl.col("slow") == 45, pl.col("stop") == 0.03
        row = found.by_year().filter(*mine, pl.col("fee_bps") == 12.0, pl.col("year") == year)
        for name in ("total_return", "max_drawdown", "trades", "win_rate", "cost_paid"):
            assert row[name][0] == pytest.approx(run.metrics[name], rel=1e-9), (year, name)


def test_years_of_several_instruments_and_of_some_rows(bars, found):
    late = bars[300:]
    both = pl.concat([bars.with_columns(symbol=pl.lit("A")), late.with_columns(symbol=pl.lit("B"))])
    both = both.sort("open_time", "symbol")
    rule = {"fast": [3], "slow": [20]}
    swept = tr.sweep(
        tr.strategies.ma_crossover, both, calendar="24/7", progress=False, symbol=["A", "B"], **rule
    )
    by_year = swept.by_year()
    years_of = {s: by_year.filter(pl.col("symbol") == s)["year"].to_list() for s in "AB"}
    assert years_of == {"A": [2019, 2020, 2021, 2022], "B": [2020, 2021, 2022]}
    some = found.by_year(np.array([5, 2]))
    whole = found.by_year()
    assert some.equals(whole.filter(pl.col("trial").is_in(found.results["trial"][[2, 5]])))


def test_the_page_says_where_the_best_stood_each_year(found):
    section = years(found.view)
    best = found.results.row(found.evidence.best, named=True)
    rows, good = table(section, "Year by year"), 0
    for cells, (year, part) in zip(
        rows, found.by_year().group_by("year", maintain_order=True), strict=True
    ):
        mine = part.filter(*(pl.col(n).eq_missing(best[n]) for n in AXES))["sharpe"][0]
        others = [v for v in part["sharpe"].to_list() if v is not None]
        share = (sum(v < mine for v in others) + (others.count(mine) - 1) / 2) / (len(others) - 1)
        good += share > 0.5
        assert cells[0] == str(year[0])
        assert float(cells[1]) == pytest.approx(np.median(others), abs=0.005001)
        assert cells[3] == f"{100 * share:.0f}%"
    assert section.claim == f"The best of all was above the middle in {good} of 4 years"
    parts = [part for part in section.parts if hasattr(part, "parts")]
    assert len(parts[0].parts) == len(AXES)


def test_a_picture_of_years_and_none_of_one_year(bars, found):
    assert found.plot("years", y="slow", metric="total_return").axes
    short = tr.sweep(
        tr.strategies.ma_crossover, bars[:150], calendar="24/7", progress=False, fast=[3, 5]
    )
    assert years(short.view) is None
