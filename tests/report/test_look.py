"""Colours that every eye tells apart, charts that keep their numbers, formats that paste."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from trade_research.report.charts import Plot
from trade_research.report.formats import (
    by_unit,
    count,
    money,
    percent,
    plural,
    price,
    ratio,
    short,
    short_money,
)
from trade_research.report.palette import DARK, LIGHT, contrast, mix, theme
from trade_research.report.thin import thin
from trade_research.report.ticks import dates, decades, nice

# Machado, Oliveira & Fernandes (2009), severity 1, on linear RGB.
DEUTERANOPIA = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]  # fmt: skip  # noqa: E501 - a printed matrix
PROTANOPIA = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]  # fmt: skip  # noqa: E501 - a printed matrix


def lab(colour: str, sight: list[list[float]] | None = None) -> np.ndarray:
    """CIE L*a*b* (D65) of a hex colour as somebody with that sight sees it."""
    rgb = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    if sight is not None:
        linear = np.clip(np.array(sight) @ linear, 0, 1)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    x = to_xyz @ linear / np.array([0.9505, 1.0, 1.089])
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_contrast_of_black_on_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # WCAG's own example
    assert mix("#ffffff", "#000000", 0.5) == "#808080"


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_lines_stand_out(colours: dict[str, str]) -> None:
    made = theme(colours)
    for ground in ("bg", "panel"):
        for text in ("fg", "muted", "accent"):
            assert contrast(made[text], made[ground]) >= 4.5, (text, ground)
    for step in (1, 2, 3, 4):
        assert contrast(made["fg"], made[f"p{step}"]) >= 4.5
        assert contrast(made["fg"], made[f"n{step}"]) >= 4.5
    for line in ("net", "gross", "bench", "gain", "loss"):
        assert contrast(made[line], made["bg"]) >= 3.0, line


@pytest.mark.parametrize("sight", [None, DEUTERANOPIA, PROTANOPIA], ids=["full", "deuter", "prot"])
@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_gain_and_loss_differ_for_every_eye(
    colours: dict[str, str], sight: list[list[float]] | None
) -> None:
    distance = np.linalg.norm(lab(colours["gain"], sight) - lab(colours["loss"], sight))
    assert distance >= 40.0
    deepest = theme(colours)
    assert np.linalg.norm(lab(deepest["p4"], sight) - lab(deepest["n4"], sight)) >= 25.0


@pytest.mark.parametrize("sight", [None, DEUTERANOPIA, PROTANOPIA], ids=["full", "deuter", "prot"])
@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("one", "other", "least"),
    [
        ("net", "gross", 40),
        ("net", "bench", 40),
        ("gross", "bench", 40),
        ("fg", "gross", 40),
        ("fg", "net", 34),  # beside a dash
    ],
)
def test_lines_of_one_chart_differ_for_every_eye(
    colours: dict[str, str], sight: list[list[float]] | None, one: str, other: str, least: float
) -> None:
    distance = np.linalg.norm(lab(colours[one], sight) - lab(colours[other], sight))
    assert distance >= least


def test_charts_follow_the_palette_and_keep_their_labels() -> None:
    plot = Plot(400, (100,), x_range=(0.0, 10.0))
    plot.values(0.0, 2.0, label=lambda v: f"{v:.3f}k<b>")
    plot.line([0.0, 5.0, 10.0], [0.0, 1.2345, 2.0], "net", "dashed")
    chart = plot.chart("A title", "A finding of 3")
    assert "stroke:var(--net)" in chart.svg
    assert "stroke-dasharray" in chart.svg
    assert "0.500k&lt;b&gt;" in chart.svg  # text is not rounded with the coordinates
    assert "id=" not in chart.svg.replace('id="CHARTID-', "")
    assert not re.search(r"#[0-9a-f]{6}", chart.svg)


def test_marks_lie_where_their_values_do() -> None:
    """330 px wide inside: 58 to 388; 100 px high: 10 to 110. All by hand, in tenths."""
    plot = Plot(400, (100,), x_range=(0.0, 10.0))
    plot.values(0.0, 2.0, label=str)
    plot.line([0.0, 5.0, 10.0], [0.0, 1.5, 2.0], "net")
    plot.bars([5.0], [0.5], [1.0], "gain", width=2.0)
    plot.points([10.0], [2.0], "loss", "v", size=4.0)
    plot.note(5.0, 1.0, "here")
    plot.whiskers([0.0, 10.0], [0.0, 1.0], [1.0, 2.0])
    plot.area(np.array([0.0, 10.0]), np.array([1.0, 2.0]), "bench")
    svg = plot.chart("A title", "A finding of 3").svg
    for path in (
        "M580 1100l1650-750 1650-250",  # line
        "M1900 600H2560V850H1900z",  # bar
        "M3880 120l20-40h-40z",  # marker
        "M580 1100l0-500M3880 600l0-500",  # whiskers
        "M580 600l3300-500 0 1000-3300 0",  # area
    ):
        assert f'd="{path}"' in svg, path
    assert '<text x="223" y="54" class="fg">here</text>' in svg


def test_unknown_and_infinite_values_leave_a_gap() -> None:
    plot = Plot(400, (100,), x_range=(0.0, 4.0))
    plot.values(1.0, 100.0, label=str, log=True)
    plot.line(np.arange(5.0), [1.0, np.nan, 10.0, 100.0, -1.0], "net")
    assert 'd="M580 1100h0M2230 600l825-500"' in plot.chart("A title", "0").svg
    plot.points([0.0, 1.0], [np.nan, np.inf], "net", "o")
    assert "nan" not in plot.chart("A title", "0").svg


def test_thinning_keeps_ends_and_extremes() -> None:
    values = np.sin(np.arange(100_000) / 700.0)
    values[43_210], values[77_777] = 9.0, -9.0
    rows = thin(values, 1_000)
    assert rows.size <= 1_000
    assert {0, 43_210, 77_777, 99_999} <= set(rows.tolist())
    assert np.all(np.diff(rows) > 0)
    values[500] = np.nan
    assert 500 not in thin(values, 100_000)
    assert thin(np.full(5, np.nan)).size == 0


def test_ticks_are_round() -> None:
    assert nice(0.0, 1.0, 5) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert nice(-0.37, 0.0, 3) == [-0.2, 0.0]
    assert decades(800.0, 120_000.0, 6) == [1_000.0, 3_000.0, 10_000.0, 30_000.0, 100_000.0]
    assert decades(90.0, 130.0) == [90.0, 100.0, 110.0, 120.0, 130.0]
    day = 86_400.0
    assert [text for _, text in dates(0.0, 3 * 365.3 * day, 4)] == ["1970", "1971", "1972"]
    assert dates(0.0, 4 * 3_600.0, 4)[-1] == (14_400.0, "04:00")
    assert [t for _, t in dates(0.0, 200 * day, 8)] == [
        "1970", "Feb", "Mar", "Apr", "May", "Jun", "Jul",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (percent(0.12345), "12.3%"),
        (percent(-0.00001), "0.0%"),
        (percent(12.5, 0), "1,250%"),
        (percent(0.02, signed=True), "+2.0%"),
        (percent(math.inf), "–"),
        (percent(9_999.0), "999,900.0%"),
        (percent(-33_620_285.8, signed=True), "-3.4e+09%"),
        (percent(None), "–"),
        (ratio(-1.005), "-1.00"),
        (ratio(math.nan), "–"),
        (money(1234.56), "1,235"),
        (money(-12.345), "-12.35"),
        (count(1_577_760), "1,577,760"),
        (price(60123.456), "60,123.5"),
        (price(0.0000123), "0.00001230"),
        (short_money(250_000.0), "250k"),
        (short_money(-0.0), "0"),
        (plural(0, "trade"), "no trades"),
        (plural(1, "trade"), "1 trade"),
        (short("x" * 100, 10), "xxxxx…xx (100 characters)"),
        (by_unit(0.1, "fraction"), "10.00%"),
        (by_unit(1259.04, "time"), "1,259 d"),
        (by_unit(3.5, "bars"), "3.5"),
        (by_unit(12.34, "bp"), "12.3 bp"),
    ],
)
def test_formats(shown: str, expected: str) -> None:
    assert shown == expected
