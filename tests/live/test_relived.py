"""A session read from its journal: the same money, the days it traded, parity, drift, a report."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.live.test_crash import LIMITS, paper
from trade_research.errors import PromotionError, SessionError, SourceError, StrategyError
from trade_research.feeds.bars import Bar
from trade_research.live.certificate import Certificate
from trade_research.live.journal import scan
from trade_research.live.promotion import promote, recheck, stage_of, stage_path
from trade_research.research.data import read_data
from trade_research.research.feeds import Fundings, PerpFeed
from trade_research.research.paper import Paper
from trade_research.research.relived import paper_facts, read_session
from trade_research.simulate.accounts import Account

DAY = timedelta(days=1)
WIDE = LIMITS.but(
    max_orders_per_day=999, max_losses_in_a_row=999, max_lateness_s=1e12, price_band=0.9,
    **dict.fromkeys(("max_order", "max_position", "max_gross", "max_net"), 1e12),
    **dict.fromkeys(("max_daily_loss", "max_drawdown"), 1e12),
)  # fmt: skip


def days(n: int, first: int = 0, seed: int = 1) -> pl.DataFrame:
    """Daily bars that run on: the first of them do not depend on how many there are."""
    close = 100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.02, 400)))
    opened = [datetime(2024, 1, 1, tzinfo=UTC) + DAY * i for i in range(n)]
    frame = pl.DataFrame(
        {
            "open_time": pl.Series(opened).cast(pl.Datetime("us", "UTC")),
            "open": np.concatenate([[100.0], close[: n - 1]]),
            "close": close[:n],
        }
    )
    frame = frame.with_columns(
        close_time=pl.col("open_time") + DAY,
        high=pl.max_horizontal("open", "close"),
        low=pl.min_horizontal("open", "close"),
        volume=pl.lit(10.0),
    )
    return frame[first:].select("open_time", "close_time", "open", "high", "low", "close", "volume")


class Pushed:
    """A feed that hands on the rows of a frame after a moment, then ends."""

    def __init__(self, frame: pl.DataFrame, symbol: str, after: int) -> None:
        rows = frame.with_columns(pl.col("open_time", "close_time").to_physical()).rows()
        self.rest = [Bar(symbol, *row) for row in rows if row[0] > after]

    def poll(self, seconds: float) -> list[Bar] | None:
        return [self.rest.pop(0)] if self.rest else None

    def backfill(self, symbol: str, start: int, end: int) -> list[Bar]:
        return []

    def troubles(self) -> list[str]:
        return []

    def close(self) -> None:
        return


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tr.Store:
    made = tr.Store(tmp_path_factory.mktemp("store"))
    made.write_bars(days(20), venue="binance", symbol="A/B", interval="1d")
    return made


def live(folder: Path, store: tr.Store, n: int, **changes: Any) -> Paper:
    """A live session on the days after the twenty that are stored."""
    made = paper(folder, data=read_data(store.query("binance:A/B@1d")), limits=WIDE, **changes)
    made.live(lambda after: Pushed(days(n), made.data.market.symbols[0], after))
    return made


def certificate(session: Paper, floor: float | None = -0.01) -> Certificate:
    strategy = session.strategy
    subject = {"strategy": strategy.name, "source_hash": strategy.source_hash}
    subject |= {"params": dict(session.params)}
    return Certificate(subject, (), {"daily": {"floor": floor, "bound": 0.06}})


def test_a_replay_is_read_back_to_the_last_bit_and_counts_no_day(tmp_path: Path) -> None:
    made = paper(tmp_path)
    made.replay()
    found = read_session(tmp_path)
    status = json.loads((tmp_path / "status.json").read_text())
    assert found.run.result.equity[-1] == status["equity"]
    assert len(found.run.fills) == sum(r["event"] == "fill" for r in scan(tmp_path))
    assert found.refusals > 0
    assert found.difference.startswith("fill ")  # limits refused what the backtest would trade
    facts = paper_facts(found, certificate(made))
    assert (facts["days"], facts["is_equal"]) == (0, True)
    page = found.run.report(tmp_path / "page.html")
    assert "ma_crossover" in Path(page).read_text()


def test_days_of_a_live_session_count_and_equal_the_backtest(
    tmp_path: Path, store: tr.Store
) -> None:
    made = live(tmp_path, store, 90)
    found = read_session(tmp_path, store=store.root)
    assert (found.refusals, found.errors, found.difference) == (0, 0, "")
    assert len(found.run.fills) > 4
    plain = tr.backtest(
        made.strategy, days(90), calendar="24/7", costs=made.setup.costs, start=20, **made.params
    )
    session = found.run.result
    assert session.equity.tobytes() == plain.result.equity[20:].tobytes()
    facts = paper_facts(found, certificate(made))
    assert (facts["days"], facts["is_equal"], facts["drifted"]) == (70, True, False)
    by_hand = np.diff(np.concatenate([[1e5], session.equity])) / np.concatenate(
        [[1e5], session.equity[:-1]]
    )
    np.testing.assert_allclose(found.daily_returns, by_hand, rtol=1e-12, atol=1e-15)


def test_a_live_session_goes_on_from_the_bars_it_began_with(
    tmp_path: Path, store: tr.Store, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Stored meanwhile are bars that it has traded on: its strategy must not see them twice."""
    later = tr.Store(tmp_path_factory.mktemp("later"))
    later.write_bars(days(50), venue="binance", symbol="A/B", interval="1d")
    live(tmp_path / "cut", store, 50)
    live(tmp_path / "cut", later, 90)
    live(tmp_path / "whole", store, 90)
    cut, whole = (read_session(tmp_path / x, store=later.root) for x in ("cut", "whole"))
    assert cut.run.result.equity.tobytes() == whole.run.result.equity.tobytes()
    changed = tr.Store(tmp_path_factory.mktemp("changed"))
    changed.write_bars(days(50, seed=2), venue="binance", symbol="A/B", interval="1d")
    with pytest.raises(SessionError, match="began with history"):
        live(tmp_path / "cut", changed, 95)
    with pytest.raises(SessionError, match="are not what they were"):
        read_session(tmp_path / "cut", store=changed.root)


