"""Facts of venues that the store and the cost model need: trading calendar and published fees."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Venue:
    """One venue: the calendar its instruments trade on and its base-tier fees in basis points.

    `maker_bps` and `taker_bps` are the venue's published fees of the lowest tier, per side, of the
    traded notional; `spread_bps` and `slippage_bps` are what a small market order in a liquid
    instrument of the venue pays beside the fee (an estimate: measure yours).
    """

    name: str
    calendar: str
    maker_bps: float
    taker_bps: float
    spread_bps: float
    slippage_bps: float


VENUES: dict[str, Venue] = {
    venue.name: venue
    for venue in (
        Venue("binance", "24/7", 10.0, 10.0, 1.0, 1.0),
        Venue("binance_usdm", "24/7", 2.0, 5.0, 1.0, 1.0),
        Venue("binance_coinm", "24/7", 2.0, 5.0, 1.0, 1.0),
        Venue("binanceus", "24/7", 10.0, 10.0, 4.0, 2.0),
        Venue("kraken", "24/7", 25.0, 40.0, 2.0, 1.0),
        Venue("kraken_futures", "24/7", 2.0, 5.0, 2.0, 1.0),
        Venue("coinbase", "24/7", 40.0, 60.0, 1.0, 1.0),
        Venue("bitstamp", "24/7", 30.0, 40.0, 3.0, 2.0),
        Venue("us_equity", "XNYS", 0.0, 0.5, 2.0, 1.0),
        Venue("index", "XNYS", 0.0, 1.0, 1.0, 1.0),
        Venue("fx", "24/5", 0.0, 0.3, 1.0, 0.5),
    )
}


def calendar_of(venue: str) -> str | None:
    """Name of the venue's trading calendar, or None for a venue we know nothing about."""
    known = VENUES.get(venue)
    return known.calendar if known else None
