"""Eight headline numbers, each with its interval and count where they are known."""

from trade_research.report.formats import count, money, percent, plural, ratio
from trade_research.report.run import Run
from trade_research.report.section import Card, Cards, Section


def headline(run: Run) -> Section:
    """What it earned, at what risk and cost."""
    cards = (
        _growth(run), _rate(run, "sharpe", "Sharpe ratio", ratio), _drawdown(run),
        _rate(run, "volatility", "Volatility", percent), _turnover(run), _exposure(run), _trades(run),
        _excess(run),
    )  # fmt: skip
    return Section("Headline", _claim(run), (Cards(cards), annualised(run)))


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


def _claim(run: Run) -> str:
    total, against = run.metric("total_return"), run.benchmark_metrics.get("total_return")
    if total is None:
        return "There is nothing to measure"
    verb = "It gained" if total >= 0 else "It lost"
    claim = f"{verb} {percent(abs(total))} after costs"
    if against is not None and run.benchmark_name:
        claim += f"; {run.benchmark_name} made {percent(float(against))}"
    return claim


def _band(run: Run, name: str, form: object = percent) -> str:
    found = run.intervals.get(name)
    if found is None or not callable(form):
        return "interval unknown"
    return f"[{form(found[0])}, {form(found[1])}] · n = {count(found[2])}"


def _growth(run: Run) -> Card:
    if run.metric("cagr") is None:
        return Card("Total return, net", percent(run.metric("total_return")), (run.why_no_annual,))
    return Card("CAGR, net", percent(run.metric("cagr")), (_band(run, "cagr"),))


def _rate(run: Run, name: str, label: str, form: object) -> Card:
    value = run.metric(name)
    shown = form(value) if callable(form) else ""
    if value is None:
        return Card(label, shown, (run.why_no_annual or "too few returns, or none that vary",))
    return Card(label, shown, (_band(run, name, form),))


def _drawdown(run: Run) -> Card:
    days = run.metric("max_drawdown_days")
    below = run.metric("time_under_water")
    longest = f"longest {count(days)} days" if days is not None else ""
    return Card(
        "Max drawdown",
        percent(run.metric("max_drawdown")),
        (" · ".join(t for t in (longest, f"under water {percent(below, 0)} of bars") if t),),
    )


def _turnover(run: Run) -> Card:
    turnover, yearly, paid = (run.metric(n) for n in ("turnover", "cost_per_year", "cost_paid"))
    cost = f"costs {percent(yearly, 2)} a year" if yearly is not None else "cost a year unknown"
    value = f"{turnover:,.1f}× a year" if turnover is not None else "–"
    return Card("Turnover", value, (cost, f"{money(paid)} paid in all"))


def _exposure(run: Run) -> Card:
    return Card(
        "Exposure",
        percent(run.metric("exposure"), 0),
        ("of bars with a position", f"gross {percent(run.metric('gross_exposure'), 0)} of equity on average"),
    )  # fmt: skip


def _trades(run: Run) -> Card:
    hit, band = run.metric("win_rate"), run.intervals.get("win_rate")
    line = f"hit rate {percent(hit, 0)}" if hit is not None else "hit rate –, no closed trade"
    return Card(
        "Trades",
        count(run.metric("trades") if run.metric("trades") is not None else run.trades.height),
        (line + (f" [{percent(band[0], 0)}, {percent(band[1], 0)}]" if band else ""),
         f"{plural(run.fills.height, 'fill')}"),
    )  # fmt: skip


def _excess(run: Run) -> Card:
    if run.benchmark is None:
        return Card("Against a benchmark", "–", ("no benchmark was given",))
    ours, theirs = run.metric("cagr"), run.benchmark_metrics.get("cagr")
    beta = run.metric("beta")
    excess = run.metric("excess_return")
    if excess is None and ours is not None and theirs is not None:
        excess = ours - theirs
    return Card(
        f"Against {run.benchmark_name or 'benchmark'}",
        percent(excess, signed=True),
        ("CAGR less the benchmark's", f"beta {ratio(beta)} · n = {count(run.equity.height)}"),
    )
