"""The desk end to end: what a run says, that it says it twice the same, and what it refuses."""

from __future__ import annotations

import pickle

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import trade_research as tr
from trade_research.errors import ConfigError, ParameterError, StrategyError
from trade_research.frames import to_bars


def days(closes, symbol: str | None = None) -> pl.DataFrame:
    """Daily bars from 2024-01-01 that open at the close before and reach one beyond both."""
    close = np.asarray(closes, dtype=float)
    start = np.concatenate([close[:1], close[:-1]])
    frame = pl.DataFrame(
        {
            "open_time": np.datetime64("2024-01-01", "us")
            + np.arange(close.size) * np.timedelta64(1, "D"),
            "open": start,
            "high": np.maximum(start, close) + 1.0,
            "low": np.minimum(start, close) - 1.0,
            "close": close,
            "volume": np.full(close.size, 1000.0),
        }
    )
    return to_bars(frame, "1d", symbol=symbol)


@tr.strategy
def follow(close, level: float = 100.0):
    """In the market after a close above the level."""
    target = np.zeros(close.size)
    for t in range(close.size):
        target[t] = 1.0 if close[t] > level else 0.0
    return target


def test_a_run_worked_by_hand():
    # Closes 100 110 120 90 95: the close of 110 buys at the open of the third bar (110), the close
    # of 90 sells at the open of the fifth (90). Fee 1%: q = 1000 / (110 * 1.01), cash = q*90*0.99.
    run = tr.backtest(
        follow,
        days([100, 110, 120, 90, 95]),
        cash=1000.0,
        costs=tr.Costs(fee_bps=100, spread_bps=0, slippage_bps=0),
        calendar="24/7",
    )
    q = 1000.0 / (110.0 * 1.01)
    expected = [1000.0, 1000.0, q * 120.0, q * 90.0, q * 90.0 * 0.99]
    np.testing.assert_allclose(run.equity["equity"].to_numpy(), expected, rtol=1e-12)
    assert run.fills["side"].to_list() == ["buy", "sell"]
    assert run.fills["price"].to_list() == [110.0, 90.0]
    assert run.trades.height == 1
    np.testing.assert_allclose(run.trades["pnl"][0], q * 90.0 * 0.99 - 1000.0, rtol=1e-12)
    np.testing.assert_allclose(run.metrics["total_return"], q * 90.0 * 0.99 / 1000.0 - 1.0)
    assert run.metrics["trades"] == 1
    np.testing.assert_allclose(run.gross.equity[-1], 1000.0 / 110.0 * 90.0, rtol=1e-12)


def test_the_same_inputs_give_the_same_bits_and_the_same_id():
    bars = days(100.0 + 10.0 * np.sin(np.arange(300) / 7.0))
    one, two = (tr.backtest(follow, bars, calendar="24/7", level=101) for _ in range(2))
    assert one.equity.equals(two.equity)
    assert one.manifest == two.manifest
    other = tr.backtest(follow, bars, calendar="24/7", level=102)
    assert other.manifest["run_id"] != one.manifest["run_id"]


def test_a_bare_frame_without_a_calendar_is_not_annualised():
    run = tr.backtest(follow, days([100, 110, 120, 90, 95]))
    assert run.metrics["sharpe"] is None
    assert run.metrics["total_return"] is not None
    assert any("calendar" in note for note in run.warnings)


def test_annualisation_follows_calendar_and_interval():
    bars = days(100.0 + 10.0 * np.sin(np.arange(300) / 7.0))
    run = tr.backtest(follow, bars, calendar="24/7")
    returns = np.diff(np.log(np.concatenate([[run.setup.cash], run.result.equity])))
    assert run.metrics["periods_per_year"] == 365
    plain = np.expm1(returns)
    expected = plain.mean() / plain.std(ddof=1) * np.sqrt(365)
    np.testing.assert_allclose(run.metrics["sharpe"], expected, rtol=1e-10)


