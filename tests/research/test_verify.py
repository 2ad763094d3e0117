"""A genuine report of each kind verifies; no change to one survives, and what changed is named."""

from __future__ import annotations

import base64
import json
import random
import re
from pathlib import Path

import polars as pl
import pytest

import trade_research as tr
from tests.counts import FULL, count
from tests.research import pages
from trade_research.errors import FormatError, StrategyError
from trade_research.report.carried import sha256
from trade_research.report.embed import read_block, trade_rows
from trade_research.report.record import parquet_bytes
from trade_research.report.seal import read_page, sealed
from trade_research.report.verify import verify
from trade_research.research.rerun import run_again


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """One page of each kind."""
    home = tmp_path_factory.mktemp("pages")
    for name, make in pages.KINDS.items():
        make().report(home / f"{name}.html")
    return home


@pytest.fixture(scope="module")
def page(folder) -> str:
    return (folder / "daily.html").read_text(encoding="utf-8")


def found(html: str, folder: Path) -> set[str]:
    """Kinds of what `verify` finds in a changed page."""
    path = folder / "changed.html"
    path.write_text(html, encoding="utf-8")
    return {finding.kind for finding in verify(path).findings}


def block(html: str) -> pl.DataFrame:
    import io

    data = base64.b64decode(read_page(html).blocks[0]["text"])
    return pl.DataFrame(pl.read_parquet(io.BytesIO(data)))


def with_block(html: str, table: pl.DataFrame, *, reseal: bool) -> str:
    """The page with another data block; resealed as someone would who knows how."""
    data = parquet_bytes(table)
    start = html.index(">", html.index('id="data"')) + 1
    end = html.index("</script>", start)
    html = html[:start] + base64.b64encode(data).decode() + html[end:]
    if not reseal:
        return html
    html = re.sub(r'data-sha256="\w+"', f'data-sha256="{sha256(data)}"', html)
    return resealed(html, read_block(data).run.trades)


def resealed(html: str, trades: pl.DataFrame) -> str:
    bare = re.sub(r'(id="seal">).*?(</script>)', r"\1\2", html)
    return sealed(bare, trade_rows(trades))


def with_trades(html: str, trades: pl.DataFrame, *, reseal: bool) -> str:
    table = block(html).with_columns(trades=pl.Series([trades.to_struct("")]))
    return with_block(html, table, reseal=reseal)


def with_about(html: str, change, *, reseal: bool) -> str:  # type: ignore[no-untyped-def]  # of tests
    table = block(html)
    about = json.loads(table["run"][0])
    change(about)
    table = table.with_columns(run=pl.Series([json.dumps(about)]))
    return with_block(html, table, reseal=reseal)


@pytest.mark.parametrize("kind", pages.KINDS)
def test_a_genuine_report_verifies(folder, kind):
    result = verify(folder / f"{kind}.html")
    assert result.ok, str(result)
    assert len(result.checked) == 4
    assert "holds" in str(result)


@pytest.mark.parametrize("kind", ["daily", "minute", "several", "ruined"])
def test_days_and_trades_give_the_metrics_that_were_computed_from_bars(folder, kind):
    from trade_research.report.embed import recomputed

    result = verify(folder / f"{kind}.html")
    theirs = dict(pages.KINDS[kind]().metrics)
    ours = recomputed(result.block)
    assert len(ours) >= (64 if kind != "minute" else 36)
    assert {"cagr", "sharpe_daily", "excess_cagr", "win_rate", "best5_share"} <= ours.keys()
    assert ours == {
        name: theirs[name] if theirs[name] is None else pytest.approx(theirs[name], rel=1e-9)
        for name in ours
    }


def test_many_trades_lie_beside_the_page(folder):
    html = (folder / "many_trades.html").read_text(encoding="utf-8")
    assert "lie beside it in <code>many_trades.parquet</code>" in html
    data = folder / "many_trades.parquet"
    assert pl.read_parquet(data)["trades"][0].len() > 10_000
    kept = data.read_bytes()
    data.write_bytes(kept[:-9] + b"x" + kept[-8:])
    assert not verify(folder / "many_trades.html").ok
    data.unlink()
    findings = verify(folder / "many_trades.html").findings
    assert [f.kind for f in findings] == ["data"]
    assert "many_trades.parquet" in findings[0].found
    data.write_bytes(kept)


def test_the_same_run_gives_the_same_bytes(folder, page):
    again = pages.daily().report(folder / "again.html")
    assert again.read_text(encoding="utf-8") == page


