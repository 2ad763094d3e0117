"""A sweep's page holds what the sweep gave: any change is found, and the sweep can be repeated."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import trade_research as tr
from tests.counts import FULL, count
from tests.research import pages
from trade_research.cli.app import app
from trade_research.evidence.sweeps import concluded
from trade_research.report.seal import sealed
from trade_research.report.sweep_block import sweep_hashes, write_sweep
from trade_research.report.verify import verify
from trade_research.research.rerun import run_again
from trade_research.sweep.space import columns_of, varied

CONCLUDED = (
    *("best_sharpe", "luck_sharpe", "low", "high", "n_effective", "psr", "deflated_sharpe"),
    *("p_value", "pbo", "variance", "days", "n_configurations"),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    found = tr.Store(tmp_path_factory.mktemp("store"))
    found.write_bars(pages.bars(400), venue="binance", symbol="X", interval="1d")
    return found


@pytest.fixture(scope="module")
def swept(store):
    levels = np.linspace(96.0, 106.0, 6)
    return tr.sweep(
        pages.swing, store.query("binance:X@1d", "2023-02-01"), progress=False,
        level=levels, size=[0.5, 0.75], stop=[None, 0.05], fee_bps=[5.0, 10.0],
        where="level > 97 or size > 0.6", cash=50_000.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def page(swept, tmp_path_factory):
    return swept.report(tmp_path_factory.mktemp("page") / "sweep.html")


def resealed(html: str) -> str:
    return sealed(re.sub(r'(id="seal">).*?(</script>)', r"\1\2", html))


def test_a_genuine_page_holds_and_its_sweep_gives_the_same_hashes(page, store):
    found = verify(page)
    assert found.ok, str(found)
    assert len(found.checked) == 4
    said: list[str] = []
    again = run_again(found.manifest, store.root, say=said.append)
    assert again.ok, again.hashes
    assert again.hashes.keys() == {"source", "data", "results", "evidence"}
    assert said == ["executing the embedded source of swing: run again only what you trust"]


def test_the_command_line_repeats_a_sweep(page, store):
    words = ["verify", str(page), "--rerun", "--store", str(store.root)]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "run again: results" in done.output
    assert "run again: evidence" in done.output


def test_more_trials_since_change_nothing(page, store):
    more = store.query("binance:X@1d", "2023-02-01")
    tr.sweep(pages.swing, more, progress=False, level=[90.0, 91.0, 92.0])
    assert run_again(verify(page).manifest, store.root).ok


CROSSING = {"fast": [3, 5], "slow": [10, 20]}
OF_EVERY_KIND = {
    "drawn": {"method": "sobol", "samples": 24, "fast": tr.Span(2, 20), "slow": [30, 60]},
    "pruned": {"method": "tpe", "samples": 96, "folds": 3, "fast": range(2, 9), "slow": [10, 60]},
    "mixed": CROSSING | {"kind": ["sma", "ema"], "short": [False, True], "account": "margin"},
    "delayed": CROSSING | {"delay": [0, 2], "stop": [None, 5.0]},
    "funded": CROSSING | {"account": "perp", "funding": 1e-4},
    "alone": CROSSING | {"symbol": ["X", "Y"]},
    "together": CROSSING | {"portfolio": tr.EqualWeight(gross=0.8)},
    "idle": {"fast": [3], "slow": [390, 395]},
}


@pytest.mark.parametrize("kind", OF_EVERY_KIND)
def test_a_sweep_of_every_kind_holds_and_is_repeated(store, tmp_path, kind):
    store.write_bars(pages.bars(400, seed=2), venue="binance", symbol="Y", interval="1d")
    is_one = kind not in ("alone", "together")
    query = store.query("binance:X@1d" if is_one else ["binance:X@1d", "binance:Y@1d"])
    found = tr.sweep(tr.strategies.ma_crossover, query, progress=False, **OF_EVERY_KIND[kind])
    told = verify(found.report(tmp_path / "sweep.html"))
    assert told.ok, str(told)
    assert run_again(told.manifest, store.root).ok


def test_a_page_with_a_walk_forward_holds(store, tmp_path):
    query, rule = store.query("binance:X@1d"), tr.strategies.ma_crossover
    walk = tr.walk_forward(rule, query, train="150d", test="60d", **CROSSING)
    found = tr.sweep(rule, query, progress=False, **CROSSING)
    told = verify(found.report(tmp_path / "sweep.html", walk=walk))
    assert told.ok, str(told)


def test_bare_bars_are_named_to_repeat_a_sweep(store, tmp_path):
    frame = pages.bars(300)
    found = tr.sweep(tr.strategies.ma_crossover, frame, progress=False, **CROSSING)
    told = verify(found.report(tmp_path / "sweep.html"))
    with pytest.raises(tr.TradeResearchError, match="--data"):
        run_again(told.manifest, store.root)
    assert run_again(told.manifest, store.root, data=frame).ok


def test_a_sweep_of_other_bars_is_told(page, tmp_path):
    other = tr.Store(tmp_path)
    frame = pages.bars(400).with_columns(close=pl.col("close") * 1.0001)
    other.write_bars(frame, venue="binance", symbol="X", interval="1d")
    again = run_again(verify(page).manifest, other.root)
    differ = {name for name, (was, now) in again.hashes.items() if was != now}
    assert differ == {"data", "results", "evidence"}


def changed_digits(page, n):
    """The page with one digit changed: anywhere; and in a text made again, with a new seal."""
    dice, html = random.Random(5), page.read_text(encoding="utf-8")
    anywhere = [m.start() for m in re.finditer(r"\d", html)]
    shown = html[html.index("<main") : html.index('<script type="application/octet')]
    texts = re.sub(r"<svg.*?</svg>", lambda m: " " * len(m[0]), shown, flags=re.S)
    texts, begin = texts[: texts.index("Formula")], html.index("<main")
    inside = [
        begin + m.start() + k
        for m in re.finditer(r">[^<>]*\d[^<>]*<", texts)
        for k, c in enumerate(m[0])
        if c.isdigit()
    ]
    for k in range(n):
        at = dice.choice(anywhere if k % 2 else inside)
        other = dice.choice([d for d in "0123456789" if d != html[at]])
        made = html[:at] + other + html[at + 1 :]
        yield html[max(at - 60, 0) : at + 20], made if k % 2 else resealed(made)


def test_no_changed_number_survives(page, tmp_path):
    copy = tmp_path / page.name
    copy.with_suffix(".parquet").write_bytes(page.with_suffix(".parquet").read_bytes())
    survived = []
    for where, html in changed_digits(page, count(1000) if FULL else 16):
        copy.write_text(html, encoding="utf-8")
        if verify(copy).ok:
            survived.append(where)
    assert survived == []


@pytest.mark.parametrize("name", CONCLUDED)
def test_a_page_written_of_other_evidence_is_found(swept, tmp_path, name):
    value = getattr(swept.evidence, name)
    other = value + 1 if isinstance(value, int) else value * 0.9 + 0.01
    forged = replace(swept.view, evidence=replace(swept.evidence, **{name: other}))
    found = verify(write_sweep(forged, tmp_path / "forged.html"))
    assert f"evidence: {name}" in {finding.where for finding in found.findings}


def test_other_results_space_or_source_are_found(swept, tmp_path):
    view = swept.view
    results = view.results.with_columns(sharpe=pl.col("sharpe") * 1.01)
    space = {**view.manifest["space"], "where": None}
    source = replace(view.strategy, source=view.strategy.source.replace("level", "l"))
    for k, (forged, kind) in enumerate(
        (
            (replace(view, results=results), "hash"),
            (replace(view, manifest={**view.manifest, "space": space}), "parameter"),
            (replace(view, strategy=source), "source"),
        )
    ):
        found = verify(write_sweep(forged, tmp_path / f"{k}.html"))
        assert kind in {finding.kind for finding in found.findings}


def test_a_page_consistent_in_itself_is_found_by_repeating(swept, store, tmp_path):
    view = swept.view
    better = replace(view.evidence, spa_p=view.evidence.spa_p / 4)
    axes = varied(columns_of(view.results.select(view.axes)))
    evidence = concluded(better, view.moments.to_numpy(), axes)
    told = sweep_hashes(view.results.hstack(view.moments), evidence)
    manifest = {**view.manifest, "results": told}
    found = verify(write_sweep(replace(view, evidence=evidence, manifest=manifest), tmp_path / "f"))
    assert found.ok
    again = run_again(found.manifest, store.root)
    assert [name for name, (was, now) in again.hashes.items() if was != now] == ["evidence"]
