"""The page as a document: inert, complete, accessible, the same twice; parsed by a real parser."""

from __future__ import annotations

import base64
import hashlib
import json
import pickle
import re
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import html5lib
import numpy as np
import pytest
from lxml import etree
from markupsafe import Markup

from tests.report import factory
from trade_research.errors import ConfigError
from trade_research.report.page import heading, render, write
from trade_research.report.panels import Panel, Panels, Series, library
from trade_research.report.section import Section, Table
from trade_research.report.sections import SECTIONS

XHTML = "{http://www.w3.org/1999/xhtml}"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """One page of each shape, rendered once."""
    return {name: render(make()) for name, make in factory.SHAPES.items()}


def parse(page: str) -> etree._Element:
    """As browsers do."""
    parser = html5lib.HTMLParser(tree=html5lib.getTreeBuilder("lxml"))
    tree = parser.parse(page)
    unmet = {name for _, name, _ in parser.errors}
    assert not unmet, unmet
    return tree.getroot()


def elements(root: etree._Element) -> list[etree._Element]:
    return [node for node in root.iter() if isinstance(node.tag, str)]


def text_of(node: etree._Element) -> str:
    return "".join(node.itertext())


@pytest.mark.parametrize("shape", factory.SHAPES)
def test_page_is_inert(pages: dict[str, str], shape: str) -> None:
    for node in elements(parse(pages[shape])):
        name = node.tag.rpartition("}")[2]
        assert name not in {"iframe", "object", "embed", "base", "form", "link", "img", "image"}
        for attribute, value in node.attrib.items():
            short = attribute.rpartition("}")[2].lower()
            assert not short.startswith("on"), f"{name} has {short}"
            assert short not in {"src", "srcset", "action", "srcdoc", "formaction", "ping"}
            if short == "href":
                assert value.startswith("#"), value
            assert "javascript:" not in value.lower()
            assert not re.search(r"url\(\s*[^#]", value), value


@pytest.mark.parametrize("shape", ["hostile", "long_names"])
def test_names_add_no_element(pages: dict[str, str], shape: str) -> None:
    """Apart from counts of rows, a hostile name makes the same kinds of elements as a plain."""
    plain = {node.tag for node in elements(parse(pages["daily"]))}
    assert {node.tag for node in elements(parse(pages[shape]))} <= plain
    scripts = [n for n in elements(parse(pages[shape])) if n.tag == f"{XHTML}script"]
    assert len(scripts) == len(
        [n for n in elements(parse(pages["daily"])) if n.tag == f"{XHTML}script"]
    )


def test_hostile_names_are_shown_as_text(pages: dict[str, str]) -> None:
    assert "<script>alert" not in pages["hostile"]
    assert factory.HOSTILE in text_of(parse(pages["hostile"]))
    assert "49" not in text_of(next(iter(parse(pages["hostile"]).iter(f"{XHTML}h1"))))


@pytest.mark.parametrize("shape", factory.SHAPES)
def test_policy_allows_the_scripts_of_the_page_only(pages: dict[str, str], shape: str) -> None:
    root = parse(pages[shape])
    policy = root.find(f".//{XHTML}meta[@http-equiv]").get("content")
    assert policy.startswith("default-src 'none'")
    assert "unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
    running = [n for n in root.iter(f"{XHTML}script") if n.get("type") is None]
    hashes = {
        f"'sha256-{base64.b64encode(hashlib.sha256(text_of(n).encode()).digest()).decode()}'"
        for n in running
    }
    assert hashes == set(policy.partition("script-src ")[2].partition(";")[0].split())


@pytest.mark.parametrize("shape", factory.SHAPES)
def test_same_run_same_bytes(pages: dict[str, str], shape: str) -> None:
    assert render(factory.SHAPES[shape]()) == pages[shape]


def test_bytes_do_not_follow_the_users_matplotlib_settings(pages: dict[str, str]) -> None:
    import matplotlib

    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9, "axes.facecolor": "red"}):
        assert render(factory.daily()) == pages["daily"]