def mutations(page: Path, n: int):  # type: ignore[no-untyped-def]  # of tests
    """Changes of one thing, each as (what, page, data beside or None): a digit anywhere, a trade, a
    parameter, the source; the data resealed in half of them, as somebody would who knows how.
    """
    dice, html = random.Random(11), page.read_text(encoding="utf-8")
    digits = [match.start() for match in re.finditer(r"\d", html)]
    trades = verify(page).block.run.trades
    for k in range(n):
        kind = ("digit", "digit", "trade", "param", "source")[k % 5]
        if kind == "digit" or (kind == "trade" and trades.is_empty()):
            at = dice.choice(digits)
            other = dice.choice([d for d in "0123456789" if d != html[at]])
            yield f"digit at {at}", html[:at] + other + html[at + 1 :], None
            continue
        what, table = _changed(kind, page, trades, dice)
        yield (what, *_with_data(page, html, table, reseal=dice.random() < 0.5))


def _changed(kind: str, page: Path, trades: pl.DataFrame, dice: random.Random):  # type: ignore[no-untyped-def]  # of tests
    """The page's data with a trade, a parameter or the source changed."""
    table = _data_of(page)
    if kind == "trade":
        row, how = dice.randrange(trades.height), dice.choice(("gone", "twice", "value"))
        if how == "value":
            name = dice.choice(["pnl", "entry_price", "quantity", "mae", "return", "costs"])
            values = trades[name].to_list()
            values[row] = values[row] * 1.001 + 1e-6
            trades = trades.with_columns(pl.Series(name, values))
        else:
            rest = [trades[:row], trades[row + 1 :]]
            parts = rest if how == "gone" else [trades, trades[row : row + 1]]
            trades = pl.concat(parts)
        return f"trade {row} {how}", table.with_columns(trades=pl.Series([trades.to_struct("")]))
    about = json.loads(table["run"][0])
    manifest = about["run"]["v"]["manifest"]
    if kind == "source":
        facts = manifest["strategy"]
        at = dice.randrange(len(facts["source"]))
        facts["source"] = facts["source"][:at] + "~" + facts["source"][at + 1 :]
    elif manifest["params"] and dice.random() < 0.5:
        name = dice.choice(sorted(manifest["params"]))
        manifest["params"][name] += dice.random() + 1e-6
    else:
        manifest["setup"]["costs"]["fee_bps"] += 1 + dice.random()
    return kind, table.with_columns(run=pl.Series([json.dumps(about)]))


def _data_of(page: Path) -> pl.DataFrame:
    beside = page.with_suffix(".parquet")
    return pl.read_parquet(beside) if beside.exists() else block(page.read_text(encoding="utf-8"))


def _with_data(page: Path, html: str, table: pl.DataFrame, *, reseal: bool):  # type: ignore[no-untyped-def]  # of tests
    """The page with other data in it, or beside it."""
    if not page.with_suffix(".parquet").exists():
        return with_block(html, table, reseal=reseal), None
    data = parquet_bytes(table)
    if reseal:
        html = re.sub(r'data-sha256="\w+"', f'data-sha256="{sha256(data)}"', html)
        html = resealed(html, read_block(data).run.trades)
    return html, data


@pytest.mark.parametrize("kind", pages.KINDS)
def test_no_mutation_survives(folder, tmp_path, kind):
    page, copy = folder / f"{kind}.html", tmp_path / f"{kind}.html"
    n = count(1000) if FULL or kind == "daily" else 10
    beside = page.with_suffix(".parquet")
    kept = beside.read_bytes() if beside.exists() else None
    survived = []
    for what, html, data in mutations(page, n):
        copy.write_text(html, encoding="utf-8")
        if kept is not None:
            copy.with_suffix(".parquet").write_bytes(data or kept)
        if verify(copy).ok:
            survived.append(what)
    assert survived == []


