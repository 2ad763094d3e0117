"""SQL views over stored books (top of the book) and trades, with ordinary prices and sizes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from trade_research.store.books import list_instruments
from trade_research.store.codes import Code
from trade_research.store.commit import Manifest, read_current
from trade_research.store.escaping import escape_glob, quoted

TOP = ("bid_price_1", "bid_size_1", "ask_price_1", "ask_size_1")
_BOOKS = {"time": "timestamptz", "recv_time": "timestamptz"} | dict.fromkeys(TOP, "double")
_DERIVED = """(bid_price_1 + ask_price_1) / 2 as mid, ask_price_1 - bid_price_1 as spread,
    (bid_price_1 * ask_size_1 + ask_price_1 * bid_size_1) / (bid_size_1 + ask_size_1) as microprice,
    (bid_size_1 - ask_size_1) / (bid_size_1 + ask_size_1) as imbalance_1"""
_TRADES = {
    "time": "timestamptz",
    "recv_time": "timestamptz",
    "price": "double",
    "size": "double",
    "side": "tinyint",
    "trade_id": "bigint",
}


def book_datasets(root: Path) -> list[tuple[str, Path, Manifest]]:
    """Kind, folder and newest version of all stored books and trades."""
    found = [
        (kind, folder, read_current(folder))
        for kind in ("books", "trades")
        for _, _, folder in list_instruments(root, kind)
    ]
    return [(kind, folder, manifest) for kind, folder, manifest in found if manifest is not None]


def book_views(datasets: Iterable[tuple[str, Path, Manifest]]) -> dict[str, str]:
    """The texts of the views `books` and `trades`."""
    files: dict[str, dict[tuple[str, ...], list[str]]] = {
        "books": defaultdict(list),
        "trades": defaultdict(list),
    }
    for kind, folder, manifest in datasets:
        received = "recv_time" in manifest.columns
        for part in manifest.parts:
            codes = dict(part.codes)
            key = (codes.get("bid_price", codes.get("price", "")),
                   codes.get("bid_size", codes.get("size", "")),
                   str(received), str("trade_id" in manifest.columns))  # fmt: skip
            files[kind][key].append(str(folder / part.path))
    books = [_books(key, paths) for key, paths in files["books"].items()]
    trades = [_trades(key, paths) for key, paths in files["trades"].items()]
    top = " union all ".join(books) or _empty(_BOOKS)
    return {
        "books": f"select *, {_DERIVED} from ({top})",
        "trades": " union all ".join(trades) or _empty(_TRADES),
    }


def _books(key: tuple[str, ...], paths: list[str]) -> str:
    price, size = Code.parse(key[0]), Code.parse(key[1])
    if price.digits is None:
        values = [f"{name} as {name}" for name in TOP]
    else:
        stored = ("bid_step_1", "bid_change_1", "ask_step_1", "ask_change_1")
        digits = (price.digits, size.digits, price.digits, size.digits)
        values = [
            f"nullif({column}, 0) / 1e{d} as {name}"
            for column, d, name in zip(stored, digits, TOP, strict=True)
        ]
    return _select(["time::timestamptz as time", _received(key), *values], paths)


def _trades(key: tuple[str, ...], paths: list[str]) -> str:
    values = []
    for name, stored, text in (("price", "price_ticks", key[0]), ("size", "size_lots", key[1])):
        digits = Code.parse(text).digits
        values.append(name if digits is None else f"{stored} / 1e{digits} as {name}")
    ids = "trade_id" if key[3] == "True" else "null::bigint as trade_id"
    return _select(["time::timestamptz as time", _received(key), *values, "side", ids], paths)


def _received(key: tuple[str, ...]) -> str:
    have = key[2] == "True"
    return ("recv_time" if have else "null") + "::timestamptz as recv_time"


def _select(columns: list[str], paths: list[str]) -> str:
    files = ", ".join(quoted(escape_glob(path)) for path in paths)
    return (
        f"select venue, symbol, date::date as date, {', '.join(columns)} from "
        f"read_parquet([{files}], hive_partitioning = true, hive_types_autocast = false, "
        "union_by_name = true)"
    )


def _empty(kinds: dict[str, str]) -> str:
    values = ", ".join(f"null::{kind} as {name}" for name, kind in kinds.items())
    return (
        f"select null::varchar as venue, null::varchar as symbol, null::date as date, {values} "
        "where false"
    )
