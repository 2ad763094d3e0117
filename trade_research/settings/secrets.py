"""A secret that prints as ***, and the one function that strikes secrets out of any text."""

from __future__ import annotations

import base64
import hmac
import json
import logging
import re
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus

HIDDEN = "***"
_CLIENTS = (
    "ccxt.base.exchange",
    "httpx",
    "httpcore",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "urllib3",
    "urllib3.connectionpool",
    "requests",
    "aiohttp",
    "aiohttp.client",
    "yfinance",
    "peewee",
)
# What venues call a key or a signature in addresses, headers and JSON.
_NAMED = re.compile(
    r"(?i)((?:x-mbx-apikey|x_cmc_pro_api_key|x-cmc_pro_api_key|x-cg-(?:demo|pro)-api-key|"
    r"api[-_]?key|apisecret|secret|signature|authent|api-sign|listenkey|passphrase|crumb)"
    r"[\"']?\s*[=:]\s*[\"']?)[^\s&\"',})\]]+"
)
_known: set[str] = set()


class Secret:
    """A key or password. `reveal()` gives it; whatever else looks at it sees ``***``."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        _known.update(form for form in _forms(value) if len(form) >= 4)

    def reveal(self) -> str:
        """The value itself, for the request that needs it and nothing else."""
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return HIDDEN

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(
            self._value.encode(), other._value.encode()
        )

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: find it again where it is needed")


def redact(text: str) -> str:
    """`text` without any known secret in any usual form, and without named keys and signatures."""
    for form in sorted(_known, key=len, reverse=True):
        if form in text:
            text = text.replace(form, HIDDEN)
    return _NAMED.sub(rf"\1{HIDDEN}", text)


def quiet_clients() -> None:
    """Let the loggers of the clients say warnings only, unless told otherwise, and never a key."""
    for name in _CLIENTS:
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)
        if _STRIKE not in logger.filters:
            logger.addFilter(_STRIKE)


class _Strike(logging.Filter):
    """Strikes secrets out of a record's finished text."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), None
        if record.exc_info:
            record.exc_text = redact(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True


_STRIKE = _Strike()


def _forms(value: str) -> set[str]:
    """The value as it may turn up: as it is, in an address, in JSON, in base64, in hex."""
    raw = value.encode()
    coded = base64.b64encode(raw).decode()
    return {
        value,
        quote(value, safe=""),
        quote_plus(value),
        json.dumps(value)[1:-1],
        coded,
        coded.rstrip("="),
        quote(coded, safe=""),
        base64.urlsafe_b64encode(raw).decode(),
        raw.hex(),
    }
