"""The zoo: leaks that must be caught and clean strategies that must not, as strategies."""

from __future__ import annotations

from tests.counts import FULL
from tests.evidence.stand_in import prices
from tests.laws import clean, leaks
from trade_research.strategies.strategy import strategy

LEAKS = [strategy(fn) for fn in leaks.LEAKS]
CLEAN = [strategy(fn) for fn in clean.CLEAN]
DATA = prices(1_500 if FULL else 1_200)


def columns_of(one, data=DATA):
    """The columns a strategy declares, of `data`."""
    return {name: data[name] for name in one.columns}
