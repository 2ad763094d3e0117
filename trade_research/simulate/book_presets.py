"""Exits that go with the strategies of order books, in event time: the original's defaults."""

from __future__ import annotations

from trade_research.simulate.exits import Exits

BOOK_EXITS: dict[str, Exits] = {
    "l2_imbalance": Exits(stop=0.0015, take_profit=0.002, max_hold="60s", cooldown="5s"),
    "l2_trend": Exits(stop=0.0015, take_profit=0.002, max_hold="60s", cooldown="5s"),
    "l2_reversion": Exits(stop=0.002, take_profit=0.003, max_hold="120s", cooldown="5s"),
    "l2_volatility": Exits(stop=0.0015, take_profit=0.002, max_hold="60s", cooldown="5s"),
}
"""Strategy to exits: 15 bp stop, 20 bp target, a minute at most, five seconds of rest.

The rest counts from the fill of an exit of these, as everywhere here; the original's counted from
the entry, so that it had run out by the time a trip ended and the next book was traded again. A
position that the signal itself closes is not followed by a rest.
"""
