"""What a section holds, for tests: its tables as text, its paragraphs as one string."""

from __future__ import annotations

from trade_research.report.page import parts_of
from trade_research.report.run import Run
from trade_research.report.section import Section, Table
from trade_research.report.sections import SECTIONS


def made(name: str, run: Run) -> Section:
    section = SECTIONS[name](run)
    assert section is not None
    return section


def table(section: Section, caption: str) -> list[list[str]]:
    found = [p for p in parts_of(section) if isinstance(p, Table) and caption in p.caption]
    return [[c if isinstance(c, str) else c.text for c in row] for row in found[0].rows]


def words(section: Section) -> str:
    return " ".join(part for part in parts_of(section) if isinstance(part, str))
