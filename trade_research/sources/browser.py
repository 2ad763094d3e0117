"""The door to the network for venues that turn away whoever is no browser."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing
from functools import cached_property
from typing import Any

from trade_research.sources.http import Http


class BrowserHttp(Http):
    """The same door by the client that yfinance uses: Yahoo turns away whoever is no browser."""

    def _open(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        body: bytes | None,
    ) -> AbstractContextManager[Any]:
        ask = self._local.__dict__.get("session")
        if ask is None:
            from curl_cffi import requests

            ask = requests.Session(impersonate="chrome", trust_env=False)
            self._local.session = ask
            weakref.finalize(self, ask.close)
        reply = ask.request(
            method,  # type: ignore[arg-type]  # a literal
            url,
            params=dict(params or {}),
            headers=dict(headers or {}),
            content=body,
            timeout=self.timeout_s,
            allow_redirects=False,
            stream=True,
        )
        return closing(reply)

    def _parts(self, reply: Any) -> Iterator[bytes]:
        yield from reply.iter_content()

    @cached_property
    def _failures(self) -> tuple[type[Exception], ...]:
        from curl_cffi.requests.exceptions import RequestException

        return (RequestException, UnicodeError)

    @cached_property
    def _local(self) -> threading.local:
        return threading.local()  # its sessions are for one thread each
