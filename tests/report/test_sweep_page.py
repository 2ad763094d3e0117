"""The sweep's page: verdict first, maps that keep their numbers, hostile input, the same twice."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from lxml import html

from tests.evidence.sweeps import evidence, noise, sums_of
from tests.report.browser import CHROMIUM, axe_source, violations
from trade_research.errors import ConfigError
from trade_research.report.heat import cells_of, heat_map
from trade_research.report.page import parts_of
from trade_research.report.run import StrategyInfo
from trade_research.report.section import Section, Table
from trade_research.report.sections.sweep_parameters import explained, places
from trade_research.report.sections.sweep_table import undominated
from trade_research.report.sweep import SweepView, sections, sweep_page
from trade_research.report.sweep_block import write_sweep
from trade_research.report.verify import verify
from trade_research.research.sweep_scorer import MOMENTS
from trade_research.sweep.scores import METRICS

SIDE = 12


def view(x, axes, *, name="rule", status=None, **given):
    """A sweep with these day returns."""
    moments, *_ = sums_of(x)
    ratios = moments[:, 1] / np.sqrt(np.where(moments[:, 2] > 0, moments[:, 2], np.nan))
    made = (1.0 + x).cumprod(axis=0)
    level = np.vstack([np.ones(x.shape[1]), made])
    columns = {m: np.full(x.shape[1], np.nan) for m in METRICS} | {
        "sharpe_daily": ratios * np.sqrt(365.0),
        "total_return": made[-1] - 1.0,
        "max_drawdown": (level / np.maximum.accumulate(level, axis=0) - 1.0).min(axis=0),
        "trades": np.arange(x.shape[1], dtype=float),
        "turnover": np.arange(x.shape[1])[::-1] / 10.0,
        "cost_paid": np.full(x.shape[1], 12.5),
    }
    results = pl.DataFrame(
        {**axes, **{k: pl.Series(v).fill_nan(None) for k, v in columns.items()}}
    ).with_columns(status=pl.Series(status or ["ok"] * x.shape[1]))
    plain = {k: np.asarray(v) for k, v in axes.items()}
    return SweepView(
        strategy=StrategyInfo(name, "", "def rule(): …", "a" * 64),
        instruments=("BTC/USDT",),
        interval="1d",
        calendar="24/7",
        start=datetime(2020, 1, 1, tzinfo=UTC),
        end=datetime(2022, 1, 1, tzinfo=UTC),
        results=results,
        axes=tuple(axes),
        evidence=evidence(x, plain, draws=200),
        moments=pl.DataFrame(moments, list(MOMENTS), orient="row"),
        manifest={"data": {"names": ["binance:BTC/USDT@1d"]}, "costs": {"fee_bps": 10.0}},
        **given,
    )


def bump(seed=0, size=0.004):
    """An edge in the middle of a grid."""
    a, b = (axis.ravel() for axis in np.indices((SIDE, SIDE)))
    near = np.exp(-((a - 6) ** 2 + (b - 6) ** 2) / 12)
    x = noise(700, SIDE * SIDE, np.random.default_rng(seed), 0.5) + size * near
    return view(x, {"fast": a * 5, "slow": b * 10 + 60})


def worthless(seed=0):
    a, b = (axis.ravel() for axis in np.indices((SIDE, SIDE)))
    return view(noise(700, SIDE * SIDE, np.random.default_rng(seed)), {"fast": a, "slow": b})


@pytest.fixture(scope="module")
def good():
    return bump()


def texts(section: Section) -> str:
    return " ".join(part for part in parts_of(section) if isinstance(part, str))


def table(section: Section, caption: str) -> list[list[str]]:
    found = [p for p in parts_of(section) if isinstance(p, Table) and caption in p.caption]
    return [[c if isinstance(c, str) else c.text for c in row] for row in found[0].rows]


def test_it_opens_with_the_verdict(good):
    page = html.fromstring(sweep_page(good))
    first = page.xpath("//main/section[1]")[0]
    assert first.xpath(".//h2")[0].text == "Promising"
    said = first.xpath("./p[not(@class)]")[0].text
    assert said.startswith("The best of 144 configurations has a Sharpe ratio of")
    assert html.fromstring(sweep_page(worthless())).xpath("//h2")[0].text == "No evidence"


def test_where_to_stand_names_best_and_centre(good):
    section = sections()["verdict"](good)
    rows = table(section, "Where to stand")
    found = good.evidence
    best = good.results.row(found.best, named=True)
    assert rows[-1][:3] == ["Highest ratio", str(best["fast"]), str(best["slow"])]
    if len(rows) == 2:
        centre = good.results.row(found.plateau.centre, named=True)
        assert rows[0][:3] == ["Centre of the plateau", str(centre["fast"]), str(centre["slow"])]


def test_the_table_discounts_every_row(good):
    rows = table(sections()["table"](good), "The best configurations")
    assert len(rows) == 20
    assert rows[0][2] == f"{100 * good.evidence.deflated_sharpe:.0f}%"
    shares = [int(row[2].rstrip("%")) for row in rows]
    ratios = [float(row[3]) for row in rows]
    assert ratios == sorted(ratios, reverse=True)
    assert shares[0] >= shares[-1]
    assert "best" in rows[0][0]


def test_a_page_and_its_table_are_the_same_twice(good, tmp_path):
    one, two = (write_sweep(good, tmp_path / n / "sweep.html") for n in "ab")
    assert one.read_bytes() == two.read_bytes()
    beside = pl.read_parquet(tmp_path / "a" / "sweep.parquet")
    assert beside.equals(good.results.hstack(good.moments))
    assert one.stat().st_size < 1_500_000


def test_two_thousand_configurations_stay_small_and_fast():
    a, b = (axis.ravel() for axis in np.indices((40, 50)))
    found = view(noise(800, 2_000, np.random.default_rng(0)), {"fast": a, "slow": b})
    page = sweep_page(found)
    assert len(page.encode()) < 1_500_000
    assert "No evidence" in page


def test_every_chart_and_table_can_be_read_without_looking(good):
    page = html.fromstring(sweep_page(good))
    for svg in page.xpath("//svg[@role='img']"):
        assert svg.xpath("./title/text()")
        assert len(svg.xpath("./desc/text()")[0]) > 20
    for each in page.xpath("//table"):
        assert each.xpath("./caption/text()")
    assert not page.xpath("//script[not(contains(text(), 'theme'))]")


@pytest.mark.skipif(CHROMIUM is None or axe_source() is None, reason="no Chromium or axe here")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(good, tmp_path, theme):
    assert violations(sweep_page(good), tmp_path, theme=theme, width=900) == []


def test_hostile_names_and_failures():
    x = noise(200, 6, np.random.default_rng(0))
    x[:, 4] = 0.0
    evil = "<script>alert(1)</script>" + "y" * 10_000
    found = view(
        x,
        {"kind": [evil, "b", "c", "d", "e", "f"], "stop": [None, 0.01, 0.02, 0.05, 0.1, 0.2]},
        name=evil,
        status=["ok", "ruined", evil, "ok", "no_trades", "ok"],
    )
    page = sweep_page(found)
    assert "<script>alert" not in page
    assert len(page) < 400_000
    assert "none" in [row[1] for row in table(sections()["table"](found), "The best")]
    assert sections()["run"](found).claim == "1 configuration failed"


@pytest.mark.parametrize(
    "x",
    [np.zeros((50, 4)), noise(3, 1, np.random.default_rng(0)), np.full((40, 2), -0.5)],
    ids=["nothing traded", "one configuration, three days", "all was lost"],
)
def test_a_page_for_every_sorry_sweep(x):
    page = sweep_page(view(x, {"k": np.arange(x.shape[1])}))
    assert "<h2" in page
    assert "nan" not in re.sub(r"<style>.*?</style>", "", page, flags=re.S).lower().split()


def test_only_some_sections(good):
    page = html.fromstring(sweep_page(good, only=["verdict", "plateau"]))
    assert len(page.xpath("//main/section")) == 2
    with pytest.raises(ConfigError, match="did you mean 'plateau'"):
        sweep_page(good, only=["platau"])


def test_cells_are_medians_and_long_axes_are_taken_together():
    x = np.array([0, 0, 0, 1, 1, 99])
    y = np.array([0, 0, 0, 1, 1, 0])
    values = np.array([1.0, 5.0, 3.0, np.nan, 7.0, 9.0])
    names = [str(k) for k in range(100)]
    cells = cells_of(x, y, values, names, ["a", "b"])
    assert cells.values.shape == (2, 34)
    assert cells.together == (3, 1)
    assert (cells.values[0, 0], cells.values[1, 0], cells.values[0, 33]) == (3.0, 7.0, 9.0)
    assert np.isnan(cells.values).sum() == 68 - 3
    assert cells.x_names[:3] == ["0", "3", "6"]
    even = cells_of(np.zeros(4, int), np.zeros(4, int), np.array([1.0, 2, 3, 9]), ["x"], ["y"])
    assert even.values[0, 0] == 2.5


def test_every_cell_is_drawn_once_in_its_tint():
    grid = np.linspace(-2.0, 3.0, 40).reshape(5, 8)
    grid[2, 2] = np.nan
    names = [str(k) for k in range(8)]
    chart = heat_map(
        cells_of(*(a.ravel() for a in np.indices((5, 8))[::-1]), grid.ravel(), names, names[:5]),
        "t",
        "f",
        x_title="x",
        y_title="y",
        label=str,
    )
    boxes = [path.count("M") for path in re.findall(r'd="([^"]+)" style="fill:var', chart.svg)]
    assert sum(boxes) == 39
    assert [tint for _, tint, _ in chart.key][:2] == ["fill", "p4"]
    assert chart.key[-1][1].startswith(("n", "loss"))


def test_places_and_importance():
    at, names = places(pl.Series("stop", [0.05, None, 0.01, 0.05]))
    assert at.tolist() == [1, 2, 0, 1]
    assert names == ["0.01", "0.05", "none"]
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 4, 2_000), rng.integers(0, 4, 2_000)
    values = 3.0 * a + rng.normal(size=2_000)
    truth = 1.0 - 1.0 / values.var()  # the noise has variance 1
    assert explained(values, [a]) == pytest.approx(truth, abs=0.02)
    assert explained(values, [b]) < 0.01
    assert explained(a * b * 1.0, [a, b]) == pytest.approx(1.0)


def test_undominated_by_brute_force():
    rng = np.random.default_rng(1)
    one, other = rng.integers(0, 12, 80) * 1.0, rng.integers(0, 12, 80) * 1.0
    better = [
        not any(
            (one[j] >= one[k] and other[j] >= other[k]) and (one[j] > one[k] or other[j] > other[k])
            for j in range(80)
        )
        for k in range(80)
    ]
    found = undominated(one, other)
    kept = {(one[k], other[k]) for k in np.flatnonzero(better)}
    assert {(one[k], other[k]) for k in found} == kept
    assert len(found) == len(kept)  # of equal ones the first


@pytest.fixture
def written(tmp_path):
    x = noise(400, SIDE, np.random.default_rng(3))
    return write_sweep(view(x, {"fast": np.arange(SIDE)}), tmp_path / "sweep.html")


def test_a_page_as_it_was_written_holds(written):
    found = verify(written)
    assert found.ok
    assert len(found.checked) == 4


@pytest.mark.parametrize("what", ["figure", "data", "missing"])
def test_any_change_to_a_page_or_its_results_is_found(written, what):
    beside = written.with_suffix(".parquet")
    if what == "figure":
        text = written.read_text()
        number = html.fromstring(text).xpath("//table//td")[0].text
        written.write_text(text.replace(f">{number}</td>", ">99%</td>", 1))
        kind = "number"
    elif what == "data":
        pl.read_parquet(beside).with_columns(sharpe_daily=pl.lit(9.0)).write_parquet(beside)
        kind = "data"
    else:
        beside.unlink()
        kind = "data"
    assert kind in {finding.kind for finding in verify(written).findings}
