"""The page around the sections: one HTML file that fetches nothing and is the same twice."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from trade_research.errors import ConfigError, nearest
from trade_research.report.carried import Carried
from trade_research.report.charts import Chart
from trade_research.report.embed import carry, trade_rows
from trade_research.report.formats import day, short
from trade_research.report.palette import DARK, LIGHT, theme
from trade_research.report.panels import Panels, library, minified
from trade_research.report.seal import EMPTY_SEAL, sealed
from trade_research.report.section import (
    Beside,
    Cards,
    Code,
    Fold,
    Gates,
    Part,
    Section,
    SectionFunction,
    Stack,
    Strip,
    Table,
)
from trade_research.report.sections import SECTIONS
from trade_research.report.verdict import judge

if TYPE_CHECKING:
    from trade_research.report.run import Run


def render(
    run: Run,
    *,
    sections: Sequence[str] | None = None,
    extra: Sequence[SectionFunction] = (),
    full_print: bool = False,
    embed: bool = True,
    name: str = "report",
) -> str:
    """The report of a run as one HTML document.

    Parameters
    ----------
    run : Run
        What to show; nothing is computed that `metrics` or `evidence` could.
    sections : sequence of str or None
        Names of `SECTIONS`, in the order wanted; None is all of them.
    extra : sequence of functions (Run) -> Section or None
        Sections of the user's own, before the manifest.
    full_print : bool
        Nothing is folded, so that everything is on paper too; else paper has the parts that are
        open on the screen, about six pages.
    embed : bool
        Whether the page carries its data and its seal; without them nothing can verify it.
    name : str
        Of the file, without its ending: more than 10,000 trades lie beside it as `name`.parquet.

    Raises
    ------
    ConfigError
        An unknown section name.
    """
    carried = carry(run, name) if embed else None
    return _page(run, _chosen(sections, extra), carried, full_print=full_print)


def _page(
    run: Run, chosen: Sequence[SectionFunction], carried: Carried | None, *, full_print: bool
) -> str:
    made = [section for make in chosen if (section := make(run)) is not None]
    head = Head(run.mode, short(heading(run)), _facts(run), judge(run).word, _foot(run))
    page = document(head, made, full_print=full_print, carried=carried)
    return page if carried is None else sealed(page, trade_rows(run.trades))


@dataclass(frozen=True)
class Head:
    """Around the sections: what made the page, title, one line of facts, the verdict's word, and
    the hashes it ends with.
    """

    mode: str
    title: str
    facts: str
    word: str
    foot: str = ""


def document(
    head: Head,
    made: Sequence[Section],
    *,
    full_print: bool = False,
    carried: Carried | None = None,
) -> str:
    """Sections as one HTML document, with the data it carries and room for its seal."""
    script, style, why_static = library()
    has_panels = any(isinstance(part, Panels) for section in made for part in parts_of(section))
    scripts = [_source("page.js")] if not has_panels or not script else [script, _source("page.js")]
    return (
        _templates()
        .get_template("page.html")
        .render(
            head=head,
            carried=carried,
            seal=Markup(EMPTY_SEAL) if carried is not None else "",
            full_print=full_print,
            sections=made,
            scripts=[Markup(text) for text in scripts],
            policy=_policy(scripts),
            style=Markup(_style() + (style if has_panels else "")),
            interactive=bool(script),
            why_static=why_static,
            zoom_to=_price_panel(made) if script else "",
        )
    )


def _price_panel(made: Sequence[Section]) -> str:
    """Anchor of the section with the price panel, "" where there is none."""
    for k, section in enumerate(made, start=1):
        panels = [panel for p in parts_of(section) if isinstance(p, Panels) for panel in p.panels]
        if any(panel.has_candles for panel in panels):
            return f"{k}-{slug(section.title)}"
    return ""


def write(
    run: Run,
    path: str | Path,
    *,
    sections: Sequence[str] | None = None,
    extra: Sequence[SectionFunction] = (),
    full_print: bool = False,
) -> Path:
    """Render and write the page; readers see the old file or the whole new one.

    Of a run with more than 10,000 trades the data are written beside it, as a Parquet file of the
    same name.

    Raises
    ------
    ConfigError
        The folder cannot be made or written.
    """
    target = Path(path)
    carried = carry(run, target.stem)
    text = _page(run, _chosen(sections, extra), carried, full_print=full_print)
    if carried.beside:
        write_whole(target.with_name(carried.beside), carried.content)
    return write_whole(target, text.encode())


def write_whole(target: Path, content: bytes) -> Path:
    """Write a file; readers see the old one or the whole new one."""
    beside = ""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=target.parent, prefix=".report-")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(beside).chmod(0o644)
        Path(beside).replace(target)
    except OSError as error:
        if beside:
            Path(beside).unlink(missing_ok=True)
        raise ConfigError(
            f"cannot write a report to {str(target)!r}: {error.strerror}. "
            "Name a file in a folder that can be written."
        ) from error
    return target


def heading(run: Run) -> str:
    """What ran on what: the title, with the instrument where it does not name it already."""
    names = run.instruments
    if len(names) > 1:
        return f"{run.title} on {len(names)} instruments"
    name = names[0] if names else ""
    return run.title if name in ("", "bars") or name in run.title else f"{run.title} on {name}"


def _chosen(names: Sequence[str] | None, extra: Sequence[SectionFunction]) -> list[SectionFunction]:
    """Section functions in page order; the user's own come before the manifest."""
    wanted = list(SECTIONS) if names is None else list(names)
    for name in wanted:
        if name not in SECTIONS:
            raise ConfigError(f"no report section {name!r}: {nearest(name, SECTIONS)}")
    place = wanted.index("manifest") if "manifest" in wanted else len(wanted)
    return [
        *(SECTIONS[name] for name in wanted[:place]),
        *extra,
        *(SECTIONS[name] for name in wanted[place:]),
    ]


