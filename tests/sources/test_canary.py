"""Canary keys through every fault at DEBUG: no key in any output, log, exception or file."""

from __future__ import annotations

import base64
import io
import logging
import traceback
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from tests.counts import FULL
from tests.data import needs_data
from tests.sources.test_faults import CASES, KINDS, bend
from tests.standins.faults import TRANSPORT
from trade_research.errors import TradeResearchError
from trade_research.frames.intervals import parse_interval
from trade_research.settings.secrets import Secret
from trade_research.sources.fetch import fetch_bars
from trade_research.sources.http import Retry
from trade_research.sources.registry import open_source
from trade_research.store.layout import Name
from trade_research.store.store import Store

KEY, SECRET = "CANARY+Key/Zq9=kkkk", "CANARY+Signs/Zq9ssssssss"  # the second also is base64
QUICK = Retry(tries=2, first_s=0.001, most_s=0.002)
# Every source meets every fault under `-m full`, each of both a few times otherwise.
PAIRS = [
    pytest.param(case, kind, id=f"{case}-{kind}")
    for i, case in enumerate(CASES)
    for j, kind in enumerate((*KINDS, "echo", "none"))
    if FULL or (i + j) % 6 == 0
]


def forms(value):
    """A secret as it may turn up, whole or in its telling part."""
    coded = base64.b64encode(value.encode()).decode()
    return (value, quote(value), quote(value, safe=""), coded, value.encode().hex(), value[-8:])


def _echo(handler, request, body):
    """An error page that prints the whole request, as some do."""
    del body
    told = f'{{"Error Message": "bad request {request.target} {dict(request.headers)}"}}'
    handler.reply(400, told.encode())
    return True


EVERYWHERE = {**TRANSPORT, "echo": _echo}  # also where no data is asked for


@contextmanager
def everything_said():
    """What is printed or logged by anything at all, every logger at DEBUG."""
    import aiohttp.client
    import ccxt
    import curl_cffi.requests
    import httpx
    import urllib3
    import yfinance

    del aiohttp, ccxt, curl_cffi, httpx, urllib3, yfinance
    seen = io.StringIO()
    shown = logging.StreamHandler(seen)
    root = logging.getLogger()
    every = [root, *(logging.getLogger(name) for name in root.manager.loggerDict)]
    levels = [logger.level for logger in every]
    root.addHandler(shown)
    for logger in every:
        logger.setLevel(logging.DEBUG)
    try:
        with redirect_stdout(seen), redirect_stderr(seen):
            yield seen
    finally:
        root.removeHandler(shown)
        for logger, level in zip(every, levels, strict=True):
            logger.setLevel(level)


@needs_data
@pytest.mark.parametrize(("case", "kind"), PAIRS)
def test_no_key_is_ever_shown(case, kind, tmp_path):
    with case.make() as server, everything_said() as seen:
        source = open_source(case.source, to=server.at, key=Secret(KEY))
        source.http.timeout_s = 0.15
        if kind in EVERYWHERE:
            server.fault = EVERYWHERE[kind]
        elif kind != "none":
            bend(server, case, kind)
        logging.getLogger("ours").debug("the handler hears this")
        step, day = parse_interval(case.interval), parse_interval("1d")
        name = Name(case.venue or case.source, case.symbol, step)
        done = fetch_bars(source, Store(tmp_path), name, start=case.start, retry=QUICK)
        seen.write(repr(done) + repr(source.__dict__))
        for call in (
            lambda: source.quote(case.symbol),
            lambda: source.page(case.symbol, day, case.start, datetime(2026, 1, 1, tzinfo=UTC)),
            lambda: _signed(source),
        ):
            try:
                seen.write(repr(call()))
            except (TradeResearchError, AttributeError):
                seen.write(traceback.format_exc())
    signed = [r.query.get("signature") for r in server.asked]
    signed += [r.headers.get(h) for r in server.asked for h in ("Authent", "API-Sign")]
    text = seen.getvalue()
    assert "the handler hears this" in text
    files = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    for form in (*forms(KEY), *forms(SECRET), *filter(None, signed)):
        assert form not in text
        assert form.encode() not in files
    assert any(signed) == hasattr(source, "_exchange")


def _signed(source):
    """A request signed as orders are, by ccxt through our door."""
    exchange = source._exchange
    exchange.apiKey, exchange.secret = Secret(KEY).reveal(), Secret(SECRET).reveal()
    routes = {"kraken": "privatePostBalance", "kraken_futures": "privateGetAccounts"}
    return source._call(getattr(exchange, routes.get(source.name, "privateGetAccount")))