def test_several_symbols_share_the_cash_in_equal_parts():
    long = pl.concat([days([100, 110, 120, 130], "A"), days([50, 55, 60, 65], "B")])
    run = tr.backtest(
        tr.strategies.buy_and_hold, long, cash=1000.0, costs=tr.Costs.zero(), calendar="24/7"
    )
    # Decided at the first close, bought at the second open: 500 of each, at 100 and at 50.
    expected = [1000.0, 5 * 110 + 10 * 55, 5 * 120 + 10 * 60, 5 * 130 + 10 * 65]
    np.testing.assert_allclose(run.equity["equity"].to_numpy(), expected, rtol=1e-12)
    assert set(run.fills["symbol"].to_list()) == {"A", "B"}


def test_a_symbol_that_starts_late_is_absent_before():
    late = days([50, 55, 60, 65], "B").slice(2)
    long = pl.concat([days([100, 110, 120, 130], "A"), late])
    run = tr.backtest(
        tr.strategies.buy_and_hold, long, cash=1000.0, costs=tr.Costs.zero(), calendar="24/7"
    )
    assert run.fills.filter(pl.col("symbol") == "B")["bar"].to_list() == [3]


def test_a_frame_from_the_store_knows_its_calendar(tmp_path):
    store = tr.Store(tmp_path)
    store.write_bars(days(np.arange(100.0, 160.0)), venue="binance", symbol="X", interval="1d")
    bars = store.bars("X", "1d")
    run = tr.backtest(tr.strategies.buy_and_hold, bars)
    assert run.data.calendar.name == "24/7"
    assert run.manifest["data"]["names"] == ["binance:X@1d"]
    by_query = tr.backtest(tr.strategies.buy_and_hold, store.query("binance:X@1d"))
    assert by_query.manifest["run_id"] == run.manifest["run_id"]
    changed = tr.backtest(tr.strategies.buy_and_hold, bars.with_columns(pl.col("close") * 1.0))
    assert changed.data.calendar is None


def test_a_frame_is_read_once_unless_it_changed():
    bars = days([100, 110, 120, 90, 95])
    one = tr.backtest(follow, bars, calendar="24/7")
    assert tr.backtest(follow, bars, calendar="24/7", level=99).data is one.data
    assert tr.backtest(follow, bars).data.calendar is None
    bars[3, "close"] = 91.0
    two = tr.backtest(follow, bars, calendar="24/7")
    assert two.data is not one.data
    assert two.data.frame["close"][3] == 91.0
    assert one.data.frame["close"][3] == 90.0


def plain(close):
    return close * 0.0


@pytest.mark.parametrize("door", [tr.backtest, tr.check, tr.sweep, tr.walk_forward, tr.replay])
def test_a_plain_function_and_a_name_are_no_strategies(door):
    more = {"train": "3d", "test": "1d"} if door is tr.walk_forward else {}
    with pytest.raises(StrategyError, match=r"plain is no strategy; put @tr\.strategy above"):
        door(plain, days([100, 110]), **more)
    with pytest.raises(StrategyError, match=r"'macd' is a name; tr\.load_strategy"):
        door("macd", days([100, 110]), **more)


def test_what_it_refuses():
    bars = days([100, 110, 120, 90, 95])
    with pytest.raises(ParameterError, match=r"no parameter 'levl'.*'level'"):
        tr.backtest(follow, bars, levl=3)
    with pytest.raises(ConfigError, match="one frame of bars"):
        tr.backtest(follow, [1, 2, 3])
    with pytest.raises(ConfigError, match="no bars"):
        tr.backtest(follow, bars.clear())
    with pytest.raises(ConfigError, match="cash must be positive"):
        tr.backtest(follow, bars, cash=0)
    with pytest.raises(ConfigError, match="no calendar is called"):
        tr.backtest(follow, bars, calendar="nowhere")


@pytest.mark.parametrize(
    ("setup", "words"),
    [
        ({"costs": 0.001}, r"costs cannot be 0.001: write costs=tr\.Costs\("),
        ({"costs": "binance"}, r"costs cannot be 'binance': .*tr\.Costs\.venue"),
        ({"exits": {"stop": 0.1}}, r"write exits=tr\.Exits\(stop="),
        ({"rules": 0.01}, r"write rules=tr\.Rules\(lot="),
        ({"portfolio": "equal"}, r"write portfolio=tr\.EqualWeight\("),
        ({"cost": 0.001}, r"backtest has no argument and follow no parameter 'cost'; .*'costs'"),
    ],
)
def test_arguments_of_another_kind_say_what_to_write(setup, words):
    with pytest.raises((ConfigError, ParameterError), match=words):
        tr.backtest(follow, days([100, 110, 120]), **setup)


