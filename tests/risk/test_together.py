"""The orders of one bar: each by itself, none at another's cost, or all of them or none."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.counts import count
from tests.live.test_replay import START_AT, walk
from tests.risk.account import Account
from tests.risk.test_machine import LIMITS
from trade_research import Panel
from trade_research.errors import RiskError

WIDE = tr.Limits.of_cash(100_000.0, leverage=50.0).but(
    max_orders_per_minute=10_000, max_orders_per_day=10_000, max_losses_in_a_row=9_999,
    max_daily_loss=99_000.0, max_drawdown=99_000.0, price_band=0.9,
)  # fmt: skip
MINUTE = timedelta(minutes=1)


@tr.strategy(warmup=0)
def three(close: Panel, with_first: bool = True, quiet: bool = False):  # type: ignore[no-untyped-def]
    """Weights that change now and then, of the first symbol only if it is asked for."""
    out = np.full(close.shape, np.nan)
    for t in range(len(close)):
        for s in range(close.shape[1]):
            if quiet and (t + s) % 4 != 0:
                continue
            if s > 0 or with_first:
                out[t, s] = (0.3, -0.2, 0.0, 0.25)[(t // (7 + s) + s) % 4]
    return out


def bars(seed: int) -> pl.DataFrame:
    """Walks of three symbols from when all of them have begun; no bar is without volume."""
    found = walk(seed, n=150, symbols=3).filter(pl.col("open_time") >= START_AT + 30 * MINUTE)
    return found.with_columns(volume=pl.col("volume").clip(1.0))


def lived(limits: tr.Limits | None, seed: int = 1, **given: Any) -> Any:
    """A session whose weights are brought back with every bar."""
    given = {"account": "margin", "rebalance": 1, "calendar": "24/7"} | given
    return tr.replay(three, bars(seed), limits=limits, seconds=0.05, **given)


@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize("seed", range(count(20)))
def test_a_refused_order_changes_nothing_of_the_others(seed: int, quiet: bool) -> None:
    """The first symbol may not be traded: as if nobody had an opinion of it, to the last bit."""
    refused = lived(WIDE.but(symbols=("S1", "S2")), seed, quiet=quiet)
    silent = lived(WIDE, seed, with_first=False, quiet=quiet)
    assert refused.run.result.equity.tobytes() == silent.run.result.equity.tobytes()
    assert refused.fills.equals(silent.fills)
    assert refused.fills["reason"].to_list().count("rebalance") > 50
    blocked = refused.journal.filter(event="risk_block")["record"].str.json_path_match("$.limit")
    assert "symbols" in set(blocked) <= {"symbols", "risk_cap"}


@pytest.mark.parametrize("quiet", [False, True])
def test_weights_that_are_brought_back_are_orders_too(quiet: bool) -> None:
    """Also where the strategy has no opinion: no fill is without an intent, weighed or not."""
    run = tr.backtest(three, bars(1), account="margin", rebalance=1, calendar="24/7", quiet=quiet)
    free, within = lived(None, quiet=quiet), lived(WIDE, quiet=quiet)
    assert free.fills.equals(run.fills)
    assert free.run.result.equity.tobytes() == run.result.equity.tobytes()
    for one in (free, within):
        records = one.journal.select("event", pl.col("record").str.json_path_match("$.order_id"))
        intents = set(records.filter(event="order_intent")["record"])
        fills = records.filter(event="fill")["record"].to_list()
        assert len(fills) > 150
        assert set(fills) <= intents
    # Refused is only what was weighed as a reduction, and a gap has made an increase of it.
    body = within.journal["record"]
    told = within.journal.select(
        "event",
        limit=body.str.json_path_match("$.limit"),
        id=pl.coalesce(
            body.str.json_path_match("$.order_id"), body.str.json_path_match("$.signal.id")
        ),
        reduces=body.str.json_path_match("$.reduces") == "true",
    )
    blocked = told.filter(event="risk_block")
    assert set(blocked["limit"]) <= {"risk_cap"}
    assert set(blocked["id"]) <= set(told.filter("reduces")["id"])


# ---- pairs


def pair(limits: tr.Limits, *rows: tuple[float, float], **last: Any) -> dict[str, float]:
    """What is held of two symbols after these targets, a bar after the last of them."""
    account = Account(limits)
    for row in rows[:-1]:
        account.bar(row)
    account.bar(rows[-1])
    account.bar(rows[-1], **last)
    return {s: round(q, 6) for s, q in account.checker.held.items()}


TIGHT = LIMITS.but(hours=None, min_balance=0.0, max_daily_loss=9e4, max_drawdown=9e4)
PAIRED = TIGHT.but(all_or_none=True)
FLAT = {"A": 0.0, "B": 0.0}


@pytest.mark.parametrize(
    "binding", [{"max_orders_per_minute": 1}, {"symbols": ("A",)}, {"max_gross": 45_000.0}]
)
def test_a_pair_has_both_legs_or_none_if_it_is_asked_to(binding: dict[str, Any]) -> None:
    """The first leg may be taken, the second may not."""
    alone = pair(TIGHT.but(**binding), (0.3, -0.3))
    assert alone["A"] > 0.0
    assert alone["B"] == 0.0
    assert pair(PAIRED.but(**binding), (0.3, -0.3)) == FLAT
    both = pair(PAIRED, (0.3, -0.3))
    assert both["A"] > 0.0 > both["B"]


def test_a_pair_that_may_not_be_turned_round_is_closed() -> None:
    """Each order alone would be cut to closing, or pass: together both are cut."""
    first, turned = (0.3, -0.3), (-0.4, 0.2)
    limits = {"max_order": 60_000.0}  # the first leg would trade 70,000, the other 50,000
    assert pair(TIGHT.but(**limits), first, turned)["B"] > 0.0
    assert pair(PAIRED.but(**limits), first, turned) == FLAT


def test_a_pair_can_always_be_closed_whatever_binds() -> None:
    assert pair(PAIRED.but(max_orders_per_minute=2), (0.3, -0.3), (0.0, 0.0)) == FLAT


def test_a_leg_that_opens_beyond_the_band_takes_the_other_with_it() -> None:
    gap = {"gaps": (1.0, 1.1)}
    assert pair(TIGHT, (0.3, -0.3), **gap)["A"] > 0.0
    assert pair(PAIRED, (0.3, -0.3), **gap) == FLAT


def test_it_is_yes_or_no() -> None:
    with pytest.raises(RiskError, match="all_or_none is True or False, found 1"):
        TIGHT.but(all_or_none=1)
