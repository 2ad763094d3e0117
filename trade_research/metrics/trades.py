"""Statistics of closed round trips, net of costs.

The single numbers take plain arrays of one value a trade; `trade_statistics` puts them together for
a table of trades, `trade_split` for all, long and short ones. A trade that made exactly nothing is
neither a win nor a loss.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from trade_research.kernels.jit import B8, F64


def win_rate(pnl: F64) -> float:
    """Share of the trades with a net profit above 0. NaN without trades."""
    return float(np.count_nonzero(pnl > 0.0) / pnl.size) if pnl.size else math.nan


def profit_factor(pnl: F64) -> float:
    """Money won over money lost, Σ wins / Σ|losses|. NaN without a losing trade."""
    lost = -float(pnl[pnl < 0.0].sum())
    return float(pnl[pnl > 0.0].sum()) / lost if lost > 0.0 else math.nan


def average_win(pnl: F64) -> float:
    """Mean profit of the winning trades, money. NaN without one."""
    return _mean(pnl[pnl > 0.0])


def average_loss(pnl: F64) -> float:
    """Mean result of the losing trades, money, below 0. NaN without one."""
    return _mean(pnl[pnl < 0.0])


def payoff_ratio(pnl: F64) -> float:
    """Average win over the size of the average loss. NaN without both a win and a loss."""
    return average_win(pnl) / -average_loss(pnl)


def expectancy(pnl: F64) -> float:
    """Mean net result of a trade, in the unit given (money, or fractions). NaN without trades."""
    return _mean(pnl)


def system_quality(pnl: F64) -> float:
    """Van Tharp's SQN of money results: √n · mean / std(ddof 1), n not capped.

    Money stands for R-multiples, since a trade without a stop risks no stated amount. NaN with
    fewer than two trades or when all results are equal. Tharp (2008), The Definitive Guide to
    Position Sizing.
    """
    if pnl.size < 2 or pnl.max() == pnl.min():
        return math.nan
    return float(math.sqrt(pnl.size) * pnl.mean() / pnl.std(ddof=1))


def longest_streak(hit: B8) -> int:
    """Longest run of True: of wins (`pnl > 0`) or of losses (`pnl < 0`), in order of exit."""
    ends = np.flatnonzero(np.append(np.append(True, ~hit), True))
    return int(np.diff(ends).max()) - 1


def best_share(pnl: F64, n: int = 5) -> float:
    """Money made by the `n` best trades over the money made by all.

    NaN when all together made nothing. Above 1 where the others lost.
    """
    total = float(pnl.sum())
    return float(np.sort(pnl)[-n:].sum()) / total if total > 0.0 else math.nan


def trade_statistics(trades: Mapping[str, Any]) -> dict[str, float]:
    """Every statistic of the closed round trips of a table.

    Parameters
    ----------
    trades : mapping of str to array of shape (n_trades,)
        `pnl` (money, net), `return` (net, of the entry's value), `bars` (held), `mae`, `mfe`
        (fractions of the entry price, mae <= 0 <= mfe) and `open` (still held: left out). With
        `exit_time`, streaks are in order of exit, else in the order given.

    Returns
    -------
    dict of str to float
        Keys as in the group "trades" of `DEFINITIONS`; NaN where undefined.
    """
    is_open = np.asarray(trades["open"], np.bool_)
    closed = _in_order(trades, ~is_open)
    pnl, returns, bars, mae, mfe = (
        np.asarray(trades[name], np.float64)[closed]
        for name in ("pnl", "return", "bars", "mae", "mfe")
    )
    return {
        "trades": pnl.size,
        "open_trades": int(np.count_nonzero(is_open)),
        "win_rate": win_rate(pnl),
        "profit_factor": profit_factor(pnl),
        "payoff": payoff_ratio(pnl),
        "expectancy": expectancy(pnl),
        "expectancy_bp": expectancy(returns) * 1e4,
        "sqn": system_quality(pnl),
        "avg_win": average_win(pnl),
        "avg_loss": average_loss(pnl),
        "largest_win": float(pnl.max()) if np.any(pnl > 0.0) else math.nan,
        "largest_loss": float(pnl.min()) if np.any(pnl < 0.0) else math.nan,
        "best5_share": best_share(pnl),
        "avg_bars_held": _mean(bars),
        "median_bars_held": float(np.median(bars)) if bars.size else math.nan,
        "avg_mae": _mean(mae),
        "avg_mfe": _mean(mfe),
        "max_win_streak": longest_streak(pnl > 0.0),
        "max_loss_streak": longest_streak(pnl < 0.0),
    }


def trade_split(trades: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """`trade_statistics` of all trades, of the long and of the short ones.

    Parameters
    ----------
    trades : mapping of str to array of shape (n_trades,)
        As for `trade_statistics`, with `side` ("long" or "short").
    """
    side = np.asarray(trades["side"])
    sides = {"all": np.ones(side.size, np.bool_), "long": side == "long", "short": side == "short"}
    return {
        name: trade_statistics({k: np.asarray(v)[mask] for k, v in trades.items()})
        for name, mask in sides.items()
    }


def _in_order(trades: Mapping[str, Any], keep: B8) -> npt.NDArray[np.intp]:
    """Positions of the trades kept, in order of exit where the table knows it."""
    rows = np.flatnonzero(keep)
    if "exit_time" not in trades:
        return rows
    order = np.argsort(np.asarray(trades["exit_time"])[rows], kind="stable")
    return np.asarray(rows[order])


def _mean(x: F64) -> float:
    return float(x.mean()) if x.size else math.nan
