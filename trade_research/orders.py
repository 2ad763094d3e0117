"""The plain values that strategy, risk and broker hand each other."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b


@dataclass(frozen=True, slots=True)
class Intent:
    """An order that a decision wants, before anybody agreed to it.

    Attributes
    ----------
    id : str
        `intent_id` of what decided it: the same decision has the same id after a restart.
    symbol : str
    decided : int
        Close time of the deciding bar, microseconds since 1970, UTC.
    weight : float
        Signed fraction of equity wanted after it.
    quantity : float
        Signed units it takes by the price of the decision; the fill is sized at its own price.
    price : float
        Close of the deciding bar.
    """

    id: str
    symbol: str
    decided: int
    weight: float
    quantity: float
    price: float


def intent_id(session: str, symbol: str, decided: int, number: int = 0) -> str:
    """An id in the form of a UUID: what Binance and Kraken Futures both take as a client id.

    Its first eight digits are the session's, so an order of ours is known even when no record of
    it is left.
    """
    tag = blake2b(session.encode(), digest_size=4).hexdigest()
    rest = blake2b(f"{session}|{symbol}|{decided}|{number}".encode(), digest_size=12).hexdigest()
    return f"{tag}-{rest[:4]}-{rest[4:8]}-{rest[8:12]}-{rest[12:]}"