@pytest.mark.parametrize("shape", factory.SHAPES)
def test_structure_a_screen_reader_needs(pages: dict[str, str], shape: str) -> None:
    root = parse(pages[shape])
    assert root.get("lang") == "en"
    assert len(list(root.iter(f"{XHTML}main"))) == len(list(root.iter(f"{XHTML}h1"))) == 1
    levels = [int(n.tag[-1]) for n in elements(root) if re.fullmatch(r".*}h[1-6]", n.tag)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [n.get("id") for n in elements(root) if n.get("id")]
    assert len(ids) == len(set(ids))
    for node in elements(root):
        for name in (node.get("aria-labelledby") or "").split():
            assert name in ids
        if node.tag == f"{XHTML}a":
            assert node.get("href")[1:] in ids


@pytest.mark.parametrize("shape", factory.SHAPES)
def test_charts_say_what_they_show_and_tables_what_they_hold(
    pages: dict[str, str], shape: str
) -> None:
    root = parse(pages[shape])
    charts = [n for n in root.iter(f"{SVG}svg") if n.get("role") == "img"]
    for chart in charts:
        title, desc = (text_of(chart.find(f"{SVG}{name}")) for name in ("title", "desc"))
        assert len(title) > 5
        assert re.search(r"\d|–", desc), desc
    for chart in root.iter(f"{SVG}svg"):
        assert chart.get("role") == "img" or chart.getparent().getparent().get("aria-hidden")
    for table in root.iter(f"{XHTML}table"):
        assert text_of(table.find(f"{XHTML}caption"))
        assert all(th.get("scope") in {"row", "col"} for th in table.iter(f"{XHTML}th"))
        wide = {len(row) for row in table.iter(f"{XHTML}tr")}
        assert len(wide) == 1


@pytest.mark.parametrize("shape", factory.SHAPES)
def test_no_number_is_printed_as_nan(pages: dict[str, str], shape: str) -> None:
    root = parse(pages[shape])
    shown = [n for n in elements(root) if n.tag.rpartition("}")[2] in {"td", "dd", "text", "desc"}]
    assert not [n for n in shown if re.search(r"(?<!\w)(nan|inf|None)(?!\w)", text_of(n))]
    assert len(shown) > 20


@pytest.mark.parametrize("shape", factory.SHAPES)
def test_size_of_daily_pages(pages: dict[str, str], shape: str) -> None:
    assert len(pages[shape].encode()) <= 600_000


def test_minutes_stay_small() -> None:
    page = render(factory.minutes(300_000, 1_000))
    assert len(page.encode()) <= 1_500_000
    assert "1,200 of 300,000 bars drawn" in page


def test_panels_carry_the_data_they_show() -> None:
    run = factory.daily()
    root = parse(render(run))
    blocks = root.iterfind(f".//{XHTML}div[@class='explore']/{XHTML}script")
    panels = [panel for block in blocks for panel in json.loads(text_of(block))]
    assert [panel["title"] for panel in panels] == [
        "Equity",
        "Drawdown",
        "Exposure, means of 1000 stretches",
        "Price of BTC/USDT",
        "spread",
    ]
    for panel in panels:
        times = panel["start"] + panel["step"] * np.cumsum(panel["x"])
        assert np.all(np.diff(times) > 0)
        assert times.size <= 2_000 + 600
        assert panel["step"] % 86_400 == 0
    depth = panels[1]["series"][0]
    worst = min(np.cumsum(depth["y"])) / depth["scale"]
    assert worst == pytest.approx(run.metrics["max_drawdown"], rel=1e-5)
    lines = {line["name"]: line for line in panels[3]["series"]}
    assert list(lines) == ["Open", "High", "Low", "Close", "Bought", "Sold", "fast", "slow"]
    times = panels[3]["start"] + panels[3]["step"] * np.cumsum(panels[3]["x"])
    closes = run.prices["close_time"].to_physical().to_numpy() / 1e6
    for name in ("Open", "High", "Low", "Close"):
        known = [k for k, step in enumerate(lines[name]["y"]) if step is not None]
        np.testing.assert_array_equal(times[known], closes)  # 2,000 bars: each is a candle
        steps = np.array([lines[name]["y"][k] for k in known])
        found = np.cumsum(steps) / lines[name]["scale"]
        np.testing.assert_allclose(found, run.prices[name.lower()], atol=1e-5 * found.max())
    buys = run.fills.filter(run.fills["side"] == "buy")
    assert len(lines["Bought"]["y"]) == buys.height
    at = np.cumsum(lines["Bought"]["at"])
    np.testing.assert_array_equal(times[at], buys["time"].to_physical().to_numpy() / 1e6)


@pytest.mark.parametrize(
    ("times", "steps", "unit"),
    [
        ([0.0, 60.0, 180.0], [0, 1, 2], 60.0),
        ([3.0, 4.0, 70_003.0], [0, 1, 69_999], 1.0),
        ([0.0, 0.25, 1.0], [0, 1, 3], 0.25),
        ([5.0], [0], 1e-6),
    ],
)
def test_times_are_whole_steps(times: list[float], steps: list[int], unit: float) -> None:
    line = Series("a", np.ones(len(times)), "net")
    (packed,) = json.loads(Panels([Panel("t", np.array(times), [line])]).data())
    assert (packed["start"], packed["x"], packed["step"]) == (times[0], steps, unit)


def test_values_are_steps_of_six_digits_and_null() -> None:
    values = np.array([12_345.64, np.nan, 12_345.5, -1.0])
    line, mark = Series("a", values, "net"), Series("b", values, "net", marker="up")
    (packed,) = json.loads(Panels([Panel("t", np.arange(4.0), [line, mark])]).data())
    shown, marked = packed["series"]
    assert (shown["scale"], shown["y"]) == (10.0, [123_456, None, -1, -123_465])
    assert (marked["y"], marked["at"]) == ([123_456, -1, -123_465], [0, 2, 1])


def test_many_bars_are_merged_except_near_a_trade() -> None:
    from trade_research.report.candles import MOST, candles

    prices = factory.make_run(24_000, n_trades=0).prices
    found = candles(prices, [slice(100, 120), slice(5_000, 5_300)])
    assert found.bars == 20
    assert found.close.size <= MOST
    assert found.high.max() == prices["high"].max()
    first = prices[:20]
    assert (found.open[0], found.close[0]) == (first["open"][0], first["close"][-1])
    assert (found.high[0], found.low[0]) == (first["high"].max(), first["low"].min())
    closes = prices["close_time"].to_physical().to_numpy() / 1e6
    assert np.isin(closes[100:119], found.times).all()  # bar by bar
    assert np.isin(closes[5_009:5_299:10], found.times).all()  # in thirty
    assert np.isin(closes[19::20], found.times).all()


def test_trades_lead_to_their_stretch_of_the_price() -> None:
    run = factory.several()
    root = parse(render(run))
    links = [n for n in root.iter(f"{XHTML}a") if n.get("data-from")]
    section = next(n for n in root.iter(f"{XHTML}section") if "price" in n.get("id"))
    assert {link.get("href") for link in links} == {"#" + section.get("id")}
    shown = str(run.fills["symbol"].mode().sort()[0])
    theirs = run.trades.filter(run.trades["symbol"] == shown)
    spans = {(int(n.get("data-from")), int(n.get("data-to"))) for n in links}
    for start, end in spans:
        inside = theirs.filter(
            theirs["entry_time"].dt.epoch("s") >= start, theirs["exit_time"].dt.epoch("s") <= end
        )
        assert inside.height >= 1
    bare = parse(render(run, sections=["trades"]))  # no price panel, nowhere to lead
    assert not [n for n in bare.iter(f"{XHTML}a") if n.get("data-from")]


def test_seventeen_sections_in_order_and_the_later_ones_folded(pages: dict[str, str]) -> None:
    root = parse(pages["several"])
    found = list(root.iter(f"{XHTML}section"))
    titles = [text_of(next(n.iter(f"{XHTML}p"))) for n in found]
    assert titles == [
        "Verdict", "Headline", "Equity", "Calendar", "Drawdowns", "Costs", "Exposure",
        "Instruments", "Trades", "Price and signals", "Stability", "Is it luck?",
        "Returns and tails", "Benchmark", "Orders", "Data", "Manifest", "Definitions",
    ]  # fmt: skip
    assert ["folded" in n.get("class") for n in found] == [False] * 6 + [True] * 12
    assert len(list(parse(pages["daily"]).iter(f"{XHTML}section"))) == 17
    whole = parse(render(factory.daily(), full_print=True))
    assert all(n.get("open") is not None for n in whole.iter(f"{XHTML}details"))


def test_heading_carries_the_instrument() -> None:
    run = replace(factory.one_bar(), title="rule")
    assert heading(run) == "rule on BTC/USDT"
    assert heading(replace(run, title="rule on BTC/USDT")) == "rule on BTC/USDT"
    assert heading(replace(run, instruments=("A", "B"))) == "rule on 2 instruments"
    assert heading(replace(run, instruments=())) == "rule"


def test_without_the_chart_script_the_page_is_static_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("trade_research.report.panels.find_spec", lambda name: None)
    library.cache_clear()
    try:
        page = render(factory.make_run(300, n_trades=10))
    finally:
        library.cache_clear()
    assert "uplot-python is not installed" in page
    assert "panel-data" not in re.sub(r"<script>.*?</script>", "", page, flags=re.S)


def test_only_the_tested_chart_script_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from types import SimpleNamespace

    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "uPlot.iife.js").write_text("alert(1)")
    found = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr("trade_research.report.panels.find_spec", lambda name: found)
    library.cache_clear()
    try:
        assert library() == (
            "", "", "uPlot.iife.js of uplot-python is not the version that was tested",
        )  # fmt: skip
    finally:
        library.cache_clear()


