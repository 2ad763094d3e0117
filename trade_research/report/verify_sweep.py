"""Does a sweep's page say what the sweep gave? Its evidence concluded again, its texts made again.

What follows in closed form, the discount of luck, the overfitting, the plateau, is computed again
from the results, the splits and the day returns of the best. What was resampled takes `--rerun`.
"""

from __future__ import annotations

from trade_research.evidence.sweeps import concluded
from trade_research.report.findings import Finding, Step, differences, same, titles_of
from trade_research.report.record import identity
from trade_research.report.seal import Page, read_page
from trade_research.report.sweep import SweepView, sections, sweep_page
from trade_research.report.sweep_block import sweep_hashes
from trade_research.sweep.space import columns_of, varied


def _hashes(view: SweepView, page: Page) -> list[Finding]:
    """Results and manifest against the hashes they come with."""
    manifest, told = view.manifest, view.manifest.get("results", {})
    ours = sweep_hashes(view.results.hstack(view.moments), view.evidence)
    findings = [
        Finding("hash", f"the sweep's {name}", ours[name], told[name])
        for name in ours
        if told.get(name, ours[name]) != ours[name]
    ]
    if manifest.get("run_id") not in (None, identity(manifest)):
        where = "the manifest: space, source, data or set-up"
        findings.append(Finding("parameter", where, identity(manifest), manifest["run_id"]))
    if manifest.get("strategy", {}).get("source") not in (None, view.strategy.source):
        findings.append(Finding("source", "the data", "two different sources"))
    return findings


def _numbers(view: SweepView, page: Page) -> list[Finding]:
    """The evidence against what follows from the results, the splits and the best."""
    axes = varied(columns_of(view.results.select(view.axes)))
    again = concluded(view.evidence, view.moments.to_numpy(), axes).to_dict()
    return [
        Finding("number", f"evidence: {name}", f"{value}", f"{again[name]}")
        for name, value in view.evidence.to_dict().items()
        if not same(value, again[name])
    ]


def _texts(view: SweepView, page: Page) -> list[Finding]:
    """Every section made again from the data, text by text; a walk forward has its own page."""
    left_out = {"definitions"} | ({"walk"} if view.walk is not None else set())
    names = [name for name in sections() if name not in left_out]
    again = read_page(sweep_page(view, only=names))
    return [
        finding
        for title in titles_of(again)
        for finding in differences(page.section(title), again.section(title))
    ]


STEPS: dict[str, Step] = {
    "{of.results.height:,} configurations and the manifest match their hashes": _hashes,
    "luck, overfitting and plateau concluded again from them": _numbers,
    "verdict, tables, parameters and source made again": _texts,
}
"""What is checked of a sweep's page, `of` its view."""
