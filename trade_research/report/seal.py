"""What a page says, piece by piece, and the seal over it.

A page is read with an HTML parser into items in document order: a text with the tags before it, a
whole chart, a script, a style. The seal is the SHA-256 of all items but itself, with a short check
of each item so that a change can be named. It shows that a page is as it was written; it is no
signature: who writes pages can write another seal. Therefore `verify` also recomputes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from html.parser import HTMLParser

SEAL_TAG = '<script type="application/json" id="seal">{}</script>'
DATA_ID, SEAL_ID = "data", "seal"
SCHEMA = "trade-research/seal/1"
_KEPT_AS_IS = frozenset({"pre", "script", "style", "svg"})


@dataclass(frozen=True)
class Item:
    """A piece of a page: where it stands, what it is, the tags before it, and its text."""

    where: str
    kind: str  # text, chart, script, style, data
    markup: str
    text: str

    @property
    def canonical(self) -> bytes:
        return f"{len(self.markup)} {self.markup}{self.text}\n".encode("utf-8", "surrogatepass")


@dataclass
class Page:
    """The items of a page, its data block and its seals (one, if it is whole)."""

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
    """Parse a page into items."""
    reader = _Reader()
    reader.feed(text.replace("\r\n", "\n"))
    reader.close()
    reader.emit("text")
    return reader.page


def seal_of(page: Page, trades: Sequence[bytes] = ()) -> str:
    """The seal's text: a digest over all items, a short check of each, and of each trade."""
    whole = hashlib.sha256()
    for item in page.items:
        whole.update(item.canonical)
    return json.dumps(
        {
            "schema": SCHEMA,
            "sha256": whole.hexdigest(),
            "checks": _checks(item.canonical for item in page.items),
            "trades": _checks(trades),
        },
        separators=(",", ":"),
    )


def sealed(html: str, trades: Sequence[bytes] = ()) -> str:
    """The page with its seal filled in."""
    empty = SEAL_TAG.format("")
    before, _, after = html.rpartition(empty)
    return before + SEAL_TAG.format(seal_of(read_page(html), trades)) + after


def changed_items(page: Page, seal: str) -> list[Item]:
    """Items whose check is not the seal's, found by aligning both lists."""
    old = _split(json.loads(seal)["checks"])
    new = _split(_checks(item.canonical for item in page.items))
    if len(old) == len(new):
        return [item for item, a, b in zip(page.items, old, new, strict=True) if a != b]
    found: list[Item] = []
    for tag, _, _, start, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            found += page.items[start : max(end, start + 1)]
    return found


def changed_trades(rows: Sequence[bytes], seal: str) -> list[int]:
    """Positions of trades whose check is not the seal's; those that are missing come last."""
    old, new = _split(json.loads(seal)["trades"]), _split(_checks(rows))
    differ = [k for k, (a, b) in enumerate(zip(old, new, strict=False)) if a != b]
    return differ + list(range(min(len(old), len(new)), max(len(old), len(new))))


def _checks(parts: Iterator[bytes] | Sequence[bytes]) -> str:
    return base64.b64encode(b"".join(hashlib.sha256(p).digest()[:2] for p in parts)).decode()


def _split(checks: str) -> list[bytes]:
    data = base64.b64decode(checks)
    return [data[k : k + 2] for k in range(0, len(data), 2)]


class _Reader(HTMLParser):
    """Collects items; knows the section, caption, row and card that a text stands in."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self._markup: list[str] = []
        self._text: list[str] = []
        self._open: list[str] = []
        self._place = {"section": "", "part": "", "row": ""}
        self._naming = ""
        self._is_seal = self._is_data = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag(tag, attrs)
        if tag not in _VOID and not (self._inside("svg") and tag in _DRAWN):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag(tag, attrs)
        self._markup.append("/")

    def handle_endtag(self, tag: str) -> None:
        if tag in _KEPT_AS_IS and tag in self._open:
            kind = {"svg": "chart", "script": "script", "style": "style"}.get(tag, "text")
            self.emit("data" if self._is_data else kind)
        elif not self._inside("svg"):
            self.emit("text")
        if tag in self._open:
            while self._open.pop() != tag:
                pass
        if tag == "script":
            self._is_seal = self._is_data = False
        if tag in ("tr", "dl", "tbody"):
            self._place["row"] = ""
        if tag in ("section", "nav", "header"):
            self._place = {"section": "", "part": "", "row": ""}
        self._naming = ""
        self._markup.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self._text.append(data)

    def handle_comment(self, data: str) -> None:
        self._markup.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self._markup.append(f"<!{decl}>")

    def handle_pi(self, data: str) -> None:
        self._markup.append(f"<?{data}>")

    def unknown_decl(self, data: str) -> None:
        self._markup.append(f"<![{data}]>")

    def emit(self, kind: str) -> None:
        """Close the piece that was being read."""
        text = "".join(self._text)
        if not any(tag in _KEPT_AS_IS for tag in self._open):
            text = re.sub(r"\s+", " ", text).strip()
            if not text and kind == "text" and len(self._markup) < 200:
                self._text.clear()
                return
        if self._is_seal:
            self.page.seals.append(text)
            text = ""
        if self._is_data:
            self.page.blocks[-1]["text"] = text
        if self._naming and text:
            self._name(text)
        where = " · ".join(v for v in self._place.values() if v)
        self.page.items.append(Item(where or "page", kind, "".join(self._markup), text))
        self._markup.clear()
        self._text.clear()

    def _tag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self._inside("svg"):
            self.emit("text")
        given = dict(attrs)
        if tag == "script":
            self._is_seal = given.get("id") == SEAL_ID
            self._is_data = given.get("id") == DATA_ID
            if self._is_data:
                self.page.blocks.append({k: v or "" for k, v in attrs})
        self._naming = _names(tag, given.get("class") or "", given.get("scope") or "")
        self._markup.append(f"<{tag}" + "".join(f" {k}={v!r}" for k, v in attrs) + ">")

    def _inside(self, tag: str) -> bool:
        return tag in self._open

    def _name(self, text: str) -> None:
        """Remember a heading, caption or label: it says where what follows stands."""
        short = text if len(text) <= 60 else f"{text[:57]}…"
        self._place[self._naming] = short
        after = {"section": ("part", "row"), "part": ("row",), "row": ()}
        for lower in after[self._naming]:
            self._place[lower] = ""


_VOID = frozenset({"meta", "link", "br", "hr", "img", "input", "wbr", "col"})
_DRAWN = frozenset({"path", "rect", "use", "circle", "line"})


def _names(tag: str, kind: str, scope: str) -> str:
    """Which part of a place the text of a tag gives: section, part, row, or none."""
    if tag == "p" and kind == "label":
        return "section"
    if tag in ("caption", "summary", "h3"):
        return "part"
    return "row" if tag in ("dt", "b") or (tag == "th" and scope == "row") else ""