def test_what_changed_is_named(folder, page):
    cagr = re.search(r"<dt>CAGR, net</dt><dd class=\"big\">(.*?)</dd>", page)
    html = page.replace(cagr[0], cagr[0].replace(cagr[1], "99.9%"))
    (folder / "c.html").write_text(html, encoding="utf-8")
    findings = verify(folder / "c.html").findings
    headline = [f for f in findings if f.where == "Headline · CAGR, net" and f.expected]
    assert headline[0].kind == "number"
    assert headline[0].expected == repr(cagr[1])

    trades = verify(folder / "daily.html").block.run.trades
    changed = trades.with_columns(
        pnl=pl.when(pl.int_range(pl.len()) == 3).then(1.0).otherwise(pl.col("pnl"))
    )
    html = with_trades(page, changed, reseal=False)
    (folder / "c.html").write_text(html, encoding="utf-8")
    named = [f for f in verify(folder / "c.html").findings if f.kind == "trade"]
    assert [f.where for f in named] == ["trade 4 of the data"]

    html = page.replace("level = 100", "level = 101", 1)
    assert "parameter" in found(html, folder)
    html = page.replace("above the level; mentions", "above the level, mentions")
    assert "source" in found(html, folder)


def test_a_page_resealed_after_a_change_to_headline_gate_or_source_is_found(folder, page):
    trades = verify(folder / "daily.html").block.run.trades
    for old, new in (
        ("<b>Enough trades</b><small>", "<b>Enough trades</b><small>1"),
        ("level = 100", "level = 101"),
        ("above the level; mentions", "above the level, mentions"),
    ):
        assert old in page
        assert found(resealed(page.replace(old, new), trades), folder), old


def test_markup_around_the_text_counts_too(folder, page):
    for old, new in (
        ("</main>", "<p>It made 900% a year.</p></main>"),
        ("</style>", ".gates{display:none}</style>"),
        ("</body>", '<script type="application/json" id="seal">{}</script></body>'),
        ("<main", "<!-- 1 --><main"),
    ):
        assert old in page
        assert found(page.replace(old, new), folder), old
    assert not found(page.replace("\n", "\r\n"), folder)  # line ends are no content


def test_what_is_no_report_is_refused(tmp_path):
    for content, what in ((b"<p>hello</p>", "no report"), (b"\xff\xfe\x00", "not a page of text")):
        (tmp_path / "x.html").write_bytes(content)
        with pytest.raises(FormatError, match=what):
            verify(tmp_path / "x.html")
    with pytest.raises(FormatError, match="cannot read"):
        verify(tmp_path / "none.html")


@pytest.fixture
def stored(tmp_path):
    """A store with bars, a run on them, its page."""
    store = tr.Store(tmp_path / "store")
    store.write_bars(pages.bars(300), venue="binance", symbol="X", interval="1d")
    run = tr.backtest(pages.swing, store.query("binance:X@1d", "2023-02-01"), level=101.0)
    return store, run, verify(run.report(tmp_path / "page.html"))


def test_rerun_gives_the_same_hashes_from_the_embedded_source(stored):
    store, _, result = stored
    said: list[str] = []
    again = run_again(result.block.run.manifest, store.root, say=said.append)
    assert again.ok, again.hashes
    assert said == ["executing the embedded source of swing: run again only what you trust"]


def test_rerun_reads_the_version_that_was_read(stored):
    store, _, result = stored
    revised = pages.bars(300).with_columns(pl.col("volume") * 2)
    store.write_bars(revised, venue="binance", symbol="X", interval="1d")
    again = run_again(result.block.run.manifest, store.root)
    assert again.ok, again.hashes


def test_rerun_names_what_differs(stored, tmp_path):
    _, _, result = stored
    other = tr.Store(tmp_path / "other")
    frame = pages.bars(300).with_columns(close=pl.col("close") * 1.0001)
    other.write_bars(frame, venue="binance", symbol="X", interval="1d")
    again = run_again(result.block.run.manifest, other.root)
    assert {name for name, (a, b) in again.hashes.items() if a != b} == {"data", "equity", "trades"}


def test_rerun_of_a_shipped_strategy_executes_nothing(stored, tmp_path):
    store, _, _ = stored
    run = tr.backtest(tr.strategies.ma_crossover, store.query("binance:X@1d"), fast=5, slow=20)
    said: list[str] = []
    assert run_again(run.manifest, store.root, say=said.append).ok
    assert said == []


def test_rerun_says_why_it_cannot(stored):
    store, run, _ = stored
    facts = dict(run.manifest["strategy"], prelude="")
    with pytest.raises(StrategyError, match="does not stand alone"):
        run_again(dict(run.manifest, strategy=facts), store.root)
    bare = pages.daily()
    with pytest.raises(tr.TradeResearchError, match="--data"):
        run_again(bare.manifest, store.root)
    assert run_again(bare.manifest, store.root, data=pages.bars(300)).ok