def _facts(run: Run) -> str:
    """Instruments, interval, span, account and calendar in one line."""
    # A bare frame has no name: its instrument is called "bars".
    names = ", ".join(short(name, 40) for name in run.instruments if name != "bars")
    calendar = f"calendar {run.calendar}" if run.calendar else ""
    facts = (names, f"{run.interval} bars", _span(run), f"{run.account} account", calendar)
    return " · ".join(filter(None, facts))


def _foot(run: Run) -> str:
    """Short hashes of strategy and data, and the run's id."""
    parts = [f"Strategy {run.strategy.source_hash[:12] or 'not hashed'}"]
    if len(run.data) == 1:
        parts.append(f"data {run.data[0].hash[:12] or 'not hashed'}")
    if run.manifest.get("run_id"):
        parts.append(f"run {run.manifest['run_id'][:12]}")
    return f"{' · '.join(parts)}."


def _span(run: Run) -> str:
    if run.equity.is_empty():
        return "no bars"
    times = run.equity["close_time"]
    return f"{day(times[0])} to {day(times[-1])}"


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("trade_research.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.tests |= {
        kind.__name__.lower(): _is_a(kind)
        for kind in (Chart, Table, Panels, Cards, Gates, Strip, Code, Fold, Stack, Beside, Markup)
    }
    templates.filters |= {"scoped": scoped, "slug": slug}
    return templates


def _is_a(kind: type) -> Callable[[object], bool]:
    return lambda part: isinstance(part, kind)


def scoped(chart: Chart, name: str) -> Markup:
    """A chart's SVG with ids of its own: two charts on a page must not share a clip path."""
    return Markup(chart.svg.replace("CHARTID", name))


def slug(title: str) -> str:
    """A short name as an anchor."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40] or "section"


@cache
def _source(name: str) -> str:
    text = (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")
    return minified(text) if name.endswith(".js") else text


@cache
def _style() -> str:
    """The style sheet with both palettes: the reader's, else the system's; print is light."""

    def variables(colours: dict[str, str]) -> str:
        return "".join(f"--{name}:{value};" for name, value in theme(colours).items())

    light, dark = variables(LIGHT), variables(DARK)
    palettes = (
        f":root{{color-scheme:light;{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light])"
        f"{{color-scheme:dark;{dark}}}}}"
        f"@media screen{{:root[data-theme=dark]{{color-scheme:dark;{dark}}}}}"
    )
    sheet = re.sub(r"/\*.*?\*/|\n\s*", "", _source("page.css"), flags=re.S)
    return palettes + sheet


def _policy(scripts: Sequence[str]) -> str:
    """Content security policy: nothing but these scripts, by hash, and styles of the page."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
        for text in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def parts_of(section: Section) -> list[Part]:
    """Every part of a section, those inside others too."""
    found: list[Any] = []
    queue = list(section.parts)
    while queue:
        part = queue.pop(0)
        found.append(part)
        if isinstance(part, Fold | Stack | Beside):
            queue = [*part.parts, *queue]
    return found
