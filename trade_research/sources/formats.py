"""What a raw table means: a table of formats, each told by its shape, read by one function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
from polars import selectors as cs

from trade_research.errors import FormatError, MissingDataError, nearest
from trade_research.frames.bars import BAR_COLUMNS
from trade_research.sources import lean
from trade_research.sources.tables import Raw
from trade_research.sources.times import read_times

_TIMES = ("open_time", "ts", "datetime", "timestamp", "date", "time")
_SYMBOLS = ("symbol", "ticker")
_PRICES = ("open", "high", "low", "close")
_EXTRA = {
    "volume": ("volume",),
    "quote_volume": ("quote_volume", "quote_asset_volume"),
    "trades": ("trades", "count", "number_of_trades"),
}


@dataclass(frozen=True)
class Asked:
    """What the caller said about the file."""

    symbol: str | None
    tz: str | None
    sessions: bool


@dataclass(frozen=True)
class Tidy:
    """Columns as `frames.to_bars` takes them, and what was done or assumed on the way.

    `vendor` is the whole table, as `frames.audit_vendor` takes it, where it is one of adjusted
    prices.
    """

    frame: pl.DataFrame
    notes: list[str]
    vendor: pl.DataFrame | None = None


@dataclass(frozen=True)
class Format:
    """One format: its name, how it is told, and the function that reads it."""

    name: str
    fits: Callable[[Raw], bool]
    read: Callable[[Raw, Asked], Tidy]


def find_format(raw: Raw) -> Format:
    """The first format that fits.

    Raises
    ------
    FormatError
        None does: the table has no time, or not all prices.
    """
    for known in FORMATS:
        if known.fits(raw):
            return known
    if not raw.named:
        raise FormatError(
            f"{raw.where} has no header and {raw.table.width} columns: only exchange candles of "
            "6 or 12 columns, beginning with an epoch stamp, are read without one. Add a header"
        )
    names = _named(raw)
    found = ", ".join(raw.table.columns[:12]) or "none"
    if "date" in names and "time" in names:
        raise FormatError(f"{raw.where} keeps date and time apart ({found}): join them as 'ts'")
    missing = [name for name in _PRICES if name not in names]
    if not any(name in names for name in _TIMES):
        missing.insert(0, "ts")
    raise FormatError(
        f"{raw.where} has no column {missing[0]!r}, found {found}. "
        "Bars need ts, open, high, low, close: rename or add it"
    )


def symbols_of(raw: Raw) -> list[str] | None:
    """Symbols in the order of their first row; None where the file has no such column."""
    column = _symbol_column(raw)
    if column is None:
        return None
    return raw.table.get_column(column).cast(pl.String).unique(maintain_order=True).to_list()


def _is_candles(raw: Raw) -> bool:
    if raw.named or raw.table.width not in (6, 12) or not raw.table.height:
        return False
    first = raw.table.get_column("c0").cast(pl.Float64, strict=False)[0]
    return first is not None and first >= 1e8


def _read_candles(raw: Raw, asked: Asked) -> Tidy:
    """Binance dumps and klines (12 columns), freqtrade's JSON (6): stamp, OHLC, volume, …"""
    names = ["open_time", *_PRICES, "volume"]
    used = [0, 1, 2, 3, 4, 5]
    if raw.table.width == 12:
        names += ["quote_volume", "trades"]
        used += [7, 8]
    table = raw.table.select(
        pl.col(f"c{at}").alias(name) for at, name in zip(used, names, strict=True)
    )
    times, notes = read_times(table.get_column("open_time"), asked.tz, labels=False)
    return Tidy(table.with_columns(times), notes)


def _is_yahoo(raw: Raw) -> bool:
    names = _named(raw)
    return raw.named and "adj_close" in names and _has_bars(raw)


def _read_yahoo(raw: Raw, asked: Asked) -> Tidy:
    """Yahoo's CSV: a day is labelled by its local date, whatever offset is printed beside it."""
    tidy = _read_tidy(raw, Asked(asked.symbol, asked.tz, sessions=True))
    note = "'Adj Close' was left out: prices are adjusted for splits, not for dividends"
    return Tidy(tidy.frame, [*tidy.notes, note], _vendor_table(raw, tidy.frame))


def _vendor_table(raw: Raw, tidy: pl.DataFrame) -> pl.DataFrame | None:
    """Prices with what Yahoo says of their adjustment; None where the file does not say it."""
    names = _named(raw)
    wanted = {"adj_close": "adj_close", "dividends": "dividends", "stock_splits": "splits"}
    if not wanted.keys() <= names.keys():
        return None
    told = [raw.table.get_column(names[old]).alias(new) for old, new in wanted.items()]
    table = tidy.select("open_time", *_PRICES).with_columns(told)
    return table.with_columns(pl.exclude("open_time").cast(pl.Float64, strict=False))


def _has_bars(raw: Raw) -> bool:
    names = _named(raw)
    apart = "date" in names and "time" in names
    return not apart and all(p in names for p in _PRICES) and any(t in names for t in _TIMES)


def _is_freqtrade(raw: Raw) -> bool:
    return raw.kind == "feather" and raw.table.columns == ["date", *_PRICES, "volume"]


