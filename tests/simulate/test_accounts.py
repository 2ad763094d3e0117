"""Accounts, missing bars, dry bars and delistings of `semantics.md` 4.5 and `design.md` 10."""

from __future__ import annotations

import numpy as np
import pytest

from tests.simulate.hand import ZERO, bars_of, fills, flat, go, orders, panel
from trade_research.errors import ConfigError, SimulationError
from trade_research.simulate import Account, Costs, Exits, Market, Rebalance, Rules, Simulator
from trade_research.simulate.market import PRICES

SHORT = [0.0, -1.0, -1.0, -1.0, -1.0, -1.0]


def test_spot_never_shorts_and_says_why():
    result = go(bars_of(*flat(100.0, 4)), [0.0, -1.0, -1.0, -1.0])
    assert result.status == "no_trades"
    assert orders(result) == [(-1.0, -10.0, 0.0, "unfilled", "short_not_allowed")]


def test_spot_sells_what_it_has_when_asked_to_short():
    result = go(bars_of(*flat(100.0, 5)), [0.0, 1.0, -1.0, -1.0, -1.0])
    assert fills(result) == [(2, 10.0, 100.0, "signal"), (3, -10.0, 100.0, "signal")]
    assert orders(result)[1] == (-1.0, -20.0, -10.0, "partial", "short_not_allowed")


def test_spot_has_no_leverage():
    result = go(bars_of(*flat(100.0, 4)), [0.0, 1.5, 1.5, 1.5])
    assert orders(result) == [(1.5, 15.0, 10.0, "partial", "insufficient_cash")]


def test_an_order_that_the_costs_of_the_others_leave_nothing_for_says_so():
    # All in A. Going to half and half sells 5 for 500 and pays 500 of fee: nothing is left for B.
    c = Costs(fee_bps=0.0, spread_bps=0.0, slippage_bps=0.0, fixed_fee=500.0)
    market = panel(flat(100.0, 4), flat(100.0, 4))
    result = go(market, [[0, 0], [1.0, 0], [0.5, 0.5], [0.5, 0.5]], costs=c, cash=1_500.0)
    assert [f[1] for f in fills(result)] == [10.0, -5.0]
    assert orders(result)[2][3:] == ("unfilled", "insufficient_cash")


def test_a_short_adds_its_proceeds_to_cash_and_owes_units():
    rows = [*flat(100.0, 3), *flat(90.0, 2)]
    result = go(bars_of(*rows), SHORT[:5], account="margin")
    assert result.cash[-1] == 2_000.0
    assert result.position[-1, 0] == -10.0
    assert result.equity[-1] == 1_100.0


def test_a_short_carries_no_more_than_equity_after_costs():
    c = Costs(fee_bps=100.0, spread_bps=0.0, slippage_bps=0.0)
    result = go(bars_of(*flat(100.0, 4)), SHORT[:4], account="margin", costs=c)
    assert fills(result)[0][1] == pytest.approx(-1_000 / 101.0)


def test_a_reversal_is_two_fills_at_one_price_with_two_fees_and_two_trades():
    c = Costs(fee_bps=0.0, spread_bps=0.0, slippage_bps=0.0, fixed_fee=1.0)
    result = go(bars_of(*flat(100.0, 5)), [0, 1, -1, -1, -1], account="margin", costs=c)
    long = 999 / 100
    short = (long * 100 - 1 - 1) / 100
    assert [f[:3] for f in fills(result)] == [
        (2, pytest.approx(long), 100.0),
        (3, pytest.approx(-long), 100.0),
        (3, pytest.approx(-short), 100.0),
    ]
    assert len(result.orders) == 2
    trades = result.trades_frame
    assert trades["side"].to_list() == ["long", "short"]
    assert trades["fees"].to_list() == [2.0, 1.0]


def test_leverage_is_limited_when_a_position_opens():
    result = go(bars_of(*flat(100.0, 4)), [0, 3.0, 3.0, 3.0], account=Account("margin", 2.0))
    assert orders(result) == [(3.0, 30.0, 20.0, "partial", "insufficient_margin")]
    assert result.cash[-1] == -1_000.0


