"""Matplotlib's SVG as a fragment of our page: small, themed, no ids or styles of its own."""

from __future__ import annotations

import re

from trade_research.report.palette import SENTINEL


def clean(text: str) -> str:
    """Matplotlib's SVG as a fragment of our page: theme colours, one decimal, no ids of its own."""
    body = text[text.index(">", text.index("<svg")) + 1 : text.rindex("</svg>")]
    body = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", body, flags=re.S)
    body = re.sub(r"<defs>\s*<style[^>]*>.*?</style>\s*</defs>", "", body, flags=re.S)
    body = re.sub(r"<[^>]+>", _short_numbers, body)
    body = re.sub(r"<g id=\"[^\"]*\"", "<g", body)
    body = re.sub(
        r"<text style=\"[^\"]*?(text-anchor: \w+)?;?(?: fill: (#\w+))?\"", _text_tag, body
    )
    names = {name: f"CHARTID-{k}" for k, name in enumerate(re.findall(r"\bid=\"([^\"]+)\"", body))}
    body = re.sub(r"\bid=\"([^\"]+)\"", lambda found: f'id="{names[found[1]]}"', body)
    body = re.sub(r"url\(#([^)]+)\)", lambda found: f"url(#{names[found[1]]})", body)
    body = re.sub(r"xlink:href=\"#([^\"]+)\"", lambda found: f'href="#{names[found[1]]}"', body)
    body = re.sub(r" transform=\"rotate\(-0 [^)]*\)\"", "", body)
    body = re.sub(r"\bd=\"([^\"]+)\"", lambda found: f'd="{_short_path(found[1])}"', body)
    body = re.sub(r"<g( clip-path=\"[^\"]*\")>\s*((?:<use [^>]*/>\s*)+)</g>", _markers, body)
    for name, sentinel in SENTINEL.items():
        body = body.replace(sentinel, f"var(--{name})")
    return re.sub(r"\s*\n\s*", "\n", body).strip()


def _short_path(path: str) -> str:
    """Straight pieces as steps from the point before, in exact tenths: fewer characters."""
    words = path.split()
    if not set(words[::3]) <= {"M", "L"} or len(words) % 3:
        return " ".join(words)
    out: list[str] = []
    at = (0, 0)
    for kind, x, y in zip(words[::3], words[1::3], words[2::3], strict=True):
        to = (round(float(x) * 10), round(float(y) * 10))
        dx, dy = (to[0] - at[0], to[1] - at[1]) if kind == "L" else to
        letter = kind if kind == "M" else "" if out and out[-1][0] != "M" else "l"
        across, down = _tenths(dx), _tenths(dy)
        gap = "" if letter or across[0] == "-" else " "
        out.append(f"{letter}{gap}{across}{'' if down[0] == '-' else ' '}{down}")
        at = to
    return "".join(out)


def _tenths(value: int) -> str:
    whole, rest = divmod(abs(value), 10)
    return f"{'-' if value < 0 else ''}{whole or ('' if rest else 0)}{f'.{rest}' if rest else ''}"


def _markers(group: re.Match[str]) -> str:
    """Markers of one look carry their style once, on the group, and lie in one line."""
    styles = set(re.findall(r" style=\"[^\"]*\"", group[2]))
    if len(styles) != 1:
        return group[0]
    style = styles.pop()
    uses = re.sub(r"\s*\n\s*", "", group[2].replace(style, ""))
    return f"<g{group[1]}{style}>{uses}</g>"


def _short_numbers(tag: re.Match[str]) -> str:
    """One decimal inside a tag; the words between tags are left alone."""
    return re.sub(r"(\d)\.0(?!\d)", r"\1", re.sub(r"(\d+\.\d)\d+", r"\1", tag[0]))


def _text_tag(found: re.Match[str]) -> str:
    style = "; ".join(p for p in (found[1], found[2] and f"fill: {found[2]}") if p)
    return f'<text style="{style}"'
