"""The simulator between two bars: what a row asks for, and closing everything at once."""

import numpy as np
import pytest

from trade_research.simulate.costs import Costs
from trade_research.simulate.simulator import Simulator

MINUTE = 60_000_000


def fed(closes: list[float], target: list[float], **rules: object) -> Simulator:
    account = Simulator(("A",), costs=Costs(10, 0, 0), cash=1_000.0, **rules)  # type: ignore[arg-type]
    for t, (price, wanted) in enumerate(zip(closes, target, strict=True)):
        bar = np.array([price, price, price, price, 1.0])
        account.advance(t * MINUTE, (t + 1) * MINUTE, bar, wanted)
    return account


def test_a_change_of_target_asks_for_units_and_a_held_one_for_none() -> None:
    account = fed([100.0, 100.0], [0.5, 0.5])
    held = account.position[0]
    # 500 of 1,000 at 100 less the fee of 10 bp that the fill pays out of it.
    assert held == pytest.approx(5.0, rel=2e-3)
    assert account.asked(np.array([0.5]))[0] == 0.0
    assert account.asked(np.array([np.nan]))[0] == 0.0
    assert account.asked(np.array([0.0]))[0] == -held
    assert account.asked(np.array([1.0]))[0] == pytest.approx(account.equity / 100.0 - held)


def test_halting_closes_at_the_last_close_with_costs_and_stays_flat() -> None:
    account = fed([100.0, 100.0, 110.0], [1.0, 1.0, 1.0])
    held, cash = account.position[0], account.cash
    fills = account.halt()
    assert fills["quantity"].tolist() == [-held]
    assert account.position[0] == 0.0
    assert account.equity == account.cash == pytest.approx(cash + held * 110.0 * (1 - 0.001))
    account.advance(3 * MINUTE, 4 * MINUTE, np.array([120.0, 120.0, 120.0, 120.0, 1.0]), 0.0)
    assert account.position[0] == 0.0
    result = account.result()
    assert result.fills_frame["reason"].to_list() == ["signal", "halt"]
    assert result.equity[2] == account.cash
    assert result.trades_frame["exit_reason"].to_list() == ["halt"]
