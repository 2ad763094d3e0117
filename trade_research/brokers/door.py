"""The door to a venue for orders: what was answered is kept whole, and whether anything was sent.

What became of an order is read off the status and the venue's own code. A client's exception is
made of them, and forgets them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from trade_research.errors import SourceError
from trade_research.sources.http import Answer, Http, place


class Door(Http):
    """As `Http`; but every status is an answer, and nothing waits behind market data.

    Attributes
    ----------
    has_left : bool
        Whether anything of the last request can have reached the venue.
    """

    has_left: bool = False
    _answer: Answer | None = None

    def forget(self) -> None:
        """Before a request: what is kept is about it and no other."""
        self._answer, self.has_left = None, False

    def kept(self) -> Answer | None:
        """The answer to the last request since `forget`, if one came whole."""
        return self._answer

    @contextmanager
    def _open(self, *args: Any) -> Iterator[Any]:
        import httpx

        self.forget()
        self.has_left = True
        try:
            with super()._open(*args) as reply:
                yield reply
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            self.has_left = False
            raise

    def _read(self, reply: Any, url: str) -> Answer:
        at = place(url)
        self._answer = Answer(url, reply.status_code, reply.headers, self._body(reply, at))
        if 300 <= reply.status_code < 400:  # or the client would follow, with the signature
            raise SourceError(f"{at} redirects, which is not followed")
        return self._answer
