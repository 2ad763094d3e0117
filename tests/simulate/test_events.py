"""Every row of the truth tables of `semantics.md` 4.1 and 4.2, worked by hand.

Cash 1,000, no costs: a target of 1 buys 10 units at the open of 100 of bar 2. Stop 2% (98), target
5% (105) unless said otherwise; the event is on bar 3.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.simulate.hand import bars_of, fills, flat, go
from trade_research.simulate import Costs, Exits

BRACKET = Exits(stop=0.02, take_profit=0.05)
ENTRY = (100.0, 101.0, 99.0, 100.0)
CALM = [*flat(100.0, 2), ENTRY]
LONG = [0.0, 1.0, 1.0, 1.0, 1.0]
LEAVE = [0.0, 1.0, 0.0, 0.0, 0.0]  # the exit is decided at close 2 and fills at open 3


@pytest.mark.parametrize(
    ("case", "bar", "target", "price", "reason", "ambiguous"),
    [
        ("A exit signal and stop touched", (100.0, 101.0, 97.0, 100.0), LEAVE, 100.0, "signal", 0),
        (
            "B exit signal, target touched",
            (100.0, 106.0, 99.0, 100.0),
            LEAVE,
            100.0,
            "signal",
            0,
        ),
        ("C opens above the target", (106.0, 107.0, 97.0, 100.0), LONG, 106.0, "take_profit", 0),
        ("E stop and target inside", (100.0, 106.0, 97.0, 100.0), LONG, 98.0, "stop", 1),
        ("F opens below the stop", (95.0, 99.0, 94.0, 96.0), LONG, 95.0, "stop", 0),
        ("G low equals the stop", (100.0, 101.0, 98.0, 100.0), LONG, 98.0, "stop", 0),
        ("high equals the target", (100.0, 105.0, 99.0, 100.0), LONG, 105.0, "take_profit", 0),
        ("a tick above the stop", (100.0, 101.0, 98.01, 100.0), LONG, None, None, 0),
    ],
)
def test_events_of_the_bar_after_entry(case, bar, target, price, reason, ambiguous):
    result = go(bars_of(*CALM, bar, *flat(100.0)), target, exits=BRACKET)
    assert fills(result)[0] == (2, 10.0, 100.0, "signal")
    assert fills(result)[1:] == ([] if price is None else [(3, -10.0, price, reason)])
    assert result.ambiguous == ambiguous
    assert result.fills_frame["ambiguous"].to_list()[1:] == (
        [] if price is None else [ambiguous > 0]
    )


def test_case_d_the_stop_is_awake_on_the_bar_of_an_entry_at_the_open():
    market = bars_of(*flat(100.0, 2), (100.0, 101.0, 97.0, 99.0), *flat(99.0, 2))
    assert fills(go(market, LONG, exits=BRACKET)) == [
        (2, 10.0, 100.0, "signal"),
        (2, -10.0, 98.0, "stop"),
    ]


def test_a_stop_sleeps_on_the_bar_of_an_entry_at_the_close():
    market = bars_of(*flat(100.0, 2), (100.0, 101.0, 97.0, 100.0), *flat(99.0, 2))
    result = go(market, LONG, exits=BRACKET, fill="next_close")
    assert fills(result) == [(2, 10.0, 100.0, "signal")]


@pytest.mark.parametrize(
    ("bar", "price", "reason", "ambiguous"),
    [
        ((100.0, 103.0, 99.0, 100.0), 102.0, "stop", 0),
        ((100.0, 101.0, 94.0, 100.0), 95.0, "take_profit", 0),
        ((94.0, 103.0, 93.0, 100.0), 94.0, "take_profit", 0),
        ((104.0, 105.0, 99.0, 100.0), 104.0, "stop", 0),
        ((100.0, 103.0, 94.0, 100.0), 102.0, "stop", 1),
        ((100.0, 102.0, 96.0, 100.0), 102.0, "stop", 0),
    ],
)
def test_the_table_mirrored_for_shorts(bar, price, reason, ambiguous):
    target = [0.0, -1.0, -1.0, -1.0, -1.0]
    result = go(bars_of(*CALM, bar, *flat(100.0)), target, exits=BRACKET, account="margin")
    assert fills(result) == [(2, -10.0, 100.0, "signal"), (3, 10.0, price, reason)]
    assert result.ambiguous == ambiguous


def test_ambiguity_is_bounded_by_the_other_reading():
    market = bars_of(*CALM, (100.0, 106.0, 97.0, 100.0), *flat(100.0))
    result = go(market, LONG, exits=BRACKET)
    assert result.equity[-1] == 980.0
    assert result.pnl_bounds == (-20.0, 50.0)
    assert "1 ambiguous" in result.pnl_bounds_reason


def test_without_ambiguity_the_bounds_meet():
    result = go(bars_of(*CALM, *flat(101.0, 2)), LONG, exits=BRACKET)
    assert result.pnl_bounds == (10.0, 10.0)


@pytest.mark.parametrize(
    ("fill", "delay", "bar", "price"),
    [
        ("next_open", 0, 2, 12.0),
        ("next_open", 1, 3, 13.0),
        ("next_close", 0, 2, 12.5),
        ("next_close", 2, 4, 14.5),
        ("this_close", 0, 1, 11.5),
        ("this_close", 1, 2, 12.5),
    ],
)
def test_when_a_decision_fills(fill, delay, bar, price):
    market = bars_of(*[(10.0 + t, 10.8 + t, 9.9 + t, 10.5 + t) for t in range(6)])
    result = go(market, [0.0, 1.0, 1.0, 1.0, 1.0, 1.0], fill=fill, delay=delay)
    assert fills(result) == [(bar, pytest.approx(1_000 / price), price, "signal")]
    frame = result.fills_frame
    stamp = market.open_time if fill == "next_open" else market.close_time
    assert frame["time"].to_physical().to_list() == [stamp[bar]]
    decided = result.orders_frame["decided"].to_physical().to_list()
    assert decided == [market.close_time[1]]


def test_the_last_bar_creates_no_fill_but_an_order_with_a_reason():
    result = go(bars_of(*flat(100.0, 3)), [0.0, 0.0, 1.0])
    assert result.status == "no_trades"
    row = result.orders_frame.row(0, named=True)
    assert (row["status"], row["reason"], row["quantity"]) == ("unfilled", "end_of_data", 10.0)


def test_finalize_closes_at_the_last_close_with_costs_and_says_so():
    market = bars_of(*flat(100.0, 2), (100.0, 110.0, 100.0, 110.0))
    costs = Costs(fee_bps=100.0, spread_bps=0.0, slippage_bps=0.0)
    result = go(market, [0.0, 1.0, 1.0], costs=costs, finalize=True)
    units = 1_000 / 101.0
    assert fills(result)[-1] == (2, pytest.approx(-units), 110.0, "finalize")
    assert result.equity[-1] == pytest.approx(units * 110.0 * 0.99)
    assert result.cash[-1] == result.equity[-1]
    assert not result.trades_frame["open"].any()


def test_an_open_position_is_marked_and_not_closed():
    result = go(bars_of(*flat(100.0, 2), (100.0, 110.0, 100.0, 110.0)), [0.0, 1.0, 1.0])
    assert result.equity.tolist() == [1_000.0, 1_000.0, 1_100.0]
    assert result.trades_frame["open"].to_list() == [True]


# -- trailing, time, cooldown, re-entry ------------------------------------------------------------


def test_a_trailing_stop_follows_the_high_from_the_next_bar_on():
    rows = [
        *flat(100.0, 2),
        (100.0, 108.0, 97.0, 107.0),  # entry; level 95 all bar long, then 102.6
        (107.0, 120.0, 103.0, 118.0),  # low above 102.6; then level 114
        (118.0, 119.0, 113.0, 115.0),  # touched
    ]
    result = go(bars_of(*rows), [0.0, 1.0, 1.0, 1.0, 1.0], exits=Exits(trailing=0.05))
    assert fills(result)[1] == (4, -10.0, pytest.approx(114.0), "trailing")


def test_a_trailing_stop_starts_at_the_fill_price():
    rows = [*flat(100.0, 2), (100.0, 100.0, 94.0, 96.0), *flat(96.0, 2)]
    result = go(bars_of(*rows), LONG, exits=Exits(trailing=0.05))
    assert fills(result)[1] == (2, -10.0, 95.0, "trailing")


def test_the_nearer_of_stop_and_trailing_stop_counts():
    rows = [*flat(100.0, 2), (100.0, 110.0, 100.0, 110.0), (110.0, 110.0, 90.0, 95.0), *flat(95.0)]
    result = go(bars_of(*rows), LONG, exits=Exits(stop=0.02, trailing=0.1))
    assert fills(result)[1] == (3, -10.0, pytest.approx(99.0), "trailing")


@pytest.mark.parametrize(
    ("fill", "first", "last"), [("next_open", 2, 4), ("next_close", 2, 4), ("this_close", 1, 3)]
)
def test_max_hold_counts_bars_after_the_entry(fill, first, last):
    market = bars_of(*flat(100.0, 7))
    result = go(market, [0.0] + [1.0] * 6, exits=Exits(max_hold=2), fill=fill)
    assert fills(result) == [(first, 10.0, 100.0, "signal"), (last, -10.0, 100.0, "max_hold")]


STOPPED_AT_2 = [*flat(100.0, 2), (100.0, 101.0, 97.0, 100.0), *flat(100.0, 5)]


@pytest.mark.parametrize(
    ("cooldown", "target", "entry"),
    [
        (0, [0, 1, 1, 1, 1, 1, 1, 1], None),  # a level strategy does not re-enter
        (0, [0, 1, 1, 0, 1, 1, 1, 1], 5),  # 0 and 1 again: a new opinion
        (0, [0, 1, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5], 3),  # another level is one too
        (0, [0, 1, np.nan, 1, 1, 1, 1, 1], 4),  # NaN counts as different
        (0, [0, 1, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan], None),
        (2, [0, 1, 1, 0, 1, 1, 1, 1], 5),  # rows 2 and 3 are not listened to
        (3, [0, 1, 1, 0, 1, 1, 0.5, 0.5], 7),  # row 4 is not, row 6 is
        (3, [0, 1, 1, 0, 1, 1, 1, 1], None),
    ],
)
def test_re_entry_needs_the_cooldown_over_and_a_new_opinion(cooldown, target, entry):
    exits = Exits(stop=0.02, cooldown=cooldown)
    # Stopped once: afterwards the bars stand still, so nothing stops the second position.
    bars_after = [f[0] for f in fills(go(bars_of(*STOPPED_AT_2), target, exits=exits))[2:]]
    assert bars_after == ([] if entry is None else [entry])


def test_a_gapped_stop_and_a_reversal_fill_at_the_same_open():
    rows = [*flat(100.0, 2), ENTRY, *flat(90.0, 2)]
    target = [0.0, 1.0, -1.0, -1.0, -1.0]
    result = go(bars_of(*rows), target, exits=Exits(stop=0.02), account="margin")
    assert fills(result)[1:] == [(3, -10.0, 90.0, "stop"), (3, -10.0, 90.0, "signal")]


def test_the_stop_is_measured_from_the_fill_price_with_its_slippage():
    costs = Costs(fee_bps=0.0, spread_bps=0.0, slippage_bps=100.0)
    rows = [*flat(100.0, 2), (100.0, 102.0, 99.5, 100.0), (100.0, 101.0, 98.5, 99.0), *flat(99.0)]
    result = go(bars_of(*rows), LONG, exits=Exits(stop=0.02), costs=costs)
    # bought at 101, stop at 98.98, sold 1% below it
    frame = result.fills_frame
    assert frame["price"].to_list() == pytest.approx([101.0, 98.98 * 0.99])
    assert frame["reference"].to_list() == pytest.approx([100.0, 98.98])
    assert frame["outside"].to_list() == [False, True]
