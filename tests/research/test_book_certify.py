"""Certificates over books: everything proven at once, and what is lost or added breaks them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.cli.test_runs import call, data
from trade_research.brokers.books import PaperBookBroker
from trade_research.errors import ConfigError, PromotionError, SessionError
from trade_research.frames.books import depth_of, level_names
from trade_research.live.book_session import BookSession
from trade_research.live.certificate import Certificate
from trade_research.live.promotion import promote
from trade_research.research.book_certify import _again, _replay
from trade_research.research.book_rig import Windowed
from trade_research.research.books import backtest_books
from trade_research.sources.book_demo import demo_books

S1 = tr.strategies.l2_imbalance
GIVEN: dict[str, Any] = {"account": "margin", "latency": "250ms", "costs": tr.Costs(fee_bps=0.5)}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tr.Store:
    frame = demo_books(3).books.drop("recv_time", strict=False)
    made = tr.Store(tmp_path_factory.mktemp("store"))
    made.write_books(frame, venue="demo", symbol="X/Y")
    dead = frame.with_row_index().with_columns(
        pl.when(~pl.col("index").is_between(800, 820)).then(pl.col(level_names(depth_of(frame))))
    )
    made.write_books(dead.drop("index"), venue="holed", symbol="X/Y")
    return made


def test_all_of_it_is_proven_and_lifts_to_paper(store: tr.Store, tmp_path: Path) -> None:
    found = tr.certify(S1, store.book_stream("X/Y", venue="demo"), seconds=0.5, **GIVEN)
    assert found.passed, found.missing
    assert found.facts["replay"]["fills"] > 100
    assert "3 restarts" in found.gates[1].found
    loaded = Certificate.load(found.save(tmp_path))
    promote(loaded, "certified", tmp_path)
    promote(loaded, "paper", tmp_path)
    with pytest.raises(PromotionError, match="deflated Sharpe: unknown"):
        promote(loaded, "live", tmp_path)


def test_what_is_wrong_with_the_books_has_to_be_accepted_by_name(store: tr.Store) -> None:
    books = store.book_stream("X/Y", venue="holed")
    kinds = set(store.book_verdicts("X/Y", "holed")["kind"])
    assert kinds
    found = tr.certify(S1, books, seconds=0.2, **GIVEN)
    assert [gate.name for gate in found.gates if not gate.passed] == ["data"]
    assert tr.certify(S1, books, seconds=0.2, accept=sorted(kinds), **GIVEN).passed


def test_without_costs_or_a_store_there_is_none(store: tr.Store) -> None:
    free = GIVEN | {"costs": tr.Costs(fee_bps=0.0)}
    found = tr.certify(S1, store.book_stream("X/Y", venue="demo"), seconds=0.2, **free)
    assert [gate.name for gate in found.gates if not gate.passed] == ["costs"]
    with pytest.raises(PromotionError, match="bare books cannot be certified"):
        tr.certify(S1, store.books("X/Y", venue="demo"), **GIVEN)


def around(owner: Any, name: str, other: Callable[..., Any]) -> Callable[..., None]:
    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        before = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *a, **k: other(before, *a, **k))

    return patch


SEEN = [0]


def all_but_some(before: Any, session: BookSession, piece: Any) -> None:
    """Every seventh piece is dropped."""
    SEEN[0] += 1
    if SEEN[0] % 7:
        before(session, piece)


MUTATIONS = {
    "a piece lost": around(BookSession, "on_piece", all_but_some),
    "targets rounded": around(
        PaperBookBroker, "step", lambda f, b, i, t: f(b, i, float(np.float32(0.7 * t)))
    ),
    "half an order": around(
        PaperBookBroker, "_order", lambda f, b, *a: f(b, *a)._replace(quantity=1.0)
    ),
    "the last book forgotten": around(
        PaperBookBroker, "show", lambda f, b, m: (setattr(b, "_market", None), f(b, m))
    ),
    "rows before a piece forgotten": around(
        Windowed, "see", lambda f, w, p: (w._window.__init__(S1, **S1.bind()), f(w, p))
    ),
    "fees left out": around(
        PaperBookBroker, "__init__", lambda f, b, s, r, *a: f(b, s, r._replace(fee=0.0), *a)
    ),
    "no latency": around(PaperBookBroker, "__init__", lambda f, b, *a: f(b, *a[:3], 0)),
}


@pytest.mark.parametrize("name", ["none", *MUTATIONS])
def test_each_mutation_breaks_the_replay(
    store: tr.Store, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    run = backtest_books(S1, store.books("X/Y", venue="demo"), symbol="X/Y", **GIVEN)
    MUTATIONS.get(name, lambda patch: None)(monkeypatch)
    again = _again(run, store.book_stream("X/Y", venue="demo").pinned(), 0)
    assert _replay(run, again).passed == (name == "none")


def test_from_the_command_line_to_a_session(store: tr.Store, tmp_path: Path) -> None:
    """certify, promote, paper books, status, audit, report, kill; refused where not promoted."""
    root, logs = ["--store", str(store.root)], ["--logs", str(tmp_path / "logs"), "--session", "b"]
    code, out = call(
        "certify", "l2_imbalance", "--data", "demo:X/Y@books", "--account", "margin",
        "--seconds", "0.2", "--out", str(tmp_path), *root, "--json",
    )  # fmt: skip
    assert code == 0
    path, stages = data(out)["artifacts"]["certificate"], ["--stages", str(tmp_path / "stages")]
    assert call("promote", path, "--to", "paper", *stages)[0] == 0

    words = ["paper", "books", "demo", "X/Y", *root, *logs]
    code, out = call(*words, "--replay", "--limit", "max_orders_per_day=30", "--json")
    ended = data(out)["data"]
    assert (code, ended["ended"], ended["status"]["rows"]) == (0, "stopped", 1_800)
    code, out = call("paper", "status", *logs, "--json")
    assert data(out)["data"]["equity"] == ended["status"]["equity"]
    code, out = call("audit", "verify", *logs, "--json")
    assert (code, data(out)["data"]["head"]) == (0, ended["status"]["head"])
    page = tmp_path / "page.html"
    code, out = call("paper", "report", "-o", str(page), *root, *logs, "--json")
    told = data(out)["data"]
    assert code == 0
    assert told["refusals"] > 0
    assert told["difference"].startswith("order ")
    assert "l2_imbalance" in page.read_text()
    with pytest.raises(SessionError, match="certify l2_imbalance --data demo:X/Y@books"):
        call(*words[:6], *stages, "--session", "c", "-p", "buy=5")
    with pytest.raises(ConfigError, match="books of 'demo' are not listened to"):
        call(*words[:6], *stages, "--session", "c", "--logs", str(tmp_path / "logs"))
    assert call("kill", *logs)[0] == 0
    with pytest.raises(SessionError, match="was killed by"):
        call(*words, "--replay", "--limit", "max_orders_per_day=30")
