"""What Binance's answer to an order means, by its status and numeric code.

A class of ccxt is not enough to know whether the venue has an order, and an answer that looks well
may carry nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from trade_research.brokers.order_machine import Event, Lost, Order, Refused, Report, Trade
from trade_research.errors import TradeResearchError
from trade_research.sources.http import Answer, shown

OVER = frozenset({"FILLED", "CANCELED", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH"})
GOING = frozenset({"NEW", "PENDING_NEW", "PARTIALLY_FILLED", "PENDING_CANCEL"})
WRONG_TIME = -1021
NOT_PLACED = frozenset({-1002, -1003, -1013, -1015, -1022, -2010, -2014, -2015, WRONG_TIME})
TURNED_AWAY = frozenset({418, 429})
FORBIDDEN = 403


def outcome(order: Order, symbol: str, answer: Answer, signed_ns: int) -> Event:
    """What the answer to an order that was sent says of it.

    Parameters
    ----------
    order : Order
    symbol : str
        As the venue has it.
    answer : Answer
    signed_ns : int
        When it was signed.
    """
    said, status = said_by(answer), answer.status
    text = f"{status}: {shown(answer.body)}"
    lost = Lost(text, signed_ns)
    if status == 200 and is_ours(order, symbol, said):
        try:
            return report_of(said, tuple(trade_of(row, "tradeId") for row in said["fills"]))
        except (KeyError, TypeError, ValueError):
            return lost
    if status in TURNED_AWAY:
        return Refused(text)
    code = said.get("code") if isinstance(said, dict) else None
    if not 400 <= status < 500 or status == FORBIDDEN or not isinstance(code, int):
        return lost
    if "duplicate" in str(said.get("msg", "")).lower():
        return lost  # an order with this id is there: ask for it
    if code in NOT_PLACED or -1199 <= code <= -1100:
        return Refused(text, is_clock=code == WRONG_TIME)
    return lost


def is_ours(order: Order, symbol: str, said: Any) -> bool:
    """Whether an answer is about this order, and complete."""
    try:
        return (
            isinstance(said["orderId"], int)
            and said["clientOrderId"] == order.id
            and said["symbol"] == symbol
            and said["side"] == ("BUY" if order.quantity > 0.0 else "SELL")
            and math.isclose(float(said["origQty"]), abs(order.quantity), rel_tol=1e-9)
            and math.isfinite(float(said["executedQty"]))
            and said["status"] in OVER | GOING
        )
    except (KeyError, TypeError, ValueError):
        return False


def report_of(said: Mapping[str, Any], trades: tuple[Trade, ...]) -> Report:
    """An order as the venue has it."""
    executed = float(said["executedQty"])
    return Report(str(said["orderId"]), executed, said["status"] in OVER, trades)


def trade_of(row: Mapping[str, Any], name: str) -> Trade:
    """An execution, its id in the field `name`; ValueError where a number is none."""
    numbers = float(row["qty"]), float(row["price"]), float(row["commission"])
    if not all(map(math.isfinite, numbers)):
        raise ValueError("a trade of no number")
    return Trade(str(row[name]), *numbers, str(row["commissionAsset"]))


def said_by(answer: Answer) -> Any:
    """The JSON of an answer; None where it is none."""
    try:
        return answer.json()
    except TradeResearchError:
        return None
