"""A section: a short name, a claim, and what shows it. Users' own sections use the same door.

def my_section(run: Run) -> Section:
    return Section("Weekdays", "Mondays paid for the week", (Table(...), "How to read it."))

write(run, "page.html", extra=[my_section])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from markupsafe import Markup

    from trade_research.report.charts import Chart
    from trade_research.report.panels import Panels
    from trade_research.report.run import Run

# Plain text is a paragraph and is escaped; Markup is trusted HTML.
Part: TypeAlias = (
    "str | Markup | Table | Chart | Panels | Cards | Gates | Strip | Code | Fold | Stack | Beside"
)


@dataclass(frozen=True)
class Cell:
    """A table cell: text, a style class of the page (p1..p4, n1..n4, weak, word), a hint.

    `zoom` makes it a link to that stretch of the price panel, where the page has one: from and to,
    seconds since 1970.
    """

    text: str
    kind: str = ""
    hint: str = ""
    zoom: tuple[float, float] | None = None


@dataclass(frozen=True)
class Table:
    """A real table: caption, head, rows; the first column names the row.

    `align` has one letter a column, l or r; by default the first is l, the others r.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    align: str = ""
    note: str = ""
    kind: str = ""

    @property
    def columns(self) -> str:
        """Alignment of every column."""
        return self.align or "l" + "r" * (len(self.head) - 1)


@dataclass(frozen=True)
class Fold:
    """Parts behind a summary line: folded on screen, out of the way in print."""

    summary: str
    parts: Sequence[Part]


@dataclass(frozen=True)
class Card:
    """A headline number: what it is, the value, and small lines below (interval, n, context)."""

    label: str
    value: str
    lines: Sequence[str] = ()


@dataclass(frozen=True)
class Cards:
    """Headline numbers in a grid."""

    cards: Sequence[Card]


@dataclass(frozen=True)
class Gate:
    """One test of the verdict: `state` yes, no, warn or unknown; `cap` the best word it leaves."""

    name: str
    state: str
    found: str
    cap: str = ""
    phrase: str = ""

    @property
    def mark(self) -> str:
        """The state as a sign, so that it does not hang on colour."""
        return {"yes": "✓", "no": "✗", "warn": "!", "unknown": "?"}[self.state]


@dataclass(frozen=True)
class Gates:
    """The gates as a list, with their numbers."""

    gates: Sequence[Gate]


@dataclass(frozen=True)
class Strip:
    """Coverage of a span: (from, to, kind) as shares of it in [0, 1]; kind is a colour name."""

    title: str
    finding: str
    pieces: Sequence[tuple[float, float, str]]


@dataclass(frozen=True)
class Code:
    """Text kept as written."""

    text: str


@dataclass(frozen=True)
class Stack:
    """Parts one below the other, as one part of `Beside`."""

    parts: Sequence[Part]


@dataclass(frozen=True)
class Beside:
    """Parts side by side where the page is wide enough, two or three a row."""

    parts: Sequence[Part]
    columns: int = 2


@dataclass(frozen=True)
class Section:
    """One idea of the report.

    Parameters
    ----------
    title : str
        The short name in the navigation.
    claim : str
        The heading: what was found, as a sentence, or the question it answers.
    parts : sequence
        Text (a paragraph, escaped), `Table`, `Chart`, `Cards`, `Fold`, `Beside` and the other
        dataclasses here, or trusted `Markup`.
    folded : bool
        Behind its heading until opened; left out of print.
    """

    title: str
    claim: str
    parts: Sequence[Part] = ()
    folded: bool = False


SectionFunction = Callable[["Run"], Section | None]
