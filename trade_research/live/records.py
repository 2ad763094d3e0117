"""The events of a session as the fields of their records; an undefined number is null."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from trade_research.brokers.paper import Filled
from trade_research.feeds.bars import Bar, Row
from trade_research.live.clock import iso
from trade_research.orders import Intent
from trade_research.risk.check import Approved
from trade_research.settings.secrets import redact
from trade_research.simulate.funding import Funding

TEXT = 400
_JSON = {False: "false", True: "true"}
_quoted = lru_cache(maxsize=4_096)(json.dumps)


def number(value: float) -> float | None:
    """A float as JSON has it: null where it is undefined or infinite."""
    return value if value - value == 0.0 else None


def bar_text(symbol: str, prices: Sequence[float], row: Row, is_after_gap: bool) -> str:
    """One symbol's bar of a row as JSON without the braces, fields ``bar`` and ``received_ns``.

    `timestamp` is its open in milliseconds, the exact times are beside it. There is one of these
    for every row, so it is put together here, to the letter as `json` would.

    Raises
    ------
    ValueError
        An open, high, low or close is not finite.
    """
    opened, (open_, high, low, close, volume) = row.open_time, prices
    if (open_ - open_) + (high - high) + (low - low) + (close - close) != 0.0:
        raise ValueError(f"prices {tuple(prices[:4])} of {symbol} are not JSON compliant")
    return (
        f'"bar":{{"symbol":{_quoted(symbol)},"timestamp":{opened // 1_000},'
        f'"datetime":"{iso(opened // 1_000_000)}","open_us":{opened},"close_us":{row.close_time},'
        f'"open":{open_!r},"high":{high!r},"low":{low!r},"close":{close!r},'
        f'"volume":{repr(volume) if volume - volume == 0.0 else "null"},'
        f'"gap_flag":{_JSON[is_after_gap]},"zero_vol_flag":{_JSON[volume == 0.0]}}},'
        f'"received_ns":{row.received_ns}'
    )


def bar_of(fields: Mapping[str, Any]) -> Bar:
    """The bar of a record, bit for bit."""
    volume = fields["volume"]
    return Bar(
        fields["symbol"],
        fields["open_us"],
        fields["close_us"],
        fields["open"],
        fields["high"],
        fields["low"],
        fields["close"],
        float("nan") if volume is None else volume,
    )


def signal_fields(intent: Intent, held: float, reason: Mapping[str, float]) -> dict[str, Any]:
    """A wish to trade: `reason` has the strategy's other columns at the bar."""
    closes = held != 0.0 and intent.weight == 0.0
    return {
        "id": intent.id,
        "symbol": intent.symbol,
        "side": "close" if closes else "buy" if intent.quantity > 0.0 else "sell",
        "qty": number(abs(intent.quantity)),
        "price": number(intent.price),
        "weight": number(intent.weight),
        "sl": None,
        "tp": None,
        "reason": {name: number(value) for name, value in reason.items()},
        "decided_us": intent.decided,
    }


def order_fields(order: Approved) -> dict[str, Any]:
    """An approved order, as it is sent."""
    intent = order.intent
    return {
        "order_id": intent.id,
        "symbol": intent.symbol,
        "side": "buy" if intent.quantity > 0.0 else "sell",
        "type": "market",
        "weight": intent.weight,
        "qty": abs(intent.quantity),
        "max_qty": order.max_quantity,
        "price": intent.price,
        "reduces": order.reduces,
        "trimmed": order.trimmed,
        "decided_us": intent.decided,
    }


def fill_fields(fill: Filled, order_id: str, moment_us: int) -> dict[str, Any]:
    """An execution, and what is held after it."""
    return {
        "order_id": order_id,
        "symbol": fill.symbol,
        "side": "buy" if fill.quantity > 0.0 else "sell",
        "qty": abs(fill.quantity),
        "reference": fill.reference,
        "price": fill.price,
        "fee": fill.fee,
        "reason": fill.reason,
        "position": fill.after,
        "bar_us": moment_us,
    }


def funding_fields(due: Funding) -> dict[str, Any]:
    """A funding rate that falls due on what is held; `mark` is null where nobody knows it."""
    return {
        "symbol": due.symbol,
        "time_us": due.time,
        "rate": due.rate,
        "mark": number(due.mark),
    }


def clipped(error: BaseException) -> str:
    """What an error says, without keys, on one line and not too long."""
    text = redact(" ".join(f"{type(error).__name__}: {error}".split()))
    return text if len(text) <= TEXT else text[: TEXT - 1] + "…"
