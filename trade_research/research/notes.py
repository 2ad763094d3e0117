"""What a reader of a run must know before believing a number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trade_research.research.data import NO_CALENDAR

if TYPE_CHECKING:
    from trade_research.research.backtest import Backtest

_ROUNDING = 1e-9


def notes_of(run: Backtest) -> list[str]:
    """One sentence each; empty when there is nothing to know."""
    result = run.result
    notes = [NO_CALENDAR] if run.data.calendar is None else []
    notes += run.data.notes
    if run.setup.fill == "this_close":
        notes.append("fills at the close that decided them: this run can never be promoted")
    if run.setup.account.kind == "spot":
        notes += _beyond_spot(run)
    if result.status == "no_trades":
        notes.append("no trades: `orders` says why" if len(result.orders) else _why_no_orders(run))
    if result.status == "ruined":
        notes.append("ruined: equity reached zero and the run ended there")
    taken = run.fills.filter(reason="liquidation")
    if taken.height:
        times = "once," if taken.height == 1 else f"{taken.height} times, first"
        first = f"{taken['time'][0]:%Y-%m-%d %H:%M}"
        notes.append(f"liquidated {times} at {first}: the margin was used up")
    if result.ambiguous:
        notes.append(f"{result.ambiguous} bars could hit stop or target first")
    return [*notes, run.uncounted] if run.uncounted else notes


def _beyond_spot(run: Backtest) -> list[str]:
    """What was wanted of a spot account that it cannot give."""
    notes, wanted = [], np.nan_to_num(run.target)
    if (wanted < -_ROUNDING).any():
        notes.append(
            "targets below 0 were taken as 0: a spot account holds no shorts, account='margin' does"
        )
    most = float(np.clip(wanted, 0.0, None).sum(axis=1).max(initial=0.0))
    if most > 1.0 + _ROUNDING:
        notes.append(
            f"targets of up to {most:g} times the equity were cut to the cash there was: "
            "account='margin' borrows"
        )
    return notes


def _why_no_orders(run: Backtest) -> str:
    bars = run.target.shape[0]
    warmup = run.strategy.warmup(**run.params)
    if warmup >= bars:
        return f"no trades: the warm-up takes {warmup:,} bars and there are {bars:,}"
    return "no trades: no bar that counts has a target other than 0"