def test_sections_can_be_chosen_and_added(pages: dict[str, str]) -> None:
    def mine(run: object) -> Section:
        table = Table("Mine", ("a", "b"), [("<b>", "2")])
        return Section("My idea", "It works", ("a < b", table, Markup("<em>kept</em>")))

    page = render(factory.daily(), sections=["verdict", "manifest"], extra=[mine])
    titles = text_of(next(parse(page).iter(f"{XHTML}nav"))).split("\n")
    assert [title for title in titles if title] == ["Verdict", "My idea", "Manifest"]
    assert "&lt;b&gt;" in page
    assert "<em>kept</em>" in page
    with pytest.raises(ConfigError, match="did you mean 'calendar'"):
        render(factory.daily(), sections=["calender"])
    assert next(iter(SECTIONS)) == "verdict"


def test_write_replaces_whole_and_names_a_bad_folder(tmp_path: Path) -> None:
    run = factory.one_bar()
    path = write(run, tmp_path / "new" / "page.html")
    assert path.read_text(encoding="utf-8") == render(run)
    assert [p.name for p in path.parent.iterdir()] == ["page.html"]
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write a report to"):
        write(run, tmp_path / "file" / "page.html")


def test_report_imports_no_heavy_statistics(tmp_path: Path) -> None:
    import subprocess
    import sys

    run = factory.daily()
    plain = {name: getattr(run, name) for name in (f.name for f in fields(run))}
    plain |= {"evidence": run.evidence.to_dict() if run.evidence else None}
    for name in ("metrics", "benchmark_metrics"):
        plain[name] = dict(plain[name])
    for name in ("budget", "check"):
        plain[name] = None
    plain["data"] = [vars(info) for info in run.data]
    plain["strategy"] = vars(run.strategy)
    (tmp_path / "run.pickle").write_bytes(pickle.dumps(plain))
    code = (
        "import pickle, sys, pathlib; from trade_research.report import *;"
        "from trade_research.evidence.statistics import Evidence;"
        f"it = pickle.loads(pathlib.Path({str(tmp_path / 'run.pickle')!r}).read_bytes());"
        "it['evidence'] = Evidence.from_dict(it['evidence']);"
        "it['data'] = [DataInfo(**info) for info in it['data']];"
        "it['strategy'] = StrategyInfo(**it['strategy']); render(Run(**it));"
        "print([m for m in ('arch','skfolio','scipy.stats','pandas','matplotlib.pyplot','plotly',"
        "'numba') if m in sys.modules])"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
