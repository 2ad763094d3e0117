"""hftbacktest over the events in a file; run by a Python that has it, since it wants another NumPy.

Prints the seconds of one replay without orders, and of one with its market-making loop's shape.
"""

import sys
import time

import numba as nb
import numpy as np
from hftbacktest import BUY, GTX, LIMIT, BacktestAsset, ROIVectorMarketDepthBacktest

TICK, LOT = 0.1, 0.001


@nb.njit
def replay(hbt, step):
    n = 0
    while hbt.elapse(step) == 0:
        n += 1
    return n


@nb.njit
def quote(hbt, step):
    oid, half = 0, 5.0
    while hbt.elapse(step) == 0:
        hbt.clear_inactive_orders(0)
        depth, position = hbt.depth(0), hbt.position(0)
        mid = (depth.best_bid_tick + depth.best_ask_tick) / 2.0
        bid = min(np.floor(mid - half - position), depth.best_bid_tick)
        ask = max(np.ceil(mid + half - position), depth.best_ask_tick)
        values, have_bid, have_ask = hbt.orders(0).values(), False, False
        while values.has_next():
            order = values.get()
            wanted = bid if order.side == BUY else ask
            if order.price_tick != wanted and order.cancellable:
                hbt.cancel(0, order.order_id, False)
            elif order.side == BUY:
                have_bid = True
            else:
                have_ask = True
        if not have_bid and position < 5:
            oid += 1
            hbt.submit_buy_order(0, oid, bid * TICK, 1.0, GTX, LIMIT, False)
        if not have_ask and position > -5:
            oid += 1
            hbt.submit_sell_order(0, oid, ask * TICK, 1.0, GTX, LIMIT, False)
    return oid


def seconds(events, run):
    best = 1e9
    for _ in range(3):
        asset = (
            BacktestAsset().data([events]).linear_asset(1.0)
            .constant_order_latency(10_000_000, 10_000_000).risk_adverse_queue_model()
            .no_partial_fill_exchange().trading_value_fee_model(0.0, 0.0)
            .tick_size(TICK).lot_size(LOT).roi_lb(40_000.0).roi_ub(60_000.0)
        )  # fmt: skip
        hbt = ROIVectorMarketDepthBacktest([asset])
        start = time.perf_counter()
        run(hbt, 100_000_000)
        best = min(best, time.perf_counter() - start)
        hbt.close()
    return best


if __name__ == "__main__":
    data = np.load(sys.argv[1])["data"]
    print(seconds(data, replay), seconds(data, quote))
