"""What days, weeks and months are like, and how bad the bad ones were."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from trade_research.metrics.groups import autocorrelation
from trade_research.metrics.moments import Moments
from trade_research.metrics.periods import Dates, period_returns
from trade_research.metrics.returns import kurtosis, returns_of, skewness
from trade_research.metrics.tails import (
    expected_shortfall,
    quantile,
    tail_ratio,
    value_at_risk,
    value_at_risk_normal,
)
from trade_research.report.arrays import F64, days
from trade_research.report.charts import HALF, Chart, Plot
from trade_research.report.formats import NONE, count, percent, plural, ratio, whole
from trade_research.report.run import Run
from trade_research.report.section import Beside, Part, Section, Table

_FEWEST, _LAGS, _DOTS = 30, 20, 240
_SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_NORMAL = NormalDist()


def tails(run: Run) -> Section:
    """Histogram, quantiles against the normal law, value at risk, serial correlation."""
    if run.equity.is_empty():
        return Section("Returns and tails", "There are no returns", (), folded=True)
    dates, level = days(run.equity)
    gains = returns_of(level, run.initial_cash)
    spread = Moments(gains)
    if gains.size < _FEWEST or not np.isfinite(gains).all() or not spread.varies:
        why = f"{plural(gains.size, 'day')}, {_FEWEST} wanted"
        if gains.size >= _FEWEST:
            why = "day returns do not vary" if np.isfinite(gains).all() else "equity is not known"
        return Section("Returns and tails", f"The tails are not known: {why}", (), folded=True)
    parts: list[Part] = [
        Beside((_histogram(gains, spread), _normal(gains, spread))),
        _quantiles(run, dates, level, gains),
        Beside((_shape(gains, spread), _serial(gains))),
    ]
    return Section("Returns and tails", _claim(gains, spread), parts, folded=True)


def _claim(gains: F64, spread: Moments) -> str:
    worst, at_risk = float(gains.min()), value_at_risk(gains, 0.01)
    times = abs(worst - spread.mean) / spread.std
    return (
        f"One day in a hundred loses {percent(-at_risk)} or more; the worst lost "
        f"{percent(-worst)}, {ratio(times, 0)} standard deviations"
    )


def _histogram(gains: F64, spread: Moments) -> Chart:
    """Day returns, and the normal law with their mean and deviation."""
    reach = float(np.quantile(np.abs(gains), 0.995)) or float(np.abs(gains).max())
    edges = np.linspace(-reach, reach, 42)
    counts, _ = np.histogram(np.clip(gains, -reach, reach), bins=edges)
    middle, step = (edges[1:] + edges[:-1]) / 2, float(edges[1] - edges[0])
    law = NormalDist(spread.mean, spread.std)
    curve = np.array([law.pdf(x) for x in np.linspace(-reach, reach, 121)]) * gains.size * step
    plot = Plot(
        HALF, (190,), left=52, right=12, top=24, bottom=42, x_range=(-1.03 * reach, 1.03 * reach)
    )
    top = 1.08 * max(float(counts.max()), float(curve.max()))
    plot.values(0, top, label=whole, most=4, title="Days")
    up = middle > 0
    for mask, colour in ((up, "gain"), (~up, "loss")):
        plot.bars(middle[mask], np.zeros(int(mask.sum())), counts[mask], colour, width=0.86 * step)
    plot.line(np.linspace(-reach, reach, 121), curve, "fg", "dashed", width=1.3)
    plot.across("Net return of a day", label=lambda v: percent(v, 0 if reach > 0.03 else 1))
    finding = f"Mean {percent(spread.mean, 3)}, deviation {percent(spread.std, 2)} a day."
    return plot.chart(
        "Day returns against the normal law",
        finding,
        key=[("Normal law", "fg", "dashed")],
        read=f"{finding} The outer bars hold all that lies beyond.",
    )


def _normal(gains: F64, spread: Moments) -> Chart:
    """Sorted returns against the quantiles that a normal law would have."""
    ranked = np.sort((gains - spread.mean) / spread.std)
    n = ranked.size
    rows = np.unique(
        np.concatenate(
            [np.arange(min(40, n)), np.linspace(0, n - 1, _DOTS).astype(int), np.arange(n)[-40:]]
        )
    )
    wanted = np.array([_NORMAL.inv_cdf((row + 0.5) / n) for row in rows])
    low, high = min(wanted[0], ranked[0]), max(wanted[-1], ranked[-1])
    span = (1.08 * float(wanted[0]), 1.08 * float(wanted[-1]))
    plot = Plot(HALF, (190,), left=52, right=12, top=24, bottom=42, x_range=span)
    plot.values(1.06 * low, 1.06 * high, label=lambda v: f"{v:g}", most=5, title="Deviations found")
    plot.line(span, span, "muted", "dashed", width=1.2)
    for mask, colour, marker in (
        (ranked[rows] > 0, "gain", "^"),
        (ranked[rows] <= 0, "loss", "v"),
    ):
        plot.points(wanted[mask], ranked[rows][mask], colour, marker, size=4.0)
    plot.across("Deviations under a normal law", label=lambda v: f"{v:g}")
    finding = (
        f"The worst day lies {ratio(float(-ranked[0]), 1)} deviations below the mean, where a "
        f"normal law has {ratio(float(-wanted[0]), 1)}."
    )
    return plot.chart("Quantiles against the normal law", finding, read=finding)


def _quantiles(run: Run, dates: Dates, level: F64, gains: F64) -> Table:
    rows = []
    for name, values in (
        ("Days", gains),
        ("Weeks", period_returns(dates, level, run.initial_cash, "W")[1]),
        ("Months", period_returns(dates, level, run.initial_cash, "M")[1]),
    ):
        cells = [
            percent(quantile(values, share), 2)
            if values.size * min(share, 1 - share) >= 1
            else NONE
            for share in _SHARES
        ]
        worst, best = percent(float(values.min()), 2), percent(float(values.max()), 2)
        rows.append((name, count(values.size), worst, *cells, best))
    head = ("", "n", "Worst", *(percent(share, 0) for share in _SHARES), "Best")
    note = f"Empirical, net. {NONE}: fewer observations than the quantile needs."
    return Table("Quantiles of returns", head, rows, note=note)


def _shape(gains: F64, spread: Moments) -> Table:
    rows = []
    for level in (0.05, 0.01):
        known = gains.size * level >= 1
        rows.append(
            (
                f"Value at risk {percent(1 - level, 0)}, historical",
                percent(value_at_risk(gains, level), 2) if known else NONE,
            )
        )
        rows.append(
            (
                f"Expected shortfall {percent(1 - level, 0)}, historical",
                percent(expected_shortfall(gains, level), 2) if known else NONE,
            )
        )
    rows += [
        ("Value at risk 95%, normal law", percent(value_at_risk_normal(spread), 2)),
        ("Skewness", ratio(skewness(spread))),
        ("Excess kurtosis", ratio(kurtosis(spread))),
        ("Tail ratio", ratio(tail_ratio(gains))),
    ]
    return Table("The shape of a day's return", ("", "Value"), rows, note="A loss is negative.")


def _serial(gains: F64) -> Chart:
    """Autocorrelation of day returns, with where 95% of it lies without any."""
    found = autocorrelation(gains, min(_LAGS, gains.size - 2))
    bound = 1.96 / np.sqrt(gains.size)
    lags = np.arange(1, found.size + 1, dtype=float)
    reach = 1.15 * max(float(np.abs(found).max()), bound)
    plot = Plot(HALF, (170,), left=52, right=12, top=24, bottom=42, x_range=(0.3, found.size + 0.7))
    plot.values(-reach, reach, label=lambda v: ratio(v), most=4, title="Correlation")
    plot.bars(lags, np.zeros(lags.size), found, "net", width=0.6)
    for edge in (-bound, bound):
        plot.level(edge, dash="dashed")
    plot.level(0.0)
    plot.across("Days before", label=lambda v: f"{v:g}")
    outside = int((np.abs(found) > bound).sum())
    finding = (
        f"{outside} of {found.size} lags lie outside ±{ratio(bound)}; one in twenty does by chance."
    )
    return plot.chart("Serial correlation of day returns", finding, read=finding)
