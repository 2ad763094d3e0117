"""Orders through hftbacktest; run by a Python that has it, since it wants another NumPy.

Reads each ``asked_k.npz`` (events, tick, lot, what to do) of the folder given and writes
``told_k.npy``: rows of time, position, balance, fees, fills and mid as the peer accounts for them,
and three that are read off its orders.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numba as nb
import numpy as np
from hftbacktest import BUY, GTX, LIMIT, BacktestAsset, ROIVectorMarketDepthBacktest
from hftbacktest.order import CANCELED, FILLED, IOC, NONE, PARTIALLY_FILLED

WAS_OPEN = (FILLED, PARTIALLY_FILLED, CANCELED)


@nb.njit
def mark(hbt, start, row):
    """Time since the start, position, balance, fees, fills and mid as the peer accounts for them.

    It counts but the last part of an order that was filled in parts.
    """
    depth, state = hbt.depth(0), hbt.state_values(0)
    row[0], row[1], row[2] = hbt.current_timestamp - start, state.position, state.balance
    row[3], row[4] = state.fee, state.num_trades
    row[5] = 0.5 * (depth.best_bid + depth.best_ask)


@nb.njit
def heard(hbt, lot, left, row):
    """Add what its orders say was filled, part by part: position, money paid, money moved."""
    values = hbt.orders(0).values()
    while values.has_next():
        order = values.get()
        k = order.order_id
        got = left[k] - order.leaves_qty if order.status in WAS_OPEN else 0.0
        if got > 0.0:
            left[k] -= got
            signed = got if order.side == BUY else -got
            row[6] = np.rint((row[6] + signed) / lot) * lot
            row[7] += signed * order.price
            row[8] += got * order.price


@nb.njit
def quotes(hbt, start, every, tick, lot, half, skew, most, size, out):
    """One bid and one ask that lean against the position, replaced as their price changes."""
    n, number, left = 0, 0, np.full(1_000_000, size)
    while True:
        code = hbt.elapse(every)
        if code != 0:
            assert code == 1  # the end of the data
            return n
        depth = hbt.depth(0)
        if depth.best_bid_qty > 0 and depth.best_ask_qty > 0:
            mark(hbt, start, out[n])
            out[n, 6:] = out[max(n - 1, 0), 6:]
            heard(hbt, lot, left, out[n])
            position = out[n, 6]
            n += 1
            hbt.clear_inactive_orders(0)
            mid = 0.5 * (depth.best_bid + depth.best_ask)
            for side in (1, -1):
                edge = mid - side * half - skew * position
                edge = min(edge, depth.best_bid) if side > 0 else max(edge, depth.best_ask)
                ticks = np.floor(edge / tick + 1e-9) if side > 0 else np.ceil(edge / tick - 1e-9)
                wants, rests, waits = side * position < most, False, False
                found = np.int64(-1)
                values = hbt.orders(0).values()
                while values.has_next():
                    order = values.get()
                    if (order.side == BUY) == (side > 0):
                        waits = waits or order.req != NONE
                        rests = wants and order.price_tick == ticks
                        found = order.order_id
                if waits or rests:
                    continue
                if found >= 0:
                    hbt.cancel(0, found, False)
                if wants:
                    number += 1
                    if side > 0:
                        hbt.submit_buy_order(0, number, ticks * tick, size, GTX, LIMIT, False)
                    else:
                        hbt.submit_sell_order(0, number, ticks * tick, size, GTX, LIMIT, False)


@nb.njit
def takes(hbt, start, when, quantity, limit, wait, out):
    """Each order at its moment, at any price; once its answer is here: filled, and last price."""
    hbt.elapse(1)  # starts its clock
    for i in range(when.size):
        if hbt.elapse(when[i] - hbt.current_timestamp) != 0:
            return i
        if quantity[i] > 0:
            hbt.submit_buy_order(0, i + 1, limit[1], quantity[i], IOC, LIMIT, False)
        else:
            hbt.submit_sell_order(0, i + 1, limit[0], -quantity[i], IOC, LIMIT, False)
        hbt.elapse(wait)
        mark(hbt, start, out[i])
        order = hbt.orders(0).get(i + 1)
        out[i, 6] = np.sign(quantity[i]) * (order.qty - order.leaves_qty)
        out[i, 7] = order.exec_price
        hbt.clear_inactive_orders(0)
    return when.size


def market(asked):
    """The events under the models asked for."""
    asset = BacktestAsset().data([asked["events"]]).linear_asset(1.0)
    asset = asset.constant_order_latency(int(asked["entry"]), int(asked["response"]))
    power = float(asked["power"])
    asset = asset.power_prob_queue_model(power) if power else asset.risk_adverse_queue_model()
    partial = bool(asked["partial"])
    asset = asset.partial_fill_exchange() if partial else asset.no_partial_fill_exchange()
    asset = asset.trading_value_fee_model(float(asked["maker"]), float(asked["taker"]))
    asset = asset.tick_size(float(asked["tick"])).lot_size(float(asked["lot"]))
    low, high = asked["limit"]
    return ROIVectorMarketDepthBacktest([asset.roi_lb(low).roi_ub(high)])


def answer(asked):
    """Rows of one request."""
    hbt, time = market(asked), asked["events"]["exch_ts"]
    start, span = int(time[0]), int(time[-1] - time[0])
    if "when" in asked:
        out, wait = np.zeros((asked["when"].size, 9)), int(asked["entry"] + asked["response"])
        n = takes(hbt, start, asked["when"], asked["quantity"], asked["limit"], wait, out)
    else:
        every, tick, lot = int(asked["every"]), float(asked["tick"]), float(asked["lot"])
        out = np.zeros((span // every + 9, 9))
        n = quotes(hbt, start, every, tick, lot, *map(float, asked["quoter"]), out)
    hbt.close()
    return out[:n]


def main(folder):
    for path in sorted(folder.glob("asked_*.npz")):
        asked = dict(np.load(path))  # the peer keeps pointers into these arrays
        np.save(folder / path.name.replace("asked", "told").replace("npz", "npy"), answer(asked))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
