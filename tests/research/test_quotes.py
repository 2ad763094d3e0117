"""Quotes of several sources: agreed on, or not, with the one that is wrong named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from trade_research.errors import ConfigError
from trade_research.research.quotes import agree_on_quotes
from trade_research.sources.source import Quote

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def quote(source, price, age_s=0.0, bid=None, ask=None):
    return Quote(source, "BTC/USDT", price, NOW - timedelta(seconds=age_s), bid, ask)


def told(found):
    return dict(found.quotes.select("source", "verdict").iter_rows())


def test_three_that_agree():
    found = agree_on_quotes(
        [quote("a", 100.0, bid=99.9, ask=100.1), quote("b", 100.04, bid=99.95), quote("c", 100.02)]
    )
    assert (found.status, found.price, found.ask) == ("agreed", 100.02, 100.1)
    assert found.bid == pytest.approx(99.925)
    assert set(told(found).values()) == {"ok"}


@pytest.mark.parametrize(
    ("liar", "verdict"),
    [(quote("c", 10_000.0), "unit"), (quote("c", 101.0), "off"), (quote("c", 100.0, 90), "stale")],
)
def test_the_one_that_is_wrong_is_left_out_and_named(liar, verdict):
    found = agree_on_quotes([quote("a", 100.0), quote("b", 100.05), liar])
    assert found.status == "agreed"
    assert found.price == pytest.approx(100.025)
    assert told(found) == {"a": "ok", "b": "ok", "c": verdict}


def test_of_two_that_differ_neither_is_right():
    found = agree_on_quotes([quote("a", 100.0), quote("b", 101.0)])
    assert (found.status, found.price, found.bid) == ("undecided", None, None)
    assert agree_on_quotes([quote("a", 100.0), quote("b", 100.05)]).status == "agreed"
    assert agree_on_quotes([quote("a", 100.0), quote("b", 100.0, 900)]).status == "thin"
    assert agree_on_quotes([quote("a", 0.0), quote("b", -1.0)]).status == "thin"
    with pytest.raises(ConfigError, match="two"):
        agree_on_quotes([quote("a", 100.0)])
