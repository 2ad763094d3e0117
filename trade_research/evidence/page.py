"""How a check and an edge budget show themselves in a notebook: static, escaped, small."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trade_research.evidence.budget import EdgeBudget
    from trade_research.evidence.check import Check
    from trade_research.evidence.sweep_facts import SweepEvidence

_BOX = "font:13px system-ui,sans-serif;max-width:60em"
_CELL = "text-align:left;vertical-align:top;padding:2px 12px 2px 0"
_LONGEST = 1_200  # characters of one text: a leak's names may be of any length


def check_card(check: Check) -> str:
    """Each law with its sign, word and sentence; what the check could not see below."""
    laws = (
        ("Causality", check.causality.passed, str(check.causality)),
        ("Warm-up", check.warmup.passed, str(check.warmup)),
        ("Replay", check.replay.passed, str(check.replay)),
    )
    rows = "".join(
        f'<tr><th scope="row" style="{_CELL}">{"✓" if held else "✗"} {name}</th>'
        f'<td style="{_CELL}">{"holds" if held else "BROKEN"}</td>'
        f'<td style="{_CELL}">{_text(said)}</td></tr>'
        for name, held, said in laws
    )
    given = ", ".join(f"{name}={value!r}" for name, value in check.params.items())
    word = "all laws hold" if check.passed else "a law is broken"
    note = _text(check.causality.not_covered) if check.causality.passed else ""
    return (
        f'<div style="{_BOX}"><b><code>{_text(f"{check.strategy}({given})")}</code></b>: {word}'
        f"<table><tbody>{rows}</tbody></table>"
        + (f'<span style="opacity:.7">{note}</span>' if note else "")
        + "</div>"
    )


def budget_card(budget: EdgeBudget) -> str:
    """Where the profit ends, and net return and Sharpe ratio at multiples of the costs."""
    rows = "".join(
        f'<tr><th scope="row" style="{_CELL}">{level.multiple:g} ×</th>'
        f'<td style="{_CELL}">{100.0 * level.net_return:.1f}%</td>'
        f'<td style="{_CELL}">{"–" if level.sharpe is None else f"{level.sharpe:.2f}"}</td></tr>'
        for level in budget.grid
    )
    heads = "".join(
        f'<th scope="col" style="{_CELL}">{head}</th>'
        for head in ("costs assumed", "net return", "Sharpe ratio")
    )
    return (
        f'<div style="{_BOX};font-variant-numeric:tabular-nums">{_text(str(budget))}'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def sweep_card(found: SweepEvidence) -> str:
    """The verdict on a sweep, and what it rests on."""
    rows = "".join(
        f'<tr><th scope="row" style="{_CELL}">{_text(name)}</th>'
        f'<td style="{_CELL}">{_text(value)}</td></tr>'
        for name, value in found.lines()
    )
    notes = "".join(f"<br>{_text(note)}" for note in found.notes)
    return (
        f'<div style="{_BOX};font-variant-numeric:tabular-nums"><b>{_text(found.verdict)}</b>'
        f"<table><tbody>{rows}</tbody></table>"
        + (f'<span style="opacity:.7">{notes.removeprefix("<br>")}</span>' if notes else "")
        + "</div>"
    )


def _text(text: str) -> str:
    return escape(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…")
