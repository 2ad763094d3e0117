"""Does a run's page say what the run gave? Its headline and verdict made again from its data.

The headline, the verdict with its gates, and the identity of the run are made again from the
embedded trades and days and compared word by word. And the manifest has to match its own hashes.
"""

from __future__ import annotations

from typing import Any

from trade_research.report.embed import Block, luck_again, recomputed, result_hashes, trade_rows
from trade_research.report.findings import Finding, Step, differences, same, titles_of
from trade_research.report.page import render
from trade_research.report.record import identity
from trade_research.report.seal import Item, Page, changed_trades, read_page

REMADE = ("verdict", "headline", "manifest")
_IDENTITY = ("What was run", "The strategy's source, whole")


def hashes_of(block: Block, page: Page) -> list[Finding]:
    """Trades and manifest against the hashes they come with; the trades that differ by number."""
    run, findings = block.run, []
    for k in _differing_trades(block, page):
        row = run.trades.row(k, named=True) if k < run.trades.height else None
        text = f"{row['side']} {row['symbol']} from {row['entry_time']}" if row else "missing"
        findings.append(Finding("trade", f"trade {k + 1} of the data", text))
    manifest, results = run.manifest, run.manifest.get("results", {})
    ours = result_hashes(_equity(block), run.trades)
    names = ("trades", "equity") if block.is_daily else ("trades",)
    findings += [
        Finding("hash", f"the data's {name}", ours[name], results[name])
        for name in names
        if name in results and results[name] != ours[name]
    ]
    if "run_id" in manifest and manifest["run_id"] != identity(manifest):
        where = "the manifest: parameters, source, data or set-up"
        findings.append(Finding("parameter", where, identity(manifest), manifest["run_id"]))
    strategy = manifest.get("strategy", {})
    if strategy and strategy.get("source") != run.strategy.source:
        findings.append(Finding("source", "the data", "two different sources"))
    if strategy and dict(manifest.get("params", {})) != dict(run.strategy.params):
        findings.append(Finding("parameter", "the data", f"{dict(run.strategy.params)}"))
    return findings


def _equity(block: Block) -> Any:
    days = block.daily
    return days.select("close_time", equity=days["net"])


def _differing_trades(block: Block, page: Page) -> list[int]:
    try:
        return changed_trades(trade_rows(block.run.trades), page.seals[0])
    except (ValueError, KeyError, TypeError, IndexError):
        return []  # the seal is unreadable, which `_seal` has told


def _numbers(block: Block, page: Page) -> list[Finding]:
    """Metrics made again from days and trades against those that came with them."""
    findings = []
    for name, value in recomputed(block).items():
        if name in block.run.metrics and not same(value, block.run.metrics[name]):
            theirs = block.run.metrics[name]
            findings.append(Finding("number", f"metric {name}", f"{theirs}", f"{value}"))
    again, shown = luck_again(block), block.run.evidence
    if again is not None and shown is not None:
        for name in ("trials", "luck_sharpe", "dsr"):
            mine, value = getattr(shown.luck, name), getattr(again, name)
            if not same(value, mine):
                findings.append(Finding("number", f"luck: {name}", f"{mine}", f"{value}"))
    return findings


def _texts(block: Block, page: Page) -> list[Finding]:
    """Verdict, headline and identity rendered again and compared text by text."""
    again = read_page(render(block.run, sections=REMADE, embed=False))
    return [
        finding
        for title in titles_of(again)
        if (shown := _compared(page, title))
        for finding in differences(shown, _compared(again, title))
    ]


def _compared(page: Page, title: str) -> list[Item]:
    """Texts of a section; of the manifest, only what says which run it is."""
    items = page.section(title)
    if title != "Manifest":
        return items
    return [item for item in items if any(name in item.where for name in _IDENTITY)]


STEPS: dict[str, Step] = {
    "{of.trades} and the manifest match their hashes": hashes_of,
    "{of.metrics} recomputed from days and trades": _numbers,
    "verdict, gates, headline, parameters and source made again": _texts,
}
"""What is checked of a run's page, `of` its block."""
