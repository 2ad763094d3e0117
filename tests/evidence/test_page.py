"""Checks and edge budgets in notebooks and terminals."""

from __future__ import annotations

import numpy as np

import trade_research as tr
from tests.research import pages


@tr.strategy
def peeks(close):
    """Knows tomorrow's close."""
    out = np.zeros(close.size)
    out[:-1] = np.where(close[1:] > close[:-1], 1.0, 0.0)
    return out


def test_a_check_prints_as_its_text_and_shows_each_law():
    good = tr.check(pages.swing, pages.bars(300), calendar="24/7")
    assert repr(good) == str(good)
    html = good._repr_html_()
    assert html.count("✓") == 3
    assert "all laws hold" in html
    bad = tr.check(peeks, pages.bars(300), calendar="24/7")
    assert "✗ Causality" in bad._repr_html_()
    assert "BROKEN" in bad._repr_html_()
    for text in (html, bad._repr_html_()):
        assert "<script" not in text
        assert len(text.encode()) <= 30_000


def test_names_in_a_check_are_escaped():
    from dataclasses import replace

    found = tr.check(pages.swing, pages.bars(60), calendar="24/7")
    html = replace(found, strategy="<script>x" * 4000)._repr_html_()
    assert "<script" not in html
    assert len(html.encode()) <= 30_000


def test_an_edge_budget_shows_its_grid():
    html = pages.daily().budget._repr_html_()
    assert html.count("<tr>") == 6
    assert "breaks even" in html
    assert "<script" not in html
