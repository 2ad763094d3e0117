"""Eight headline numbers, each with its interval and count where they are known."""

from collections.abc import Callable

from markupsafe import Markup

from trade_research.metrics.definitions import DEFINITIONS
from trade_research.report.formats import (
    NONE,
    by_unit,
    count,
    made,
    money,
    percent,
    plural,
    ratio,
    short,
)
from trade_research.report.run import Run
from trade_research.report.section import Beside, Card, Cards, Cell, Part, Section, Table


def headline(run: Run) -> Section:
    """What it earned, at what risk and cost."""
    cards = (
        _growth(run),
        _sharpe(run),
        _drawdown(run),
        _volatility(run),
        _turnover(run),
        _exposure(run),
        _trades(run),
        _excess(run),
    )
    parts: list[Part] = [Cards(cards), Markup('<p class="note">{}</p>').format(annualised(run))]
    if run.benchmark_metrics:
        parts.insert(1, _beside(run))
    return Section("Headline", _claim(run), parts)


def annualised(run: Run) -> str:
    """How numbers were made yearly, once for the page."""
    if run.periods_per_year is None:
        why = run.why_no_annual or "no calendar is known"
        return f"Nothing is annualised: {why}."
    calendar = f"calendar {run.calendar}" if run.calendar else "no calendar"
    return (
        f"After costs. Annualised with {run.periods_per_year:,.6g} bars of {run.interval} a year "
        f"({calendar}). Square brackets hold 90% intervals; n is what they rest on."
    )


_COMPARED = (
    "total_return",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown",
    "max_drawdown_days",
)


_AGAINST = (
    "excess_cagr",
    "alpha",
    "beta",
    "correlation",
    "tracking_error",
    "information_ratio",
    "up_capture",
    "down_capture",
)


def _beside(run: Run) -> Beside:
    """The strategy and its benchmark line by line, and what links them."""
    pairs = [
        (
            Cell(DEFINITIONS[key].label, hint=DEFINITIONS[key].formula),
            by_unit(run.metrics.get(key), DEFINITIONS[key].unit),
            by_unit(run.benchmark_metrics.get(key), DEFINITIONS[key].unit),
        )
        for key in _COMPARED
    ]
    links = [
        (
            Cell(DEFINITIONS[key].label, hint=DEFINITIONS[key].formula),
            by_unit(run.metrics.get(key), DEFINITIONS[key].unit),
        )
        for key in _AGAINST
        if key in DEFINITIONS
    ]
    name = short(run.benchmark_name or "Benchmark", 30)
    return Beside(
        (
            Table("Beside the benchmark", ("After costs", "Strategy", name), pairs),
            Table("Against the benchmark", ("", "Value"), links),
        )
    )


def _claim(run: Run) -> str:
    total, against = run.metric("total_return"), run.benchmark_metrics.get("total_return")
    if total is None:
        return "There is nothing to measure"
    claim = f"It {made(total)} after costs"
    if against is not None and run.benchmark_name:
        claim += f"; {short(run.benchmark_name, 40)} {made(float(against))}"
    return claim


def _band(run: Run, name: str, form: Callable[[float], str], counted: str = "n") -> str:
    found = run.interval_of(name)
    if found is None:
        known = run.estimate(name)
        why = known.why if known is not None and known.why else "no interval"
        return f"{why} · n = {plural(run.equity.height, 'bar')}"
    n = f"{counted} = {count(found[2])}".replace(" ", "\N{NO-BREAK SPACE}")
    return f"[{form(found[0])}, {form(found[1])}] · {n}"


def _growth(run: Run) -> Card:
    if run.metric("cagr") is None:
        return Card("Total return, net", percent(run.metric("total_return")), (_why(run),))
    return Card("CAGR, net", percent(run.metric("cagr")), (_band(run, "cagr", percent),))


def _volatility(run: Run) -> Card:
    value = run.metric("volatility_daily")
    line = _why(run) if value is None else _band(run, "volatility_daily", percent, "days")
    bars = f"of bars {percent(run.metric('volatility'))}"
    return Card("Volatility, day returns", percent(value), (line, bars))


def _sharpe(run: Run) -> Card:
    value = run.metric("sharpe_daily")
    if value is None:
        return Card("Sharpe ratio", NONE, (_why(run),))
    band = _band(run, "sharpe_daily", ratio, "days")
    return Card(
        "Sharpe ratio, day returns", ratio(value), (band, f"of bars {ratio(run.metric('sharpe'))}")
    )


def _why(run: Run) -> str:
    return run.why_no_annual or "too few returns, or none that vary"


def _drawdown(run: Run) -> Card:
    days = run.metric("max_drawdown_days")
    below = run.metric("time_under_water")
    longest = f"longest {count(days)} days" if days is not None else ""
    lines = [" · ".join(t for t in (longest, f"under water {percent(below, 0)} of bars") if t)]
    if run.interval_of("max_drawdown") is not None:
        lines.insert(0, f"{_band(run, 'max_drawdown', percent, 'days')}, in other orders")
    return Card("Max drawdown", percent(run.metric("max_drawdown")), lines)


def _turnover(run: Run) -> Card:
    turnover, yearly, paid = (run.metric(n) for n in ("turnover", "cost_per_year", "cost_paid"))
    cost = f"costs {percent(yearly, 2)} a year" if yearly is not None else "cost a year unknown"
    value = f"{ratio(turnover, 1)}×" if turnover is not None else NONE
    return Card("Turnover a year", value, (cost, f"{money(paid)} paid in all"))


def _exposure(run: Run) -> Card:
    return Card(
        "Exposure",
        percent(run.metric("exposure"), 0),
        (
            "of bars with a position",
            f"gross {percent(run.metric('gross_exposure'), 0)} of equity on average",
        ),
    )


def _trades(run: Run) -> Card:
    hit, band = run.metric("win_rate"), run.interval_of("win_rate")
    line = f"hit rate {percent(hit, 0)}" if hit is not None else f"hit rate {NONE}, no closed trade"
    if band is not None and hit is not None:
        line += f" [{percent(band[0], 0)}, {percent(band[1], 0)}]"
    return Card("Trades", count(run.trades.height), (line, plural(run.fills.height, "fill")))


def _excess(run: Run) -> Card:
    name = short(run.benchmark_name or "the benchmark", 30)
    if run.benchmark is None:
        return Card("Against a benchmark", NONE, ("no benchmark was given",))
    beta = f"beta {ratio(run.metric('beta'))} · n = {plural(run.equity.height, 'bar')}"
    if run.metric("excess_cagr") is None:
        total = percent(run.metric("excess_return"), signed=True)
        return Card(f"Against {name}", total, ("total return less its own", beta))
    excess = percent(run.metric("excess_cagr"), signed=True)
    lines = ["CAGR less its own", beta]
    if run.interval_of("excess_cagr") is not None:
        lines.insert(0, _band(run, "excess_cagr", percent, "days"))
    return Card(f"Against {name}", excess, lines)
