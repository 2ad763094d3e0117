"""The verdict: one of five words by fixed rules, from gates that carry their numbers.

The worst gate decides. What a single run cannot know (how many trials there were, whether the
choice survives unseen data) is said to be unknown, never taken as passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trade_research.report.formats import basis_points, count, percent, plural, ratio
from trade_research.report.run import Run
from trade_research.report.section import Gate

WORDS = ("Invalid", "No evidence", "Weak", "Promising", "Supported")
# The thresholds, one place.
FLAGGED_WARN, FLAGGED_BLOCK = 0.01, 0.05
TRADES_FEW, TRADES_ENOUGH = 30, 100
DSR_NONE, DSR_ENOUGH = 0.5, 0.95
BREAK_EVEN_TIMES = 2.0
CONCENTRATED = 0.5
_ALLOWED = f"{CONCENTRATED:.0%} allowed"


@dataclass(frozen=True)
class Verdict:
    """The word, the sentence that names the gates which decided, and all gates."""

    word: str
    sentence: str
    gates: Sequence[Gate]


def judge(run: Run) -> Verdict:
    """The verdict on a run, a fixed function of its numbers."""
    gates = [
        _laws(run),
        _alive(run),
        _data(run),
        _sharpe(run),
        _deflated(run),
        _selection(run),
        _trades(run),
        _break_even(run),
        _best_year(run),
        _best_trades(run),
        _unseen(run),
    ]
    limits = [gate for gate in gates if gate.cap]
    word = min((gate.cap for gate in limits), key=WORDS.index, default="Supported")
    first = {gate.phrase: gate for gate in reversed(limits)}.values()  # one phrase, once
    deciding = sorted(
        first, key=lambda gate: (WORDS.index(gate.cap), gate.state == "unknown", gates.index(gate))
    )[:2]
    phrases = [gate.phrase for gate in deciding] or ["every gate passed, on unseen data too"]
    share = run.metric("cost_share")
    if share is not None and share >= 0.005:
        phrases.append(eaten(share))
    reasons = "; ".join(phrases)
    return Verdict(word, f"{reasons[0].upper()}{reasons[1:]}.", gates)


def eaten(share: float, digits: int = 0) -> str:
    """What costs took of the gross profit, in words."""
    if share > 1.0:
        return f"costs are {ratio(share, 1)} times the gross profit"
    return f"costs eat {percent(share, digits)} of the gross profit"


def _laws(run: Run) -> Gate:
    if run.check is None:
        found = "not checked in this run; trade-research check does it"
        return Gate("Laws", "unknown", found, "Weak", "look-ahead was not checked")
    if run.check.passed:
        return Gate("Laws", "yes", "every law that was checked holds")
    return Gate("Laws", "no", "a law is broken: see the check", "Invalid", "a law is broken")


def _alive(run: Run) -> Gate:
    if run.status == "ruined":
        return Gate("Account", "no", "equity reached zero", "Invalid", "the account was ruined")
    if run.trades.is_empty():
        found = f"no trades from {plural(run.orders.height, 'order')}"
        return Gate("Account", "no", found, "Invalid", "it never traded")
    taken = int((run.trades["exit_reason"] == "liquidation").sum())
    if taken:
        times = "once" if taken == 1 else f"{count(taken)} times"
        found = f"the venue took {plural(taken, 'position')} over: the margin was used up"
        return Gate("Account", "no", found, "Weak", f"it was liquidated {times}")
    return Gate("Account", "yes", f"solvent throughout, {plural(run.trades.height, 'trade')}")


def _data(run: Run) -> Gate:
    if run.verdicts is None:
        return Gate("Data", "unknown", "not audited", "Promising", "the data was not audited")
    bad = run.verdicts.filter(run.verdicts["kind"] != "unfinished")
    rows = int(bad["rows"].sum()) if bad.height else 0
    bars = sum(info.rows for info in run.data) or run.prices.height
    share = rows / bars if bars else 0.0
    found = f"{count(rows)} of {count(bars)} bars missing or flagged ({percent(share, 2)})"
    if share > FLAGGED_BLOCK:
        return Gate("Data", "no", found, "Invalid", f"{percent(share)} of the data is bad")
    if share > FLAGGED_WARN:
        return Gate("Data", "warn", found, "Weak", f"{percent(share)} of the bars are flagged")
    return Gate("Data", "yes", found)


def _sharpe(run: Run) -> Gate:
    sharpe, band = run.metric("sharpe_daily"), run.interval_of("sharpe_daily")
    name = "Sharpe above zero"
    if sharpe is None:
        why = run.why_no_annual or "returns are too few or do not vary"
        return Gate(name, "unknown", why, "No evidence", "the net Sharpe ratio is undefined")
    if band is None:
        phrase = f"net Sharpe {ratio(sharpe)} comes without an interval"
        return Gate(name, "unknown", phrase, "No evidence", phrase)
    low, high, n = band
    found = f"net {ratio(sharpe)}, 90% interval [{ratio(low)}, {ratio(high)}], {count(n)} days"
    if low > 0:
        return Gate(name, "yes", found)
    verb = "lies below zero" if high < 0 else "cannot be told from zero"
    by_day = "" if ratio(sharpe) == ratio(run.metric("sharpe")) else " by day"
    phrase = f"net Sharpe{by_day} {ratio(sharpe)} [{ratio(low)}, {ratio(high)}] {verb}"
    return Gate(name, "no", found, "No evidence", phrase)


def _deflated(run: Run) -> Gate:
    name, found = "Luck discounted", run.evidence.luck if run.evidence is not None else None
    trials = found.trials if found is not None else None
    dsr = found.dsr if found is not None and trials else run.metric("psr")
    counted = plural(trials, "trial") if trials else "N unknown, counted as 1"
    if dsr is None:
        text = f"{counted}; the deflated Sharpe ratio is undefined"
        return Gate(name, "unknown", text, "Weak", "luck could not be discounted")
    text = f"deflated Sharpe {ratio(dsr)}, {counted}{'' if trials else ': an upper bound'}"
    if dsr < DSR_NONE:
        return Gate(name, "no", text, "No evidence", f"luck alone explains it (DSR {ratio(dsr)})")
    if dsr < DSR_ENOUGH:
        return Gate(name, "no", text, "Weak", f"DSR {ratio(dsr)} is below {DSR_ENOUGH}")
    if not trials:
        return Gate(name, "warn", text, "Promising", "the number of trials behind it is unknown")
    return Gate(name, "yes", text)


def _selection(run: Run) -> Gate:
    name, pbo = "Choice of parameters", run.metric("pbo")
    if pbo is None:
        return Gate(name, "unknown", "overfitting probability and plateau need a sweep")
    found = f"overfitting probability {percent(pbo)}"
    if pbo > 0.5:
        return Gate(name, "no", found, "No evidence", f"PBO is {percent(pbo)}")
    if pbo > 0.2:
        return Gate(name, "warn", found, "Weak", f"PBO is {percent(pbo)}")
    return Gate(name, "yes", found)


def _trades(run: Run) -> Gate:
    n, name = run.trades.height, "Enough trades"
    if n >= TRADES_ENOUGH:
        return Gate(name, "yes", f"{count(n)}, {TRADES_ENOUGH} wanted")
    state = "warn" if n >= TRADES_FEW else "no"
    phrase = f"only {plural(n, 'trade')}" if n else "there are no trades"
    return Gate(name, state, f"{count(n)}, {TRADES_ENOUGH} wanted", "Weak", phrase)


def _break_even(run: Run) -> Gate:
    name = "Survives twice the fee"
    assumed = run.assumed("fee_bps")
    even = run.budget.break_even_fee_bps if run.budget else None
    if even is None or not np.isfinite(even) or assumed is None:
        return Gate(
            name, "unknown", "break-even fee unknown", "Weak", "its break-even fee is unknown"
        )
    found = f"breaks even at {basis_points(even)}, assumed {basis_points(assumed)}"
    if assumed > 0 and even >= BREAK_EVEN_TIMES * assumed:
        return Gate(name, "yes", found)
    phrase = f"it breaks even at a fee of {basis_points(even)} ({basis_points(assumed)} assumed)"
    return Gate(name, "no", found, "Weak", phrase)


def _best_year(run: Run) -> Gate:
    name, share = "No single year", run.metric("best_year_share")
    if share is None:
        return Gate(name, "no", "no net profit to spread", "No evidence", "there is no net profit")
    found = f"the best year made {percent(share, 0)} of the profit, {_ALLOWED}"
    if share > CONCENTRATED:
        phrase = f"one calendar year made {percent(share, 0)} of the profit"
        return Gate(name, "no", found, "Weak", phrase)
    return Gate(name, "yes", found)


def _best_trades(run: Run) -> Gate:
    name, share = "No lucky five", run.metric("best5_share")
    if share is None:
        is_closed = not run.trades["open"].all()
        found = "closed trades made no net profit" if is_closed else "no trade is closed"
        lost = run.metric("best_year_share") is None
        phrase = "there is no net profit" if lost else found
        return Gate(name, "no", found, "No evidence", phrase)
    found = f"the best five trades made {percent(share, 0)}, {_ALLOWED}"
    if share > CONCENTRATED:
        phrase = f"five trades made {percent(share, 0)} of the profit"
        return Gate(name, "no", found, "Weak", phrase)
    return Gate(name, "yes", found)


def _unseen(run: Run) -> Gate:
    since = run.manifest.get("out_of_sample_from")
    if since:
        return Gate("Unseen data", "yes", f"parameters were fixed before {since}")
    found = "none: every bar was seen when the parameters were chosen"
    return Gate("Unseen data", "unknown", found, "Promising", "no data was held back")
