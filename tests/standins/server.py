"""A venue on loopback: real sockets, recorded payloads, and faults on demand.

A request for ``https://api.binance.com/api/v3/klines`` arrives with its host as the first part of
the path; `routes` says what a venue answers, `fault` what goes wrong with the answer.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep, time
from urllib.parse import parse_qsl, urlsplit


class Request:
    """What was asked: host and path as one text, the query, the headers, the body."""

    def __init__(
        self, target: str, headers: dict[str, str], method: str = "GET", body: str = ""
    ) -> None:
        split = urlsplit(target)
        self.path = split.path.lstrip("/")
        self.query = dict(parse_qsl(split.query, keep_blank_values=True))
        self.target, self.headers = target, headers
        self.method, self.body = method, body


Route = Callable[[Request], object]


class Standin:
    """A server of routes: path → function of the request; gives JSON of what it returns.

    A route may return bytes (sent as they are) or a tuple (status, body). `fault` is called with
    the handler, the request and the finished body, and returns True when it has answered itself;
    `before` likewise, without a body, when nothing has been routed yet.
    """

    def __init__(self, routes: dict[str, Route]) -> None:
        self.routes, self.fault, self.before = dict(routes), None, None
        self.asked: list[Request] = []
        self.is_true = False
        self.clock_offset = 0.0
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.at = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    def __enter__(self) -> Standin:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve_tls(self, context: ssl.SSLContext) -> None:
        """Answer for the venue's own addresses: the host is in the header, not in the path."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.is_true = True

    def answer(self, request: Request) -> tuple[int, bytes]:
        """Status and body of an honest answer."""
        route = self.routes.get(request.path)
        if route is None:
            parts = [p for p in self.routes if p.endswith("*") and request.path.startswith(p[:-1])]
            if not parts:
                return 404, b'{"msg":"no such route"}'
            route = self.routes[max(parts, key=len)]
        found = route(request)
        status, body = found if isinstance(found, tuple) else (200, found)
        return status, body if isinstance(body, bytes) else json.dumps(body).encode()


class _Handler(BaseHTTPRequestHandler):
    owner: Standin
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        target = f"/{self.headers['Host']}{self.path}" if self.owner.is_true else self.path
        request = Request(target, dict(self.headers.items()), self.command, sent)
        self.owner.asked.append(request)
        before, fault = self.owner.before, self.owner.fault
        try:
            if before is not None and before(self, request):
                return
            status, body = self.owner.answer(request)
            if fault is None or not fault(self, request, body):
                self.reply(status, body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_POST = do_DELETE = do_GET

    def reply(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        length: int | None = None,
    ) -> None:
        self.send_response_only(status)
        self.send_header("Date", formatdate(time() + self.owner.clock_offset, usegmt=True))
        self.send_header("Content-Length", str(len(body) if length is None else length))
        kind = "application/json" if body[:1] in (b"{", b"[") else "text/html"
        self.send_header("Content-Type", kind)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        pass


def drip(handler: _Handler, body: bytes, pause: float) -> None:
    """Send the head and half of the body, then wait."""
    handler.send_response_only(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.wfile.flush()
    sleep(pause)
