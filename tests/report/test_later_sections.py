"""What the sections on trades, time, luck, tails and benchmark print: by hand, and recomputed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from tests.report import factory
from tests.report.reading import made, table, words
from trade_research.report.charts import Chart
from trade_research.report.formats import percent
from trade_research.report.page import parts_of
from trade_research.report.section import Cell, Code, Table
from trade_research.report.sections import SECTIONS
from trade_research.report.sections.explore import split_outputs
from trade_research.report.sections.lessons import holding, hours, outliers, readings
from trade_research.report.sections.picks import choose


def test_cost_grid_and_lag_curve_carry_their_levels() -> None:
    run = factory.daily()
    section = made("costs", run)
    rows = table(section, "by costs and delay")
    assert rows[0] == ["0×", "1.20", "1.00", "0.80", "0.60", "0.40", "0.20"]
    assert [row[0] for row in rows] == ["0×", "1×", "2×", "4×"]
    tints = next(p for p in parts_of(section) if isinstance(p, Table) and "delay" in p.caption)
    kinds = [cell.kind for cell in tints.rows[2][1:] if isinstance(cell, Cell)]
    assert kinds == ["p1", "weak", "n1", "n2", "n3", "n3"]
    curve = next(p for p in parts_of(section) if isinstance(p, Chart) and "earlier" in p.title)
    assert "Net Sharpe 0.70 on time; 10 bars late it is -0.30." in curve.finding
    assert table(section, "Size against volume")[-1][1] == "5M"
    bare = made("costs", replace(run, evidence=None))
    assert "lateness and size would cost was not computed" in words(bare)


def test_contribution_adds_up_to_the_net_profit() -> None:
    run = factory.several()
    rows = table(made("contribution", run), "What each instrument added")
    assert len(rows) == 16 + 2
    amounts = [float(row[1].replace(",", "")) for row in rows]
    assert sum(amounts[:-1]) == pytest.approx(amounts[-1], abs=9)
    assert amounts[:16] == sorted(amounts[:16], reverse=True)
    assert SECTIONS["contribution"](factory.daily()) is None


def test_concentration_of_equal_weights() -> None:
    weights = np.full((2_000, 2), 0.25)
    run = replace(factory.daily(), weights=weights, instruments=("A", "B"))
    rows = dict(table(made("exposure", run), "Concentration"))
    assert rows["Largest weight, average while invested"] == "25.0%"
    assert rows["Effective number of names, average"] == "2.0"


def trades_of(pnl: list[float]) -> pl.DataFrame:
    """Closed trades of these profits, a day each, on 1,000 of money."""
    n = len(pnl)
    day = (
        pl.datetime_range(
            pl.datetime(2020, 1, 1, time_zone="UTC"),
            pl.datetime(2020, 1, n, time_zone="UTC"),
            "1d",
            eager=True,
            time_unit="us",
        )
        if n
        else []
    )
    gain = np.array(pnl) / 1_000
    return pl.DataFrame(
        {
            "entry_time": day,
            "exit_time": day,
            "bars": np.arange(1, n + 1),
            "pnl": pnl,
            "return": gain,
            "mae": np.minimum(gain, 0) - 0.01,
            "mfe": np.maximum(gain, 0) + 0.02,
        }
    )


def test_outliers_and_holding_by_hand() -> None:
    closed = trades_of([100.0, -50.0, 10.0, 20.0, -30.0, 5.0, 40.0])
    rows = {row[0]: list(row[1:]) for row in outliers(closed).rows}
    assert rows["All closed trades"] == ["7", "95.00", "13.57", "2.19"]
    assert rows["without the best 1"] == ["6", "-5.00", "-0.83", "0.94"]
    assert rows["without the best 5"] == ["2", "-80.00", "-40.00", "0.00"]
    assert rows["without the worst 5"] == ["2", "140.00", "70.00", "–"]
    held = [list(row[:3]) for row in holding(closed).rows]
    assert held == [
        ["1", "1", "100.00"],
        ["2", "1", "-50.00"],
        ["3 to 4", "2", "30.00"],
        ["5 to 8", "3", "15.00"],
    ]
    assert hours(closed) == []


def test_readings_of_excursions() -> None:
    closed = trades_of([10.0] * 15 + [-10.0] * 15)
    rows = [[c if isinstance(c, str) else c.text for c in row] for row in readings(closed).rows]
    # Winners fell to -1%, losers to -2%; losers rose to 2%, winners to 3%; all gave back 2% or 3%.
    assert rows[0][1:] == ["-1.0%", "100% of losers did"]
    assert rows[1][1:] == ["2.0%", "100% of winners went beyond"]
    assert rows[2][1:] == ["2.5%", "median 2.5%"]
    assert readings(trades_of([1.0])).rows[0][1] == "–"


def test_six_different_trades_are_chosen() -> None:
    trades = factory.daily().trades
    found = choose(trades)
    assert [why for why, _ in found] == [
        "Best",
        "Worst",
        "Median",
        "Longest",
        "Deepest MAE",
        "Last",
    ]
    assert len({row for _, row in found}) == 6
    pnl = trades["pnl"].to_numpy()
    assert pnl[found[0][1]] == pnl.max()
    assert pnl[found[1][1]] == pnl.min()
    assert len(choose(trades[:2])) == 2


def test_outputs_are_drawn_where_they_belong() -> None:
    run = factory.daily()
    assert split_outputs(run.prices) == (["fast", "slow"], ["spread"])


def test_luck_prints_what_evidence_found_and_the_sweep_that_is_missing() -> None:
    run = factory.daily()
    section = made("luck", run)
    rows = dict(table(section, "worth"))
    luck = run.evidence.luck
    assert rows["Sharpe ratio a year, net"] == f"{luck.sharpe:.2f}"
    span = f"[{luck.low:.2f}, {luck.high:.2f}]"
    assert rows[f"90%, autocorrelation to lag {luck.lags} (Lo, HAC)"] == span
    assert rows["Deflated Sharpe ratio, N unknown, counted as 1"] == percent(luck.psr)
    assert dict(table(section, "Timing"))["p-value"] == "0.043"
    code = next(p.text for p in parts_of(section) if isinstance(p, Code))
    assert code == (
        "trade-research sweep ma_crossover --data binance:BTC/USDT@1d "
        "-s fast=10:30:5 -s slow=50:150:25"
    )
    bare = made("luck", replace(run, evidence=None))
    assert "was not gathered" in words(bare)


def test_stability_prints_spans_regimes_and_what_was_missed() -> None:
    run = factory.daily()
    section = made("stability", run)
    found = run.evidence.stability
    years = table(section, "By year")
    assert [row[0] for row in years] == [span.name for span in found.years]
    assert [row[2] for row in years] == [percent(span.net_return) for span in found.years]
    assert len(table(section, "By kind of market")) == 6
    states = table(section, "By state of the market")
    assert [row[0] for row in states[5:]] == ["calm", "normal swings", "wild"]
    assert [row[2] for row in states if row[2] != "–"] == [
        percent(s.net_return) for s in (*found.states.trends, *found.states.volatilities) if s.bars
    ]
    assert "never tested on it: Black Monday" in words(section)
    assert "not known" in made("stability", replace(run, evidence=None)).claim


def test_tails_against_numpy() -> None:
    run = factory.daily()
    level = run.equity["equity"].to_numpy()
    gains = np.diff(level, prepend=100_000.0) / np.append(100_000.0, level[:-1])
    section = made("tails", run)
    rows = {row[0]: row[1:] for row in table(section, "Quantiles")}
    assert rows["Days"][0] == "2,000"
    shares = [0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1]
    wanted = np.quantile(gains, shares)
    assert rows["Days"][1:] == [percent(v, 2) for v in wanted]
    shape = dict(table(section, "shape"))
    worst = np.sort(gains)[: int((gains.size - 1) * 0.05) + 1]
    assert shape["Expected shortfall 95%, historical"] == percent(worst.mean(), 2)
    still = made("tails", factory.no_trades())
    assert still.claim == "The tails are not known: day returns do not vary"


def test_benchmark_says_what_is_known() -> None:
    run = factory.daily()
    rows = {row[0]: row[1:] for row in table(made("benchmark", run), "links")}
    beta = run.evidence.estimates["beta"]
    assert rows["Beta"][:2] == [f"{beta.value:.2f}", f"[{beta.low:.2f}, {beta.high:.2f}]"]
    assert rows["Correlation"][1] == "–"
    assert made("benchmark", replace(run, benchmark=None)).claim.startswith("No benchmark")


def test_result_without_flagged_bars() -> None:
    run = factory.daily()
    assert "was not computed" in words(made("data", run))
    other = replace(run, unflagged={**run.metrics, "total_return": 0.5})
    rows = table(made("data", other), "without flagged")
    assert rows[0][1:] == [percent(run.metrics["total_return"], 2), "50.00%"]


def test_seasons_are_means_with_their_errors() -> None:
    run = factory.make_run(24 * 200, step=timedelta(hours=1), interval="1h")
    section = made("calendar", run)
    by_hour = table(section, "Net return of hours")
    assert [row[0] for row in by_hour] == [f"{hour:02d}" for hour in range(24)]
    level = run.equity["equity"].to_numpy()
    gains = (np.diff(level, prepend=100_000.0) / np.append(100_000.0, level[:-1])).reshape(200, 24)
    assert by_hour[5][1:3] == ["200", f"{1e4 * gains[:, 5].mean():.1f} bp"]
    assert len(table(section, "Net return of days")) == 7
