"""Is it luck? What one run can say, what it cannot, and what to run for the rest."""

from __future__ import annotations

import math
from shlex import quote

from trade_research.evidence.luck import CONFIDENCE, Luck
from trade_research.evidence.montecarlo import Spread, TradePaths
from trade_research.evidence.noise import ShiftTest
from trade_research.report.bars import histogram
from trade_research.report.charts import Chart
from trade_research.report.formats import NONE, count, percent, plural, ratio, short
from trade_research.report.run import Run
from trade_research.report.section import Beside, Cell, Code, Part, Section, Table


def luck(run: Run) -> Section:
    """The Sharpe ratio with three intervals, its probability, shifted positions, and trials."""
    if run.evidence is None:
        parts: list[Part] = [
            "The evidence was not gathered for this run, so its Sharpe ratio has no resampled "
            "interval, no record length and no test against shifted positions.",
            *_sweep(run),
        ]
        return Section("Is it luck?", "Whether it is luck was not computed", parts, folded=True)
    found, shifted = run.evidence.luck, run.evidence.shifted
    parts = [Beside((_ratio(run, found), _best(run, found)))]
    if shifted is not None:
        parts.append(Beside((_shifted(shifted), _test(shifted))))
    else:
        parts.append(
            "The positions were not tried at other times: there are too few days, or they never "
            "changed."
        )
    if run.evidence.trade_paths is not None:
        parts.append(_otherwise(run.evidence.trade_paths))
    return Section("Is it luck?", _claim(found, shifted), [*parts, *_sweep(run)], folded=True)


def _claim(found: Luck, shifted: ShiftTest | None) -> str:
    if found.sharpe is None or found.psr is None:
        return "The Sharpe ratio is undefined, so nothing can be told from luck"
    if found.trials is not None and found.trials > 1 and found.dsr is not None:
        claim = (
            f"After {plural(found.trials, 'trial')} on these bars: {percent(found.dsr, 0)} sure "
            f"that it is better than luck, which gives the best of them {ratio(found.luck_sharpe)}"
        )
    else:
        claim = f"Were it the only trial: {percent(found.psr, 0)} sure of a Sharpe ratio above zero"
    if shifted is not None:
        claim += f"; {percent(shifted.p_value, 0)} of its positions at other times did as well"
    return claim


def _ratio(run: Run, found: Luck) -> Table:
    boot = run.estimate("sharpe_daily")
    counted = f"N = {count(found.trials)}" if found.trials else "N unknown, counted as 1"
    needed = found.days_needed
    rows: list[tuple[str | Cell, ...]] = [
        ("Sharpe ratio a year, net", Cell(ratio(found.sharpe), "word")),
        (f"90%, autocorrelation to lag {found.lags} (Lo, HAC)", _span(found.low, found.high)),
        ("90%, independent days (Mertens)", _span(found.low_iid, found.high_iid)),
        (
            "90%, stationary bootstrap",
            _span(boot.low, boot.high) if boot is not None else NONE,
        ),
        ("Probabilistic Sharpe ratio, above 0", percent(found.psr)),
        (f"Deflated Sharpe ratio, {counted}", percent(found.dsr if found.trials else found.psr)),
        ("Days of record", count(found.days)),
        (
            f"Minimum track record, {percent(CONFIDENCE, 0)} sure of a ratio above 0",
            f"{count(needed)} days" if needed is not None else "none is long enough",
        ),
    ]
    rows = [(Cell(str(name), "wrap"), value) for name, value in rows]
    note = "Day returns less cash."
    if not found.trials:
        note += " Trials were not counted: take the deflated ratio as an upper bound."
    return Table("The Sharpe ratio and what it is worth", ("", "Value"), rows, note=note)


def _span(low: float | None, high: float | None) -> str:
    return NONE if low is None or high is None else f"[{ratio(low)}, {ratio(high)}]"


def _best(run: Run, found: Luck) -> Table:
    """What luck alone gives to the best of so many."""
    rows: list[tuple[str | Cell, ...]] = []
    lucky = list(found.lucky)
    if found.trials is not None and found.luck_sharpe is not None:
        lucky = sorted({**dict(lucky), found.trials: found.luck_sharpe}.items())
    for trials, best in lucky:
        beaten = found.sharpe is not None and found.sharpe > best
        here = " (as counted)" if trials == found.trials else ""
        word = Cell("above" if beaten else "not above", "word")
        rows.append((f"{count(trials)}{here}", ratio(best), word))
    return Table(
        "Best Sharpe ratio to expect without any skill",
        ("Independent trials", "Best of them", f"This run, {ratio(found.sharpe)}"),
        rows,
        note=f"On {plural(found.days, 'day')} of record. {_counted(found)}",
    )


