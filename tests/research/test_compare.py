"""Two runs side by side: data, settings, trades and numbers that differ, worked by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import html5lib
import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.research import pages
from trade_research.errors import ConfigError
from trade_research.research.compare import compare_runs, trade_diff


@pytest.fixture
def pair(tmp_path):
    """Two runs: another level, and three revised bars and one more in the second."""
    bars = pages.bars(301)
    revised = bars.with_columns(
        close=pl.when(pl.int_range(pl.len()).is_in([10, 20, 30]))
        .then(pl.col("close") * 1.0001)
        .otherwise(pl.col("close"))
    )
    one = tr.backtest(pages.swing, bars[:300], calendar="24/7")
    two = tr.backtest(pages.swing, revised, calendar="24/7", level=101)
    return [one.save(tmp_path), two.save(tmp_path)]


def test_data_and_settings_come_first(pair):
    found = compare_runs(pair).found
    assert str(found.data[0]) == "data differs: 3 revised bars, 1 bar only in the other"
    assert found.data[0].examples[0][1:3] == ("2023-01-11 00:00", "close")
    settings = {row[0]: row[1:] for row in found.inputs.iter_rows()}
    assert settings["params.level"] == ("100.0", "101.0")
    assert next(iter(settings)) == "params.level"
    assert set(settings) == {"params.level", "data.rows", "data.last"}


def test_numbers_and_correlation_are_those_of_the_runs(pair):
    found = compare_runs(pair)
    row = found.numbers().filter(pl.col("metric") == "Total return").row(0)
    a, b = (run.metrics["total_return"] for run in pair)
    assert row[1:] == (a, b, b - a)
    days = [run.daily["net"].to_numpy()[:300] for run in pair]
    ours = [np.diff(level, prepend=100_000.0) / np.append(100_000.0, level[:-1]) for level in days]
    assert found.found.correlation[0] == pytest.approx(np.corrcoef(*ours)[0, 1], rel=1e-9)
    assert found.found.days == (300,)


def test_a_run_against_itself_differs_in_nothing(pair):
    found = compare_runs([pair[0], pair[0]]).found
    assert found.data[0].same
    assert found.inputs.is_empty()
    assert found.trades[0].rows.is_empty()
    assert found.trades[0].same == pair[0].trades.height
    assert found.correlation[0] == pytest.approx(1.0)
    with pytest.raises(ConfigError, match="two runs or more"):
        compare_runs(pair[:1])


def test_exits_that_ask_for_nothing_are_no_difference(pair, tmp_path):
    bars = pages.bars(300)
    same = tr.backtest(pages.swing, bars, calendar="24/7", exits=tr.Exits()).save(tmp_path)
    assert compare_runs([pair[0], same]).found.inputs.is_empty()


def test_what_is_absent_or_none_in_both_is_no_difference(pair, tmp_path):
    bars = pages.bars(300)
    stop = tr.backtest(pages.swing, bars, calendar="24/7", exits=tr.Exits(stop=0.2)).save(tmp_path)
    settings = compare_runs([pair[0], stop]).found.inputs
    assert settings.rows() == [("setup.exits.stop", "-", "0.2"), ("setup.exits.cooldown", "-", "0")]


def test_trades_matched_by_hand():
    def frame(rows: list[tuple[int, int, float, float]]) -> pl.DataFrame:
        days = [datetime(2024, 1, d, tzinfo=UTC) for d in range(1, 31)]
        return pl.DataFrame(
            {
                "symbol": ["X"] * len(rows),
                "side": ["long"] * len(rows),
                "entry_time": [days[r[0]] for r in rows],
                "exit_time": [days[r[1]] for r in rows],
                "entry_price": [r[2] for r in rows],
                "exit_price": [r[3] for r in rows],
            }
        )

    # Equal; another exit price; one entry with two exits, the second later; only here; only there.
    equal, split = (1, 2, 10.0, 11.0), (5, 6, 9.0, 9.0)
    base = frame([equal, (3, 4, 10.0, 12.0), split, (5, 7, 9.0, 9.0), (9, 10, 1.0, 2.0)])
    other = frame([equal, (3, 4, 10.0, 12.5), split, (5, 8, 9.0, 9.0), (11, 12, 1.0, 2.0)])
    found = trade_diff(base, other)
    assert (found.same, found.different, found.only_base, found.only_other) == (2, 2, 1, 1)
    assert found.rows["found"].to_list() == ["different", "different", "only base", "only other"]
    assert found.rows["exit_price_other"].to_list() == [12.5, 9.0, None, 2.0]


def test_the_page_is_inert_static_and_the_same_twice(pair, tmp_path):
    found = compare_runs(pair)
    text = found.report(tmp_path / "a.html").read_text(encoding="utf-8")
    assert text == found.report(tmp_path / "b.html").read_text(encoding="utf-8")
    root = html5lib.parse(text, treebuilder="lxml", namespaceHTMLElements=False).getroot()
    titles = [p.text for p in root.iter("p") if p.get("class") == "label"]
    assert titles == ["What differs", "Headline", "Equity", "Trades", "Together"]
    assert root.findtext(".//h1").endswith("swing: level=100.0 against level=101.0")
    assert root.findtext(".//h2").startswith("Data differs: 3 revised bars")
    assert all(not name.startswith("on") for node in root.iter("*") for name in node.attrib)
    assert len(text) < 200_000


def test_the_terminal_gets_titled_tables(pair):
    tables = dict(compare_runs(pair).tables())
    assert "settings that differ" in tables
    assert len(tables) == 5
