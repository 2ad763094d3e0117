"""hftbacktest on our events and orders: the same fills and P&L, or a reason why not."""

from __future__ import annotations

import sys

import pytest

from tests.peers import hft

if hft.PYTHON is None:
    pytest.skip("no TRADE_RESEARCH_HFTBACKTEST", allow_module_level=True)

from tests.peers.hft_agreement import BELOW, Agreement, quoting, table, taking

pytestmark = pytest.mark.full


def show(rows: list[Agreement]) -> dict[str, Agreement]:
    sys.stdout.write(table(rows))
    return {row.work.split(": ", 1)[1]: row for row in rows}


def test_market_orders() -> None:
    rows = show(taking())
    for name in ("best level enough, whole fills", "best level enough, partial fills"):
        row = rows[name]
        assert row.fills[0] == row.fills[1] > 50
        assert row.worst < 1e-6
        assert row.price < 1e-6
        assert row.net[0] == pytest.approx(row.net[1], abs=1e-6)
    walked = rows["several levels, whole fills"]
    cost = float(walked.why.rsplit(" ", 1)[1])
    assert walked.net[1] - walked.net[0] == pytest.approx(cost, abs=1e-3)
    parts = rows["several levels, partial fills"]
    assert parts.fills[0] == parts.fills[1] > 20
    assert parts.worst < 1e-6, "as many units, level by level"
    assert parts.price < 1e-6, "down to the same level"


def test_resting_quotes() -> None:
    rows = show(quoting())
    for name, row in rows.items():
        assert row.fills[0] > 50, name
        if not row.why:
            assert row.fills[0] == row.fills[1], name
            assert row.worst < 1e-6, name
            assert row.net[0] == pytest.approx(row.net[1], abs=1e-6), name
        elif row.why != BELOW:
            assert abs(row.fills[0] - row.fills[1]) <= 0.02 * row.fills[0]
    assert sum(not row.why for row in rows.values()) == 3
