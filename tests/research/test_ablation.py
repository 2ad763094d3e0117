"""What each part adds: every row of the table is a backtest of its own."""

from __future__ import annotations

import numpy as np
import pytest

import trade_research as tr
from tests.frames.make import grid, walk
from trade_research.errors import StrategyError
from trade_research.strategies import donchian, ma_crossover, macd

BARS = walk(grid(1_200, "1h"), "1h", seed=4)


def by_run(table):
    return {(row["run"], row["part"]): row for row in table.rows(named=True)}


def test_each_row_is_its_own_backtest():
    three = tr.vote([macd, donchian, ma_crossover], k=2, weights={"macd": 1.5})
    found = tr.ablation(three, BARS, calendar="24/7", ma_crossover__slow=40, k=2.0)
    rows = by_run(found)
    assert len(rows) == 7
    given = {"calendar": "24/7"}
    for key, one, params in (
        (("whole", None), three, {"ma_crossover__slow": 40}),
        (("without", "macd"), tr.vote([donchian, ma_crossover], k=2), {"ma_crossover__slow": 40}),
        (("alone", "ma_crossover"), ma_crossover, {"slow": 40}),
        (("alone", "macd"), macd, {}),
    ):
        run = tr.backtest(one, BARS, **given, **params)
        for name in ("total_return", "sharpe", "trades", "cost_paid", "max_drawdown"):
            assert rows[key][name] == run.metrics[name], (key, name)
    whole = rows["whole", None]
    for row in rows.values():
        assert row["adds_return"] == whole["total_return"] - row["total_return"]
        assert row["adds_sharpe"] == pytest.approx(whole["sharpe"] - row["sharpe"])


def test_a_confirmation_and_a_regime_without_their_part_are_the_rule_alone():
    for made, left in (
        (tr.confirm(macd, by=donchian), "donchian"),
        (tr.only_in_regime(macd, "trend_up"), "regime"),
    ):
        rows = by_run(tr.ablation(made, BARS, macd__fast=5))
        alone = tr.backtest(macd, BARS, fast=5).metrics["total_return"]
        assert rows["without", left]["total_return"] == alone
        assert rows["alone", "macd"]["total_return"] == alone
        assert rows["whole", None]["total_return"] != alone
        assert np.isnan(rows["whole", None]["sharpe"] or np.nan)  # no calendar, no ratio


def test_the_title_names_what_is_unusual():
    run = tr.backtest(tr.vote([macd, donchian], k=2), BARS, macd__fast=5)
    assert repr(run).startswith("vote_donchian_macd(macd__fast=5, …) on ")
    short = tr.backtest(ma_crossover, BARS, slow=40)
    assert repr(short).startswith("ma_crossover(fast=20, slow=40, band=0.0, short=False, kind=sma)")


def test_what_is_not_composed_is_refused():
    with pytest.raises(StrategyError, match="macd is not made of others"):
        tr.ablation(macd, BARS)
