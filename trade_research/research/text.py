"""How runs print: a few lines in a terminal, a small static card in a notebook."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64
    from trade_research.research.backtest import Backtest
    from trade_research.research.walked import WalkForward

POINTS = 240
_MOST_PARAMS = 8
"""Parameters that a title names in full."""


def per_cent(value: float | None, digits: int = 1) -> str:
    """A fraction as per cent, "-" where undefined."""
    return "-" if value is None else f"{100.0 * value:.{digits}f}%"


def number(value: float | None, digits: int = 2) -> str:
    """A number, "-" where undefined."""
    return "-" if value is None else f"{value:,.{digits}f}"


def headline(run: Backtest) -> list[tuple[str, str, str]]:
    """Label, the run's value and that of buying and holding, of eight numbers."""
    mine, hold = run.metrics, run.benchmark_metrics
    return [
        ("CAGR", per_cent(mine["cagr"]), per_cent(hold["cagr"])),
        ("Sharpe", number(mine["sharpe"]), number(hold["sharpe"])),
        ("volatility", per_cent(mine["volatility"]), per_cent(hold["volatility"])),
        ("max drawdown", per_cent(mine["max_drawdown"]), per_cent(hold["max_drawdown"])),
        ("total return", per_cent(mine["total_return"]), per_cent(hold["total_return"])),
        ("exposure", per_cent(mine["exposure"], 0), per_cent(hold["exposure"], 0)),
        ("trades", number(mine["trades"], 0), number(hold["trades"], 0)),
        ("costs paid", number(mine["cost_paid"], 0), number(hold["cost_paid"], 0)),
    ]


def title(run: Backtest) -> str:
    """Strategy with parameters, instruments, interval and span in one line.

    Of many parameters only those that are not the strategy's defaults.
    """
    usual = {name: param.default for name, param in run.strategy.params.items()}
    is_short = len(usual) <= _MOST_PARAMS
    shown = [f"{n}={v}" for n, v in run.params.items() if is_short or v != usual.get(n)]
    params = ", ".join(shown if len(shown) == len(run.params) else [*shown, "…"])
    times = run.data.frame["open_time"]
    names = " ".join(name for name in run.data.instruments if name)
    where = f"{names} {run.data.interval.text}".strip()
    first, last = (str(time)[:10] for time in (times.min(), times.max()))
    span = f"{first} to {last}"
    return f"{run.strategy.name}({params}) on {where}, {span}"


def text_of(run: Backtest) -> str:
    """A table of the headline numbers beside buy and hold, and what must be known of them."""
    lines = [title(run), f"{'':14}{'net':>14}{'buy and hold':>16}"]
    lines += [f"{label:14}{mine:>14}{hold:>16}" for label, mine, hold in headline(run)]
    year = run.data.periods_per_year
    if year is not None and run.data.calendar is not None:
        lines.append(f"annualised with {year:g} bars a year ({run.data.calendar.name})")
    return "\n".join([*lines, *(f"note: {note}" for note in run.warnings)])


def html_of(run: Backtest) -> str:
    """A static card: title, numbers, and equity with its drawdown as two small lines."""
    rows = "".join(
        f"<tr><th scope='row' style='text-align:left'>{label}</th>"
        f"<td>{mine}</td><td>{hold}</td></tr>"
        for label, mine, hold in headline(run)
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in run.warnings)
    return (
        "<div style='font:13px system-ui,sans-serif;max-width:46em'>"
        f"<b>{escape(title(run))}</b>"
        f"{_sparkline(run)}"
        "<table style='font-variant-numeric:tabular-nums'><thead><tr><td></td>"
        "<th scope='col'>net</th>"
        f"<th scope='col'>buy and hold</th></tr></thead><tbody>{rows}</tbody></table>"
        + (f"<ul>{notes}</ul>" if notes else "")
        + "<span style='opacity:.7'>→ <code>.report(path)</code>, <code>.trades</code>, "
        "<code>.check</code></span></div>"
    )


