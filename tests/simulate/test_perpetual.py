"""Perpetuals: funding, isolated liquidation, the buffer; every expected number worked by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tests.simulate.hand import DAY_US, ZERO, bars_of, fills, flat, go, orders, panel
from trade_research.errors import ConfigError, SimulationError
from trade_research.simulate import Account, Costs, Exits, Market, Simulator
from trade_research.simulate.funding import Funding
from trade_research.simulate.market import PRICES

HOUR_US = DAY_US // 24
PERP = Account("perp", leverage=2.0, maintenance=0.05)


def rates(*rows):
    """A funding table from (days since 1970, rate[, mark[, symbol]])."""
    full = [(*row, None, None)[:4] if len(row) < 4 else row for row in rows]
    day, rate, mark, symbol = zip(*full, strict=True)
    us = [round(d * DAY_US) for d in day]
    frame = pl.DataFrame(
        {
            "time": pl.Series(us).cast(pl.Datetime("us", "UTC")),
            "funding_rate": pl.Series(rate, dtype=pl.Float64),
            "mark_price": pl.Series(mark, dtype=pl.Float64),
        }
    )
    return frame if symbol[0] is None else frame.with_columns(pl.Series("symbol", symbol))


def whole(*rows, n_days, symbols=(None,)):
    """`rates` with a rate of 0 at every 8 hours that has none, so that nothing is missing."""
    given = {(round(r[0] * 24), (*r, None, None)[3]) for r in rows}
    quiet = [
        (hour / 24, 0.0, None, s)
        for s in symbols
        for hour in range(0, 24 * n_days, 8)
        if (hour, s) not in given
    ]
    full = [(*row, None, None)[:4] for row in rows]
    return rates(*sorted(full + quiet, key=lambda r: (str(r[3]), r[0])))


def with_rates(market, *rows, **more):
    return market.with_funding(whole(*rows, n_days=market.n_bars, **more))


LONG, SHORT = [0, 1, 1, 1, 1], [0, -1, -1, -1, -1]


# -- funding -------------------------------------------------------------------------------------
# 1,000 of cash, 10 units at 100 from the open of bar 2 (day 2). The stamp is at the open of day 3.
@pytest.mark.parametrize(
    ("target", "rate", "paid"),
    [
        (LONG, 0.01, 10.0),  # 10 × 100 × 1%: a long pays a positive rate
        (LONG, -0.01, -10.0),  # and receives a negative one
        (SHORT, 0.01, -10.0),  # a short the other way round
        (SHORT, -0.01, 10.0),
        ([0, 0, 0, 0, 0], 0.01, 0.0),  # nothing held, nothing paid
        # Changes of position at the stamp itself: what was held before that open's fills counts.
        ([0, 0, 1, 1, 1], 0.01, 0.0),  # opens at the stamp: pays nothing
        ([0, 0, -1, -1, -1], 0.01, 0.0),
        ([0, 1, 0, 0, 0], 0.01, 10.0),  # closes at the stamp: pays
        ([0, -1, 0, 0, 0], 0.01, -10.0),
        ([0, 1, -1, -1, -1], 0.01, 10.0),  # reverses at the stamp: pays as a long
        ([0, -1, 1, 1, 1], 0.01, -10.0),
        ([0, 1, 0.5, 0.5, 0.5], 0.01, 10.0),  # halves at the stamp: pays on the whole
        ([0, 0.5, 1, 1, 1], 0.01, 5.0),  # doubles at the stamp: pays on the half
    ],
)
def test_funding_is_charged_to_what_was_held_before_the_fills_of_its_open(target, rate, paid):
    market = with_rates(bars_of(*flat(100.0, 5)), (3.0, rate))
    result = go(market, target, account=PERP)
    assert result.funding_paid == pytest.approx(paid)
    assert result.equity[-1] == pytest.approx(1_000.0 - paid)
    assert result.costs["funding"] == result.funding_paid == pytest.approx(result.cost[-1])
    assert result.equity[2] == 1_000.0


def test_a_stamp_inside_a_bar_is_charged_to_what_was_held_in_it():
    market = with_rates(bars_of(*flat(100.0, 5)), (2 + 8 / 24, 0.01), (3 + 8 / 24, 0.01))
    # Bought at the open of day 2 and sold at that of day 3: only day 2's stamp finds it.
    result = go(market, [0, 1, 0, 0, 0], account=PERP)
    assert result.funding_paid == pytest.approx(10.0)
    # Bought at the close of day 2 instead: day 2's stamp was before, day 3's is after.
    late = go(market, [0, 1, 1, 1, 1], account=PERP, fill="next_close")
    assert late.funding_paid == pytest.approx(10.0)
    assert late.funding_frame.filter(pl.col("rate") > 0)["bar"].to_list() == [3]


def test_funding_is_charged_on_the_mark_and_on_the_open_where_there_is_none():
    rows = [*flat(100.0, 3), (110.0, 120.0, 100.0, 105.0), *flat(105.0)]
    market = with_rates(bars_of(*rows), (3.0, 0.01, 108.0), (4.0, 0.01))
    result = go(market, LONG, account=PERP)
    frame = result.funding_frame.filter(pl.col("rate") != 0.0)
    assert frame["mark"].to_list() == [108.0, 105.0]
    assert frame["is_marked"].to_list() == [True, False]
    assert frame["paid"].to_list() == pytest.approx([10.8, 10.5])
    assert frame["position"].to_list() == [10.0, 10.0]


def test_stamps_some_milliseconds_late_belong_to_their_minute():
    late = 3.0 + 0.017 / 86_400
    market = with_rates(bars_of(*flat(100.0, 5)), (late, 0.01))
    result = go(market, [0, 1, 0, 0, 0], account=PERP)
    assert result.funding_paid == pytest.approx(10.0)  # sold at 3.0, before the late stamp
    assert result.funding_frame.filter(pl.col("rate") > 0)["time"].dt.timestamp("us").to_list() == [
        3 * DAY_US
    ]


def test_a_stamp_between_two_bars_is_charged_at_the_next_open():
    bars = bars_of(*flat(100.0, 5))
    opened = bars.open_time.copy()
    gapped = Market(
        opened, opened + DAY_US // 2, *(getattr(bars, n) for n in PRICES), symbols=("A",)
    )
    market = gapped.with_funding(whole((3 + 16 / 24, 0.01), n_days=5))
    result = go(market, LONG, account=PERP)
    assert result.funding_frame.filter(pl.col("rate") > 0)["bar"].to_list() == [4]
    held = go(market, [0, 1, 1, 0, 0], account=PERP)  # sold at the open of bar 4: pays before
    assert held.funding_paid == pytest.approx(10.0)


def test_a_symbol_without_a_bar_pays_on_its_last_close():
    a = [*flat(100.0, 3), None, *flat(100.0)]
    b = flat(50.0, 5)
    market = panel(a, b).with_funding(whole((3.0, 0.01, None, "A"), n_days=5, symbols="AB"))
    result = go(market, [[0, 0]] + [[0.5, 0.5]] * 4, account=PERP)
    assert result.funding_frame.filter(pl.col("rate") > 0)["mark"].to_list() == [100.0]
    assert result.funding_paid == pytest.approx(5.0)


def test_one_rate_is_paid_every_eight_hours():
    market = bars_of(*flat(100.0, 5)).with_funding(0.001)
    # Held from the open of day 2 (the stamp there comes first) to the end: 8 stamps of 1.0
    assert go(market, LONG, account=PERP).funding_paid == pytest.approx(8.0)
    free = bars_of(*flat(100.0, 5)).with_funding(0.0)
    assert go(free, LONG, account=PERP).funding_paid == 0.0


def test_a_missing_rate_is_an_error_and_not_zero():
    bars = bars_of(*flat(100.0, 5))
    with pytest.raises(SimulationError, match=r"rates are not known.*funding="):
        go(bars, LONG, account=PERP)
    table = whole(n_days=5)
    holed = table.filter(pl.col("time").dt.timestamp("us") != 2 * DAY_US)
    with pytest.raises(
        SimulationError, match="no rate between 1970-01-02 16:00 and 1970-01-03 08:00"
    ):
        bars.with_funding(holed)
    with pytest.raises(SimulationError, match="between 1970-01-05 08:00 and 1970-01-06 00:00"):
        bars.with_funding(table[:-1])
    two = panel(flat(1.0, 3), flat(1.0, 3))
    with pytest.raises(SimulationError, match="no rates of 'B'"):
        two.with_funding(whole(n_days=3, symbols="A"))
    with pytest.raises(SimulationError, match="no column 'symbol'"):
        two.with_funding(whole(n_days=3))


def test_symbols_that_come_late_or_end_need_rates_for_their_bars_alone():
    a, b = flat(10.0, 6), [None, None, *flat(10.0, 2), None, None]
    marks = whole(n_days=6, symbols="A"), whole(n_days=4, symbols="B")
    table = pl.concat([marks[0], marks[1].filter(pl.col("time").dt.timestamp("us") >= 2 * DAY_US)])
    assert len(panel(a, b).with_funding(table).funding) == 18 + 6


# -- liquidation ---------------------------------------------------------------------------------
# 2 × leverage, 20 units at 100: 1,000 of margin. Bankrupt at 50; liquidated where
# 1,000 + 20 (p − 100) = 5% × 20 p, at 1,000 / 19 = 52.63. Short: bankrupt at 150, liquidated at
# 3,000 / 21 = 142.86.
FULL, FULL_SHORT = [0, 2, 2, 2, 2], [0, -2, -2, -2, -2]


@pytest.mark.parametrize(
    ("target", "bar", "price"),
    [
        (FULL, (90.0, 90.0, 52.63, 60.0), 50.0),  # inside the bar
        (FULL, (52.0, 90.0, 52.0, 80.0), 50.0),  # the open is past it
        (FULL, (40.0, 90.0, 40.0, 80.0), 50.0),  # a gap through the bankruptcy price
        (FULL, (90.0, 90.0, 52.64, 60.0), None),  # a cent short of it
        (FULL_SHORT, (110.0, 142.86, 110.0, 120.0), 150.0),
        (FULL_SHORT, (144.0, 144.0, 110.0, 120.0), 150.0),
        (FULL_SHORT, (400.0, 400.0, 110.0, 120.0), 150.0),
        (FULL_SHORT, (110.0, 142.85, 110.0, 120.0), None),
    ],
)
def test_a_position_is_taken_over_at_its_bankruptcy_price(target, bar, price):
    market = bars_of(*flat(100.0, 3), bar, *flat(bar[3])).with_funding(0.0)
    result = go(market, target, account=PERP)
    if price is None:
        assert len(result.fills) == 1
        return
    side = 1 if target[-1] < 0 else -1
    assert fills(result)[1] == (3, side * 20.0, pytest.approx(price), "liquidation")
    assert result.equity[-1] == pytest.approx(0.0, abs=1e-9)
    assert result.position[-1, 0] == 0.0


@pytest.mark.parametrize(
    "costs",
    [
        Costs(fee_bps=100.0, spread_bps=0.0, slippage_bps=0.0),
        Costs(fee_bps=0.0, spread_bps=0.0, slippage_bps=0.0, fixed_fee=3.0),
        Costs(fee_bps=10.0, spread_bps=20.0, slippage_bps=5.0, sell_tax_bps=10.0),
    ],
)
@pytest.mark.parametrize("target", [[0, 1, 1, 1, 1], [0, -1, -1, -1, -1]])
def test_a_loss_is_all_of_the_margin_and_no_more_whatever_the_gap(target, costs):
    gap = 1.0 if target[-1] > 0 else 1_000.0
    market = bars_of(*flat(100.0, 3), (gap,) * 4, *flat(gap)).with_funding(0.0)
    result = go(market, target, account=PERP, costs=costs)
    entry = result.fills[0]
    margin = abs(entry.quantity) * entry.price / 2.0
    left = 1_000.0 - entry.fee - entry.tax - margin
    assert result.equity[-1] == pytest.approx(left)
    assert result.fills[1].fee + result.fills[1].tax > 0.0


def test_one_position_is_liquidated_and_the_others_are_not():
    # Half of the money in each of two, twice as much exposure: 10 at 100 each, 500 of margin.
    fall = [*flat(100.0, 3), (45.0,) * 4, *flat(45.0)]
    calm = flat(100.0, 5)
    market = panel(fall, calm).with_funding(0.0)
    result = go(market, [[0, 0]] + [[1.0, 1.0]] * 4, account=PERP)
    assert fills(result)[2] == (3, -10.0, pytest.approx(50.0), "liquidation")
    assert result.position[-1].tolist() == [0.0, 10.0]
    assert result.equity[-1] == pytest.approx(500.0)


def test_the_gain_of_one_position_does_not_feed_another():
    # A falls to 45 while B doubles: across both there would be margin in plenty.
    fall = [*flat(100.0, 3), (45.0,) * 4, *flat(45.0)]
    rise = [*flat(100.0, 3), (200.0,) * 4, *flat(200.0)]
    result = go(panel(fall, rise).with_funding(0.0), [[0, 0]] + [[1.0, 1.0]] * 4, account=PERP)
    assert [f[3] for f in fills(result)] == ["signal", "signal", "liquidation"]
    assert result.equity[-1] == pytest.approx(1_500.0)


def test_after_a_liquidation_nothing_is_opened_without_a_new_opinion():
    rows = [*flat(100.0, 3), (90.0, 90.0, 50.0, 60.0), *flat(60.0, 3)]
    market = bars_of(*rows).with_funding(0.0)
    result = go(market, [0, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5], account=PERP)
    assert len(fills(result)) == 2
    again = go(market, [0, 1.5, 1.5, 1.5, 1.0, 1.0, 1.0], account=PERP)
    assert fills(again)[2][0] == 5


def test_without_leverage_a_long_is_never_liquidated_and_a_short_where_it_has_doubled():
    rows = [*flat(100.0, 3), (1.0, 1.0, 0.01, 1.0), *flat(1.0)]
    account = Account("perp", maintenance=0.0)
    assert len(go(bars_of(*rows).with_funding(0.0), LONG, account=account).fills) == 1
    up = bars_of(*flat(100.0, 3), (150.0, 200.0, 150.0, 150.0), *flat(150.0)).with_funding(0.0)
    result = go(up, SHORT, account=account)
    assert fills(result)[1] == (3, 10.0, pytest.approx(200.0), "liquidation")


def test_a_stop_nearer_than_the_liquidation_goes_first():
    bar = (90.0, 90.0, 50.0, 60.0)
    market = bars_of(*flat(100.0, 3), bar, *flat(60.0)).with_funding(0.0)
    stopped = go(market, FULL, account=PERP, exits=Exits(stop=0.4))
    assert fills(stopped)[1] == (3, -20.0, pytest.approx(60.0), "stop")
    called = go(market, FULL, account=PERP, exits=Exits(stop=0.48))
    assert fills(called)[1][3] == "liquidation"


def test_funding_comes_from_free_money_first_and_then_from_the_margin():
    # 10 at 100 with 2 × leverage: 500 of margin, 500 free. 60% of 1,000 is due: 500 free and 100
    # of the margin, so the position is liquidated where 400 + 10 (p − 100) = 0.5 p, at 600 / 9.5.
    rows = [*flat(100.0, 4), (90.0, 90.0, 63.15, 70.0), *flat(70.0)]
    market = with_rates(bars_of(*rows), (3.0, 0.6))
    result = go(market, [0, 1, 1, 1, 1, 1], account=PERP)
    assert fills(result)[1] == (4, -10.0, pytest.approx(60.0), "liquidation")
    assert result.equity[-1] == pytest.approx(0.0, abs=1e-9)
    safe = go(
        with_rates(bars_of(*rows), (3.0, 0.5)), [0, 1, 1, 1, 1, 1], account=PERP
    )  # at 52.63 as ever
    assert len(safe.fills) == 1


def test_leverage_is_limited_by_the_free_money():
    market = bars_of(*flat(100.0, 5)).with_funding(0.0)
    result = go(market, [0, 3, 3, 3, 3], account=PERP)
    assert orders(result) == [(3.0, 30.0, 20.0, "partial", "insufficient_margin")]
    # The unrealised gain of one position opens no other: 1,000 of equity, 500 free, 5 more.
    rows = [*flat(100.0, 3), *flat(200.0, 3)]
    grown = go(
        panel(rows, flat(100.0, 6)).with_funding(0.0),
        [[0, 0]] + [[1.0, 0]] * 2 + [[1.0, 2.0]] * 3,
        account=PERP,
    )
    assert fills(grown)[1][:2] == (4, 10.0)  # 500 of free money at 2 × leverage, 40 asked
    assert orders(grown)[1][4] == "insufficient_margin"


def test_shrinking_a_position_frees_its_share_of_the_margin():
    market = bars_of(*flat(100.0, 6)).with_funding(0.0)
    result = go(market, [0, 2, 1, 2, 2, 2], account=PERP)
    assert [f[1] for f in fills(result)] == [20.0, -10.0, 10.0]


# -- the buffer ----------------------------------------------------------------------------------
def test_below_the_buffer_the_largest_position_is_halved_at_the_open():
    # 20 at 100, 1,000 of margin; at an open of 54: equity 80, maintenance 5% × 1,080 = 54.
    rows = [*flat(100.0, 3), (54.0,) * 4, *flat(54.0)]
    market = bars_of(*rows).with_funding(0.0)
    account = Account("perp", leverage=2.0, maintenance=0.05, buffer=0.5)  # 80 < 1.5 × 54 = 81
    result = go(market, FULL, account=account)
    # Halved once: equity stays 80, the maintenance is 27 and the ratio 2.96.
    assert fills(result)[1:] == [(3, -10.0, 54.0, "deleverage")]
    off = go(market, FULL, account=Account("perp", leverage=2.0, maintenance=0.05, buffer=0.48))
    assert len(off.fills) == 1  # 80 ≥ 1.48 × 54 = 79.92


def test_maintenance_is_that_of_the_coin():
    names = [
        "BTC/USDT:USDT",
        "ETHUSDT",
        "PF_XBTUSD",
        "ETHFI/USDT:USDT",
        "SOLUSDT",
        "kraken:ETH/USD",
    ]
    found = Account("perp").maintenance_of(names)
    assert found == [0.004, 0.005, 0.004, 0.01, 0.01, 0.005]
    assert Account("perp", maintenance=0.02).maintenance_of(names) == [0.02] * 6


def test_an_account_may_be_written_with_its_leverage():
    assert Account.of("perp:3") == Account("perp", leverage=3.0)
    assert Account.of("margin") == Account("margin")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Account.of("perp:much"),
        lambda: Account.of("perps:3"),
        lambda: Account("perp", leverage=150.0),
        lambda: Account("margin", buffer=0.1),
        lambda: Account("perp", buffer=-0.1),
    ],
)
def test_an_account_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ConfigError):
        wrong()


# -- one bar at a time ---------------------------------------------------------------------------
def test_a_simulator_fed_the_rates_gives_the_same_bits():
    rows = [*flat(100.0, 3), (90.0, 110.0, 70.0, 95.0), (95.0, 99.0, 51.0, 60.0), *flat(60.0, 2)]
    market = with_rates(bars_of(*rows), (3.0, 0.01, 99.0), (3 + 8 / 24, -0.02), (4.0, 0.003))
    target = np.array([0, 1.7, 1.7, 1.7, 1.7, 1.0, 1.0])
    settings = {"account": PERP, "cash": 1_000.0, "costs": Costs()}
    want = go(market, target, **settings)
    account = Simulator(market.symbols, **settings)
    bars = np.stack([getattr(market, name) for name in PRICES], axis=1)
    due = market.funding
    for t in range(market.n_bars):
        now = [Funding("A", int(f.time), f.rate, f.mark) for f in due[due["bar"] == t]]
        times = int(market.open_time[t]), int(market.close_time[t])
        account.advance(*times, bars[t], target[t], funding=now)
    extended = Simulator(market.symbols, **settings)
    extended.extend(market, target[:, None])
    for got in (account.result(), extended.result()):
        np.testing.assert_array_equal(got.equity, want.equity)
        np.testing.assert_array_equal(got.fills, want.fills)
        assert got.flows.tobytes() == want.flows.tobytes()
        np.testing.assert_array_equal(got.cash, want.cash)
        assert got.funding_paid == want.funding_paid != 0.0


def test_the_books_balance_with_funding():
    market = bars_of(*flat(100.0, 5)).with_funding(0.001)
    result = go(market, LONG, account=PERP, costs=Costs())
    made = result.equity[-1] - 1_000.0
    assert result.trades.pnl.sum() - result.funding_paid == pytest.approx(made)
    assert result.costs == {k: pytest.approx(v) for k, v in result.costs.items()}
    assert sum(result.costs.values()) == pytest.approx(result.cost[-1])
    assert ZERO.fee_bps == 0.0
