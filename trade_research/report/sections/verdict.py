"""The first twenty seconds: one word, why, and every gate with its number."""

from trade_research.report.run import Run
from trade_research.report.section import Gates, Section
from trade_research.report.verdict import judge


def verdict(run: Run) -> Section:
    """The word as the heading, the gates that decided as the sentence."""
    found = judge(run)
    return Section("Verdict", found.word, (found.sentence, Gates(found.gates)))
