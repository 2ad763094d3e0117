"""What the store keeps of a dataset that is being fetched: its span, its holes, what was asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from trade_research.frames.verdicts import VERDICT_SCHEMA
from trade_research.store.commit import Manifest, read_current
from trade_research.store.facts import FACT_SCHEMA, read_facts, write_facts
from trade_research.store.judge import read_verdicts
from trade_research.store.layout import Name, bars_folder
from trade_research.store.store import Store
from trade_research.store.times import moment

_ONCE, _TWICE = "asked in one run", "asked in two runs"
Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Kept:
    """Stored bars of one instrument, and the facts beside them."""

    store: Store
    name: Name

    def calendar(self) -> str | None:
        """The calendar that the bars are stored with; None before the first."""
        manifest = self._manifest()
        return None if manifest is None else manifest.calendar or "24/7"

    def span(self) -> Span | None:
        """First and last stored open time."""
        manifest = self._manifest()
        if manifest is None:
            return None
        return moment(manifest.parts[0].start), moment(manifest.parts[-1].end)

    def bar(self, time: datetime) -> pl.DataFrame:
        """The stored bar that opens then."""
        step = timedelta(microseconds=self.name.interval.us)
        return self.store.query(str(self.name), time, time + step).frame()[:1]

    def gaps(self) -> pl.DataFrame:
        """Where the calendar expects bars that are not stored."""
        manifest = self._manifest()
        if manifest is None:
            return pl.DataFrame(schema=VERDICT_SCHEMA)
        return read_verdicts(self._folder, manifest).filter(pl.col("kind") == "gap")

    def holes(self, start: datetime, end: datetime) -> list[Span]:
        """Gaps inside what is stored, without those that are known to be empty."""
        gaps = self.gaps().filter(pl.col("end_time") > start, pl.col("open_time") < end)
        empty = self._asked(_TWICE)
        return [hole for hole in gaps.select("open_time", "end_time").rows() if hole not in empty]

    def note_holes(self, start: datetime, end: datetime, source: str) -> None:
        """Remember which holes a run has asked for in vain: after two they count as empty."""
        left, before = self.holes(start, end), self._asked(_ONCE)
        self.remember(
            [("no_bars", *hole, _TWICE if hole in before else _ONCE) for hole in left], source
        )

    def known(self, kind: str, start: datetime) -> bool:
        """Whether that fact is remembered of that time."""
        return not self._facts(kind).filter(pl.col("start") == start).is_empty()

    def remember(
        self, facts: list[tuple[str, datetime, datetime | None, str]], source: str
    ) -> None:
        """Keep facts: kind, start, end and detail."""
        if not facts:
            return
        rows = [
            (kind, self.name.interval.text, start, end, detail, source)
            for kind, start, end, detail in facts
        ]
        frame = pl.DataFrame(rows, schema=FACT_SCHEMA, orient="row")
        write_facts(self.store.root, self.name.venue, self.name.symbol, frame)

    def _asked(self, how_often: str) -> set[Span]:
        """Holes that the source was asked for again, in one run or in two."""
        facts = self._facts("no_bars").filter(pl.col("detail") == how_often)
        return set(facts.select("start", "end").iter_rows())

    def _facts(self, kind: str) -> pl.DataFrame:
        facts = read_facts(self.store.root, self.name.venue, self.name.symbol)
        return facts.filter(pl.col("kind") == kind, pl.col("interval") == self.name.interval.text)

    @property
    def _folder(self) -> Path:
        name = self.name
        return bars_folder(self.store.root, name.venue, name.symbol, name.interval)

    def _manifest(self) -> Manifest | None:
        return read_current(self._folder)