def test_a_rate_of_cash_that_is_none_is_refused():
    run = tr.backtest(follow, days([100, 110, 120]), calendar="24/7", risk_free=-1.5)
    with pytest.raises(ConfigError, match="risk_free must be a yearly rate above -1"):
        run.metrics["sharpe"]


def test_what_a_spot_account_cannot_give_is_noted():
    bars = days([100, 110, 120, 90, 95])
    short = tr.backtest(tr.strategy(lambda close: np.sign(100.0 - close)), bars, calendar="24/7")
    assert short.warnings == [
        "targets below 0 were taken as 0: a spot account holds no shorts, account='margin' does"
    ]
    assert repr(short).splitlines()[-1] == f"note: {short.warnings[0]}"
    large = tr.backtest(tr.strategy(lambda close: close * 0.0 + 2.5), bars, calendar="24/7")
    assert large.warnings[0].startswith("targets of up to 2.5 times the equity were cut")
    margin = tr.backtest(short.strategy, bars, calendar="24/7", account="margin")
    assert margin.warnings == []


def test_no_trades_say_why():
    bars = days([100, 110, 120])
    late = tr.backtest(tr.strategies.ma_crossover, bars, calendar="24/7")
    assert late.warnings == ["no trades: the warm-up takes 100 bars and there are 3"]
    never = tr.backtest(follow, bars, calendar="24/7", level=1000.0)
    assert never.warnings == ["no trades: no bar that counts has a target other than 0"]
    far = tr.backtest(follow, bars, calendar="24/7", delay=50)
    assert far.warnings == ["no trades: `orders` says why"]


def test_how_it_prints():
    run = tr.backtest(follow, days([100, 110, 120, 90, 95]), calendar="24/7")
    text = repr(run)
    assert "follow(level=100.0)" in text
    assert "buy and hold" in text
    html = run._repr_html_()
    assert "<script" not in html
    assert len(html) < 30_000


def test_what_a_run_is_made_of_prints_in_a_few_lines():
    run = tr.backtest(follow, days(np.tile([100.0, 110, 120, 90], 20)), calendar="24/7")
    assert repr(run.result).startswith("<result ok: 100,000.00 became ")
    lines = repr(run.evidence).splitlines()
    assert lines[0] == "evidence of 80 days, 90% intervals"
    assert len(lines) < 20
    assert max(map(len, lines)) < 100


def test_a_notebook_shows_the_readers_own_lines_and_the_message():
    with pytest.raises(StrategyError) as caught:
        tr.backtest("macd", days([100, 110]))
    *steps, message = caught.value._render_traceback_()
    assert message.startswith("StrategyError: backtest: 'macd' is a name")
    assert len(steps) == 1
    assert 'tr.backtest("macd"' in steps[0]


def test_one_bar_and_no_trades_still_say_something(tmp_path):
    for closes in ([100], [90, 91, 92]):
        run = tr.backtest(follow, days(closes), calendar="24/7")
        assert run.metrics["trades"] == 0
        assert "no trades" in " ".join(run.warnings)
        assert "follow" in repr(run)
        assert run.report(tmp_path / "r.html").stat().st_size > 1000


def test_a_portfolio_sizes_the_targets():
    long = pl.concat([days([100, 110, 120, 130], "A"), days([50, 55, 60, 65], "B")])
    run = tr.backtest(
        tr.strategies.buy_and_hold,
        long,
        cash=1000.0,
        costs=tr.Costs.zero(),
        calendar="24/7",
        portfolio=tr.EqualWeight(gross=1.0, max_weight=0.25),
    )
    # A quarter of 1,000 in each at the second open, 100 and 50; half stays in cash.
    expected = [1000.0, 500 + 2.5 * 110 + 5 * 55, 500 + 2.5 * 120 + 5 * 60, 500 + 2.5 * 130 + 325]
    np.testing.assert_allclose(run.equity["equity"].to_numpy(), expected, rtol=1e-12)


