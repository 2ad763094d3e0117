"""How much of the limits is taken, by hand."""

from __future__ import annotations

from tests.risk.test_limits import NOW, WIDE, state
from trade_research.risk.usage import Used, usage


def test_every_limit_that_fills_up() -> None:
    """Long 10 A at 100, short 50 B at 10, an order to sell 25 A that may be filled or not."""
    limits = WIDE.but(min_balance=20_000.0)
    now = state(
        equity=98_000.0, cash=80_000.0, day_equity=99_000.0, peak=101_000.0,
        positions={"A": 10.0, "B": -50.0}, open_orders={"A": -25.0},
        orders=(NOW - 61_000_000_000, NOW - 1), orders_today=4, losses_in_a_row=2,
    )  # fmt: skip
    assert usage(limits, now, NOW) == [
        Used("daily loss", 1_000.0, 5_000.0),
        Used("drawdown", 3_000.0, 10_000.0),
        Used("position", 1_500.0, limits.max_position),  # A: from 1,000 long to 1,500 short
        Used("gross", 2_000.0, limits.max_gross),
        Used("net", 2_000.0, limits.max_net),  # both short
        Used("orders a minute", 1, 10),
        Used("orders a day", 4, 200),
        Used("losses in a row", 2, 10),
        Used("cash to keep", 20_000.0, 80_000.0),
    ]


def test_an_account_at_rest() -> None:
    found = usage(WIDE, state(), NOW)
    assert {one.used for one in found} == {0}
    assert "cash to keep" not in {one.limit for one in found}
    assert usage(WIDE, state(day_equity=90_000.0), NOW)[0].used == 0.0  # a gain is no loss
