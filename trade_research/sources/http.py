"""The one door to the network: bounded, limited, never redirected, and quiet about keys.

Every source asks through an `Http`, also those whose client is another library: `as_session` gives
ccxt and yfinance a session whose requests go through here.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

from trade_research.errors import ConfigError, SourceBusyError, SourceError, SourceRefusedError
from trade_research.settings.secrets import Secret, quiet_clients, redact
from trade_research.sources.limits import Bucket, bucket_of

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
MOST_BYTES = 32 << 20  # of a body, unpacked
_AGENT = "trade_research"


@dataclass(frozen=True)
class Answer:
    """A whole answer with a status below 500 that is neither a refusal to serve nor a redirect."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON; SourceError where it is not."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise SourceError(f"{place(self.url)} answered {looks_like(self.body)}") from None


@dataclass(frozen=True)
class Retry:
    """How often and how long: pauses double from `first_s` to `most_s`, each shortened by chance.

    A wait that the venue asks for is obeyed; one over `patience_s` ends the fetch instead.
    """

    tries: int = 6
    first_s: float = 0.5
    most_s: float = 60.0
    patience_s: float = 300.0

    def run(self, ask: Callable[[], T], sleep: Callable[[float], None] = time.sleep) -> T:
        """`ask()`, again while it raises SourceError, and then its last error."""
        for attempt in range(1, self.tries + 1):
            try:
                return ask()
            except SourceRefusedError:
                raise
            except SourceError as error:
                wait = getattr(error, "wait_s", 0.0)
                if attempt == self.tries or wait > self.patience_s:
                    raise
                pause = min(self.most_s, self.first_s * 2 ** (attempt - 1))
                sleep(max(wait, pause * random.uniform(0.5, 1.0)))
        raise ConfigError("Retry(tries=…) must be 1 or more")


@dataclass
class Http:
    """Requests to the hosts of one venue.

    Attributes
    ----------
    name : str
        Of the source, for messages.
    hosts : frozenset of str
        The only hosts that are ever asked.
    bucket : Bucket
        The venue's limit.
    to : str
        ``127.0.0.1:port`` of a stand-in that is asked instead; the host becomes the first part of
        the path.
    timeout_s, deadline_s : float
        Longest wait for the next bytes, and for the whole answer.
    """

    name: str
    hosts: frozenset[str]
    bucket: Bucket
    to: str = ""
    timeout_s: float = 15.0
    deadline_s: float = 120.0
    headers: Mapping[str, str] = field(default_factory=dict)
    _late_by: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        host = self.to.partition(":")[0]
        if host not in ("", "127.0.0.1"):
            raise ConfigError(f"a stand-in runs on 127.0.0.1, not {host!r}")

    @classmethod
    def of(
        cls, name: str, *hosts: str, per_minute: float, to: str = "", key: Secret | None = None
    ) -> Self:
        """The door to a venue, whose limit counts for a key and for all threads together.

        A stand-in has no limit.
        """
        hashed = hashlib.sha256(key.reveal().encode()).hexdigest() if key else ""
        bucket = bucket_of(f"{name}@{to}", hashed, 1e9 if to else per_minute)
        return cls(name, frozenset(hosts), bucket, to)

    def now(self) -> datetime:
        """The earlier of this computer's clock and the venue's, by its last answer."""
        late = max(0.0, self._late_by or 0.0)
        return datetime.fromtimestamp(time.time() - late, UTC)

    @property
    def skew_s(self) -> float:
        """Seconds that this computer's clock was ahead of the venue's at the last answer."""
        return self._late_by or 0.0

    def get(
        self,
        url: str,
        params: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        weight: float = 1.0,
        method: str = "GET",
        body: bytes | None = None,
    ) -> Answer:
        """Ask once.

        Raises
        ------
        SourceBusyError
            429 or 418; the bucket is closed for as long as the venue asks.
        SourceError
            No answer, one that broke off, a 5xx, a redirect, or a body over 32 MB.
        """
        import httpx

        split = urlsplit(url)
        if split.hostname not in self.hosts:
            raise ConfigError(f"{self.name} has no business with the host {split.hostname!r}")
        if self.to:
            url = f"http://{self.to}/{split.netloc}{split.path}"
            url += f"?{split.query}" if split.query else ""
        self.bucket.take(weight)
        try:
            with self._open(method, url, params, headers, body) as reply:
                return self._read(reply, urlsplit(url)._replace(query="").geturl())
        except self._failures as error:
            if isinstance(error, httpx.InvalidURL | UnicodeError):
                raise ConfigError(f"{self.name} cannot ask for that: {shown(str(error))}") from None
            late = "Timeout" in type(error).__name__
            why = f"said nothing for {self.timeout_s:g} s" if late else "broke off its answer"
        raise SourceError(f"{place(url)} {why}") from None

    def _read(self, reply: Any, url: str) -> Answer:
        at = place(url)
        self._note_clock(reply.headers.get("date", ""))
        status = reply.status_code
        if status in (418, 429):
            wait = _retry_after(reply.headers.get("retry-after", ""))
            self.bucket.hold(wait)
            raise SourceBusyError(f"{at} answered {status} and asks to wait {wait:g} s", wait)
        if 300 <= status < 400:
            target = urlsplit(reply.headers.get("location", "")).hostname or "another page"
            raise SourceError(f"{at} redirects to {redact(target)}, which is not followed")
        if status >= 500:
            raise SourceError(f"{at} answered {status}")
        return Answer(url, status, reply.headers, self._body(reply, at))

    def _body(self, reply: Any, at: str) -> bytes:
        start, parts, size = time.monotonic(), [], 0
        for part in self._parts(reply):
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise SourceError(f"{at} sends over {MOST_BYTES >> 20} MB")
            if time.monotonic() - start > self.deadline_s:
                raise SourceError(f"{at} took over {self.deadline_s:g} s to answer")
        return b"".join(parts)

    def _open(
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str] | None,
        body: bytes | None,
    ) -> AbstractContextManager[Any]:
        """The answer's head, its body still to be read."""
        return self._client.stream(
            method, url, params=params or None, headers=headers, content=body
        )

    def _parts(self, reply: Any) -> Iterator[bytes]:
        """The body, unpacked, in pieces."""
        yield from reply.iter_bytes()

    @cached_property
    def _failures(self) -> tuple[type[Exception], ...]:
        """What the client raises where there is no whole answer."""
        import httpx

        return (httpx.HTTPError, httpx.InvalidURL, UnicodeError)

    def json(
        self,
        url: str,
        params: Mapping[str, Any] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        weight: float = 1.0,
    ) -> Any:
        """The JSON of an answer; SourceRefusedError with the venue's words where it says 4xx."""
        answer = self.get(url, params, headers=headers, weight=weight)
        if answer.status >= 400:
            raise SourceRefusedError(
                f"{place(answer.url)} answered {answer.status}: {shown(answer.body)}"
            )
        return answer.json()

    @cached_property
    def _client(self) -> httpx.Client:
        import httpx

        quiet_clients()
        client = httpx.Client(
            timeout=self.timeout_s,
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": _AGENT, **self.headers},
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=32),
        )
        weakref.finalize(self, client.close)
        return client

    def _note_clock(self, date: str) -> None:
        try:
            theirs = parsedate_to_datetime(date).timestamp()
        except (TypeError, ValueError):
            return
        # The header has whole seconds: only what is more than one second apart says anything.
        ahead = time.time() - theirs
        self._late_by = ahead if abs(ahead) > 2.0 else 0.0


