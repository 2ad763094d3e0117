"""Canary keys through every fault at DEBUG: no key in any output, log, exception or file."""

from __future__ import annotations

import base64
import io
import logging
import traceback
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from tests.data import needs_data
from tests.standins.cases import all_cases
from tests.standins.faults import TRANSPORT
from trade_research.errors import TradeResearchError
from trade_research.frames.intervals import parse_interval
from trade_research.settings.secrets import Secret
from trade_research.sources.fetch import fetch_bars
from trade_research.sources.http import Retry
from trade_research.sources.registry import open_source
from trade_research.store.layout import Name
from trade_research.store.store import Store

CANARY = "CANARY+Key/4711=secret"
FORMS = (
    *(CANARY, quote(CANARY, safe=""), quote(CANARY), base64.b64encode(CANARY.encode()).decode()),
    *(CANARY.encode().hex(), "4711"),
)
KEYED = ("alpha_vantage", "coingecko", "coinmarketcap", "binance")
QUICK = Retry(tries=2, first_s=0.001, most_s=0.002)


def _echo(handler, request, body):
    """An error page that prints the whole request, as some do."""
    del body
    told = f'{{"Error Message": "bad request {request.target} {dict(request.headers)}"}}'
    handler.reply(400, told.encode())
    return True


@needs_data
@pytest.mark.parametrize("kind", [*TRANSPORT, "echo", "none"])
def test_no_key_is_ever_shown(kind, tmp_path):
    seen = io.StringIO()
    shown = logging.StreamHandler(seen)
    root = logging.getLogger()
    level = root.level
    root.addHandler(shown)
    root.setLevel(logging.DEBUG)
    try:
        with redirect_stdout(seen), redirect_stderr(seen):
            for case in all_cases():
                if case.source in KEYED:
                    _run(case, kind, tmp_path / case.source, seen)
    finally:
        root.removeHandler(shown)
        root.setLevel(level)
    text = seen.getvalue()
    files = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    for form in FORMS:
        assert form not in text
        assert form.encode() not in files


def _run(case, kind, folder, seen):
    with case.make() as server:
        source = open_source(case.source, to=server.at, key=Secret(CANARY))
        source.http.timeout_s = 0.15
        if kind != "none":
            server.fault = {**TRANSPORT, "echo": _echo}[kind]
        name = Name(case.source, case.symbol, parse_interval(case.interval))
        done = fetch_bars(source, Store(folder), name, start=case.start, end=case.end, retry=QUICK)
        seen.write(repr(done) + repr(source.__dict__))
        for call in (
            lambda: source.quote(case.symbol),
            lambda: source.page(
                case.symbol, parse_interval("1d"), case.start, datetime(2026, 1, 1, tzinfo=UTC)
            ),
        ):
            try:
                seen.write(repr(call()))
            except TradeResearchError:
                seen.write(traceback.format_exc())
        assert all(CANARY not in request.target for request in server.asked)