def test_the_result_without_flagged_bars():
    # A close of 1,000 for one day among quiet ones: flagged, and all of the profit.
    closes = np.full(200, 100.0) + np.arange(200) % 2
    closes[120] = 1000.0
    run = tr.backtest(tr.strategies.buy_and_hold, days(closes), calendar="24/7")
    assert run.data.flagged[120]
    returns = np.diff(run.result.equity, prepend=run.setup.cash)
    returns /= np.concatenate([[run.setup.cash], run.result.equity[:-1]])
    kept = np.where(run.data.flagged, 0.0, returns)
    expected = np.prod(1.0 + kept) - 1.0
    assert run.page.unflagged["total_return"] == pytest.approx(expected, rel=1e-9)
    assert run.page.unflagged["max_drawdown"] > run.metrics["max_drawdown"]


def test_the_bar_after_a_gap_is_flagged():
    bars = days(np.arange(100.0, 160.0))
    with_gap = pl.concat([bars[:30], bars[35:]])
    run = tr.backtest(tr.strategies.buy_and_hold, with_gap, calendar="24/7")
    assert np.flatnonzero(run.data.flagged).tolist() == [30]


def test_a_run_travels_to_another_process_and_back():
    exits = tr.Exits(stop=0.01, take_profit=0.02)
    closes = 100 * np.exp(np.cumsum(np.random.default_rng(0).normal(0, 0.02, 400)))
    run = tr.backtest(
        tr.strategies.ma_crossover, days(closes), fast=3, slow=10, exits=exits, calendar="24/7"
    )
    assert run.metrics["sharpe"] is not None  # what was computed meanwhile stays behind
    back = pickle.loads(pickle.dumps(run))
    assert back.strategy is run.strategy
    assert back.equity.equals(run.equity)
    assert back.trades.equals(run.trades)
    assert dict(back.metrics) == dict(run.metrics)
    assert back.result.pnl_bounds == run.result.pnl_bounds
    assert back.manifest["run_id"] == run.manifest["run_id"]


def test_a_pandas_frame_is_run_as_its_bars_are():
    bars = days([100, 110, 120, 90, 95])
    frame = bars.drop("close_time").to_pandas().set_index("open_time").tz_localize(None)
    run = tr.backtest(follow, frame, calendar="24/7")
    assert run.equity.equals(tr.backtest(follow, bars, calendar="24/7").equity)
    assert run.warnings == ["times without a zone were taken as UTC"]
    frame.loc[frame.index[3], "close"] = 91.0
    assert tr.backtest(follow, frame, calendar="24/7").data.frame["close"][3] == 91.0
    assert tr.check(follow, frame, calendar="24/7").passed


def test_signals_made_elsewhere_are_a_column_of_the_frame():
    bars = days([100, 110, 120, 90, 95])
    frame = bars.to_pandas().assign(signal=[0, 1, 1, 0, 0])
    held = tr.strategy(lambda signal: signal * 1.0)
    run = tr.backtest(held, frame, calendar="24/7")
    assert run.equity.equals(tr.backtest(follow, bars, calendar="24/7").equity)


def test_a_pandas_frame_of_several_symbols_is_run_as_their_bars_are():
    long = pl.concat([days([100, 110, 120, 130], "A"), days([50, 55, 60, 65], "B").slice(1)])
    run = tr.backtest(tr.strategies.buy_and_hold, long.to_pandas(), calendar="24/7")
    other = tr.backtest(tr.strategies.buy_and_hold, long, calendar="24/7")
    assert run.equity.equals(other.equity)
    assert run.warnings == []
    stream = pa.RecordBatchReader.from_stream(long.to_arrow())
    once = tr.backtest(tr.strategies.buy_and_hold, stream, calendar="24/7")
    assert once.equity.equals(other.equity)


def test_a_liquidation_is_noted():
    down = tr.strategy(lambda close: close * 0.0 - 1.0)
    run = tr.backtest(down, days([100, 110, 120, 300, 95]), calendar="24/7", account="margin")
    assert run.warnings == ["liquidated once, at 2024-01-05 00:00: the margin was used up"]
