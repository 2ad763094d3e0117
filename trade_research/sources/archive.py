"""Binance's public archive: zipped months and days of bars, in a folder or below an address."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl

from trade_research.errors import ConfigError, DataError, SourceError, SourceRefusedError
from trade_research.frames.bars import TIME
from trade_research.frames.intervals import Interval
from trade_research.settings.secrets import Secret
from trade_research.sources.http import Http
from trade_research.sources.source import Page, Quote
from trade_research.sources.times import read_times

_MOST_BYTES = 1 << 30  # of an unpacked file
_FIELDS = ("open", "high", "low", "close", "volume")


class ArchiveSource:
    """Bars of Binance's archive.

    Parameters
    ----------
    place : str
        A folder that holds ``data/spot/monthly/klines/…`` (or that ``spot`` folder's parent), or an
        address such as https://data.binance.vision.
    """

    name = "archive"
    page_bars = 50_000
    reach_bars = None
    windowed = False

    def __init__(self, place: str, *, to: str = "", key: Secret | None = None) -> None:
        del key
        if not place:
            raise ConfigError("say where the archive is: archive:/a/folder or archive:https://…")
        host = urlsplit(place).hostname if "://" in place else None
        self.place, self.client = place.rstrip("/"), "zip"
        self.http = Http.of(self.name, host, per_minute=600, to=to) if host else None
        self._last: tuple[str, pl.DataFrame] | None = None

    def calendar(self, symbol: str) -> str:
        """Exchanges of coins never close."""
        del symbol
        return "24/7"

    def now(self) -> datetime:
        """The earlier of our clock and the archive's."""
        return self.http.now() if self.http else datetime.now(UTC)

    def page(self, symbol: str, interval: Interval, start: datetime, end: datetime) -> Page:
        """Files from that of `start` on, until one has a bar after it; see `Source.page`."""
        frames: list[pl.DataFrame] = []
        found = 0
        for month in _months(max(start, datetime(2017, 8, 1, tzinfo=UTC)), end):
            for frame in self._month(symbol, interval, month):
                frames.append(frame)
                found += frame.filter(pl.col("open_time") > start).height
            if found:
                break
        empty = pl.DataFrame(schema={"open_time": TIME, **dict.fromkeys(_FIELDS, pl.Float64)})
        rows = pl.concat([empty, *frames], how="diagonal") if frames else empty
        return Page(rows.filter(pl.col("open_time") >= start))

    def quote(self, symbol: str) -> Quote:
        """An archive has no price of now."""
        raise SourceRefusedError(f"an archive has no price of now: ask binance for {symbol}")

    def symbols(self) -> pl.DataFrame:
        """Symbols of a folder; an address lists none."""
        if self.http:
            raise ConfigError("the archive at an address lists no symbols: name one")
        found = {place.name for place in Path(self.place).glob("**/klines/*") if place.is_dir()}
        return pl.DataFrame({"symbol": sorted(found)}, schema={"symbol": pl.String})

    def table(self, kind: str, symbol: str, day: date, *, monthly: bool) -> pl.DataFrame | None:
        """A file of another kind (``fundingRate``, ``metrics``) as it is, or None where none is."""
        folder, code = _market(symbol)
        span = "monthly" if monthly else "daily"
        stamp = f"{day:%Y-%m}" if monthly else f"{day:%Y-%m-%d}"
        path = f"data/{folder}/{span}/{kind}/{code}/{code}-{kind}-{stamp}.zip"
        data = self._checked(path)
        return None if data is None else pl.read_csv(BytesIO(_unzip(data, path)))

    def _month(self, symbol: str, interval: Interval, month: date) -> Iterator[pl.DataFrame]:
        """The month's file, or its days' where there is none."""
        folder, code = _market(symbol)
        name = f"{code}-{interval.text}-{month:%Y-%m}"
        path = f"data/{folder}/monthly/klines/{code}/{interval.text}/{name}.zip"
        if self._last is not None and self._last[0] == path:
            yield self._last[1]
            return
        data = self._checked(path)
        if data is not None:
            self._last = path, _klines(_unzip(data, path), path)
            yield self._last[1]
            return
        day = month
        while day.month == month.month and day <= self.now().date():
            path = f"data/{folder}/daily/klines/{code}/{interval.text}/{name[:-8]}-{day}.zip"
            data = self._checked(path)
            if data is not None:
                yield _klines(_unzip(data, path), path)
            day += timedelta(days=1)

    def _checked(self, path: str) -> bytes | None:
        """The file's bytes, its checksum compared; None where there is no such file."""
        data = self._read(path)
        if data is None:
            return None
        told = self._read(f"{path}.CHECKSUM")
        if told is None:
            raise SourceError(f"{path} has no .CHECKSUM beside it: download that too")
        words = told.split()
        if not words or words[0].decode(errors="replace") != hashlib.sha256(data).hexdigest():
            raise SourceError(
                f"{path} does not have the sum that its .CHECKSUM says: download again"
            )
        return data

    def _read(self, path: str) -> bytes | None:
        if self.http:
            answer = self.http.get(f"{self.place}/{path}")
            if answer.status in (403, 404):
                return None
            if answer.status >= 400:
                raise SourceRefusedError(f"the archive answered {answer.status} for {path}")
            return answer.body
        root = Path(self.place)
        for place in (root / path, root / path.removeprefix("data/")):
            if place.is_file():
                return place.read_bytes()
        return None


def _market(symbol: str) -> tuple[str, str]:
    """Folder of the market and the archive's code: ``BTC/USDT:USDT`` is a USD-M future."""
    pair, colon, settled = symbol.partition(":")
    code = "".join(c for c in pair.upper() if c.isalnum())
    if not colon:
        return "spot", code
    if settled in ("USDT", "USDC", "BUSD"):
        return "futures/um", code
    return "futures/cm", f"{code}_PERP"


def _months(start: datetime, end: datetime) -> Iterator[date]:
    at = start.date().replace(day=1)
    while datetime(at.year, at.month, 1, tzinfo=UTC) < end:
        yield at
        at = (at + timedelta(days=32)).replace(day=1)


def _unzip(data: bytes, path: str) -> bytes:
    try:
        with zipfile.ZipFile(BytesIO(data)) as packed:
            inside = packed.infolist()
            if len(inside) != 1 or inside[0].file_size > _MOST_BYTES:
                raise SourceError(
                    f"{path} holds {len(inside)} files, or a huge one: not the archive's"
                )
            if inside[0].filename != f"{Path(path).stem}.csv":
                raise SourceError(f"{path} holds the file of another symbol or time")
            return packed.read(inside[0])
    except (zipfile.BadZipFile, RuntimeError, OSError, EOFError) as error:
        raise SourceError(f"{path} cannot be unpacked: {error}") from None


def _klines(text: bytes, path: str) -> pl.DataFrame:
    """Rows of a file; futures have a header, stamps are ms until 2024 and µs from 2025 on."""
    head = text[:1].isalpha()
    try:
        raw = pl.read_csv(BytesIO(text), has_header=False, skip_rows=int(head), infer_schema=False)
        raw.columns = [f"c{i}" for i in range(raw.width)]
        times, _ = read_times(raw["c0"].alias("open_time").cast(pl.Int64), None, labels=False)
        values = [raw[f"c{i}"].cast(pl.Float64).alias(n) for i, n in enumerate(_FIELDS, 1)]
        more = [
            raw["c7"].cast(pl.Float64).alias("quote_volume"),
            raw["c8"].cast(pl.Int64).alias("trades"),
        ]
    except (pl.exceptions.PolarsError, DataError) as error:
        raise SourceError(f"{path} is no file of bars: {str(error).splitlines()[0][:80]}") from None
    return pl.DataFrame([times, *values, *more])