def as_session(http: Http) -> Any:
    """A `requests` session whose every request goes through `http`."""
    import requests

    class Door(requests.adapters.BaseAdapter):
        def send(self, request: Any, *_: Any, **__: Any) -> Any:
            body = request.body.encode() if isinstance(request.body, str) else request.body
            kept = {k: v for k, v in request.headers.items() if k.lower() not in _OWN}
            answer = http.get(request.url, headers=kept, method=request.method, body=body)
            reply = requests.Response()
            reply.status_code, reply.url, reply.request = answer.status, request.url, request
            reply.headers = requests.structures.CaseInsensitiveDict(answer.headers)
            reply._content = answer.body
            reply.encoding = "utf-8"
            return reply

        def close(self) -> None:
            pass

    session = requests.Session()
    session.trust_env = False
    session.mount("https://", Door())
    session.mount("http://", Door())
    return session


_OWN = frozenset({"host", "connection", "content-length", "accept-encoding"})


def place(url: str) -> str:
    """Host and path of an address, without the query that may hold a key."""
    split = urlsplit(url)
    if split.hostname == "127.0.0.1":
        return redact(split.path.lstrip("/"))
    return redact(f"{split.hostname}{split.path}")


def shown(body: bytes | str, most: int = 160) -> str:
    """Some of a venue's own words: one line, no control characters, no keys."""
    text = body[: 4 * most].decode(errors="replace") if isinstance(body, bytes) else body
    plain = "".join(c if c.isprintable() else " " for c in redact(text))
    return " ".join(plain.split())[:most]


def looks_like(body: bytes) -> str:
    """What an answer is that should have been JSON."""
    head = body[:200].lstrip().lower()
    if not head:
        return "nothing"
    if head.startswith((b"<!doctype", b"<html")):
        return "a web page, not data"
    return "JSON that breaks off" if head[:1] in (b"[", b"{") else "something that is not JSON"


def _retry_after(text: str) -> float:
    """Seconds of a Retry-After header (a number or a date); 60 where it says nothing."""
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return 60.0
