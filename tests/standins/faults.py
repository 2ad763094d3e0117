"""What goes wrong with an answer: of the transport, and of the rows in it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from time import time
from typing import Any

from tests.standins.case import Case
from tests.standins.server import Request, drip

Fault = Callable[[Any, Request, bytes], bool]


def _status(code: int, **headers: str) -> Fault:
    def fault(handler: Any, request: Request, body: bytes) -> bool:
        del request, body
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        handler.reply(code, b"<html>not now</html>", named)
        return True

    return fault


def _slow(handler: Any, request: Request, body: bytes) -> bool:
    del request
    drip(handler, body, 0.6)
    handler.close_connection = True
    return True


def _reset(handler: Any, request: Request, body: bytes) -> bool:
    del request
    drip(handler, body, 0.0)
    # Linger 0: the kernel sends RST in the middle of the body.
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True
    return True


def _truncated(handler: Any, request: Request, body: bytes) -> bool:
    del request
    handler.reply(200, body[: len(body) * 2 // 3])
    return True


def _html(handler: Any, request: Request, body: bytes) -> bool:
    del request, body
    handler.reply(200, b"<!DOCTYPE html><html><body>Please log in</body></html>")
    return True


def _big(handler: Any, request: Request, body: bytes) -> bool:
    del request, body
    handler.reply(200, b"[" + b" " * (33 << 20) + b"]")
    return True


TRANSPORT: dict[str, Fault] = {
    "429": _status(429, Retry_After="0.02"),
    "418": _status(418, Retry_After="0.02"),
    "500": _status(500),
    "503": _status(503),
    "slow": _slow,
    "reset": _reset,
    "truncated": _truncated,
    "html": _html,
    "redirect": _status(302, Location="https://elsewhere.example/login"),
    "big": _big,
}


def rows_fault(case: Case, change: Callable[[list[list[Any]], list[list[Any]]], Any]) -> Fault:
    """A fault of the rows: `change(rows, rows of the answer before)` gives the bent ones."""
    before: list[list[list[Any]]] = []

    def fault(handler: Any, request: Request, body: bytes) -> bool:
        rows = case.rows(body)
        bent = change(rows, before[-1] if before else rows)
        before.append(rows)
        handler.reply(200, bent if isinstance(bent, bytes) else case.pack(body, bent))
        return True

    return fault


def _with_value(rows: list[list[Any]], value: Any) -> list[list[Any]]:
    middle = len(rows) // 2
    return [[*r[:4], value, r[5]] if i == middle else r for i, r in enumerate(rows)]


def row_faults(case: Case) -> dict[str, Fault]:
    """Faults of the rows, by name."""

    def empty(rows: Any, _: Any) -> Any:
        return []

    def overlapping(rows: Any, before: Any) -> Any:
        return [*[r for r in before if r not in rows][-5:], *rows]

    def unfinished(rows: Any, _: Any) -> Any:
        return [*rows, case.running(rows[-1], time())]

    return {
        "empty": rows_fault(case, empty),
        "overlapping": rows_fault(case, overlapping),
        "unfinished": rows_fault(case, unfinished),
        "reordered": rows_fault(case, lambda rows, _: rows[::-1]),
        "duplicates": rows_fault(case, lambda rows, _: [r for r in rows for _ in range(2)]),
        "repeated page": rows_fault(case, lambda rows, before: before),
        "null": rows_fault(case, lambda rows, _: _with_value(rows, None)),
        "negative": rows_fault(case, lambda rows, _: _with_value(rows, "-5")),
        "NaN": rows_fault(case, lambda rows, _: _with_value(rows, "NaN")),
    }


def wrong_symbol(case: Case) -> Fault:
    """The answer for another instrument."""

    def fault(handler: Any, request: Request, body: bytes) -> bool:
        del request
        handler.reply(200, case.wrong(body))
        return True

    return fault
