"""Gas and pools over sockets: the values, every fault, and where they may be used."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import time

import polars as pl
import pytest

from tests.counts import FULL
from tests.frames.make import grid, walk
from tests.standins.chain import ADDRESS, CASES, NODE
from tests.standins.faults import TRANSPORT, row_faults, wrong_symbol
from trade_research.errors import ConfigError, SourceError
from trade_research.research.download import list_sources
from trade_research.sources import onchain
from trade_research.sources.derivatives import INPUTS, recent, with_inputs
from trade_research.sources.http import Http, Retry

KINDS = (
    *TRANSPORT,
    *("empty", "overlapping", "unfinished", "reordered", "duplicates", "repeated page"),
    *("null", "negative", "NaN", "wrong symbol", "clock ahead", "clock behind"),
)
ONE_ROW = {"overlapping", "unfinished", "reordered", "duplicates"}  # of one row there is no order
HARMLESS = {"overlapping", "repeated page", "clock ahead", "clock behind"}
# Both meet every fault under `-m full`, each of them a half otherwise.
PAIRS = [
    pytest.param(case, kind, id=f"{case}-{kind}")
    for i, case in enumerate(CASES)
    for j, kind in enumerate(KINDS)
    if FULL or (i + j) % 2 == 0
]
QUICK = Retry(tries=3, first_s=0.001, most_s=0.005)


@dataclass
class Hasty(Http):
    """Waits less."""

    timeout_s: float = 0.15


@pytest.fixture(autouse=True)
def _patience(monkeypatch):
    monkeypatch.setattr(onchain, "Http", Hasty)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_values_of_an_answer(case):
    before = datetime.now(UTC)
    with case.make() as server:
        frame = recent(case.name, case.symbol, to=server.at)
    assert frame.drop("close_time").to_dicts() == [case.truth]
    assert before <= frame["close_time"][0] <= datetime.now(UTC)
    assert frame.schema["close_time"] == pl.Datetime("us", "UTC")


def values(case, server):
    return recent(case.name, case.symbol, to=server.at).drop("close_time").to_dicts()


@pytest.mark.parametrize(("case", "kind"), PAIRS)
def test_fault(case, kind):
    with case.make() as server:
        if kind.startswith("clock"):
            server.clock_offset = 90.0 if kind.endswith("ahead") else -90.0
        else:
            faults = TRANSPORT | row_faults(case) | {"wrong symbol": wrong_symbol(case)}
            server.fault = faults[kind]
        if kind in HARMLESS or (case.name == "pool" and kind in ONE_ROW):
            assert values(case, server) == [case.truth]
        else:
            named = "|".join(("node", "publicnode", "geckoterminal", *case.truth))
            with pytest.raises(SourceError, match=named):
                recent(case.name, case.symbol, to=server.at)
        server.clock_offset, bend, left = 0.0, server.fault, [2]

        def twice(handler, request, body):
            left[0] -= 1
            return bend is not None and left[0] >= 0 and bend(handler, request, body)

        server.fault = twice
        assert QUICK.run(lambda: values(case, server)) == [case.truth]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no batch"}}, "batch"),
        (
            [{"id": i, "error": {"code": -32005, "message": "limit exceeded"}} for i in (0, 1, 2)],
            "li",
        ),
        ([{"id": 0, "result": "0x1"}], "left a question out"),
        ("words", "JSON-RPC"),
        ([{"id": i, "result": ["0x1"]} for i in range(3)], "left out a part"),
        ([{"id": i, "result": 7} for i in range(3)], "left out a part"),
    ],
)
def test_errors_of_a_node_inside_200(said, told):
    case = CASES[0]
    with case.make() as server:
        server.routes[NODE] = lambda _: json.dumps(said).encode()
        with pytest.raises(SourceError, match=told):
            recent("gas", to=server.at)


def test_a_node_that_lags_is_not_believed():
    case = CASES[0]
    with case.make() as server:
        old = case.answer()
        old[2]["result"]["timestamp"] = hex(int(time()) - 3600)
        server.routes[NODE] = lambda _: old
        with pytest.raises(SourceError, match="lags: its newest block is of"):
            recent("gas", to=server.at)


def test_names_that_cannot_be():
    with pytest.raises(ConfigError, match="a host alone"):
        onchain.gas(node="mainnet.example/v3/CANARYKEY")
    for name in ("eth", f"eth/{ADDRESS}/ohlcv", "eth/../x", f"?/{ADDRESS}"):
        with pytest.raises(ConfigError, match="network/address"):
            onchain.pool(name)


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize(("offset", "known_after"), [(-90.0, 0.0), (0.0, 0.0), (90.0, 85.0)])
def test_a_row_is_known_by_the_later_clock(case, offset, known_after):
    before = datetime.now(UTC)
    with case.make() as server:
        server.clock_offset = offset
        known = recent(case.name, case.symbol, to=server.at)["close_time"][0]
    assert known >= before + timedelta(seconds=known_after)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_they_stand_beside_bars_with_their_age_and_stay_out_of_backtests(case):
    bars = walk(grid(10))
    came = bars["close_time"][3] + timedelta(seconds=20)
    row = {"close_time": [came], **{name: [value] for name, value in case.truth.items()}}
    kept = pl.DataFrame(row).cast({"close_time": pl.Datetime("us", "UTC")})
    with pytest.raises(ConfigError, match="not backtestable"):
        with_inputs(bars, {case.name: kept})
    live = with_inputs(bars, {case.name: kept}, live=True)
    assert live.equals(with_inputs(bars, {case.name: kept}, recorded=[case.name]))
    (column, value), age = next(iter(case.truth.items())), f"{case.name}_age"
    assert live[column].to_list() == [None] * 4 + [value] * 6
    assert live[age].to_list() == [None] * 4 + [40.0 + 60.0 * k for k in range(6)]
    shown = list_sources().filter(source=f"input {case.name}")["gives"][0]
    assert "live only, not backtestable" in shown
    assert not INPUTS[case.name].backtestable
