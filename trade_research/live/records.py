"""The events of a session as the fields of their records; an undefined number is null."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from trade_research.brokers.paper import Filled
from trade_research.feeds.bars import Bar
from trade_research.orders import Intent
from trade_research.risk.check import Approved
from trade_research.settings.secrets import redact
from trade_research.simulate.funding import Funding

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TEXT = 400


def number(value: float) -> float | None:
    """A float as JSON has it: null where it is undefined or infinite."""
    return value if value - value == 0.0 else None


def moment(us: int) -> str:
    """ISO 8601 of microseconds since 1970, in UTC, without a zone."""
    return datetime.fromtimestamp(us // 1_000_000, UTC).isoformat()[:19]


def bar_fields(bar: Bar, is_after_gap: bool) -> dict[str, Any]:
    """A bar; `timestamp` is its open in milliseconds, the exact times are beside it."""
    return {
        "symbol": bar.symbol,
        "timestamp": bar.open_time // 1_000,
        "datetime": moment(bar.open_time),
        "open_us": bar.open_time,
        "close_us": bar.close_time,
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": number(bar.volume),
        "gap_flag": is_after_gap,
        "zero_vol_flag": bar.volume == 0.0,
    }


def bar_of(fields: Mapping[str, Any]) -> Bar:
    """The bar of `bar_fields`, bit for bit."""
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
