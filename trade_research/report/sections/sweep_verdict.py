"""What the sweep is worth: one sentence, its numbers, and the luck it is measured against."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trade_research.evidence.sweep_facts import SweepEvidence
from trade_research.evidence.sweep_verdict import CERTAIN, KEPT, OFTEN, SIGNIFICANT, SOMETIMES
from trade_research.report.charts import HALF, WIDE, Chart, Plot
from trade_research.report.formats import NONE, axis, count, percent, plural, ratio, short, whole
from trade_research.report.section import (
    Beside,
    Card,
    Cards,
    Cell,
    Gate,
    Gates,
    Part,
    Section,
    Table,
)
from trade_research.report.sweep import SweepView
from trade_research.report.walkforward import after_word, plain

_BINS = 48


def verdict(view: SweepView) -> Section:
    """The word as the heading, the sentence, the gates, and the point to take."""
    found = view.evidence
    parts: list[Part] = [after_word(found.verdict)]
    if found.best is not None:
        parts += [_cards(found), Gates(_gates(view)), *_recommended(view)]
    return Section("Verdict", found.word, [*parts, *found.notes, *view.notes])


def _cards(found: SweepEvidence) -> Cards:
    year = "a year" if found.per_year else "a day"
    kept = found.overfit.kept if found.overfit is not None else None
    score = found.plateau.score if found.plateau is not None else None
    counted = "by the ledger" if found.is_counted else "this sweep; others unknown"
    return Cards(
        (
            Card(
                "Best Sharpe ratio",
                ratio(found.best_sharpe),
                (f"[{ratio(found.low)}, {ratio(found.high)}] were it alone", year),
            ),
            Card("Best by luck alone", ratio(found.luck_sharpe), ("of as many without skill",)),
            Card(
                "Deflated Sharpe ratio",
                percent(found.deflated_sharpe),
                ("sure that it is above luck",),
            ),
            Card(
                "As good without skill",
                percent(found.p_value),
                (f"of such sweeps; {count(found.draws)} resampled",),
            ),
            Card("Overfitting (PBO)", percent(found.pbo), ("of splits below the middle outside",)),
            Card(
                "Kept outside", percent(kept, 0), ("of the Sharpe ratio, other half of the days",)
            ),
            Card("Neighbours agree", percent(score, 0), ("of the best, one step away",)),
            Card(
                "Trials",
                count(found.n_trials),
                (counted, f"about {count(found.n_effective)} independent"),
            ),
        )
    )


def _gates(view: SweepView) -> list[Gate]:
    found = view.evidence
    p_value, sure = found.p_value, found.deflated_sharpe
    gates = [
        Gate(
            "More than luck",
            "yes" if p_value <= SIGNIFICANT else "no",
            f"{percent(p_value)} of such sweeps without skill do as well, "
            f"{percent(SIGNIFICANT, 0)} allowed (SPA)",
        ),
        Gate(
            "Luck discounted",
            "yes" if sure >= CERTAIN else "no",
            f"deflated Sharpe ratio {percent(sure)}, {percent(CERTAIN, 0)} wanted; "
            f"{'' if found.is_counted else 'at least '}{plural(found.n_trials, 'trial')}",
        ),
    ]
    if found.overfit is not None:
        split, kept = found.overfit.pbo, found.overfit.kept
        state = "yes" if split <= SOMETIMES or kept >= KEPT else "no" if split > OFTEN else "warn"
        text = f"overfitted in {percent(split)} of splits, {percent(kept, 0)} of the ratio kept"
        gates.append(Gate("Choice carries over", state, text))
    if found.plateau is not None:
        score = found.plateau.score
        state = "yes" if score >= 0.5 else "no"
        text = f"neighbours of the best have {percent(score, 0)} of its ratio"
        gates.append(Gate("Plateau, not a peak", state, text))
    superior = len(found.stepm)
    gates.append(
        Gate(
            "Better than cash one by one",
            "yes" if superior else "no",
            f"{count(superior)} of {count(found.tested)} configurations (StepM, 5% for any wrong)",
        )
    )
    if found.benchmark_p == found.benchmark_p:
        text = (
            f"{percent(found.benchmark_p)} of such sweeps without an advantage do as well; holding "
            f"has {ratio(found.benchmark_sharpe)}"
        )
        state = "yes" if found.benchmark_p <= SIGNIFICANT else "no"
        gates.append(Gate("Better than buying and holding", state, text))
    if view.walk is None:
        gates.append(Gate("Unseen data", "unknown", "not walked forward yet"))
    else:
        state = {"Held up": "yes", "Failed": "no"}.get(view.walk.word, "warn")
        walked, growth = view.walk.luck, percent(view.walk.efficiency, 0)
        ratios = f"Sharpe ratio {ratio(walked.sharpe)} [{ratio(walked.low)}, {ratio(walked.high)}]"
        text = f"walked forward: {view.walk.word.lower()}, {ratios}, {growth} of the growth kept"
        gates.append(Gate("Unseen data", state, text))
    return gates


def _recommended(view: SweepView) -> list[Part]:
    """The centre of the best plateau beside the best point."""
    found = view.evidence
    assert found.best is not None
    rows = [("Highest ratio", found.best)]
    if found.plateau is not None and found.plateau.centre != found.best:
        rows.insert(0, ("Centre of the plateau", found.plateau.centre))
    names = [name for name in view.axes if name in view.results.columns]
    shown = ("sharpe_daily", "total_return", "max_drawdown", "trades")
    table: list[Sequence[str | Cell]] = [
        (
            Cell(name, "word"),
            *(short(plain(view.results[axis][row]), 24) for axis in names),
            ratio(view.results[shown[0]][row]),
            percent(view.results[shown[1]][row]),
            percent(view.results[shown[2]][row]),
            count(view.results[shown[3]][row]),
        )
        for name, row in rows
    ]
    head = ("If one must be taken", *(short(n, 24) for n in names))
    head += ("Sharpe (days)", "Total return", "Max drawdown", "Trades")
    note = (
        "The centre of the plateau has the best median over itself and its neighbours: it needs "
        "less luck to stay as good as it looks."
        if len(rows) > 1
        else "The best configuration is also the centre of the best plateau."
        if found.plateau is not None
        else ""
    )
    return [Table("Where to stand", head, table, note=note)]


def luck(view: SweepView) -> Section | None:
    """All results sorted against as many without skill, and their distribution."""
    found = view.evidence
    if found.luck is None:
        return None
    above = int((found.luck.found > found.luck.high).sum())
    points = len(found.luck.rank)
    claim = (
        f"At {above} of {points} ranks the results are better than 95 of 100 sweeps without skill"
        if above
        else "The results are what as many configurations without skill would give"
    )
    return Section("Luck", claim, (_curve(found, claim), Beside((_histogram(view), _facts(found)))))


def _curve(found: SweepEvidence, claim: str) -> Chart:
    assert found.luck is not None
    read = (
        "Configurations from best to worst; the band holds 90 of 100 sweeps of the same "
        "configurations made worthless: their days resampled together, their means taken away."
    )
    key = [
        ("This sweep", "net", "solid"),
        ("Without skill, 90%", "bench", "band"),
        ("Without skill, middle", "bench", "dashed"),
    ]
    narrow = _drawn(found, HALF).chart("Results against luck", f"{claim}.")
    plot = _drawn(found, WIDE)
    return plot.chart("Results against luck", f"{claim}.", key=key, read=read, narrow=narrow)


def _drawn(found: SweepEvidence, width: int) -> Plot:
    curve = found.luck
    assert curve is not None
    low = float(min(curve.low.min(), curve.found.min()))
    high = float(max(curve.high.max(), curve.found.max()))
    room = 0.06 * (high - low or 1.0)
    ends = (1.0, float(max(curve.rank[-1], 2)))
    plot = Plot(width, (260,), top=26, bottom=42, x_range=ends)
    title = "Sharpe ratio a year" if found.per_year else "Sharpe ratio a day"
    plot.values(low - room, high + room, label=axis, title=title)
    plot.across(f"rank among {count(found.tested)} resampled", label=whole)
    plot.band(curve.rank, curve.low, curve.high, "bench")
    plot.line(curve.rank, curve.middle, "bench", "dashed")
    plot.level(0.0)
    plot.line(curve.rank, curve.found, "net", width=2.0)
    return plot


def _histogram(view: SweepView) -> Chart:
    """Every configuration, with the line that luck alone reaches."""
    found = view.evidence
    values = view.results[view.measure].drop_nulls().drop_nans().to_numpy()
    low, high = float(values.min()), float(max(values.max(), found.luck_sharpe))
    counts, edges = np.histogram(values, bins=_BINS, range=(low, max(high, low + 1e-9)))
    room = 0.03 * (high - low or 1.0)
    plot = Plot(
        HALF, (200,), left=52, right=16, top=24, bottom=42, x_range=(low - room, high + room)
    )
    title = "Configurations"
    plot.values(0, 1.12 * max(float(counts.max()), 1), label=whole, most=4, title=title)
    middle = (edges[1:] + edges[:-1]) / 2
    plot.bars(middle, np.zeros(_BINS), counts, "bench", width=0.86 * float(edges[1] - edges[0]))
    plot.upright(found.luck_sharpe, "loss", "dashed")
    plot.upright(found.best_sharpe, "net")
    plot.across("Sharpe ratio of day returns", label=axis)
    beyond = int((values > found.luck_sharpe).sum())
    finding = (
        f"{count(beyond)} of {count(values.size)} configurations lie above the best that luck "
        f"alone gives, {ratio(found.luck_sharpe)}."
    )
    key = [
        ("Configurations", "bench", "box"),
        ("Best by luck", "loss", "dashed"),
        ("Best found", "net", "solid"),
    ]
    return plot.chart("All results", finding, key=key, read=finding)


def _facts(found: SweepEvidence) -> Table:
    alone = found.day_luck
    spread = (found.trial_variance * found.days) ** 0.5
    rows = [
        ("Days of record", count(found.days)),
        ("Trials on these bars", ("" if found.is_counted else "at least ") + count(found.n_trials)),
        ("Independent trials they amount to", count(found.n_effective)),
        ("Their ratios spread, times that of luck", ratio(spread)),
        ("Best by luck from so many", ratio(found.luck_sharpe)),
        ("Probabilistic Sharpe ratio, above 0", percent(found.psr)),
        ("Deflated Sharpe ratio, above luck", percent(found.deflated_sharpe)),
        (f"SPA p-value, {count(found.tested)} tested", ratio(found.spa_p, 3)),
        ("SPA p-value, all trials", ratio(found.p_value, 3)),
        (
            "Minimum track record, were it alone",
            f"{count(alone.days_needed)} days" if alone and alone.days_needed else NONE,
        ),
    ]
    cells = [(Cell(name, "wrap"), value) for name, value in rows]
    note = f"Stationary bootstrap of days, mean block {ratio(found.block, 1)} days."
    return Table("What luck was given", ("", "Value"), cells, note=note)
