"""Does a page say what its run gave? The seal over what it says, and its numbers recomputed.

Three layers. The seal finds any change to a text, table, chart, script or block. The headline, the
verdict with its gates, and the identity of the run are made again from the embedded trades and
days and compared word by word. And the embedded manifest has to match its own hashes. What none of
them can see, a page invented whole with a fitting seal, is found by running it again
(`research.rerun`).
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from trade_research.errors import FormatError, TradeResearchError
from trade_research.report.carried import sha256
from trade_research.report.embed import (
    Block,
    luck_again,
    read_block,
    recomputed,
    result_hashes,
    trade_rows,
)
from trade_research.report.findings import Finding, differences, named, same
from trade_research.report.page import render
from trade_research.report.record import identity
from trade_research.report.seal import (
    Item,
    Page,
    changed_items,
    changed_trades,
    read_page,
    seal_of,
)

REMADE = ("verdict", "headline", "manifest")
_IDENTITY = ("What was run", "The strategy's source, whole")
_NAMED = 12


@dataclass(frozen=True)
class Verification:
    """What was compared, and what differs; `ok` when nothing does."""

    path: Path
    findings: tuple[Finding, ...]
    checked: tuple[str, ...]
    block: Block | None = None

    @property
    def ok(self) -> bool:
        return not self.findings

    def __str__(self) -> str:
        word = "holds" if self.ok else "DOES NOT HOLD"
        shown = [f"  differs  {finding}" for finding in self.findings[:_NAMED]]
        more = len(self.findings) - _NAMED
        shown += [f"  … and {more} more"] if more > 0 else []
        held = [f"  ok       {line}" for line in self.checked]
        return "\n".join([f"{self.path}: {word}", *held, *shown])

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "file": str(self.path),
            "findings": [dataclasses.asdict(finding) for finding in self.findings],
            "checked": list(self.checked),
        }


def verify(path: str | Path) -> Verification:
    """Check a report against its own seal and data.

    Raises
    ------
    FormatError
        Not a report that carries its data, or not a text file.
    """
    file = Path(path)
    page = _read(file)
    findings, checked = _seal(page)
    block: Block | None = None
    is_intact = False
    try:
        data = _data(page, file)
        is_intact = sha256(data) == page.blocks[0].get("data-sha256")
        if not is_intact:
            findings.append(Finding("data", "the embedded data", "changed since it was written"))
        if page.blocks[0].get("data-kind", "run") == "run":
            block = read_block(data)
        elif is_intact:
            checked.append(f"{page.blocks[0].get('data-name')} is as it was written")
    except FormatError as error:
        findings.append(Finding("data", "the embedded data", str(error)))
    if block is not None:
        for name, step in _STEPS.items():
            if is_intact or step is _hashes:  # what was damaged is not worked with, only named
                found = _guarded(step, block, page)
                findings += found
                checked += [] if found else [name.format(block=block)]
    return Verification(file, tuple(dict.fromkeys(findings)), tuple(checked), block)


def _read(file: Path) -> Page:
    try:
        text = file.read_bytes().decode()
    except OSError as error:
        raise FormatError(f"cannot read {str(file)!r}: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{str(file)!r} is not a page of text: {error.reason}.") from error
    page = read_page(text)
    if not page.seals and not page.blocks:
        raise FormatError(
            f"{str(file)!r} is no report that can be verified: it carries neither data nor seal. "
            "Write it again with `trade-research report RUN -o FILE`."
        )
    return page


def _seal(page: Page) -> tuple[list[Finding], list[str]]:
    """What the seal says: nothing changed, or what did."""
    if len(page.seals) != 1 or len(page.blocks) != 1:
        found = f"{len(page.seals)} seals, {len(page.blocks)} data blocks"
        return [Finding("seal", "page", found, "one of each")], []
    try:
        parts = json.loads(page.seals[0])
        trades = parts["trades"]
        ours = json.loads(seal_of(page.text)) | {"trades": trades}
        changed = changed_items(page, page.seals[0])
        base64.b64decode(trades, validate=True)
    except (ValueError, KeyError, TypeError) as error:
        return [Finding("seal", "page", f"the seal cannot be read: {type(error).__name__}")], []
    if page.seals[0] == json.dumps(ours, separators=(",", ":")):
        return [], [f"{len(page.items):,} texts, charts and scripts are as they were written"]
    return named(changed) or [Finding("seal", "page", "the seal itself was changed")], []


def _data(page: Page, file: Path) -> bytes:
    """The block, from the page or from the file beside it."""
    if not page.blocks:
        raise FormatError("there is none")
    beside = page.blocks[0].get("data-beside", "")
    if not beside:
        try:
            return base64.b64decode(page.blocks[0]["text"].strip(), validate=True)
        except ValueError as error:
            raise FormatError(f"not base64: {error}") from error
    if Path(beside).name != beside:
        raise FormatError(f"{beside!r} is no plain file name")
    try:
        return file.with_name(beside).read_bytes()
    except OSError as error:
        raise FormatError(f"{beside!r} beside the page: {error.strerror}") from error


def _hashes(block: Block, page: Page) -> list[Finding]:
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
    titles = list(dict.fromkeys(item.where.partition(" · ")[0] for item in again.items))
    findings: list[Finding] = []
    for title in titles:
        if title != "page" and (shown := _compared(page, title)):
            findings += differences(shown, _compared(again, title))
    return findings


def _compared(page: Page, title: str) -> list[Item]:
    """Texts of a section; of the manifest, only what says which run it is."""
    items = page.section(title)
    if title != "Manifest":
        return items
    return [item for item in items if any(name in item.where for name in _IDENTITY)]


_Step = Callable[[Block, Page], list[Finding]]
_STEPS: dict[str, _Step] = {
    "{block.trades} and the manifest match their hashes": _hashes,
    "{block.metrics} recomputed from days and trades": _numbers,
    "verdict, gates, headline, parameters and source made again": _texts,
}


def _guarded(step: _Step, block: Block, page: Page) -> list[Finding]:
    """A step over data that somebody may have made up: what it cannot digest is a finding."""
    try:
        return step(block, page)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        what = f"cannot be worked with: {type(error).__name__}: {error}"
    except (TradeResearchError, pl.exceptions.PolarsError) as error:
        what = f"cannot be worked with: {type(error).__name__}: {error}"
    return [Finding("data", "the embedded data", what[:200])]