def _counted(found: Luck) -> str:
    """Where the number of trials comes from."""
    if found.trials is None:
        return (
            "How many were tried before this one, only you know: bars outside a store count none."
        )
    spread = math.sqrt((found.trial_variance or 0.0) * found.days)
    return (
        "Counted is every distinct strategy, parameter set and set of exits tried on these bars so "
        f"far, by the store's ledger; their ratios spread {ratio(spread)} times as widely as luck "
        "alone would make them."
    )


def _shifted(found: ShiftTest) -> Chart:
    share = percent(found.p_value, 1)
    finding = (
        f"{share} of the same positions at other times earned a Sharpe ratio of "
        f"{ratio(found.sharpe)} or more."
    )
    return histogram(
        "The same positions at other times",
        finding,
        found.edges,
        found.counts,
        found.sharpe,
        across="Sharpe ratio a year",
        up="Shifts",
        label=lambda v: ratio(v, 1),
        called="At their own time",
        reordered="Shifted",
    )


def _test(found: ShiftTest) -> Table:
    rows = [
        ("At their own time", ratio(found.sharpe)),
        ("Shifted: 5%", ratio(found.low)),
        ("Shifted: median", ratio(found.middle)),
        ("Shifted: 95%", ratio(found.high)),
        ("Shifts", count(found.shifts)),
        ("p-value", ratio(found.p_value, 3)),
    ]
    return Table(
        "Timing against chance",
        ("Sharpe ratio", "Value"),
        rows,
        note="All positions moved in a circle by whole days: same sizes, holding times and costs, "
        "no knowledge of prices. A result of merely being invested does not pass.",
    )


def _otherwise(found: TradePaths) -> Table:
    """The trades in another order, some missed, and dearer."""
    most = 2.0 * found.shock - 1.0

    def growth(spread: Spread) -> str:
        ends = f"[{ratio(spread.low)}, {ratio(spread.high)}]"
        return f"{ratio(spread.middle)} {ends}"

    def depth(spread: Spread) -> str:
        ends = f"[{percent(spread.low)}, {percent(spread.high)}]"
        return f"{percent(spread.middle)} {ends}"

    rows = (
        ("As they were", ratio(found.growth), percent(found.depth), NONE),
        ("In random order", ratio(found.growth), depth(found.depth_reordered), NONE),
        (
            f"Each missed with a chance of {percent(found.skipped, 0)}",
            growth(found.growth_skipped),
            depth(found.depth_skipped),
            percent(found.loss_skipped),
        ),
        (
            f"At 1 to {ratio(most, 0)} times their costs",
            growth(found.growth_shocked),
            depth(found.depth_shocked),
            percent(found.loss_shocked),
        ),
    )
    return Table(
        "The same trades, otherwise",
        ("", "1 became", "Max drawdown between trades", "Lost money"),
        [(Cell(name, "wrap"), *rest) for name, *rest in rows],
        note=f"Median and 90% of {count(found.draws)} draws of {plural(found.trades, 'trade')}. "
        f"{percent(found.deeper, 0)} of the orders have a deeper drawdown than the one that was.",
    )


def _sweep(run: Run) -> list[Part]:
    """What a single run cannot know, and the command that finds out."""
    name = short(run.strategy.name, 200)
    spans = " ".join(_span_of(key, value) for key, value in run.strategy.params.items())
    known = run.manifest.get("data", {}).get("names") or [info.name for info in run.data]
    stored = [quote(short(n, 200)) for n in known if "@" in n]
    data = " --data ".join(stored) or "VENUE:SYMBOL@INTERVAL"
    rows = [
        (what, Cell(why, "wrap"))
        for what, why in (
            ("Parameters next door", "does it stand on a plateau or on a peak?"),
            ("Probability of overfitting (PBO)", "does the best in sample stay good outside?"),
            ("Walk-forward efficiency", "what is left when parameters are chosen as time goes on?"),
            ("Trials, and effective trials", "how much of the ratio is the choice among many?"),
        )
    ]
    table = Table("Not known from one run", ("What", "The question"), rows, align="ll")
    command = f"trade-research sweep {quote(name)} --data {data} {spans}".rstrip()
    return [table, "A sweep answers them:", Code(command)]


def _span_of(name: str, value: object) -> str:
    """A range about a parameter's value as an axis; what has no range stays as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value:
        return f"-p {quote(f'{name}={value}')}"
    if isinstance(value, int):
        step = max(1, abs(value) // 4)
        return f"-s {quote(f'{name}={value - 2 * step}:{value + 2 * step}:{step}')}"
    low, high = sorted((0.5 * value, 1.5 * value))
    return f"-s {quote(f'{name}={low:g}:{high:g}:{abs(value) / 4:g}')}"
