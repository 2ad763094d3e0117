"""The verdict on a sweep: a word by fixed rules, and one sentence a portfolio manager understands.

The rules, the worst that applies:

- No evidence: the best lost money; luck alone does as well in more than 5 of 100 such sweeps, or
  more likely than not beats it; or what is best in one half of the days is more often than not
  below the middle in the other and keeps less than half of its Sharpe ratio there.
- Weak evidence: less than 95% sure that it beats luck; or more than a fifth of the splits go
  wrong, with less than half of the ratio kept. (Where many configurations are equally good the
  choice among them carries nothing over, and need not.)
- Promising: neither. More than that only unseen bars can give: walk forward, or wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trade_research.evidence.sweep_facts import SweepEvidence

WORDS = ("No evidence", "Weak evidence", "Promising")
SIGNIFICANT = 0.05  # p-value above which luck alone explains the best
EVEN, CERTAIN = 0.5, 0.95  # deflated Sharpe ratio
OFTEN, SOMETIMES = 0.5, 0.2  # probability of overfitting
KEPT = 0.5  # share of the Sharpe ratio kept outside


def sweep_word(found: SweepEvidence) -> str:
    """The verdict's word."""
    if found.best is None or found.best_sharpe <= 0.0:
        return WORDS[0]
    if _luck_explains(found) or _fails_outside(found, OFTEN):
        return WORDS[0]
    if not found.deflated_sharpe >= CERTAIN or _fails_outside(found, SOMETIMES):
        return WORDS[1]
    return WORDS[2]


def sweep_sentence(found: SweepEvidence) -> str:
    """The verdict in one sentence."""
    if found.best is None:
        return "No result: no configuration has day returns that vary."
    word = sweep_word(found)
    ratio = f"a Sharpe ratio of {found.best_sharpe:.2f} {'a year' if found.per_year else 'a day'}"
    many = _many(found)
    if found.best_sharpe <= 0.0:
        return f"No evidence of skill: {many} has {ratio}, so none made money."
    luck = f"luck alone gives the best of so many about {found.luck_sharpe:.2f}"
    sure = f"the chance that it beats luck is {_percent(found.deflated_sharpe)}"
    if word == WORDS[0] and _luck_explains(found):
        chance = f"{_percent(found.p_value)} of such sweeps without any skill do as well"
        return f"No evidence of skill: {many} has {ratio}, and {luck}; {chance}."
    if found.overfit is not None and _fails_outside(found, SOMETIMES):
        start = "No evidence that the choice is skill" if word == WORDS[0] else "Weak evidence"
        return (
            f"{start}: {many} has {ratio}, where {luck}, and what is best in one half of the days "
            f"is below the middle in the other half in {_percent(found.overfit.pbo)} of splits."
        )
    if word == WORDS[1]:
        return f"Weak evidence: {many} has {ratio}, where {luck}; {sure}."
    return f"Promising: {many} has {ratio}, where {luck}; {sure}. Unseen bars must confirm it."


def _many(found: SweepEvidence) -> str:
    n = found.n_configurations
    many = f"the best of {n:,} configurations" if n > 1 else "the only configuration"
    if found.n_trials > n:
        many += f" ({found.n_trials:,} tried on these bars so far)"
    return many


def _luck_explains(found: SweepEvidence) -> bool:
    return not found.p_value <= SIGNIFICANT or not found.deflated_sharpe >= EVEN


def _fails_outside(found: SweepEvidence, more_than: float) -> bool:
    splits = found.overfit
    return splits is not None and splits.pbo > more_than and not splits.kept >= KEPT


def _percent(share: float) -> str:
    """Whole per cents, never rounded to certainty."""
    if share < 0.01:
        return "fewer than 1%"
    return "more than 99%" if share > 0.99 else f"{share:.0%}"
