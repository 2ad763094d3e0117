"""Costs, sizing and rounding of `semantics.md` 4.3 and 4.4, worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.simulate.hand import bars_of, fills, flat, go, orders, panel
from trade_research.errors import ConfigError
from trade_research.simulate import Costs, Exits, Rules

BUY = [0.0, 1.0, 1.0, 1.0]
ROUND = [0.0, 1.0, 0.0, 0.0]


def costs(**given):
    return Costs(**({"fee_bps": 0.0, "spread_bps": 0.0, "slippage_bps": 0.0} | given))


def row(result, number):
    return result.fills_frame.row(number, named=True)


def test_a_fill_pays_slippage_and_half_the_spread():
    result = go(bars_of(*flat(100.0, 4)), ROUND, costs=costs(spread_bps=40.0, slippage_bps=10.0))
    buy, sell = row(result, 0), row(result, 1)
    assert (buy["price"], sell["price"]) == (pytest.approx(100.3), pytest.approx(99.7))
    units = 1_000 / 100.3
    assert buy["quantity"] == pytest.approx(units)
    assert buy["spread"] == pytest.approx(units * 0.2)
    assert buy["slippage"] == pytest.approx(units * 0.1)
    assert result.equity[-1] == pytest.approx(units * 99.7)


def test_all_in_leaves_no_cash_and_no_more():
    c = costs(fee_bps=10.0, slippage_bps=5.0, fixed_fee=1.0)
    result = go(bars_of(*flat(100.0, 4)), BUY, costs=c)
    units = (1_000 - 1) / (100.05 * 1.001)
    assert row(result, 0)["quantity"] == pytest.approx(units, rel=1e-14)
    assert row(result, 0)["fee"] == pytest.approx(units * 100.05 * 0.001 + 1)
    assert result.cash[-1] == 0.0
    assert orders(result)[0][3:] == ("filled", None)  # short of nothing but the costs


@pytest.mark.parametrize(
    ("given", "units", "fee"),
    [
        ({"fee_bps": 10.0, "min_fee": 5.0}, (1_000 - 5) / 100, 5.0),
        ({"fee_bps": 100.0, "min_fee": 5.0}, 1_000 / 101, 1_000 / 101),
        ({"fee_per_unit": 0.5}, 1_000 / 100.5, 500 / 100.5),
        ({"fee_per_unit": 0.1, "min_fee": 3.0, "fixed_fee": 2.0}, 995 / 100, 5.0),
    ],
)
def test_fee_schedules(given, units, fee):
    fill = row(go(bars_of(*flat(100.0, 4)), BUY, costs=costs(**given)), 0)
    assert (fill["quantity"], fill["fee"]) == (pytest.approx(units), pytest.approx(fee))


def test_sales_are_taxed_and_purchases_are_not():
    result = go(bars_of(*flat(100.0, 4)), ROUND, costs=costs(sell_tax_bps=50.0))
    assert [row(result, k)["tax"] for k in (0, 1)] == [0.0, pytest.approx(5.0)]
    assert result.equity[-1] == pytest.approx(995.0)


def test_take_profits_pay_the_maker_fee_and_stops_the_taker_fee():
    c = costs(fee_bps=10.0, maker_fee_bps=-1.0)
    rows = [*flat(100.0, 2), (100.0, 106.0, 100.0, 100.0), *flat(100.0)]
    result = go(bars_of(*rows), BUY, costs=c, exits=Exits(take_profit=0.05))
    sell = row(result, 1)
    assert sell["reason"] == "take_profit"
    assert sell["fee"] == pytest.approx(-0.0001 * sell["quantity"] * sell["price"])


def test_impact_grows_with_the_root_of_the_share_of_the_volume_before_the_fill():
    rows = [(*bar, v) for bar, v in zip(flat(100.0, 4), (50.0, 40.0, 1e9, 1e9), strict=True)]
    result = go(bars_of(*rows), [0.0, 0.5, 0.5, 0.5], costs=costs(impact_bps=100.0))
    fill = row(result, 0)  # 5 units; the bar before the fill traded 40
    assert fill["price"] == pytest.approx(100 * (1 + 0.01 * math.sqrt(5 / 40)))
    assert fill["impact"] == pytest.approx(5 * (fill["price"] - 100))


def test_impact_uses_the_last_known_volume_and_none_when_there_is_none():
    volumes = (np.nan, 40.0, np.nan, np.nan, np.nan)
    rows = [(*bar, v) for bar, v in zip(flat(100.0, 5), volumes, strict=True)]
    c = costs(impact_bps=100.0)
    late = row(go(bars_of(*rows), [0.0, 0.0, 0.0, 0.5, 0.5], costs=c), 0)
    assert late["price"] == pytest.approx(100 * (1 + 0.01 * math.sqrt(5 / 40)))
    assert row(go(bars_of(*rows), [0.5, 0.5, 0.5, 0.5, 0.5], costs=c), 0)["impact"] == 0.0


def test_a_target_weight_is_a_share_of_equity_at_the_fill_reference():
    market = bars_of(*flat(100.0, 2), (125.0,) * 4, (125.0,) * 4)
    result = go(market, [0.0, 0.5, 0.5, 0.5])
    assert fills(result) == [(2, 4.0, 125.0, "signal")]  # 0.5 × 1,000 / 125


def test_units_are_held_between_changes_of_target():
    rows = [*flat(100.0, 3), *flat(200.0, 3)]
    held = go(bars_of(*rows), [0.0, 0.5, 0.5, 0.5, 0.5, 0.5])
    assert fills(held) == [(2, 5.0, 100.0, "signal")]
    back = go(bars_of(*rows), [0.0, 0.5, 0.5, 0.5, 0.5, 0.5], rebalance=1)
    # at open 3 equity is 1,500: 0.5 of it is 3.75 units
    assert fills(back) == [(2, 5.0, 100.0, "signal"), (3, -1.25, 200.0, "rebalance")]


def test_a_silent_target_keeps_what_is_held():
    result = go(bars_of(*flat(100.0, 4)), [0.0, 1.0, np.nan, np.nan])
    assert fills(result) == [(2, 10.0, 100.0, "signal")]


def test_many_symbols_sell_first_and_buys_share_the_cash():
    market = panel(flat(100.0, 6), flat(50.0, 6), flat(10.0, 6))
    target = [[0, 0, 0], [0.6, 0.4, 0], [0.6, 0.4, 0], [0.1, 0.2, 0.7], [0.1, 0.2, 0.7], [0, 0, 0]]
    result = go(market, target)
    trail = [(f.bar, f.symbol, f.quantity) for f in result.fills]
    # bar 2: the smaller buy first; bar 4: the larger sale first, then the buy
    assert trail == [
        (2, 1, 8.0),
        (2, 0, 6.0),
        (4, 0, -5.0),
        (4, 1, -4.0),
        (4, 2, 70.0),
    ]
    assert result.cash[-1] == 0.0


def test_equity_is_valued_at_the_reference_before_any_fill():
    c = costs(fee_bps=100.0)
    market = panel(flat(100.0, 4), flat(50.0, 4))
    result = go(market, [[0, 0], [0.5, 0.3], [0.5, 0.3], [0.5, 0.3]], costs=c)
    # both weights are of 1,000, although the first fill has paid its fee
    assert sorted(float(f.quantity) for f in result.fills) == [5.0, 6.0]


def test_equal_weights_trade_in_the_order_of_the_symbols():
    market = panel(flat(157.78680158219575, 4), flat(244.52893738158738, 4), flat(33.1, 4))
    result = go(market, [[0, 0, 0]] + [[1 / 3] * 3] * 3, costs=costs(fee_bps=10.0))
    assert [int(f.symbol) for f in result.fills] == [0, 1, 2]


def test_lots_round_toward_zero_and_the_order_says_so():
    result = go(bars_of(*flat(300.0, 4)), BUY, rules=Rules(lot=0.5))
    assert fills(result) == [(2, 3.0, 300.0, "signal")]
    assert orders(result)[0][1:] == (pytest.approx(10 / 3), 3.0, "filled", "lot_rounding")


def test_a_whole_number_of_lots_stays_whole():
    # 0.3 / 0.1 is a little below 3 in floating point
    result = go(bars_of(*flat(100.0, 4)), [0.0, 0.03, 0.03, 0.03], rules=Rules(lot=0.1))
    assert fills(result)[0][1] == pytest.approx(0.3)


def test_less_than_a_lot_or_the_minimum_notional_is_refused_with_the_reason():
    few = go(bars_of(*flat(300.0, 4)), BUY, rules=Rules(lot=5.0))
    assert orders(few) == [(1.0, pytest.approx(10 / 3), 0.0, "unfilled", "below_lot")]
    small = go(bars_of(*flat(100.0, 4)), [0, 0.01, 0.01, 0.01], rules=Rules(min_notional=11.0))
    assert orders(small) == [(0.01, pytest.approx(0.1), 0.0, "unfilled", "below_min_notional")]


def test_closing_a_whole_position_needs_no_lot_and_no_minimum():
    market = bars_of(*flat(100.0, 3), *flat(1.0, 2))
    result = go(market, [0, 1, 1, 0, 0], rules=Rules(min_notional=50.0))
    assert fills(result)[-1] == (4, -10.0, 1.0, "signal")


def test_ticks_round_against_us():
    c = costs(slippage_bps=3.0)
    result = go(bars_of(*flat(100.0, 4)), ROUND, costs=c, rules=Rules(tick=0.05))
    assert [row(result, k)["price"] for k in (0, 1)] == [
        pytest.approx(100.05),
        pytest.approx(99.95),
    ]
    assert row(result, 0)["slippage"] == pytest.approx(row(result, 0)["quantity"] * 0.05)


def test_costs_are_summed_by_kind_and_by_bar():
    c = costs(fee_bps=10.0, spread_bps=4.0, slippage_bps=1.0, sell_tax_bps=5.0)
    result = go(bars_of(*flat(100.0, 4)), ROUND, costs=c)
    assert result.cost[-1] == pytest.approx(sum(result.costs.values()))
    assert result.cost[-1] == pytest.approx(1_000 - result.equity[-1])
    assert result.costs["impact"] == 0.0


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"fee_bps": -1.0}, "fee_bps"),
        ({"fee_bps": float("nan")}, "finite"),
        ({"spread_bps": "2"}, "number"),
        ({"slippage_bps": 20_000.0}, "all of the price"),
    ],
)
def test_costs_refuse_nonsense(given, word):
    with pytest.raises(ConfigError, match=word):
        Costs(**given)


def test_cost_presets_and_scaling():
    assert Costs() == Costs(fee_bps=10, spread_bps=2, slippage_bps=1)
    binance = Costs.venue("binance")
    assert (binance.fee_bps, binance.maker_fee_bps) == (10.0, 10.0)
    assert binance.scaled(2).fee_bps == 20.0
    assert Costs.zero().scaled(3) == Costs.zero()
    with pytest.raises(ConfigError, match="did you mean 'binance'"):
        Costs.venue("binanc")
