"""What a session's account is worth, wants, holds and may: what `paper status` shows."""

from __future__ import annotations

from typing import Any

from trade_research.live.records import number
from trade_research.live.session import Session
from trade_research.risk.usage import usage


def account_of(session: Session, now_ns: int) -> dict[str, Any]:
    """The account of a session as plain values; an undefined number is None."""
    broker, risk, limits = session.broker, session.risk, session.limits
    symbols = broker.symbols
    targets = dict(zip(symbols, session.weights.tolist(), strict=True))
    bars = [] if session.row is None else session.row.bars.T.tolist()
    return {
        "equity": broker.equity,
        "cash": broker.cash,
        "pnl": broker.equity - session.began_with,
        "day_pnl": broker.equity - risk.day_equity,
        "drawdown": risk.peak - broker.equity,
        "positions": broker.positions,
        "marks": broker.marks,
        "open_pnl": {symbol: session.open_pnl(symbol) for symbol in broker.positions},
        "targets": {symbol: number(weight) for symbol, weight in targets.items()},
        "bars": {s: [number(x) for x in bar] for s, bar in zip(symbols, bars, strict=False)},
        "orders_today": risk.orders_today,
        "latch": risk.latch,
        "limits": [] if limits is None else usage(limits, risk, now_ns),
        "recheck": "" if session.checked is None else str(session.checked),
        "strategy_errors": session.errors,
    }
