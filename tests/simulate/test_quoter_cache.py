"""A quoter is compiled once: the next process finds it, and an edited helper is seen."""

from __future__ import annotations

import pytest

from tests.kernels.test_cache import fresh

HELPER = "from trade_research import kernel\n@kernel\ndef near(mid):\n    return mid - {below}\n"
MINE = """
import numpy as np
from helper import near
from trade_research.simulate.book_quotes import Quotes
from trade_research.strategies.quoter import quoter
@quoter
def mine(row, position, size: float = 1.0):
    return Quotes(near(0.5 * (row.bid + row.ask)), size, np.nan, np.nan)
"""
RUN = """
import sys
sys.path.insert(0, ".")
import numpy as np
from mine import mine
from trade_research.kernels.book_ladder import DEPTH, TRADE
from trade_research.simulate.book_quotes import quoting
from trade_research.simulate.book_quoting import BookEvents, simulate_quotes
from trade_research.simulate.costs import Costs
time = np.array([0, 0, 10**9, 2 * 10**9])
events = BookEvents(
    50, 1.0, 200, np.array([DEPTH, DEPTH, TRADE, DEPTH], np.int8),
    np.array([1, -1, -1, 1], np.int8), np.array([50, 52, 40, 50]), np.ones(4), time, time,
)
found = simulate_quotes(mine, events, costs=Costs(fee_bps=0.0), lot=0.1)
stats = quoting(mine.kernel).dispatcher.stats
hits, misses = (sum(n.values()) for n in (stats.cache_hits, stats.cache_misses))
print(found.fills["price"][0], hits, misses)
"""


def told(folder, below):
    """Price of the fill, and what the cache says, of a run in a process of its own."""
    (folder / "mine.py").write_text(MINE)
    (folder / "helper.py").write_text(HELPER.format(below=below))
    return fresh(folder, RUN, TRADE_RESEARCH_CACHE=str(folder / "cache"))


def test_the_next_process_compiles_nothing(tmp_path):
    assert told(tmp_path, 1.0) == ["100.0", "0", "1"]
    assert told(tmp_path, 1.0) == ["100.0", "1", "0"]


@pytest.mark.full
def test_an_edited_helper_is_seen(tmp_path):
    assert told(tmp_path, 1.0)[0] == "100.0"
    assert told(tmp_path, 3.0) == ["98.0", "0", "1"]
