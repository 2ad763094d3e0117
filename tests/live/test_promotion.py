"""Certificates and stages: nothing climbs without proof, nothing can be changed unseen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import trade_research as tr
from tests.live.test_replay import walk
from trade_research.errors import PromotionError
from trade_research.live.certificate import Certificate, Gate
from trade_research.live.promotion import (
    Thresholds,
    demote,
    gates_to_live,
    promote,
    stage_of,
)
from trade_research.research.certify import certify


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tr.Store:
    made = tr.Store(tmp_path_factory.mktemp("store"))
    made.write_bars(walk(21, n=600), venue="binance", symbol="A/B", interval="1m")
    return made


@pytest.fixture(scope="module")
def certificate(store: tr.Store) -> Certificate:
    return certify(
        tr.strategies.ma_crossover,
        store.query("binance:A/B@1m"),
        accept=["gap", "zero_volume"],
        seconds=0.3,
        fast=3,
        slow=9,
    )


def test_a_sound_strategy_is_certified_and_the_file_holds(
    certificate: Certificate, tmp_path: Path
) -> None:
    assert certificate.passed, certificate.missing
    assert certificate.facts["replay"]["transport"]["restarts"] == 2
    assert certificate.facts["replay"]["transport"]["lost"] > 0
    again = Certificate.load(certificate.save(tmp_path))
    assert again.hash == certificate.hash
    assert again.passed


def test_flags_have_to_be_accepted_by_name(store: tr.Store) -> None:
    given = {"seconds": 0.1, "fast": 3, "slow": 9}
    query = store.query("binance:A/B@1m")
    found = certify(tr.strategies.ma_crossover, query, accept=["zero_volume"], **given)
    assert not found.passed
    assert [g.name for g in found.gates if not g.passed] == ["data"]
    name = found.gates[2].found.split(": ")[1]
    assert name.startswith("gap@2024-01-01T")
    assert certify(tr.strategies.ma_crossover, query, accept=["zero_volume", name], **given).passed


def test_free_trades_are_not_certified(store: tr.Store) -> None:
    found = certify(
        tr.strategies.ma_crossover,
        store.query("binance:A/B@1m"),
        accept=["gap", "zero_volume"],
        seconds=0.1,
        costs=tr.Costs.zero(),
        fast=3,
        slow=9,
    )
    assert [g.name for g in found.gates if not g.passed] == ["costs"]


def test_a_bare_frame_cannot_be_certified() -> None:
    with pytest.raises(PromotionError, match="write it to a store"):
        certify(tr.strategies.buy_and_hold, walk(3, n=50), calendar="24/7")


def test_a_changed_certificate_is_refused(certificate: Certificate, tmp_path: Path) -> None:
    path = certificate.save(tmp_path)
    body = json.loads(path.read_text())
    body["subject"]["params"]["fast"] = 4
    path.write_text(json.dumps(body))
    with pytest.raises(PromotionError, match="changed after it was written"):
        Certificate.load(path)


def test_stages_come_in_order(certificate: Certificate, tmp_path: Path) -> None:
    assert stage_of(certificate, tmp_path) == "research"
    with pytest.raises(PromotionError, match="comes after certified"):
        promote(certificate, "paper", tmp_path)
    promote(certificate, "certified", tmp_path)
    promote(certificate, "paper", tmp_path)
    assert stage_of(certificate, tmp_path) == "paper"
    with pytest.raises(PromotionError, match="paper days: 0, needed 60"):
        promote(certificate, "live", tmp_path)
    demote(certificate, tmp_path, "daily returns fell")
    assert stage_of(certificate, tmp_path) == "certified"


def test_a_certificate_that_does_not_hold_lifts_nothing(
    certificate: Certificate, tmp_path: Path
) -> None:
    broken = replace(certificate, gates=(*certificate.gates, Gate("x", False, "found", "needed")))
    with pytest.raises(PromotionError, match="x: found, needed needed"):
        promote(broken, "certified", tmp_path)


PAPER: Mapping[str, Any] = {
    "days": 60,
    "is_equal": True,
    "difference": None,
    "drifted": False,
    "drift": "none",
}


def facts(certificate: Certificate, **changes: Any) -> Certificate:
    found = {
        "luck": {"dsr": 0.95},
        "expectancy": {"low": 0.0},
        "break_even_times": 2.0,
        "trades": 100,
    } | changes
    return replace(certificate, facts=found)


def test_what_is_just_enough_passes_every_gate_to_live(certificate: Certificate) -> None:
    gates = gates_to_live(facts(certificate), PAPER, Thresholds())
    assert [g.name for g in gates if not g.passed] == []


@pytest.mark.parametrize(
    ("gate", "of_the_run", "of_paper"),
    [
        ("paper days", {}, {"days": 59}),
        ("parity", {}, {"is_equal": False, "difference": "fill 3"}),
        ("drift", {}, {"drifted": True}),
        ("trades", {"trades": 99}, {}),
        ("expectancy", {"expectancy": {"low": -1e-9}}, {}),
        ("expectancy", {"expectancy": None}, {}),
        ("deflated Sharpe", {"luck": {"dsr": 0.949}}, {}),
        ("deflated Sharpe", {"luck": {"dsr": None}}, {}),
        ("break-even", {"break_even_times": 1.99}, {}),
    ],
)
def test_each_gate_to_live_binds_alone(
    certificate: Certificate, gate: str, of_the_run: dict[str, Any], of_paper: dict[str, Any]
) -> None:
    gates = gates_to_live(facts(certificate, **of_the_run), PAPER | of_paper, Thresholds())
    assert [g.name for g in gates if not g.passed] == [gate]


def test_a_leak_is_not_certified(store: tr.Store) -> None:
    @tr.strategy(warmup=1)
    def peeks(close):  # type: ignore[no-untyped-def]  # a strategy as users write it
        out = close * 0.0
        out[:-1] = (close[1:] > close[:-1]) * 1.0
        return out

    found = certify(
        peeks, store.query("binance:A/B@1m"), accept=["gap", "zero_volume"], seconds=0.3
    )
    assert "laws" in [g.name for g in found.gates if not g.passed]
    assert pl.__name__  # the frame library is loaded by then, as in a notebook
