"""Named crises with their dates, so that a report can say which ones a run lived through.

Dates of shares are closing peak and trough of the S&P 500 (its closing prices, which anybody can
check); those of coins are closing peak and trough of BTC/USD, UTC
(of May 2021: from the last high before it).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trade_research.metrics.periods import Dates

SP500, BTC = "S&P 500 closes", "BTC/USD closes, UTC"


@dataclass(frozen=True)
class Crisis:
    """A fall that markets remember: first and last day, and what dates it."""

    name: str
    start: str
    end: str
    market: str
    source: str


CRISES = (
    Crisis("Black Monday", "1987-08-25", "1987-12-04", "shares", SP500),
    Crisis("Russia and LTCM", "1998-07-17", "1998-08-31", "shares", SP500),
    Crisis("dot-com crash", "2000-03-24", "2002-10-09", "shares", SP500),
    Crisis("global financial crisis", "2007-10-09", "2009-03-09", "shares", SP500),
    Crisis("flash crash and Greece", "2010-04-23", "2010-07-02", "shares", SP500),
    Crisis("euro crisis and US downgrade", "2011-04-29", "2011-10-03", "shares", SP500),
    Crisis("China and oil", "2015-05-21", "2016-02-11", "shares", SP500),
    Crisis("volatility spike of February 2018", "2018-01-26", "2018-02-08", "shares", SP500),
    Crisis("end of coin boom", "2017-12-16", "2018-12-15", "coins", BTC),
    Crisis("last quarter of 2018", "2018-09-20", "2018-12-24", "shares", SP500),
    Crisis("Covid crash", "2020-02-19", "2020-03-23", "all", SP500),
    Crisis(
        "coin crash of May 2021",
        "2021-05-08",
        "2021-07-20",
        "coins",
        BTC,
    ),
    Crisis("coin winter", "2021-11-08", "2022-11-21", "coins", BTC),
    Crisis("rate shock of 2022", "2022-01-03", "2022-10-12", "shares", SP500),
    Crisis("US regional banks", "2023-03-08", "2023-03-13", "shares", "SVB: first sale to seizure"),
    Crisis("tariff shock of 2025", "2025-02-19", "2025-04-08", "shares", SP500),
)


def crises_in(dates: Dates) -> tuple[tuple[Crisis, ...], tuple[Crisis, ...]]:
    """Crises of which the sorted `dates` (n_days,) hold a day, and those they miss."""
    if not dates.size:
        return (), CRISES
    first, last = dates[0], dates[-1]
    lived = [bool(np.datetime64(c.start) <= last and np.datetime64(c.end) >= first) for c in CRISES]
    pairs = list(zip(CRISES, lived, strict=True))
    return tuple(c for c, yes in pairs if yes), tuple(c for c, yes in pairs if not yes)