def test_a_replay_cannot_be_passed_off_as_days_of_paper(tmp_path: Path, store: tr.Store) -> None:
    made = live(tmp_path, store, 40)
    with pytest.raises(SessionError, match="began with is_live True"):
        made.replay()


class Venue:
    """Tells a rate stamped every day at noon; the first question fails."""

    name = "venue"

    def __init__(self) -> None:
        self.asked = 0

    def funding(self, symbol: str, start: datetime, end: datetime) -> pl.DataFrame:
        self.asked += 1
        if self.asked == 1:
            raise SourceError("busy")
        stamps = [datetime(2024, 1, 1, 12, tzinfo=UTC) + DAY * i for i in range(100)]
        times = pl.Series("time", [t for t in stamps if start <= t < end])
        times = times.cast(pl.Datetime("us", "UTC"))
        return pl.DataFrame({"time": times}).with_columns(funding_rate=pl.lit(0.001))


def test_perpetuals_pay_their_funding_and_a_restart_pays_none_twice(
    tmp_path: Path, store: tr.Store
) -> None:
    def run(folder: Path, *ends: int) -> None:
        venue, told = Venue(), []
        setup = replace(paper(tmp_path / "x").setup, account=Account.of("perp"))
        data = read_data(store.query("binance:A/B@1d"))
        for n in ends:
            made = paper(folder, data=data, limits=WIDE, setup=setup)
            symbol = data.market.symbols[0]

            def due(since: int, symbol: str = symbol) -> Fundings:
                told.append(Fundings({symbol: (venue, symbol)}, since))
                return told[-1]

            def feed(after: int, n: int = n, symbol: str = symbol) -> PerpFeed:
                return PerpFeed(Pushed(days(n), symbol, after), told[-1])

            made.live(feed, funding=due)

    run(tmp_path / "whole", 90)
    run(tmp_path / "cut", 50, 90)
    records = [list(scan(tmp_path / name)) for name in ("whole", "cut")]
    stamps = [[r["time_us"] for r in found if r["event"] == "funding"] for found in records]
    assert stamps[0] == stamps[1] == sorted(set(stamps[0]))
    assert len(stamps[0]) == 71  # noon of the day before the session, and of each of its days
    assert "feed_trouble" in {r["event"] for r in records[0]}  # the first question failed
    runs = [read_session(tmp_path / x, store=store.root).run for x in ("whole", "cut")]
    assert runs[0].result.equity.tobytes() == runs[1].result.equity.tobytes()
    free = live(tmp_path / "free", store, 90)
    assert free.setup.account.kind == "spot"
    unpaid = read_session(tmp_path / "free", store=store.root).run
    assert runs[0].result.equity[-1] < unpaid.result.equity[-1]


