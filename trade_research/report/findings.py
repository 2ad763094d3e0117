"""What differs between a page and what it should say, named as a reader would."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from trade_research.errors import TradeResearchError
from trade_research.report.seal import Item, Page

_CLOSE = 1e-9


@dataclass(frozen=True)
class Finding:
    """Something that differs: its kind, where, what the page says, what it should say."""

    kind: str  # number, trade, parameter, source, data, chart, script, seal, hash
    where: str
    found: str
    expected: str = ""

    def __str__(self) -> str:
        should = f", should be {self.expected}" if self.expected else ""
        return f"{self.kind}: {self.where}: {self.found}{should}"


Step = Callable[[Any, Page], "list[Finding]"]
"""Compares what a page carries with what it says."""


def guarded(step: Step, carried: Any, page: Page) -> list[Finding]:
    """A step over data that somebody may have made up: what it cannot digest is a finding."""
    try:
        return step(carried, page)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        what = f"cannot be worked with: {type(error).__name__}: {error}"
    except (TradeResearchError, pl.exceptions.PolarsError) as error:
        what = f"cannot be worked with: {type(error).__name__}: {error}"
    return [Finding("data", "the embedded data", what[:200])]


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal, numbers to 1e-9."""
    if isinstance(a, float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=_CLOSE, abs_tol=1e-12)
    return bool(a == b)


def named(changed: Sequence[Item]) -> list[Finding]:
    """A finding for each place: a table's row is one, whichever of its cells changed."""
    places: dict[tuple[str, str], list[str]] = {}
    for item in changed:
        places.setdefault((kind_of(item), item.where), []).append(item.text)
    return [Finding(kind, where, _shown(kind, texts)) for (kind, where), texts in places.items()]


def titles_of(page: Page) -> list[str]:
    """Titles of its sections."""
    titles = dict.fromkeys(item.where.partition(" · ")[0] for item in page.items)
    return [title for title in titles if title != "page"]


def differences(shown: Sequence[Item], again: Sequence[Item]) -> Iterator[Finding]:
    if len(shown) != len(again):
        where = (shown or again)[0].where
        yield Finding("number", where, f"{len(shown)} texts", f"{len(again)}")
    for mine, other in zip(shown, again, strict=False):
        if mine.text != other.text:
            yield Finding(kind_of(other), other.where, _cut(mine.text), _cut(other.text))


def kind_of(item: Item) -> str:
    """What a reader would call that piece of the page."""
    if item.kind != "text":
        return item.kind
    where = item.where.lower()
    if "manifest" in where and "source" in where:
        return "source"
    if "manifest" in where and ("param" in where or "setup" in where):
        return "parameter"
    if where.startswith("trades"):
        return "trade"
    return "number" if any(c.isdigit() for c in item.text) else "text"


def _shown(kind: str, texts: Sequence[str]) -> str:
    is_read = kind in ("number", "trade", "parameter", "source", "text")
    return _cut(" | ".join(texts)) if is_read else f"the {kind} was changed"


def _cut(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:60]}…")