def test_a_short_is_liquidated_where_its_margin_ends():
    # 10 short at 100, cash 2,000: 2,000 − 10p = 0.25 × 10p at p = 160
    rows = [*flat(100.0, 3), (150.0, 170.0, 150.0, 155.0), *flat(155.0, 2)]
    result = go(bars_of(*rows), SHORT, account="margin")
    assert fills(result)[1] == (3, 10.0, pytest.approx(160.0), "liquidation")
    assert result.equity[-1] == pytest.approx(400.0)
    assert result.position[-1, 0] == 0.0  # and no new entry without a new opinion


@pytest.mark.parametrize(("high", "closed"), [(160.0, True), (159.99, False)])
def test_the_margin_ends_at_its_price_exactly(high, closed):
    rows = [*flat(100.0, 3), (150.0, high, 150.0, 155.0), *flat(155.0)]
    assert len(fills(go(bars_of(*rows), SHORT[:5], account="margin"))) == 1 + closed


def test_a_long_on_leverage_is_liquidated_where_its_margin_ends():
    # 20 at 100, cash −1,000: 20p − 1,000 = 0.25 × 20p at p = 66.67
    rows = [*flat(100.0, 3), (90.0, 90.0, 60.0, 80.0), *flat(80.0)]
    result = go(bars_of(*rows), [0, 2, 2, 2, 2], account=Account("margin", 2.0))
    assert fills(result)[1] == (3, -20.0, pytest.approx(200 / 3), "liquidation")
    assert result.equity[-1] == pytest.approx(20 * 200 / 3 - 1_000)


def test_a_gap_beyond_the_margin_is_liquidated_at_the_open():
    rows = [*flat(100.0, 3), (180.0, 190.0, 170.0, 175.0), *flat(175.0)]
    result = go(bars_of(*rows), SHORT[:5], account="margin")
    assert fills(result)[1] == (3, 10.0, 180.0, "liquidation")


def test_a_stop_inside_the_liquidation_price_goes_first():
    rows = [*flat(100.0, 3), (150.0, 170.0, 150.0, 155.0), *flat(155.0)]
    stopped = go(bars_of(*rows), SHORT[:5], account="margin", exits=Exits(stop=0.55))
    assert fills(stopped)[1] == (3, 10.0, pytest.approx(155.0), "stop")
    called = go(bars_of(*rows), SHORT[:5], account="margin", exits=Exits(stop=0.65))
    assert fills(called)[1] == (3, 10.0, pytest.approx(160.0), "liquidation")


def test_two_symbols_are_liquidated_together_on_the_way_to_their_worst_prices():
    # short 5 A and 5 B at 100, cash 2,000. Both rise to 200: 2,000 − 10p = 2.5p at p = 160
    rows = [*flat(100.0, 3), (100.0, 200.0, 100.0, 150.0), *flat(150.0)]
    target = [[0, 0]] + [[-0.5, -0.5]] * 4
    result = go(panel(rows, rows), target, account="margin")
    assert [f[2] for f in fills(result)[2:]] == [pytest.approx(160.0)] * 2


def test_ruin_closes_everything_and_ends_the_run():
    rows = [*flat(100.0, 3), *flat(250.0, 3)]
    result = go(bars_of(*rows), SHORT, account=Account("margin", maintenance=0.0))
    assert result.status == "ruined"
    assert result.equity.tolist() == [1_000.0] * 3 + [-500.0] * 3
    assert result.position[-1, 0] == 0.0
    frame = result.equity_frame
    assert frame["return"].to_list()[4:] == [0.0, 0.0]
    assert frame["gross"].to_list()[3:] == [0.0] * 3


def test_borrowing_is_paid_for_the_days_a_short_is_held():
    c = Costs(fee_bps=0.0, spread_bps=0.0, slippage_bps=0.0, borrow_bps=365.0)
    # 0.01% of 1,000 a day, from the open of bar 2 to the close of bar 4: three days
    result = go(bars_of(*flat(100.0, 5)), [0, -1, -1, -1, -1], account="margin", costs=c)
    assert result.borrow_paid == pytest.approx(3 * 0.1)
    assert result.equity[-1] == pytest.approx(1_000 - 0.3)
    assert result.cash[-1] == pytest.approx(2_000 - 0.3)
    assert result.costs["borrow"] == result.borrow_paid == pytest.approx(result.cost[-1])
    long = go(bars_of(*flat(100.0, 5)), [0, 1, 1, 1, 1], account="margin", costs=c)
    assert long.borrow_paid == 0.0


# -- bars that do not trade


