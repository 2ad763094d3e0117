"""The seal over a page, and the page read piece by piece so that a change can be named.

The seal is the SHA-256 of the whole text but itself, with a short check of each line. It shows that
a page is as it was written; it is no signature: who writes pages can write another seal. Therefore
`verify` also recomputes.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from html.parser import HTMLParser
from itertools import takewhile

DATA_ID, SEAL_ID = "data", "seal"
SCHEMA = "trade-research/seal/2"
_OPEN, _CLOSE = f'<script type="application/json" id="{SEAL_ID}">', "</script>"
EMPTY_SEAL = _OPEN + _CLOSE
_KEPT_AS_IS = {"pre": "text", "script": "script", "style": "style", "svg": "chart"}


@dataclass(frozen=True)
class Item:
    """A piece of a page: where it stands, what it is, its text, and the lines it lies on."""

    where: str
    kind: str  # text, chart, script, style, data
    text: str
    lines: tuple[int, int]


@dataclass
class Page:
    """What a page says: its text without the seal, its items, its data block and its seals."""

    text: str
    items: list[Item] = field(default_factory=list)
    seals: list[str] = field(default_factory=list)
    blocks: list[dict[str, str]] = field(default_factory=list)

    def section(self, title: str) -> list[Item]:
        """Texts of the section with that title."""
        return [
            item
            for item in self.items
            if item.kind == "text" and item.where.partition(" · ")[0] == title
        ]


def read_page(text: str) -> Page:
    """Parse a page into items; line ends of any kind are the same."""
    text = text.replace("\r\n", "\n")
    before, tag, rest = text.rpartition(_OPEN)
    reader = _Reader(before + tag + rest[max(rest.find(_CLOSE), 0) :])
    reader.feed(text)
    reader.close()
    reader.emit("text")
    return reader.page


def seal_of(text: str, trades: Iterable[bytes] = ()) -> str:
    """The seal of a page's text without one: a digest, a short check of each line and trade."""
    return json.dumps(
        {
            "schema": SCHEMA,
            "sha256": hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
            "checks": _checks(_lines(text)),
            "trades": _checks(trades),
        },
        separators=(",", ":"),
    )


def sealed(html: str, trades: Iterable[bytes] = ()) -> str:
    """The page with its empty seal filled in."""
    before, _, after = html.rpartition(EMPTY_SEAL)
    return f"{before}{_OPEN}{seal_of(html, trades)}{_CLOSE}{after}"


def changed_items(page: Page, seal: str) -> list[Item]:
    """Items on lines whose check is not the seal's; a line without any is one by itself."""
    found: dict[Item, None] = {}
    for line in _changed_lines(page.text, seal):
        on = [item for item in page.items if item.lines[0] <= line <= item.lines[1]]
        found |= dict.fromkeys(on or [Item(f"line {line}", "markup", "", (line, line))])
    return list(found)


def changed_trades(rows: Sequence[bytes], seal: str) -> list[int]:
    """Positions of trades whose check is not the seal's; those that are missing come last."""
    old, new = _split(json.loads(seal)["trades"]), _split(_checks(rows))
    differ = [k for k, (a, b) in enumerate(zip(old, new, strict=False)) if a != b]
    return differ + list(range(min(len(old), len(new)), max(len(old), len(new))))


def _changed_lines(text: str, seal: str) -> list[int]:
    """Lines, 1 the first, whose check is not the seal's, found by aligning both lists."""
    old, new = _split(json.loads(seal)["checks"]), _split(_checks(_lines(text)))
    if len(old) == len(new):
        return [k for k, (a, b) in enumerate(zip(old, new, strict=True), 1) if a != b]
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    matcher = SequenceMatcher(None, old[same:], new[same:], autojunk=False)
    return [
        same + k + 1
        for tag, _, _, start, end in matcher.get_opcodes()
        if tag != "equal"
        for k in range(start, max(end, start + 1))
    ]


def _lines(text: str) -> list[bytes]:
    return text.encode("utf-8", "surrogatepass").split(b"\n")


def _checks(parts: Iterable[bytes]) -> str:
    return base64.b64encode(b"".join(hashlib.sha256(p).digest()[:2] for p in parts)).decode()


def _split(checks: str) -> list[bytes]:
    data = base64.b64decode(checks)
    return [data[k : k + 2] for k in range(0, len(data), 2)]


class _Reader(HTMLParser):
    """Collects items; knows the section, caption, row and card that a text stands in."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page(text)
        self._text: list[str] = []
        self._open: list[str] = []
        self._since = 1
        self._place = {"section": "", "part": "", "row": ""}
        self._naming = ""
        self._is_seal = self._is_data = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if "svg" in self._open:
            self._open += ["svg"] if tag == "svg" else []
            return
        self.emit("text")
        given = {name: value or "" for name, value in attrs}
        if tag == "script":
            self._is_seal = given.get("id") == SEAL_ID
            self._is_data = given.get("id") == DATA_ID
            if self._is_data:
                self.page.blocks.append(given)
        self._naming = _names(tag, given.get("class", ""), given.get("scope", ""))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if "svg" in self._open and tag != "svg":
            return
        kept = tag in self._open and _KEPT_AS_IS.get(tag)
        self.emit("data" if self._is_data else kept or "text")
        if tag in self._open:
            while self._open.pop() != tag:
                pass
        if tag == "script":
            self._is_seal = self._is_data = False
        if tag in ("tr", "dl", "tbody"):
            self._place["row"] = ""
        if tag in ("section", "nav", "header"):
            self._place = dict.fromkeys(self._place, "")
        self._naming = ""

    def handle_data(self, data: str) -> None:
        self._text.append(data)

    def emit(self, kind: str) -> None:
        """Close the piece that was being read."""
        text = "".join(self._text)
        self._text.clear()
        if _KEPT_AS_IS.keys().isdisjoint(self._open):
            text = " ".join(text.split())
        lines = self._since, self.getpos()[0]
        self._since = lines[1]
        if self._is_seal:
            self.page.seals.append(text)
            return
        if self._is_data:
            self.page.blocks[-1]["text"] = text
        if self._naming and text:
            self._name(text)
        if text or kind != "text":
            where = " · ".join(v for v in self._place.values() if v)
            self.page.items.append(Item(where or "page", kind, text, lines))

    def _name(self, text: str) -> None:
        """Remember a heading, caption or label: it says where what follows stands."""
        short = text if len(text) <= 60 else f"{text[:57]}…"
        self._place[self._naming] = short
        after = {"section": ("part", "row"), "part": ("row",), "row": ()}
        for lower in after[self._naming]:
            self._place[lower] = ""


_VOID = frozenset({"meta", "link", "br", "hr", "img", "input", "wbr", "col"})


def _names(tag: str, kind: str, scope: str) -> str:
    """Which part of a place the text of a tag gives: section, part, row, or none."""
    if tag == "p" and kind == "label":
        return "section"
    if tag in ("caption", "summary", "h3"):
        return "part"
    return "row" if tag in ("dt", "b") or (tag == "th" and scope == "row") else ""
