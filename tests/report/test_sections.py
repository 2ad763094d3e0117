"""What the sections print: the run's own numbers, and the reason where there is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.report import factory
from tests.report.reading import made, table, words
from trade_research.report.charts import Chart
from trade_research.report.formats import by_unit, money, percent
from trade_research.report.page import parts_of, render
from trade_research.report.run import Run
from trade_research.report.section import Card, Cards, Cell, Strip, Table


def cards(run: Run) -> dict[str, Card]:
    found = [p for p in parts_of(made("headline", run)) if isinstance(p, Cards)]
    return {card.label: card for card in found[0].cards}


def test_headline_cards_carry_value_interval_and_count() -> None:
    run = factory.daily()
    shown, m = cards(run), run.metrics
    assert shown["CAGR, net"].value == percent(m["cagr"])
    found = run.evidence.estimates
    low, high = percent(found["cagr"].low), percent(found["cagr"].high)
    assert shown["CAGR, net"].lines == (
        f"[{low}, {high}] · n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}2,000",
    )
    sharpe = shown["Sharpe ratio, day returns"]
    assert sharpe.value == f"{m['sharpe_daily']:.2f}"
    boot = found["sharpe_daily"]
    assert sharpe.lines[0].startswith(f"[{boot.low:.2f}, {boot.high:.2f}] · days")
    assert shown["Trades"].value == "160"
    bare = cards(replace(run, evidence=None))
    assert (
        bare["Sharpe ratio, day returns"]
        .lines[0]
        .startswith(f"[{m['sharpe_low']:.2f}, {m['sharpe_high']:.2f}]")
    )
    assert bare["Volatility, day returns"].lines[0] == "no interval · n = 2,000 bars"
    few = cards(factory.no_trades())["Volatility, day returns"].lines[0]
    assert few.startswith("0 days with a result, 20 wanted for an interval")


def test_nothing_is_annualised_without_a_calendar_and_the_page_says_why() -> None:
    page = render(factory.with_nan())
    assert "Nothing is annualised: the calendar is unknown." in page
    run = factory.daily()
    assert "Annualised with 365 bars of 1d a year (calendar 24/7)" in render(run)


def test_calendar_rows_compound_to_their_total() -> None:
    run = factory.daily()
    section = made("calendar", run)
    for row in table(section, "Net return by month"):
        months = [float(cell[:-1]) / 100 for cell in row[1:13] if cell not in ("", "–")]
        total = float(row[13][:-1]) / 100
        assert np.prod(1 + np.array(months)) - 1 == pytest.approx(total, abs=0.008)
    assert len(table(section, "Net return by month")) == 6


def test_a_bar_that_closes_at_midnight_counts_for_the_day_before() -> None:
    """31 December closes at 00:00 of 1 January: 2015 has one row more than its own months."""
    run = factory.make_run(365)
    assert [row[0] for row in table(made("calendar", run), "Net return by month")] == ["2015"]


def test_drawdown_table_starts_with_the_deepest() -> None:
    run = factory.daily()
    rows = table(made("drawdowns", run), "deepest")
    assert rows[0][1] == percent(run.metrics["max_drawdown"])
    depths = [float(row[1][:-1]) for row in rows]
    assert depths == sorted(depths)


def test_waterfall_adds_up() -> None:
    run = factory.daily()
    steps = table(made("costs", run), "Gross to net")
    amounts = [float(row[1].replace(",", "")) for row in steps]
    assert sum(amounts[:-1]) == pytest.approx(amounts[-1], abs=3)
    net = float(run.equity["equity"][-1]) - run.initial_cash
    assert steps[-1][1] == money(net)
    assert steps[0][0] == "Gross"


def test_costs_that_are_no_fill_are_borrowing() -> None:
    run = factory.daily()
    more = run.equity.with_columns(cost=pl.col("cost") + 500.0)
    before = table(made("costs", run), "Gross to net")
    after = table(made("costs", replace(run, equity=more)), "Gross to net")
    assert {row[0] for row in after} - {row[0] for row in before} <= {"Borrow"}
    assert any(row[0] == "Borrow" for row in after)


def test_break_evens_and_grid() -> None:
    section = made("costs", factory.daily())
    assert table(section, "Where the profit is gone")[0] == [
        "Fee a side",
        "10.0 bp",
        "14.2 bp",
        "1.4×",
    ]
    assert table(section, "multiples") [-1] == ["2×", "-10.0%", "–"]  # fmt: skip
    bare = made("costs", replace(factory.daily(), budget=None))
    assert "Break-even costs were not computed" in words(bare)


def test_trades_are_split_by_side() -> None:
    run = factory.daily()
    rows = {row[0]: row[1:] for row in table(made("trades", run), "All, long and short")}
    every, long, short = (int(cell) for cell in rows["Closed trades"])
    assert every == long + short == run.trades.height
    assert rows["Hit rate"][0] == percent(run.metrics["win_rate"], 0)
    reasons = table(made("trades", run), "By reason of exit")
    assert sum(int(row[1]) for row in reasons) == every


def test_thousands_of_trades_are_thinned_and_said() -> None:
    run = factory.make_run(40_000, n_trades=4_000)
    charts = [p for p in parts_of(made("trades", run)) if isinstance(p, Chart)]
    assert "of 4,000 trades drawn" in charts[0].read
    assert len(charts[0].svg) < 150_000


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"warmup_bars": 5_000}, "The run has 2,000 bars, its warm-up needs 5000."),
        ({"warmup_bars": 0}, "The strategy never asked for a position"),
    ],
)
def test_zero_trades_are_explained(changes: dict[str, Any], expected: str) -> None:
    run = replace(factory.no_trades(), **changes)
    assert expected in words(made("trades", run))
    assert expected in words(made("orders", run))
    assert made("costs", run).claim == "Nothing was traded, so nothing was paid"


def test_unfilled_orders_carry_their_reason_in_words() -> None:
    section = made("orders", factory.daily())
    rows = table(section, "Orders by fate")
    assert rows[1][:3] == ["unfilled", "the bar traded nothing (volume 0); the order waits", "8"]
    assert section.claim == "8 of 320 orders did not fill whole"


@pytest.mark.parametrize(
    ("ambiguous", "bounds", "expected"),
    [
        (0, None, "no fill depends on the path inside a bar"),
        (3, None, "3 bars held a stop and a target at once; the worse one was taken. No bound"),
        (3, (-10.0, 2_000.0), "the profit lies in [-10.00, 2,000]"),
    ],
)
def test_ambiguous_bars(ambiguous: int, bounds: Any, expected: str) -> None:
    run = replace(factory.daily(), ambiguous=ambiguous, pnl_bounds=bounds)
    assert expected in words(made("orders", run))


def test_ruin_is_said_first() -> None:
    run = factory.ruined()
    assert made("orders", run).claim == "The account was ruined"
    assert made("verdict", run).claim == "Invalid"
    assert "linear axis, since equity reached zero" in render(run)


def test_data_lists_gaps_and_flags() -> None:
    run = factory.daily()
    section = made("data", run)
    assert section.claim == "2,000 bars, 2 gaps (9 bars missing), 1 other flag"
    strip = next(p for p in parts_of(section) if isinstance(p, Strip))
    assert [kind for _, _, kind in strip.pieces] == ["net", "loss", "bg", "bg"]
    kinds = table(section, "Flags by kind")
    assert [row[:3] for row in kinds] == [["gap", "2", "9"], ["zero volume", "1", "1"]]
    clean = made("data", replace(run, verdicts=run.verdicts.clear()))
    assert clean.claim == "2,000 bars, no gap and nothing flagged"
    assert made("data", replace(run, verdicts=None)).claim == "2,000 bars, not audited"


def test_manifest_holds_what_repeats_the_run() -> None:
    page = render(factory.daily())
    for part in ("trade-research backtest ma_crossover", "a" * 64, "setup.costs.fee_bps", "uPlot"):
        assert part in page
    assert "return sma(close, fast) &gt; sma(close, slow)" in page


def test_definitions_print_every_metric_with_its_value() -> None:
    from trade_research.metrics import DEFINITIONS

    run = factory.daily()
    section = made("definitions", run)
    rows = [row for part in section.parts if isinstance(part, Table) for row in part.rows]
    assert len(rows) == len(DEFINITIONS)
    for (key, meaning), row in zip(DEFINITIONS.items(), rows, strict=True):
        assert isinstance(row[0], Cell)
        assert row[0].text == meaning.label
        shown = row[1] if isinstance(row[1], str) else row[1].text
        assert shown == by_unit(run.metrics[key], meaning.unit)


def test_notebook_figure_is_the_pages_picture_in_real_colours() -> None:
    from io import BytesIO

    from trade_research.report.figures import equity_figure
    from trade_research.report.palette import LIGHT

    run = factory.daily()
    figure = equity_figure(run.equity, run.benchmark)
    above, below = figure.axes
    drawn = {line.get_color() for line in above.get_lines()}
    assert drawn == {LIGHT["net"], LIGHT["bench"]}
    assert [text.get_text() for text in above.get_legend().get_texts()] == ["Net", "Benchmark"]
    depth = below.get_lines()[0].get_ydata()
    assert depth.min() == pytest.approx(run.metrics["max_drawdown"])
    out = BytesIO()
    figure.savefig(out, format="png")
    assert out.getvalue().startswith(b"\x89PNG")


def test_notebook_shows_a_figure_without_pyplot() -> None:
    from trade_research.report.figures import equity_figure

    figure = equity_figure(factory.daily().equity)
    png = figure._repr_png_()
    assert png.startswith(b"\x89PNG")
    width = int.from_bytes(png[16:20], "big")
    assert width == 2 * 960
    assert figure._repr_png_() == png