def _is_tidy(raw: Raw) -> bool:
    return raw.named and _has_bars(raw)


def _read_tidy(raw: Raw, asked: Asked) -> Tidy:
    """Columns by name: a time, the prices, perhaps volume, quote volume, trades and symbol."""
    raw, notes = _one_symbol(raw, asked.symbol)
    names = _named(raw)
    time = next(name for name in _TIMES if name in names)
    column = raw.table.get_column(names[time]).alias("open_time")
    times, more = read_times(column, asked.tz, labels=asked.sessions)
    columns = [times, *(raw.table.get_column(names[name]).alias(name) for name in _PRICES)]
    for name, spellings in _EXTRA.items():
        found = next((names[s] for s in spellings if s in names), None)
        if found is not None:
            columns.append(_unknown_as_null(raw.table.get_column(found).alias(name)))
    if raw.kind == "frame":
        columns += _own_columns(raw.table, {names[time], *(column.name for column in columns)})
    close = names.get("close_time")
    if close is not None and isinstance(raw.table.schema[close], pl.Datetime):
        # Its zone is compared with that of the open time, before that was converted.
        _same_zone(raw.table.get_column(names[time]), raw.table.get_column(close), raw.where)
    return Tidy(pl.DataFrame(columns), [*notes, *more])


def _own_columns(table: pl.DataFrame, taken: set[str]) -> list[pl.Series]:
    """Numbers that a frame in memory holds beside its bars, under their names: for strategies."""
    known = {*taken, *BAR_COLUMNS, *(name for names in _EXTRA.values() for name in names)}
    numbers = table.select(cs.numeric() | cs.boolean()).cast(pl.Float64)
    plain = (c.name.strip().lower().replace(" ", "_") for c in numbers)
    return [
        column
        for column, name in zip(numbers, plain, strict=True)
        if not {name, column.name} & {*known, "adj_close"}
    ]


def _read_lean_days(raw: Raw, asked: Asked) -> Tidy:
    """Lean's daily zip; its dates are sessions."""
    del asked
    return Tidy(*lean.read_lean_days(raw))


def _read_lean_minutes(raw: Raw, asked: Asked) -> Tidy:
    """Lean's zip of one day's minutes."""
    return Tidy(*lean.read_lean_minutes(raw, asked.tz))


FORMATS = (
    Format("lean minutes", lean.is_lean_minutes, _read_lean_minutes),
    Format("lean days", lean.is_lean_days, _read_lean_days),
    Format("exchange candles", _is_candles, _read_candles),
    Format("yahoo", _is_yahoo, _read_yahoo),
    Format("freqtrade", _is_freqtrade, _read_tidy),
    Format("tidy", _is_tidy, _read_tidy),
)
"""Tried in this order; a new format is one line here and one function."""


def _named(raw: Raw) -> dict[str, str]:
    """Names in lower case with underscores, to the names in the table."""
    return {name.strip().lower().replace(" ", "_"): name for name in raw.table.columns}


def _symbol_column(raw: Raw) -> str | None:
    names = _named(raw)
    return next((names[s] for s in _SYMBOLS if s in names), None) if raw.named else None


def _one_symbol(raw: Raw, wanted: str | None) -> tuple[Raw, list[str]]:
    symbols = symbols_of(raw)
    column = _symbol_column(raw)
    if symbols is None or column is None:
        return raw, []
    if wanted is None and len(symbols) > 1:
        raise MissingDataError(
            f"{raw.where} holds {len(symbols)} symbols: choose one with symbol= "
            f"({', '.join(symbols[:20])})"
        )
    chosen = symbols[0] if wanted is None else _match(wanted, symbols, raw.where)
    rows = raw.table.filter(pl.col(column) == chosen)
    return Raw(rows, True, raw.kind, raw.where), [f"symbol {chosen}"]


def _match(wanted: str, symbols: list[str], where: str) -> str:
    """The symbol as the file spells it: BTC/USDT finds BTCUSDT."""
    if wanted in symbols:
        return wanted
    alike = [s for s in symbols if _letters(s) == _letters(wanted)]
    if len(alike) == 1:
        return alike[0]
    raise MissingDataError(f"{where} has no symbol {wanted!r}: {nearest(wanted, symbols)}")


def _letters(symbol: str) -> str:
    return "".join(c for c in symbol.upper() if c.isalnum())


def _unknown_as_null(column: pl.Series) -> pl.Series:
    """A volume printed as nothing, null or None is unknown."""
    if column.dtype != pl.String:
        return column
    text = column.str.strip_chars()
    return text.set(text.str.to_lowercase().is_in(["", "null", "none", "nan"]), None)


def _same_zone(opens: pl.Series, closes: pl.Series, where: str) -> None:
    zones = [getattr(column.dtype, "time_zone", None) or "no zone" for column in (opens, closes)]
    if isinstance(opens.dtype, pl.Datetime) and zones[0] != zones[1]:
        raise FormatError(
            f"{where} mixes zones: open times have {zones[0]}, close times have {zones[1]}. "
            "Convert both to UTC"
        )