def test_an_order_waits_through_dry_bars_and_fills_when_there_is_volume():
    rows = [*flat(100.0, 2), (100.0, 100.0, 100.0, 100.0, 0.0), (100.0,) * 4, (100.0,) * 4]
    result = go(bars_of(*rows), [0.0, 1.0, 1.0, 1.0, 1.0])
    assert fills(result) == [(3, 10.0, 100.0, "signal")]
    row = result.orders_frame.row(0, named=True)
    assert (row["status"], row["reason"], row["attempts"]) == ("filled", None, 2)


def test_units_are_fixed_once_at_the_first_price_even_if_it_is_dry():
    rows = [*flat(100.0, 2), (100.0, 100.0, 100.0, 100.0, 0.0), (50.0,) * 4, (50.0,) * 4]
    result = go(bars_of(*rows), [0.0, 0.5, 0.5, 0.5, 0.5])
    assert fills(result) == [(3, 5.0, 50.0, "signal")]


def test_an_order_that_never_fills_keeps_its_reason():
    rows = [*flat(100.0, 2), *[(100.0, 100.0, 100.0, 100.0, 0.0)] * 3]
    result = go(bars_of(*rows), [0.0, 1.0, 1.0, 1.0, 1.0])
    assert result.status == "no_trades"
    row = result.orders_frame.row(0, named=True)
    assert (row["status"], row["reason"], row["attempts"]) == ("unfilled", "no_liquidity", 3)


def test_a_stop_waits_through_a_dry_bar():
    rows = [*flat(100.0, 3), (97.0, 97.0, 97.0, 97.0, 0.0), (96.0, 97.0, 95.0, 96.0), *flat(96.0)]
    result = go(bars_of(*rows), [0, 1, 1, 1, 1, 1], exits=Exits(stop=0.02))
    assert fills(result)[1] == (4, -10.0, 96.0, "stop")
    order = result.orders_frame.row(1, named=True)
    assert (order["kind"], order["attempts"]) == ("stop", 3)


def test_unknown_volume_fills():
    result = go(bars_of(*flat(100.0, 4), volume=np.nan), [0.0, 1.0, 1.0, 1.0])
    assert fills(result) == [(2, 10.0, 100.0, "signal")]


def test_an_order_waits_for_a_bar_and_value_stays_at_the_last_real_close():
    market = panel([*flat(100.0, 3), None, None, *flat(120.0)], flat(50.0, 6))
    result = go(market, [[0, 0], [0.5, 0], [0, 0], [0, 0], [0, 0], [0, 0]])
    assert fills(result) == [(2, 5.0, 100.0, "signal"), (5, -5.0, 120.0, "signal")]
    assert result.equity.tolist() == [1_000.0] * 5 + [1_100.0]
    row = result.orders_frame.row(1, named=True)
    assert (row["status"], row["attempts"]) == ("filled", 3)
    assert result.value[3, 0] == 500.0


def test_a_symbol_without_a_bar_keeps_its_reason():
    market = panel([*flat(100.0, 2), None, None], flat(50.0, 4))
    result = go(market, [[0, 0], [0.5, 0], [0.5, 0], [0.5, 0]])
    assert orders(result) == [(0.5, 5.0, 0.0, "unfilled", "no_bar")]


def test_silence_on_a_missing_row_is_not_a_new_opinion():
    rows_a = [*flat(100.0, 2), (100.0, 101.0, 97.0, 100.0), None, *flat(100.0, 3)]
    target = np.zeros((7, 2))
    target[1:, 0] = 1.0
    target[3, 0] = np.nan  # the row the symbol does not have
    result = go(panel(rows_a, flat(50.0, 7)), target, exits=Exits(stop=0.02))
    assert [f[3] for f in fills(result)] == ["signal", "stop"]


def test_a_delisting_closes_at_the_last_close_with_costs_and_refuses_what_follows():
    rows_a = [*flat(100.0, 3), (90.0, 90.0, 80.0, 80.0), None, None]
    base = panel(rows_a, flat(50.0, 6))
    names = ("open_time", "close_time", "open", "high", "low", "close", "volume", "symbols")
    market = Market(**{n: getattr(base, n) for n in names}, delisted=("A",))
    c = Costs(fee_bps=100.0, spread_bps=0.0, slippage_bps=0.0)
    target = [[0, 0], [0.5, 0], [0.5, 0], [0.5, 0], [0.7, 0], [0.7, 0]]
    result = go(market, target, costs=c)
    assert fills(result)[1] == (3, -5.0, 80.0, "delisting")
    assert result.equity[-1] == pytest.approx(1_000 - 5 - 100 - 4)
    assert result.orders_frame.row(-1, named=True)["reason"] == "delisted"


