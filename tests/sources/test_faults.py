"""Every fault against every source: nothing wrong stored, nothing lost, the message says it all.

The first run stores the first half of a span without faults. The second asks for the rest while
every answer is bent; the third goes on without faults and must end with exactly the payload.
"""

from __future__ import annotations

import hashlib

import pytest

from tests.counts import FULL
from tests.data import SHARED, needs_data
from tests.standins.faults import TRANSPORT, row_faults, wrong_symbol
from trade_research.frames.intervals import parse_interval
from trade_research.settings.secrets import Secret
from trade_research.sources.fetch import fetch_bars
from trade_research.sources.http import Retry
from trade_research.sources.registry import open_source
from trade_research.store.layout import Name
from trade_research.store.store import Store

QUICK = Retry(tries=3, first_s=0.001, most_s=0.005)
ROWS = (
    *("empty", "overlapping", "unfinished", "reordered", "duplicates", "repeated page"),
    *("null", "negative", "NaN", "wrong symbol", "clock ahead", "clock behind"),
)
HARMLESS = {"overlapping", "unfinished", "reordered", "duplicates", "clock ahead", "clock behind"}
CASES: list = []
if SHARED is not None:
    from tests.standins.cases import all_cases

    CASES = all_cases()


KINDS = (*TRANSPORT, *ROWS)
# Every source meets every fault under `-m full`; half of the pairs, all of both, otherwise.
PAIRS = [
    pytest.param(case, kind, times, id=f"{case}-{kind}-{'once' if times == 1 else 'always'}")
    for i, case in enumerate(CASES)
    for j, kind in enumerate(KINDS)
    for times in (1, 10**6)
    if FULL or ((i + j) % 2 == 0 and (times == 1) == (j % 5 == 0))
]


def opened(case, server):
    """The case's source, asking its stand-in."""
    key = {name: Secret(value) for name, value in case.options.items()}
    return open_source(case.source, to=server.at, **key)


@pytest.fixture(scope="module")
def open_case(request):
    """A case, its running stand-in, and a source that was opened on it."""
    case = request.param
    with case.make() as server:
        yield case, server, opened(case, server)


class Bent:
    """Bends answers that carry data, `times` of them, and counts."""

    def __init__(self, case, fault, times=10**6):
        self.case, self.fault, self.times, self.count = case, fault, times, 0

    def __call__(self, handler, request, body):
        if not self.case.is_data(request) or self.count >= self.times:
            return False
        self.count += 1
        return self.fault(handler, request, body)


def fault_of(case, kind):
    if kind in TRANSPORT:
        return TRANSPORT[kind]
    return wrong_symbol(case) if kind == "wrong symbol" else row_faults(case).get(kind)


def bend(server, case, kind, times=10**6):
    """Let the stand-in go wrong in that way, `times` of its answers."""
    if kind.startswith("clock"):
        server.clock_offset = 90.0 if kind.endswith("ahead") else -90.0
        return
    server.fault = Bent(case, fault_of(case, kind), times)
    if case.source.startswith("archive") and kind in ROWS:
        _fit_checksum(server)


def run(case, source, store, **span):
    name = Name(case.venue or case.source, case.symbol, parse_interval(case.interval))
    source.http.timeout_s = 0.15
    for cached in ("_client", "_local"):
        source.http.__dict__.pop(cached, None)
    return fetch_bars(source, store, name, retry=QUICK, **span)


def stored(case, store):
    frame = store.bars(case.symbol, case.interval, venue=case.venue or case.source)
    return frame.select(case.expected().columns)


@needs_data
@pytest.mark.parametrize(("open_case", "kind", "times"), PAIRS, indirect=["open_case"])
def test_fault(open_case, kind, times, tmp_path):
    case, server, source = open_case
    store, truth = Store(tmp_path), case.expected()
    server.fault, server.clock_offset = None, 0.0
    first = run(case, source, store, start=case.start, end=case.middle)
    assert first.error is None, first.error
    half = stored(case, store)
    assert half.equals(truth.filter(truth["open_time"] < case.middle))

    bend(server, case, kind, times)
    done = run(case, source, store, end=case.end)
    now = stored(case, store)
    assert (
        now.equals(truth[: now.height]) or now.join(truth, on=truth.columns, how="anti").is_empty()
    )
    if done.error is not None:
        assert kind not in HARMLESS, done.error
        for part in (case.source.partition(":")[0], case.symbol, " from ", " to ", "again"):
            assert part in done.error
        assert "CANARYKEY" not in done.error
    elif kind not in {"empty"}:
        assert now.equals(truth) or kind in {"null", "repeated page", "wrong symbol"}, kind

    server.fault, server.clock_offset = None, 0.0
    source.http._late_by = None
    assert run(case, source, store, end=case.end).error is None
    assert stored(case, store).equals(truth)


@needs_data
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_source_that_fails_from_the_start(case, tmp_path):
    store, span = Store(tmp_path), {"start": case.start, "end": case.end}
    with case.make() as server:
        source, server.fault = opened(case, server), TRANSPORT["html"]
        done = run(case, source, store, **span)
        for part in (case.source.partition(":")[0], case.symbol, f" from {case.start:%F}", "again"):
            assert part in done.error
        assert not list(tmp_path.rglob("*.parquet"))
        server.fault = None
        assert run(case, source, store, **span).error is None
    assert stored(case, store).equals(case.expected())


def _fit_checksum(server):
    """The archive's sums fit whatever the file became: the rows themselves must be looked at."""
    bent, sums = server.fault, {}

    class Kept:
        def __init__(self, handler):
            self.handler = handler

        def reply(self, status, body, *rest):
            sums["last"] = hashlib.sha256(body).hexdigest()
            self.handler.reply(status, body, *rest)

    def fault(handler, request, body):
        if request.path.endswith("2025-09.zip.CHECKSUM") and "last" in sums:
            handler.reply(200, f"{sums['last']}  x.zip\n".encode())
            return True
        return bent(Kept(handler), request, body)

    server.fault = fault
