"""What a configuration pays, and where it stands: the records that settling works on."""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import I64
from trade_research.simulate.records import Records, dtype_of

FINE, UNFIT, RUINED, INFINITE = range(4)
"""What became of a configuration: `UNFIT` needs every bar, `INFINITE` has such a target."""


class Terms:
    """What a configuration pays: one record a variant of costs and delay."""

    lag: int  # bars from decision to fill
    buy: float  # price paid with everything, over the reference price
    sell: float  # price got with everything, over the reference price
    buy_cost: float  # cost of a purchase over its value at the reference price
    sell_cost: float
    bought: float  # value at the price paid over money spent
    sold: float  # value at the price got over value at the reference price
    # what `levels` needs: rates, and the account
    worse: float  # of a price, over the reference price
    fee: float
    tax: float
    leverage: float
    maintenance: float
    is_margin: int
    # what `brackets` needs: exits, as `Acct` has them
    maker: float
    stop: float
    take_profit: float
    trailing: float
    max_hold: int
    cooldown: int


class Tally:
    """Where a configuration stands, and all that is summed of it; money in units of the start."""

    is_long: int
    status: int
    fills: int
    cash_rate: float  # return of cash per bar
    wanted: float  # target in force
    waiting: int  # bar at which an order fills that met bars without trade; -1: none
    money: float  # after the last exit
    units: float  # of the position
    since: int  # bar of entry
    asked: float  # price paid a unit, everything included
    peak: float
    depth: float  # least share of a peak
    sum1: float  # of the returns of bars
    sum2: float  # of their squares
    down2: float  # of the squares of losses
    trades: int
    wins: int
    won: float
    lost: float
    held: int  # bars with a position at the close
    traded: float
    cost: float
    day: int
    day_start: float  # worth at the end of the day before
    cubes: float  # of the returns of days
    fourths: float
    # what `levels` needs
    last_worth: float  # at the close before the bar of a trade
    gross: float  # value at entry prices of the position
    fees: float  # paid for it
    noted: int  # bars whose return is in the sums
    # what `brackets` needs
    is_locked: int  # after an exit, until a new target
    exit_bar: int
    checked: int  # bars before are without exit
    until: int  # bar at whose open the longest hold ends
    before: float  # money before the entry
    floor: float  # stop price
    goal: float  # target price
    top: float  # best price since the entry


def new_tallies(n: int, first_day: I64, cash_rate: float) -> Records:
    """Tallies before the first bar, (n, n_spans); `first_day` (n_spans,) of each span."""
    out = np.zeros((n, len(first_day)), dtype=dtype_of(Tally))
    for name in ("money", "peak", "depth", "day_start", "last_worth"):
        out[name] = 1.0
    out["day"], out["cash_rate"], out["waiting"] = first_day, cash_rate, -1
    out["exit_bar"] = -1
    return out
