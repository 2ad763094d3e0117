"""Does a page say what was found? The seal over what it says, and its numbers made again.

The seal finds any change to a text, table, chart, script or block. What the page carries has to
match its own hashes, and what follows from it is made again and compared word by word: of a run
(`verify_run`), of a sweep (`verify_sweep`). What none of them can see, a page invented whole with a
fitting seal, is found by running it again (`research.rerun`).
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trade_research.errors import FormatError
from trade_research.report import verify_run, verify_sweep
from trade_research.report.carried import sha256
from trade_research.report.embed import Block, read_block
from trade_research.report.findings import Finding, guarded, named
from trade_research.report.seal import Page, changed_items, read_page, seal_of
from trade_research.report.sweep import SweepView
from trade_research.report.sweep_block import read_sweep, with_results

_NAMED = 12


@dataclass(frozen=True)
class Verification:
    """What was compared, and what differs; `ok` when nothing does."""

    path: Path
    findings: tuple[Finding, ...]
    checked: tuple[str, ...]
    carried: Block | SweepView | None = None

    @property
    def block(self) -> Block | None:
        """The data of a run's page."""
        return self.carried if isinstance(self.carried, Block) else None

    @property
    def manifest(self) -> Mapping[str, Any] | None:
        """What the page says it takes to run it again; None of a page that nothing repeats."""
        run = self.carried.run if isinstance(self.carried, Block) else self.carried
        return None if run is None else run.manifest

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
    carried: Block | SweepView | None = None
    is_intact = False
    try:
        data, about = _data(page, file), page.blocks[0]
        is_intact = sha256(data) == about.get("data-sha256")
        if not is_intact:
            findings.append(Finding("data", "the embedded data", "changed since it was written"))
        kind = about.get("data-kind", "run")
        if kind == "run":
            carried = read_block(data)
        elif kind == "sweep":
            carried = with_results(read_sweep(data), file)
        elif is_intact:
            checked.append(f"{about.get('data-name')} is as it was written")
    except FormatError as error:
        findings.append(Finding("data", "the embedded data", str(error)))
    found, held = _steps(carried, page, is_intact)
    return Verification(file, tuple(dict.fromkeys([*findings, *found])), (*checked, *held), carried)


def _steps(
    carried: Block | SweepView | None, page: Page, is_intact: bool
) -> tuple[list[Finding], list[str]]:
    """What differs in what a page carries, and what was compared and holds.

    What was damaged is not worked with: of trades that were changed only those are named.
    """
    if isinstance(carried, Block):
        steps = verify_run.STEPS.items() if is_intact else [("", verify_run.hashes_of)]
        done = [(name, guarded(step, carried, page)) for name, step in steps]
    elif carried is not None and is_intact:
        done = [(n, guarded(step, carried, page)) for n, step in verify_sweep.STEPS.items()]
    else:
        done = []
    held = [name.format(of=carried) for name, found in done if name and not found]
    return [finding for _, found in done for finding in found], held


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
