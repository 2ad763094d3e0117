"""The recorded answers of venues, for the stand-ins to give."""

from __future__ import annotations

import gzip
import json
from functools import lru_cache
from typing import Any

from tests.data import shared


@lru_cache
def text(part: str) -> bytes:
    """Bytes of a recorded answer."""
    data = shared(f"recorded/{part}").read_bytes()
    return gzip.decompress(data) if part.endswith(".gz") else data


@lru_cache
def answer(part: str) -> Any:
    """A recorded answer's JSON; never change it."""
    return json.loads(text(part))
