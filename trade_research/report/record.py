"""Records as JSON with frames beside, and back: what run folders and pages keep of a run.

Plain values stay themselves. What JSON does not have is an object with the key ``"$"``: NaN, times,
tuples, arrays, the frozen dataclasses of this package. Records of other packages come back as
`Kept`: their fields and their text.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import importlib
import io
import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from trade_research.errors import StoreError

_PACKAGE = "trade_research."
_NOT_IDENTITY = ("run_id", "command", "results", "versions_of_data", "trials", "config")


@dataclasses.dataclass(frozen=True)
class Kept:
    """What is left of a record whose class is not ours: its fields, and how it printed."""

    fields: Mapping[str, Any]
    text: str

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in self.fields:
            raise AttributeError(name)
        return self.fields[name]

    def __str__(self) -> str:
        return self.text


def encode(value: Any, frames: dict[str, pl.DataFrame], at: str = "", most: int = 0) -> Any:
    """`value` as JSON can hold it; frames are put into `frames` under their path.

    Parameters
    ----------
    at : str
        Path of `value`, for the names of frames.
    most : int
        Longest array, list or frame to keep; of longer ones the number of rows is. 0: all.
    """
    inner = partial(encode, frames=frames, most=most)
    if value is None or isinstance(value, bool | str) or type(value) is int:
        return value
    if isinstance(value, float | np.floating):
        number = float(value)
        return number if math.isfinite(number) else {"$": "float", "v": repr(number)}
    if isinstance(value, datetime):
        return {"$": "time", "v": value.isoformat()}
    if isinstance(value, date):
        return {"$": "date", "v": value.isoformat()}
    if isinstance(value, np.generic):
        return inner(value.item(), at=at)
    if isinstance(value, pl.DataFrame):
        is_long = bool(most) and value.height > most
        frames[at] = value.clear() if is_long else value
        return {"$": "frame", "v": at} | ({"rows": value.height} if is_long else {})
    if isinstance(value, np.ndarray):
        return _array(value, most)
    if isinstance(value, Mapping):
        if all(isinstance(key, str) for key in value) and "$" not in value:
            return {key: inner(item, at=f"{at}.{key}") for key, item in value.items()}
        pairs = [
            [inner(k, at=f"{at}.{n}"), inner(v, at=f"{at}.{n}")]
            for n, (k, v) in enumerate(value.items())
        ]
        return {"$": "map", "v": pairs}
    if isinstance(value, list | tuple):
        if most and len(value) > most:
            return {"$": "left out", "v": [len(value)]}
        items = [inner(item, at=f"{at}.{n}") for n, item in enumerate(value)]
        return items if isinstance(value, list) else {"$": "tuple", "v": items}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _record(value, inner, at)
    return {"$": "other", "v": {}, "text": str(value)}


def decode(value: Any, frames: Mapping[str, pl.DataFrame]) -> Any:
    """What `encode` was given; arrays and lists it left out are None, long frames have null rows.

    Raises
    ------
    StoreError
        Not what `encode` writes, or a record that this version does not know.
    """
    if isinstance(value, list):
        return [decode(item, frames) for item in value]
    if not isinstance(value, dict):
        return value
    if "$" not in value:
        return {key: decode(item, frames) for key, item in value.items()}
    make = _DECODERS.get(str(value["$"]))
    try:
        if make is None:
            raise KeyError(value["$"])
        return make(value, frames)
    except (KeyError, TypeError, ValueError, AttributeError, ImportError) as error:
        raise StoreError(
            f"a saved {value['$']} cannot be read: {type(error).__name__}: {error}. "
            "It was written by another version, or changed since."
        ) from error


def identity(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of what made a run: its manifest, less what it led to and how to call it."""
    core = {key: value for key, value in manifest.items() if key not in _NOT_IDENTITY}
    return hashlib.sha256(json.dumps(core, sort_keys=True, default=str).encode()).hexdigest()


def parquet_bytes(table: pl.DataFrame) -> bytes:
    """A frame as a small Parquet file: doubles by their bytes, integers by their differences."""
    import pyarrow.parquet as pq

    plain, out = table.to_arrow(), io.BytesIO()
    first = io.BytesIO()
    pq.write_table(plain.slice(0, 0), first)
    group = pq.ParquetFile(first).schema
    kinds = {c.path: c.physical_type for c in (group.column(k) for k in range(len(group.names)))}
    codes = {"DOUBLE": "BYTE_STREAM_SPLIT"}
    codes |= dict.fromkeys(("INT32", "INT64"), "DELTA_BINARY_PACKED")
    pq.write_table(
        plain,
        out,
        compression="zstd",
        compression_level=9,
        use_dictionary=[path for path, kind in kinds.items() if kind not in codes],
        column_encoding={path: codes[kind] for path, kind in kinds.items() if kind in codes},
        write_statistics=False,
    )
    return out.getvalue()


def _array(value: np.ndarray[Any, Any], most: int) -> dict[str, Any]:
    if most and value.size > most:
        return {"$": "left out", "v": list(value.shape)}
    kind = value.dtype.newbyteorder("<")
    data = base64.b64encode(np.ascontiguousarray(value, kind).tobytes()).decode()
    return {"$": "array", "kind": kind.str, "shape": list(value.shape), "v": data}


def _record(value: Any, inner: Callable[..., Any], at: str) -> dict[str, Any]:
    """A dataclass: ours by its name, another's as fields and text."""
    names = [field.name for field in dataclasses.fields(value) if field.init]
    fields = {name: inner(getattr(value, name), at=f"{at}.{name}") for name in names}
    kind = type(value)
    if kind.__module__.startswith(_PACKAGE):
        name = f"{kind.__module__.removeprefix(_PACKAGE)}:{kind.__qualname__}"
        return {"$": "record", "is": name, "v": fields}
    return {"$": "other", "v": fields, "text": str(value)}


def _made(value: dict[str, Any], frames: Mapping[str, pl.DataFrame]) -> Any:
    """A record of ours again; fields that this version does not have are left out."""
    place, _, name = value["is"].partition(":")
    if not all(part.isidentifier() for part in (*place.split("."), name)):
        raise ValueError(f"no record is called {value['is']!r}")
    kind = getattr(importlib.import_module(_PACKAGE + place), name)
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        raise TypeError(f"{value['is']} is no record")
    known = {field.name for field in dataclasses.fields(kind) if field.init}
    return kind(**{k: decode(v, frames) for k, v in value["v"].items() if k in known})


def _frame(value: dict[str, Any], frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    frame = frames[value["v"]]
    return frame.clear(int(value["rows"])) if "rows" in value else frame


def _values(value: dict[str, Any]) -> Any:
    flat = np.frombuffer(base64.b64decode(value["v"]), np.dtype(value["kind"]))
    return flat.reshape(value["shape"]).copy()


_DECODERS: dict[str, Callable[[dict[str, Any], Mapping[str, pl.DataFrame]], Any]] = {
    "float": lambda value, frames: float(value["v"]),
    "time": lambda value, frames: datetime.fromisoformat(value["v"]),
    "date": lambda value, frames: date.fromisoformat(value["v"]),
    "tuple": lambda value, frames: tuple(decode(item, frames) for item in value["v"]),
    "map": lambda value, frames: {
        decode(key, frames): decode(item, frames) for key, item in value["v"]
    },
    "array": lambda value, frames: _values(value),
    "left out": lambda value, frames: None,
    "frame": _frame,
    "record": _made,
    "other": lambda value, frames: Kept(
        {key: decode(item, frames) for key, item in value["v"].items()}, value["text"]
    ),
}
