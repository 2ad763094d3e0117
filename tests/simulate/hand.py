"""Short bars written by hand: prices first, everything else explicit."""

from __future__ import annotations

import numpy as np

from trade_research.simulate import Costs, Market, simulate

DAY_US = 86_400_000_000
ZERO = Costs.zero()


def bars_of(*rows, volume=1_000.0):
    """A Market of one symbol from (open, high, low, close[, volume]) rows; None: a missing bar."""
    empty = (np.nan,) * 4
    full = [(*(row or empty), volume)[:5] if row is None or len(row) == 4 else row for row in rows]
    o, h, low, c, v = (np.array(column, dtype=float) for column in zip(*full, strict=True))
    v = np.where(np.isnan(c), np.nan, v)
    opened = np.arange(len(rows), dtype=np.int64) * DAY_US
    return Market(opened, opened + DAY_US, o, h, low, c, v, symbols=("A",))


def flat(price, n=1):
    """`n` bars that stand still."""
    return [(price,) * 4] * n


def panel(*symbols, volume=1_000.0):
    """A Market of several symbols, each a list of (open, high, low, close) rows or None."""
    rows = [[row or (np.nan,) * 4 for row in symbol] for symbol in symbols]
    cube = np.array(rows, dtype=float)  # (symbols, bars, 4)
    o, h, low, c = (np.ascontiguousarray(cube[:, :, k].T) for k in range(4))
    n, n_symbols = o.shape
    opened = np.arange(n, dtype=np.int64) * DAY_US
    names = tuple("ABCDEFGH"[:n_symbols])
    v = np.where(np.isnan(c), np.nan, volume)
    return Market(opened, opened + DAY_US, o, h, low, c, v, symbols=names)


def go(market, target, **settings):
    """Simulate with 1,000 of cash and no costs unless told otherwise."""
    settings = {"costs": ZERO, "cash": 1_000.0} | settings
    return simulate(market, np.array(target, dtype=float), **settings)


def fills(result):
    """(bar, quantity, price, reason) of every fill."""
    frame = result.fills_frame
    sign = [1 if side == "buy" else -1 for side in frame["side"]]
    return [
        (bar, s * q, price, reason)
        for bar, s, q, price, reason in zip(
            frame["bar"], sign, frame["quantity"], frame["price"], frame["reason"], strict=True
        )
    ]


def orders(result):
    """(target, quantity, filled, status, reason) of every order."""
    columns = ("target", "quantity", "filled", "status", "reason")
    return [tuple(row[c] for c in columns) for row in result.orders_frame.iter_rows(named=True)]
