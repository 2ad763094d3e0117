"""What costs take: the way from gross to net, and how much more cost the edge would survive."""

from __future__ import annotations

from collections.abc import Mapping

from trade_research.report.arrays import floats
from trade_research.report.charts import HALF, Chart, Plot
from trade_research.report.formats import (
    NONE,
    basis_points,
    count,
    money,
    percent,
    ratio,
    short_money,
)
from trade_research.report.run import Run
from trade_research.report.section import Beside, Cell, Part, Section, Table
from trade_research.report.sections.lateness import lateness
from trade_research.report.verdict import eaten

_KINDS = ("fee", "spread", "slippage", "impact", "tax")


def costs(run: Run) -> Section | None:
    """Waterfall from gross to net profit, break-evens, and the price of trading."""
    if run.fills.is_empty():
        return Section("Costs", "Nothing was traded, so nothing was paid", ())
    steps = _steps(run)
    parts: list[Part] = [Beside((_waterfall(steps), _table(run, steps)))]
    even, grid = _break_even(run), _grid(run)
    parts.append(even if grid is None else Beside((even, grid)))
    parts += lateness(run)
    return Section("Costs", _claim(run, steps), parts)


def _steps(run: Run) -> list[tuple[str, float]]:
    """Profit before costs, each cost as a negative, profit after; they add up exactly."""
    net = float(run.equity["equity"][-1]) - run.initial_cash
    paid = {kind: float(floats(run.fills, kind).sum()) for kind in _KINDS}
    total = float(run.equity["cost"][-1]) if "cost" in run.equity.columns else sum(paid.values())
    paid["funding"] = run.metric("funding_paid") or 0.0
    rest = total - sum(paid.values())
    if abs(rest) > 1e-6 * max(1.0, abs(total)):
        paid["borrow"] = rest
    shown = {k: v for k, v in paid.items() if v or k in ("fee", "spread", "slippage")}
    names = {"fee": "Fees"}
    middle = [(names.get(kind, kind.capitalize()), -amount) for kind, amount in shown.items()]
    return [("Gross", net + total), *middle, ("Net", net)]


def _claim(run: Run, steps: list[tuple[str, float]]) -> str:
    share = run.metric("cost_share")
    gross, net = steps[0][1], steps[-1][1]
    if share is not None:
        claim = eaten(share, 0 if share >= 0.1 else 1).capitalize()
    else:
        claim = f"It lost {money(-gross)} before costs and {money(-net)} after them"
    even = run.budget.break_even_fee_bps if run.budget else None
    if even is not None and even > 0:
        claim += f"; the profit is gone at a fee of {basis_points(even)}"
    return claim


def _waterfall(steps: list[tuple[str, float]]) -> Chart:
    plot = Plot(HALF, (230,), left=56, bottom=26, x_range=(-0.6, len(steps) - 0.4))
    lows, highs, level = [], [], 0.0
    for at, (_, amount) in enumerate(steps):
        whole = at in (0, len(steps) - 1)
        start, end = (0.0, amount) if whole else (level, level + amount)
        lows.append(min(start, end))
        highs.append(max(start, end))
        level = end
    room = 0.12 * (max(*highs, 0) - min(*lows, 0) or 1.0)
    bottom = min(*lows, 0) - (room if min(lows) < 0 else 0)
    plot.values(bottom, max(*highs, 0) + room, label=short_money)
    for at, (name, amount) in enumerate(steps):
        whole = at in (0, len(steps) - 1)
        colour = ("net" if amount >= 0 else "loss") if whole else "loss" if amount < 0 else "gain"
        plot.bars([at], [lows[at]], [highs[at]], colour, width=0.62)
        plot.note(at, highs[at], short_money(round(amount, 2), 3), align="center")
        plot.below(at, name)
    plot.level(0.0)
    said = ", ".join(f"{name} {money(amount)}" for name, amount in steps)
    return plot.chart(
        "From gross to net profit", said, read="Each bar starts where the one before ended."
    )


def _table(run: Run, steps: list[tuple[str, float]]) -> Table:
    gross = steps[0][1]
    traded = float((floats(run.fills, "quantity") * floats(run.fills, "price")).sum())
    rows = [
        (
            name,
            money(amount),
            percent(amount / gross) if gross > 0 else "–",
            basis_points(1e4 * amount / traded) if traded else "–",
        )
        for name, amount in steps
    ]
    return Table(
        "Gross to net",
        ("", "Money", "Of gross", "Of traded"),
        rows,
        note=f"{money(traded)} was traded in {count(run.fills.height)} fills. Gross is what "
        "they would have made at their reference prices; without costs, sizes would have grown.",
    )


def _break_even(run: Run) -> Table | str:
    if run.budget is None:
        return "Break-even costs were not computed for this run."
    rows = [
        _even("Fee a side", run.budget.break_even_fee_bps, run.assumed("fee_bps"), basis_points),
        _even(
            "Slippage a side",
            run.budget.break_even_slippage_bps,
            run.assumed("slippage_bps"),
            basis_points,
        ),
        _even("Delay in bars", run.budget.break_even_delay_bars, _delay(run), _whole),
    ]
    return Table(
        "Where the profit is gone",
        ("Cost", "Assumed", "Break-even", "Times assumed"),
        rows,
        note="Each alone, the other costs as assumed; a delay is the last one still profitable. "
        f"{NONE}: nothing to lose.",
    )


def _even(
    name: str, found: float | None, assumed: float | None, form: object
) -> tuple[str | Cell, ...]:
    show = form if callable(form) else str
    known = found is not None and found == found
    times = ratio(found / assumed, 1) + "×" if known and found is not None and assumed else "–"
    return (name, show(assumed), show(found) if known else "–", times)


def _delay(run: Run) -> float | None:
    setup = run.manifest.get("setup", {})
    return setup.get("delay") if isinstance(setup, Mapping) else None


def _whole(value: float | None) -> str:
    return count(value)


def _grid(run: Run) -> Table | None:
    """Net result over multiples of all assumed costs."""
    if run.budget is None or not run.budget.grid:
        return None
    rows = [
        (f"{level.multiple:g}×", percent(level.net_return), ratio(level.sharpe))
        for level in run.budget.grid
    ]
    is_daily = ratio(run.metric("sharpe")) == ratio(run.metric("sharpe_daily"))
    head = ("Costs", "Net return", "Net Sharpe" if is_daily else "Net Sharpe of bars")
    return Table("The same targets at multiples of all costs", head, rows)