def walk_text(found: WalkForward) -> str:
    """The verdict, and how choices fared outside, in a few lines."""
    lines = [found.verdict, *(f"  {name:37}{value}" for name, value in _walk_lines(found))]
    return "\n".join([*lines, *found.warnings])


def walk_html(found: WalkForward) -> str:
    """The same as a small static card, with the stitched equity."""
    rows = "".join(
        f"<tr><th scope='row' style='text-align:left'>{escape(name)}</th>"
        f"<td>{escape(value)}</td></tr>"
        for name, value in _walk_lines(found)
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in found.warnings)
    equity = found.equity
    return (
        "<div style='font:13px system-ui,sans-serif;max-width:46em'>"
        f"<b>{escape(found.verdict)}</b>"
        + _curves(equity["equity"].to_numpy(), equity["drawdown"].to_numpy(), found.strategy.name)
        + f"<table style='font-variant-numeric:tabular-nums'><tbody>{rows}</tbody></table>"
        + (f"<ul>{notes}</ul>" if notes else "")
        + "<span style='opacity:.7'>→ <code>.folds</code>, <code>.equity</code>, "
        "<code>.report(path)</code></span></div>"
    )


def _walk_lines(found: WalkForward) -> list[tuple[str, str]]:
    walk, luck = found.walk, found.evidence
    rank = float(np.nanmean(walk.rank)) if not np.isnan(walk.rank).all() else None
    kind = "from the first bar on" if found.anchored else f"the last {found.train}"
    return [
        ("chosen among", f"{len(walk.configurations):,} configurations by {walk.metric}"),
        ("trained on", f"{kind}, again every {found.test}"),
        ("Sharpe ratio out of sample", number(luck.sharpe)),
        ("max drawdown out of sample", per_cent(found.metrics["max_drawdown"])),
        ("growth kept (efficiency)", per_cent(found.efficiency, 0)),
        ("others beaten outside (50%: chance)", per_cent(rank, 0)),
        *((f"stability of {k}", per_cent(v, 0)) for k, v in found.stability.items()),
    ]


def _sparkline(run: Backtest) -> str:
    equity = run.result.equity
    peak = np.maximum.accumulate(np.maximum(equity, run.setup.cash))
    return _curves(equity, equity / peak - 1.0, run.strategy.name)


def _curves(equity: F64, drawdown: F64, name: str) -> str:
    """Equity on a log axis and drawdown below it, as one SVG without script."""
    with np.errstate(divide="ignore", invalid="ignore"):
        curves = (np.log(np.maximum(equity, 1e-12)), drawdown)
    lines = "".join(
        f"<polyline fill='none' stroke='{colour}' stroke-width='1.3' "
        f"points='{_points(curve, top, high)}'/>"
        for curve, colour, top, high in (
            (curves[0], "#0072B2", 4, 72),
            (curves[1], "#D55E00", 82, 34),
        )
    )
    label = escape(f"Equity of {name} above its drawdown")
    return (
        f"<svg role='img' aria-label='{label}' viewBox='0 0 480 120' "
        f"style='display:block;width:100%;max-width:480px'>{lines}</svg>"
    )


def _points(curve: F64, top: float, high: float) -> str:
    """At most `POINTS` lowest-and-highest pairs of the curve, scaled into the box."""
    pieces = np.array_split(curve, min(POINTS, curve.size))
    low, up = np.array([p.min() for p in pieces]), np.array([p.max() for p in pieces])
    span = (up.max() - low.min()) or 1.0
    x = np.linspace(0.0, 480.0, len(pieces))
    values = np.where(np.arange(len(pieces)) % 2 == 0, low, up)
    y = top + high * (up.max() - values) / span
    return " ".join(f"{a:.0f},{b:.1f}" for a, b in zip(x, y, strict=True))