def test_a_single_symbol_is_delisted_by_both_ways_of_running():
    base = bars_of(*flat(100.0, 3), *flat(80.0, 3))
    names = ("open_time", "close_time", "open", "high", "low", "close", "volume", "symbols")
    fields = {n: getattr(base, n) for n in names}
    cut = {n: v if n == "symbols" else v[:5] for n, v in fields.items()}
    whole = go(Market(**cut, delisted=("A",)), [0, 1, 1, 1, 1])
    assert fills(whole)[1] == (4, -10.0, 80.0, "delisting")
    account = Simulator(("A",), costs=ZERO, cash=1_000.0)
    for t in range(5):
        bar = np.array([getattr(base, n)[t, 0] for n in PRICES])
        gone = ("A",) if t == 4 else ()
        account.advance(base.open_time[t], base.close_time[t], bar, float(t > 0), delisted=gone)
    assert account.result().fills.tobytes() == whole.fills.tobytes()
    assert account.position.tolist() == [0.0]
    assert account.cash == 800.0


def test_rebalancing_on_a_schedule_on_drift_and_every_so_often():
    rows = [*flat(100.0, 3), *flat(200.0, 7)]
    target = [0.0] + [0.5] * 9
    assert fills(go(bars_of(*rows), target, rebalance=0.15))[1][:2] == (4, -1.25)
    assert len(fills(go(bars_of(*rows), target, rebalance=0.2))) == 1
    assert fills(go(bars_of(*rows), target, rebalance=6))[1][:2] == (7, -1.25)
    # days count from Thursday 1970-01-01: row 4 is the first Monday and closes on it
    assert fills(go(bars_of(*rows), target, rebalance="1w"))[1][:2] == (5, -1.25)
    assert fills(go(bars_of(*rows), target, rebalance="1d"))[1][:2] == (3, -1.25)


@pytest.mark.parametrize("rule", ["1x", "d", 0, -3, 1.5, "0d"])
def test_rebalance_refuses_what_is_no_rule(rule):
    with pytest.raises(ConfigError, match="rebalance"):
        Rebalance.of(rule)


@pytest.mark.parametrize(
    ("make", "error", "word"),
    [
        (lambda: Account("spt"), ConfigError, "did you mean 'spot'"),
        (lambda: Account("spot", 2.0), ConfigError, "no leverage"),
        (lambda: Account("margin", 4.0), ConfigError, "maintenance"),
        (lambda: Account("margin", 0.5), ConfigError, "1 or more"),
        (lambda: Exits(stop=2.0), ConfigError, "stop"),
        (lambda: Exits(take_profit="5%"), ConfigError, "take_profit"),
        (lambda: Exits(max_hold=0), ConfigError, "max_hold"),
        (lambda: Exits(cooldown=-1), ConfigError, "cooldown"),
        (lambda: Rules(lot=-1.0).table(1), ConfigError, "lot"),
        (lambda: Rules(lot=[1.0, 2.0]).table(3), ConfigError, "one per symbol"),
        (lambda: go(bars_of(*flat(1.0, 3)), [0.0, 1.0]), SimulationError, "3 bars"),
        (lambda: go(bars_of(*flat(1.0, 3)), [0, np.inf, 0]), SimulationError, "row 1"),
        (lambda: go(bars_of(*flat(1.0, 3)), [0, 1, 0], fill="next"), SimulationError, "fill"),
        (lambda: go(bars_of(*flat(1.0, 3)), [0, 1, 0], delay=-1), SimulationError, "delay"),
        (lambda: go(bars_of(*flat(1.0, 3)), [0, 1, 0], cash=0.0), SimulationError, "cash"),
        (
            lambda: go(
                bars_of(*flat(1.0, 3), volume=np.nan), [0, 1, 0], costs=Costs(impact_bps=1.0)
            ),
            SimulationError,
            "volume",
        ),
        (lambda: Simulator(("A",)).advance(0, 1, np.ones(4), 1.0), SimulationError, "1 symbols"),
    ],
)
def test_nonsense_is_refused_in_words(make, error, word):
    with pytest.raises(error, match=word):
        make()
