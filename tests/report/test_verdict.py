"""The verdict's rules: each gate alone decides the word it should, and says its number."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from tests.report import factory
from trade_research.report.run import Run
from trade_research.report.verdict import WORDS, eaten, judge

# Numbers that pass every gate; each case below breaks one of them.
GOOD = {
    "sharpe_daily": 1.4, "sharpe_low": 0.6, "sharpe_high": 2.2, "days": 2_000, "psr": 0.99,
    "dsr": 0.97, "pbo": 0.1, "best_year_share": 0.3, "best5_share": 0.2, "cost_share": 0.25,
}  # fmt: skip


def good(**metrics: Any) -> Run:
    run, found = factory.make_run(), GOOD | metrics
    luck = SimpleNamespace(trials=12 if found["dsr"] is not None else None, dsr=found["dsr"])
    return replace(
        run,
        metrics=dict(run.metrics) | found,
        evidence=SimpleNamespace(luck=luck, intervals={}, estimates={}),
        budget=factory.Budget(break_even_fee_bps=25.0),
        manifest=dict(run.manifest) | {"out_of_sample_from": "2019-01-01"},
    )


def flagged(rows: int) -> pl.DataFrame:
    frame = good().verdicts
    assert frame is not None
    return frame.head(1).with_columns(rows=pl.lit(rows))


def test_every_gate_passed_is_supported() -> None:
    found = judge(good())
    assert found.word == "Supported"
    assert found.sentence == (
        "Every gate passed, on unseen data too; costs eat 25% of the gross profit."
    )
    assert [gate.state for gate in found.gates] == ["yes"] * 11


def test_costs_above_the_gross_profit_are_told_as_times() -> None:
    assert eaten(0.25) == "costs eat 25% of the gross profit"
    assert eaten(1.0) == "costs eat 100% of the gross profit"
    assert eaten(90.58) == "costs are 90.6 times the gross profit"


@pytest.mark.parametrize(
    ("metrics", "word", "phrase"),
    [
        (
            {"sharpe_low": -0.1, "sharpe": 1.4},
            "No evidence",
            "Net Sharpe 1.40 [-0.10, 2.20] cannot be",
        ),
        ({"sharpe_low": -0.1, "sharpe": 1.6}, "No evidence", "Net Sharpe by day 1.40 [-0.10,"),
        ({"sharpe_low": 0.0}, "No evidence", "cannot be told from zero"),
        ({"sharpe_low": -2.0, "sharpe_high": -0.1}, "No evidence", "lies below zero"),
        ({"sharpe_low": None}, "No evidence", "comes without an interval"),
        ({"sharpe_daily": None}, "No evidence", "Sharpe ratio is undefined"),
        ({"dsr": 0.49}, "No evidence", "Luck alone explains it (DSR 0.49)"),
        ({"dsr": 0.94}, "Weak", "DSR 0.94 is below 0.95"),
        ({"dsr": 0.95}, "Supported", "Every gate"),
        ({"pbo": 0.51}, "No evidence", "PBO is 51.0%"),
        ({"pbo": 0.21}, "Weak", "PBO is 21.0%"),
        ({"pbo": 0.2}, "Supported", "Every gate"),
        ({"best_year_share": 0.51}, "Weak", "One calendar year made 51% of the profit"),
        ({"best_year_share": None}, "No evidence", "There is no net profit"),
        ({"best5_share": 0.6}, "Weak", "Five trades made 60% of the profit"),
        ({"best5_share": None}, "No evidence", "Closed trades made no net profit"),
    ],
)
def test_one_metric_decides(metrics: dict[str, Any], word: str, phrase: str) -> None:
    found = judge(good(**metrics))
    assert found.word == word
    assert phrase in found.sentence


@pytest.mark.parametrize(
    ("changes", "word", "phrase"),
    [
        ({"check": factory.Check(False)}, "Invalid", "A law is broken"),
        ({"check": None}, "Weak", "Look-ahead was not checked"),
        ({"status": "ruined"}, "Invalid", "The account was ruined"),
        ({"verdicts": None}, "Promising", "The data was not audited"),
        ({"verdicts": flagged(20)}, "Supported", "Every gate"),  # 1.00% of 2,000 bars
        ({"verdicts": flagged(21)}, "Weak", "1.1% of the bars are flagged"),
        ({"verdicts": flagged(110)}, "Invalid", "5.5% of the data is bad"),
        ({"budget": factory.Budget(break_even_fee_bps=19.9)}, "Weak", "at a fee of 19.9 bp"),
        ({"budget": factory.Budget(break_even_fee_bps=20.0)}, "Supported", "Every gate"),
        ({"budget": None}, "Weak", "break-even fee is unknown"),
        ({"trades": factory.make_run().trades.head(99)}, "Weak", "Only 99 trades"),
        ({"trades": factory.make_run().trades.head(0)}, "Invalid", "It never traded"),
    ],
)  # fmt: skip
def test_one_fact_decides(changes: dict[str, Any], word: str, phrase: str) -> None:
    found = judge(replace(good(), **changes))
    assert found.word == word
    assert phrase in found.sentence


@pytest.mark.parametrize(("n", "times"), [(1, "once"), (2, "2 times")])
def test_a_liquidation_is_on_page_one(n: int, times: str) -> None:
    trades = good().trades
    reasons = pl.Series(["liquidation"] * n + ["signal"] * (trades.height - n))
    found = judge(replace(good(), trades=trades.with_columns(exit_reason=reasons)))
    assert found.word == "Weak"
    assert f"It was liquidated {times}; " in found.sentence
    assert found.gates[1].found.startswith("the venue took ")


def test_open_trades_alone_leave_the_closed_ones_unknown() -> None:
    trades = good().trades.head(1).with_columns(open=pl.lit(True))
    found = judge(replace(good(best5_share=None), trades=trades))
    assert found.sentence.startswith("No trade is closed; only 1 trade")


def test_a_single_run_counts_its_trials_as_one_and_holds_nothing_back() -> None:
    """Without a sweep: at most Promising, and the page says what is unknown."""
    run = good(dsr=None, pbo=None)
    run = replace(run, manifest={k: v for k, v in run.manifest.items() if k == "setup"})
    found = judge(run)
    assert found.word == "Promising"
    texts = {gate.name: gate.found for gate in found.gates}
    assert texts["Luck discounted"] == (
        "deflated Sharpe 0.99, N unknown, counted as 1: an upper bound"
    )
    assert texts["Choice of parameters"].endswith("need a sweep")
    assert texts["Unseen data"].startswith("none")


def test_the_worst_gate_wins_and_two_are_named() -> None:
    found = judge(replace(good(best5_share=0.9, dsr=0.2), check=factory.Check(False)))
    assert found.word == "Invalid"
    assert found.sentence == (
        "A law is broken; luck alone explains it (DSR 0.20); costs eat 25% of the gross profit."
    )
    assert WORDS.index(found.word) == 0
