"""One price now out of several sources' quotes: stale and wrong ones left out and named."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import polars as pl

from trade_research.errors import ConfigError
from trade_research.sources.source import Quote

_UNIT = math.log(5)


@dataclass(frozen=True)
class QuoteConsensus:
    """What several quotes of one instrument say together.

    Attributes
    ----------
    status : str
        "agreed", "thin" (too few fresh quotes) or "undecided" (too few that agree).
    price, bid, ask : float or None
        Medians of the quotes that agree; None where it is not agreed, or none of them says it.
    quotes : DataFrame
        ``source, price, off_bps, age_s, verdict``: "ok", "stale", "unit" or "off".
    """

    status: str
    price: float | None
    bid: float | None
    ask: float | None
    quotes: pl.DataFrame


def agree_on_quotes(
    quotes: Sequence[Quote],
    *,
    tolerance_bps: float = 10.0,
    at_least: int = 2,
    max_age_s: float = 60.0,
) -> QuoteConsensus:
    """The price that sources agree on.

    Parameters
    ----------
    quotes : sequence of Quote
        Of one instrument in one currency, two or more.
    tolerance_bps : float
        How near to the median of the fresh ones a price must be; of two that are further apart
        than this neither is right.
    at_least : int
        Sources that must agree, 2 or more.
    max_age_s : float
        A quote this much older than the newest is left out.

    Raises
    ------
    ConfigError
        Fewer than two quotes, or `at_least` below 2.
    """
    if len(quotes) < 2 or at_least < 2:
        raise ConfigError(f"a consensus needs two sources that agree, found {len(quotes)}")
    newest = max(quote.time for quote in quotes)
    ages = [(newest - quote.time).total_seconds() for quote in quotes]
    fresh = [q for q, age in zip(quotes, ages, strict=True) if age <= max_age_s and q.price > 0]
    middle = median(q.price for q in fresh) if fresh else math.nan
    near = tolerance_bps / (2 if len(fresh) == 2 else 1)
    agreed = [q for q in fresh if abs(_off_bps(q, middle)) <= near]
    is_agreed = len(agreed) >= at_least
    status = "agreed" if is_agreed else "thin" if len(fresh) < at_least else "undecided"
    rows = [
        (q.source, q.price, _off_bps(q, middle), age, _verdict(q, q in fresh, q in agreed, middle))
        for q, age in zip(quotes, ages, strict=True)
    ]
    schema = ["source", "price", "off_bps", "age_s", "verdict"]
    return QuoteConsensus(
        status,
        median(q.price for q in agreed) if is_agreed else None,
        _middle([q.bid for q in agreed]) if is_agreed else None,
        _middle([q.ask for q in agreed]) if is_agreed else None,
        pl.DataFrame(rows, schema=schema, orient="row"),
    )


def _off_bps(quote: Quote, middle: float) -> float:
    return 1e4 * (quote.price / middle - 1)


def _verdict(quote: Quote, is_fresh: bool, agrees: bool, middle: float) -> str:
    if quote.price <= 0:
        return "off"
    if not is_fresh:
        return "stale"
    if agrees:
        return "ok"
    return "unit" if abs(math.log(quote.price / middle)) > _UNIT else "off"


def _middle(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