def test_losses_beyond_the_certificate_are_drift(tmp_path: Path, store: tr.Store) -> None:
    made = live(tmp_path, store, 90)
    found = read_session(tmp_path, store=store.root)
    assert paper_facts(found, certificate(made, floor=0.05))["drifted"]
    assert paper_facts(found, certificate(made, floor=None))["drifted"]  # unknown is not none


def test_the_daily_check_demotes_with_the_reason(tmp_path: Path, store: tr.Store) -> None:
    made = live(tmp_path / "s", store, 90)
    found = read_session(tmp_path / "s", store=store.root)
    good, bad = certificate(made), certificate(made, floor=0.05)
    for one in (good, bad):
        promote(one, "certified", tmp_path)
        promote(one, "paper", tmp_path)
    assert recheck(good, tmp_path, paper_facts(found, good)) == ""
    assert stage_of(good, tmp_path) == "paper"
    reason = recheck(bad, tmp_path, paper_facts(found, bad))
    assert "below the certified 5.0000%" in reason
    assert stage_of(bad, tmp_path) == "certified"
    body = json.loads(stage_path(tmp_path, bad, "demoted").read_text())
    assert body["reason"] == reason


def test_the_way_to_live_asks_the_journal(tmp_path: Path, store: tr.Store) -> None:
    made = live(tmp_path / "s", store, 90)
    told = certificate(made)
    told = replace(told, facts=told.facts | {"luck": {"dsr": 0.99}, "expectancy": {"low": 0.1},
                                             "break_even_times": 9.0, "trades": 500})  # fmt: skip
    facts = paper_facts(read_session(tmp_path / "s", store=store.root), told)
    for stage in ("certified", "paper"):
        promote(told, stage, tmp_path)
    with pytest.raises(PromotionError, match="paper days: 59, needed 60"):
        promote(told, "live", tmp_path, paper=dict(facts) | {"days": 59})
    promote(told, "live", tmp_path, paper=facts)
    assert stage_of(told, tmp_path) == "live"


def test_a_session_of_something_else_lifts_nothing(tmp_path: Path) -> None:
    made = paper(tmp_path)
    made.replay()
    other = certificate(made)
    other = replace(other, subject=other.subject | {"params": {"fast": 1, "slow": 2}})
    with pytest.raises(PromotionError, match="is not of what was certified"):
        paper_facts(read_session(tmp_path), other)


def test_records_that_do_not_follow_are_no_session(tmp_path: Path) -> None:
    paper(tmp_path).replay()
    with pytest.raises(StrategyError, match="not the code of the session"):
        read_session(tmp_path, strategy="buy_and_hold")
    with pytest.raises(SessionError, match="no paper session began"):
        read_session(tmp_path / "none")
