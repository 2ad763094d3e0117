"""The summary: its keys and their definitions, what it computes when, and its null rules."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trade_research.metrics import DEFINITIONS, returns_of, summary, trade_statistics
from trade_research.metrics.summary import METRICS

US_PER_DAY = 86_400_000_000
N = 600
RNG = np.random.default_rng(7)
EQUITY = 1000.0 * np.exp(np.cumsum(RNG.normal(2e-3, 0.01, N)))
BENCHMARK = RNG.normal(0, 0.01, N)
CLOSE = (np.arange(N) + 1) * US_PER_DAY // 4
DATES = (np.arange(N) // 4).astype("datetime64[D]")
TRADES = {
    "pnl": np.array([10.0, -5.0, 20.0]),
    "return": np.array([0.01, -0.005, 0.02]),
    "bars": np.array([3, 4, 5]),
    "mae": np.array([-0.01, -0.02, 0.0]),
    "mfe": np.array([0.03, 0.0, 0.03]),
    "open": np.array([False, False, False]),
}
FILLS = {
    "bar": np.array([1, 9]),
    "quantity": np.array([1.0, 1.0]),
    "price": np.array([900.0, 950.0]),
    "fee": np.array([1.0, 2.0]),
    "spread": np.array([0.5, 0.5]),
}


def given_everything(**other):
    arguments = {
        "equity": EQUITY,
        "initial_cash": 1000.0,
        "close_time": CLOSE,
        "start_time": 0,
        "periods_per_year": 1460.0,
        "session_dates": DATES,
        "sessions_per_year": 365.0,
        "gross": np.full(N, 0.5),
        "net": np.full(N, -0.5),
        "fills": FILLS,
        "trades": TRADES,
        "benchmark": BENCHMARK,
    }
    return summary(**{**arguments, **other})


def test_every_key_is_defined_and_every_definition_has_a_value():
    assert list(given_everything()) == list(DEFINITIONS)
    assert set(METRICS) == set(DEFINITIONS)
    assert len(given_everything()) == len(DEFINITIONS)
    assert {k for k, d in DEFINITIONS.items() if d.group == "trades"} == set(
        trade_statistics(TRADES)
    )


def test_definitions_say_what_they_must():
    for key, definition in DEFINITIONS.items():
        assert definition.label, key
        assert definition.formula, key
        assert definition.null_rule, key
        assert definition.unit in {"fraction", "ratio", "count", "money", "bars", "time", "bp"}
        assert definition.group is not None
    labels = [d.label for d in DEFINITIONS.values()]
    assert len(labels) == len(set(labels))


def test_values_are_plain_numbers_that_json_takes():
    values = dict(given_everything())
    assert all(type(v) in (float, int) for v in values.values()), values
    assert json.loads(json.dumps(values, allow_nan=False)) == values


def test_an_unknown_metric_names_the_nearest():
    with pytest.raises(KeyError, match="did you mean 'sharpe'"):
        given_everything()["sharp"]
    assert given_everything().get("nothing like it") is None


def test_dear_inputs_are_made_when_first_needed_and_once():
    calls = []

    def dates():
        calls.append("dates")
        return DATES

    run = given_everything(session_dates=dates, trades=lambda: calls.append("trades") or TRADES)
    assert run["sharpe"] is not None
    assert calls == []
    assert run["sharpe_daily"] == given_everything()["sharpe_daily"]
    assert run["psr"] is not None
    assert run["win_rate"] == pytest.approx(2 / 3)
    assert run["trades"] == 3
    assert calls == ["dates", "trades"]


def test_costs_turnover_and_exposure_by_hand():
    run = given_everything()
    before = EQUITY[[0, 8]]
    times = (900 / before[0] + 950 / before[1]) / 2
    assert run["turnover_total"] == pytest.approx(times)
    assert run["turnover"] == pytest.approx(times * 1460 / N)
    assert (run["fees_paid"], run["spread_paid"], run["slippage_paid"]) == (3.0, 1.0, 0.0)
    assert run["cost_paid"] == 4.0
    assert run["cost_per_year"] == pytest.approx(4.0 / EQUITY.mean() * 1460 / N)
    assert run["cost_share"] == pytest.approx(4.0 / (EQUITY[-1] - 1000.0 + 4.0))
    assert (run["exposure"], run["gross_exposure"], run["net_exposure"]) == (1.0, 0.5, -0.5)


def test_costs_may_be_given_in_money():
    run = given_everything(costs={"fees": 5.0, "borrow": 2.0})
    assert (run["fees_paid"], run["borrow_paid"], run["spread_paid"]) == (5.0, 2.0, 0.0)
    assert run["cost_paid"] == 7.0


def test_daily_numbers_use_the_last_equity_of_each_session():
    run = given_everything()
    daily = returns_of(EQUITY[3::4], 1000.0)
    assert run["days"] == 150
    assert run["volatility_daily"] == pytest.approx(daily.std(ddof=1) * math.sqrt(365))
    assert run["sharpe_daily"] == pytest.approx(daily.mean() / daily.std(ddof=1) * math.sqrt(365))
    assert (run["best_day"], run["worst_day"]) == (daily.max(), daily.min())
    assert run["sharpe_low"] < run["sharpe_daily"] < run["sharpe_high"]
    half = 1.6448536269514722 * run["sharpe_error"]
    assert run["sharpe_high"] - run["sharpe_daily"] == pytest.approx(half)


def test_a_run_beside_itself():
    run = given_everything(benchmark=returns_of(EQUITY, 1000.0))
    assert run["beta"] == pytest.approx(1.0)
    assert run["alpha"] == pytest.approx(0.0, abs=1e-10)
    assert run["correlation"] == pytest.approx(1.0)
    assert run["excess_return"] == pytest.approx(0.0, abs=1e-12)
    assert run["excess_cagr"] == pytest.approx(0.0, abs=1e-10)
    assert run["tracking_error"] == pytest.approx(0.0, abs=1e-14)
    assert run["information_ratio"] is None
    assert run["up_capture"] == pytest.approx(1.0)


def test_cash_lowers_ratios_of_reward_and_leaves_risk():
    plain, with_cash = given_everything(), given_everything(risk_free=0.05)
    per_bar, per_day = 1.05 ** (1 / 1460) - 1, 1.05 ** (1 / 365) - 1
    r = returns_of(EQUITY, 1000.0)
    expected = (r.mean() - per_bar) / r.std(ddof=1) * math.sqrt(1460)
    assert with_cash["sharpe"] == pytest.approx(expected)
    assert with_cash["volatility"] == plain["volatility"]
    daily = returns_of(EQUITY[3::4], 1000.0)
    expected = (daily.mean() - per_day) / daily.std(ddof=1) * math.sqrt(365)
    assert with_cash["sharpe_daily"] == pytest.approx(expected)
    assert with_cash["beta"] == plain["beta"]
    assert with_cash["sortino"] < plain["sortino"]


def test_without_a_calendar_annual_numbers_are_null_and_others_are_not():
    run = given_everything(periods_per_year=None, sessions_per_year=None)
    annual = {
        *("cagr", "volatility", "sharpe", "sortino", "calmar", "turnover", "cost_per_year"),
        *("sharpe_daily", "sharpe_error", "sharpe_low", "volatility_daily", "periods_per_year"),
        *("alpha", "tracking_error", "information_ratio", "excess_cagr"),
    }
    for key in annual:
        assert run[key] is None, key
    for key in ("total_return", "cagr_calendar", "omega", "max_drawdown", "psr", "beta"):
        assert run[key] is not None, key


def test_what_is_not_given_is_null():
    run = summary(equity=EQUITY, initial_cash=1000.0, close_time=CLOSE, periods_per_year=1460.0)
    groups = {"days", "exposure", "costs", "trades", "benchmark"}
    for key, value in run.items():
        assert (value is None) == (DEFINITIONS[key].group in groups), key


@given(st.integers(0, 5), st.sampled_from([0.0, 50.0, 100.0, -5.0]), st.sampled_from([None, 252.0]))
def test_short_flat_and_ruined_runs_never_give_infinities_or_warnings(n, level, a):
    fills = {k: v[:0] for k, v in FILLS.items()}
    run = given_everything(
        equity=np.full(n, level),
        initial_cash=100.0,
        close_time=CLOSE[:n],
        session_dates=DATES[:n],
        gross=np.zeros(n),
        net=np.zeros(n),
        fills=fills,
        trades={k: v[:0] for k, v in TRADES.items()},
        benchmark=np.zeros(n),
        periods_per_year=a,
    )
    for key, value in run.items():
        assert value is None or math.isfinite(value), key
    assert run["sharpe"] is None or n >= 2
    assert run["win_rate"] is None
    assert run["max_drawdown"] == (None if n == 0 else min(0.0, level / 100.0 - 1.0))
    assert run["turnover_total"] == 0.0


def test_it_prints_one_line_a_metric():
    lines = repr(given_everything(benchmark=None)).splitlines()
    assert len(lines) == len(DEFINITIONS) + 2
    assert any(line.split() == ["bars", "600"] for line in lines)
    assert any(line.split() == ["beta", "-"] for line in lines)


def test_the_room_imports_nothing_heavy():
    code = (
        "import sys, trade_research.metrics as m; m.summary; m.trade_split; m.alpha; "
        "heavy = {'numba', 'polars', 'scipy', 'pandas', 'duckdb', 'pyarrow'} & set(sys.modules); "
        "sys.exit(' '.join(heavy) or None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_room_lists_only_names_that_exist():
    import trade_research.metrics as room

    for name in room.__all__:
        assert getattr(room, name) is not None
