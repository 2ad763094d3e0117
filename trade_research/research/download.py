"""Many instruments from their sources into a store, several at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from trade_research.errors import ConfigError, MissingDataError, TradeResearchError
from trade_research.settings.keys import find_secret
from trade_research.sources.derivatives import INPUTS
from trade_research.sources.fetch import BEGINNING, Fetched, fetch_bars
from trade_research.sources.http import Retry
from trade_research.sources.registry import SOURCES, open_source
from trade_research.sources.source import Source
from trade_research.store.layout import Name, split_name
from trade_research.store.store import Store

AT_ONCE = 4
_LINE = re.compile(r"(\S+)(?:\s+since\s+(\S+))?")


@dataclass(frozen=True)
class Wanted:
    """One dataset to bring up to date: where it goes, who is asked, and from when."""

    name: Name
    source: str
    since: datetime | None = None

    @classmethod
    def parse(cls, text: str, source: str | None = None, since: datetime | None = None) -> Wanted:
        """Of ``venue:SYMBOL@interval``; the venue is asked, unless `source` says who."""
        venue, symbol, interval = split_name(text)
        if venue is None:
            raise ConfigError(f"{text!r} names no source: write binance:{text}")
        return cls(Name(venue, symbol, interval), source or venue, since)


def download(
    wanted: Sequence[Wanted],
    root: Path | str,
    *,
    until: datetime | None = None,
    at_once: int = AT_ONCE,
    retry: Retry | None = None,
    progress: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> list[Fetched]:
    """Fetch every dataset, `at_once` at a time; one that fails stops no other.

    Parameters
    ----------
    wanted : sequence of Wanted
    root : path
        Of the store.
    until : datetime, optional
        First open time left out; now when not given.
    progress : callable
        Called with a dataset's name, its bars done and its bars expected.

    Returns
    -------
    list of Fetched
        In the order of `wanted`; what went wrong is in each one's `error`.
    """
    store = Store(root)
    opened: dict[str, Source | TradeResearchError] = {}
    for one in wanted:
        if one.source not in opened:
            try:
                opened[one.source] = open_source(one.source)
            except TradeResearchError as error:
                opened[one.source] = error

    def fetch(one: Wanted) -> Fetched:
        name = str(one.name)
        try:
            source = opened[one.source]
            if isinstance(source, TradeResearchError):
                raise source
            return fetch_bars(
                source,
                store,
                one.name,
                start=one.since,
                end=until,
                retry=retry,
                progress=lambda done, total: progress(name, done, total),
            )
        except TradeResearchError as error:
            return Fetched(name, one.source, error=str(error))

    with ThreadPoolExecutor(min(at_once, max(1, len(wanted)))) as pool:
        running = [pool.submit(fetch, one) for one in wanted]
        try:
            return [job.result() for job in running]
        except BaseException:
            for job in running:
                job.cancel()
            raise


def read_watch_list(path: Path, store: Store) -> list[Wanted]:
    """Datasets of a watch-list, a line each; see `watched`."""
    if not path.is_file():
        raise MissingDataError(f"there is no watch-list {path}: write one name a line into it")
    lines = path.read_text(encoding="utf-8").splitlines()
    return watched(lines, store, lambda number: f"{path} line {number}")


def watched(lines: Sequence[str], store: Store, where: Callable[[int], str]) -> list[Wanted]:
    """Datasets of lines like ``binance:BTC/USDT@1h since 2020-01-01``.

    One without a date goes on from its last stored bar, or begins where its history does.
    """
    stored = store.catalog().select(pl.format("{}:{}@{}", "venue", "symbol", "interval"))
    names, found = set(stored.to_series()), []
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        match = _LINE.fullmatch(text)
        if match is None:
            raise ConfigError(
                f"{where(number)}: write venue:SYMBOL@interval [since YYYY-MM-DD], "
                f"found {text[:60]!r}"
            )
        try:
            since = datetime.fromisoformat(match[2]).replace(tzinfo=UTC) if match[2] else None
        except ValueError:
            raise ConfigError(f"{where(number)}: {match[2]!r} is no date") from None
        one = Wanted.parse(match[1], since=since)
        known = since is not None or str(one.name) in names
        found.append(one if known else replace(one, since=BEGINNING))
    return found


def everything(store: Store, watch: Sequence[str]) -> list[Wanted]:
    """What a configuration watches, and whatever else was fetched before."""
    wanted = watched(watch, store, lambda number: f"data.watch entry {number}")
    names = {str(one.name) for one in wanted}
    return wanted + [one for one in stored_wanted(store) if str(one.name) not in names]


def stored_wanted(store: Store) -> list[Wanted]:
    """Every stored dataset that came from a source that can be asked again."""
    fetched = store.catalog().filter(pl.col("source").str.contains(" by .* at "))
    return [
        Wanted.parse(f"{venue}:{symbol}@{interval}", source.partition(" by ")[0])
        for venue, symbol, interval, source in fetched.select(
            "venue", "symbol", "interval", "source"
        ).iter_rows()
    ]


def list_sources() -> pl.DataFrame:
    """What can be asked, what it gives, and whether it wants a key and has one.

    Inputs beside bars come last: those without an archive are live only.
    """
    rows: list[dict[str, object]] = [
        {
            "source": known.name,
            "gives": known.gives,
            "key": known.key or "none needed",
            "found": bool(find_secret(known.name)) if known.key else None,
        }
        for known in SOURCES.values()
    ]
    for one in INPUTS.values():
        history = "history in archive:PLACE" if one.backtestable else "live only, not backtestable"
        gives = f"{', '.join(one.columns.values())} of {one.of}; {history}"
        rows.append({"source": f"input {one.name}", "gives": gives, "key": "none needed"})
    return pl.DataFrame(rows, schema_overrides={"found": pl.Boolean})
