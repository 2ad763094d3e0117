"""Where a dataset lies: names to folders and back, injectively, on every file system.

The only place that makes paths. Letters of the unusual case are escaped too, so that names that
differ in case alone stay apart where the file system ignores case. The escape is URL encoding,
which DuckDB and Arrow undo when they read Hive partitions, so foreign readers see the true names.
An object-store root would enter here, in `local_root`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from trade_research.errors import ConfigError, StoreError
from trade_research.frames.intervals import Interval, parse_interval

_UPPER = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz")
_PLAIN = frozenset("0123456789-_.")
_RESERVED = frozenset(
    ["CON", "PRN", "AUX", "NUL"] + [f"{port}{n}" for port in ("COM", "LPT") for n in range(10)]
)
KINDS = ("bars", "books", "funding", "actions", "facts", "recordings", "ledger")
"""Folders below a root by which a store is known; there are others beside them."""
MAX_PART = 200  # bytes of an encoded name; file systems end at 255, with room for the key


@dataclass(frozen=True)
class Name:
    """One dataset of bars: `venue:SYMBOL@interval`."""

    venue: str
    symbol: str
    interval: Interval

    def __str__(self) -> str:
        return f"{self.venue}:{self.symbol}@{self.interval.text}"


def split_name(text: str) -> tuple[str | None, str, Interval]:
    """Venue (None when left out), symbol and interval of ``venue:SYMBOL@interval``.

    The venue ends at the first colon and the interval begins after the last ``@``, so symbols may
    hold both: ``binance:BTC/USDT:USDT@1h``.
    """
    body, at, interval = text.rpartition("@")
    venue, colon, symbol = body.partition(":")
    if not at or not body or (colon and not (venue and symbol)):
        raise ConfigError(
            f"{text!r} is not a dataset's name. Write venue:SYMBOL@interval, "
            "for example binance:BTC/USDT@1h."
        )
    return (
        (venue, symbol, parse_interval(interval))
        if colon
        else (None, body, parse_interval(interval))
    )


def encode_part(text: str, *, what: str, case: str = "upper") -> str:
    """A safe path part for `text`; different texts never share one, not even ignoring case.

    Parameters
    ----------
    text : str
        A venue's or instrument's name, 1 character or more, no control characters.
    what : str
        "venue" or "symbol", for the error's wording.
    case : {"upper", "lower"}
        The case whose letters stay as they are; the other's are escaped.

    Raises
    ------
    ConfigError
        An empty name, one with control characters, or one too long for a file system.
    """
    if not isinstance(text, str) or not text:
        raise ConfigError(f"the {what} is empty. Give the name the venue uses, e.g. 'BTC/USDT'.")
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise ConfigError(f"the {what} {text[:40]!r} holds a control character. Remove it.")
    keep = _PLAIN | (_UPPER if case == "upper" else _LOWER)
    try:
        out = "".join(c if c in keep else _escape(c) for c in text)
    except UnicodeEncodeError as error:
        raise ConfigError(f"the {what} {text[:40]!r} is not valid text: {error.reason}.") from error
    # Windows drops a trailing dot, '.' and '..' climb, and device names are taken.
    if out[0] == "." or out.split(".")[0].upper() in _RESERVED:
        out = _escape(out[0]) + out[1:]
    if out[-1] == ".":
        out = out[:-1] + _escape(".")
    if len(out) > MAX_PART:
        raise ConfigError(
            f"the {what} {text[:40]!r}… takes {len(out)} characters in a path, "
            f"more than {MAX_PART}. Use a shorter name."
        )
    return out


def decode_part(part: str, case: str = "upper") -> str | None:
    """The text that `encode_part` turned into `part`, or None for a folder that is not ours."""
    try:
        text = unquote(part, errors="strict")
        return text if encode_part(text, what="name", case=case) == part else None
    except (UnicodeDecodeError, ConfigError):
        return None


def local_root(root: str | os.PathLike[str]) -> Path:
    """The store's folder. Addresses of object stores are refused: they are not supported yet."""
    text = os.fspath(root)
    if "://" in text:
        raise ConfigError(
            f"the store's root {text!r} is an address; only folders of this computer can be used. "
            "Give a path, e.g. 'datasets', or read it with tr.RemoteStore(url)."
        )
    path = Path(text).expanduser().absolute()
    if path.exists() and not path.is_dir():
        raise StoreError(f"the store's root {text!r} is a file, not a folder. Give a folder.")
    return path


def bars_folder(root: Path, venue: str, symbol: str, interval: Interval) -> Path:
    """Folder of one dataset of bars."""
    if ":" in venue:
        raise ConfigError(
            f"the venue {venue!r} holds a colon, which ends a venue in dataset names."
        )
    return instrument_folder(root, "bars", venue, symbol) / f"interval={interval.text}"


def instrument_folder(root: Path, kind: str, venue: str, symbol: str) -> Path:
    """Folder of one instrument's `kind`: "bars", "actions", "funding"…"""
    place = encode_part(venue, what="venue", case="lower")
    return root / kind / f"venue={place}" / f"symbol={encode_part(symbol, what='symbol')}"


def store_around(path: Path) -> Path | None:
    """The root of the store that a path lies in, or None; links are not followed."""
    for folder in path.absolute().parents:
        if any(list_parts(folder / kind, "venue", "lower") for kind in KINDS):
            return folder
    return None


def list_parts(folder: Path, key: str, case: str = "upper") -> list[tuple[str, Path]]:
    """Decoded values and folders of the partitions ``key=…`` directly below `folder`, sorted."""
    try:
        with os.scandir(folder) as entries:
            found = [(e.name, Path(e.path)) for e in entries if e.name.startswith(f"{key}=")]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as error:
        raise StoreError(f"the folder {folder} cannot be read: {error.strerror}.") from error
    named = [(decode_part(name[len(key) + 1 :], case), path) for name, path in found]
    return sorted((value, path) for value, path in named if value is not None)


def _escape(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())
