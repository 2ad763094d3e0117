"""The page as Chromium draws it: accessible in light and dark, wide and narrow; on paper."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.report import factory
from tests.report.browser import CHROMIUM, axe_source, chromium, violations
from trade_research.report.page import render

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
needs_axe = pytest.mark.skipif(
    axe_source() is None, reason="axe-playwright-python is not installed"
)


@needs_browser
@needs_axe
@pytest.mark.parametrize("width", [1200, 400])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_a_whole_page(tmp_path: Path, theme: str, width: int) -> None:
    assert violations(render(factory.daily()), tmp_path, theme=theme, width=width) == []


@needs_browser
@needs_axe
@pytest.mark.full
@pytest.mark.parametrize("shape", factory.SHAPES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_in_any_shape(tmp_path: Path, shape: str, theme: str) -> None:
    assert violations(render(factory.SHAPES[shape]()), tmp_path, theme=theme, width=400) == []


@needs_browser
@needs_axe
def test_axe_would_find_a_fault(tmp_path: Path) -> None:
    faint = render(factory.one_bar()).replace("<h1>", '<h1 style="color:#ddd">')
    found = violations(faint, tmp_path, theme="light", width=1200)
    assert [fault["rule"] for fault in found] == ["color-contrast"]


@needs_browser
@pytest.mark.parametrize(("full", "low", "high"), [(False, 2, 6), (True, 7, 30)])
def test_paper_has_the_open_parts_only_unless_asked(
    tmp_path: Path, full: bool, low: int, high: int
) -> None:
    (tmp_path / "page.html").write_text(render(factory.daily(), full_print=full), "utf-8")
    paper = tmp_path / "page.pdf"
    chromium(tmp_path, f"--print-to-pdf={paper}", f"file://{tmp_path / 'page.html'}")
    assert low <= len(re.findall(rb"/Type\s*/Page[^s]", paper.read_bytes())) <= high
