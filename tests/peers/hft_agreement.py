"""The same recording and orders through hftbacktest and us: fills and P&L side by side, and why.

``python -m tests.peers.hft_agreement`` prints the table; `hft` says what it needs.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

import trade_research as tr
from tests.data import SHARED, shared
from tests.peers import hft
from trade_research.kernels.book_ladder import DEPTH, TRADE
from trade_research.simulate.accounts import Rules
from trade_research.simulate.book_quotes import Quotes
from trade_research.simulate.book_quoting import BookEvents, simulate_quotes
from trade_research.simulate.book_run import BookMarket
from trade_research.simulate.costs import Costs
from trade_research.sources.book_demo import demo_books
from trade_research.strategies.quoter import quoter

LOT, TICK, FEE, DELAY = 0.001, 0.1, 1e-4, 10_000_000
SIZE, MOST, SKEW = 0.1, 0.5, 0.5
NO_TRADES = pl.DataFrame(schema=tr.frames.TRADE_COLUMNS)
BEHIND = "what just traded still counts as behind us, until the level is seen to shrink"
BELOW = "the place in the queue goes below nought once part of an order is filled"


@dataclass(frozen=True)
class Agreement:
    """One pair of runs.

    `worst` is the largest distance of positions at any decision, or of an order's fill, in lots;
    `price` that of the last prices of orders, in ticks.
    """

    work: str
    fills: tuple[int, int]
    net: tuple[float, float]
    worst: float
    why: str = ""
    price: float = 0.0

    def __str__(self) -> str:
        (a, b), (x, y) = self.fills, self.net
        return f"{self.work:<58} {a:>5} {b:>5} {x:>10.4f} {y:>10.4f}  {self.why}"


@quoter
def at_the_touch(row, position, size: float = SIZE, most: float = MOST, skew: float = SKEW):
    """Quotes around the mid that lean against the position and never cross."""
    mid = 0.5 * (row.bid + row.ask)
    bid, ask = min(mid - skew * position, row.bid), max(mid - skew * position, row.ask)
    return Quotes(
        bid if position < most else np.nan, size, ask if -position < most else np.nan, size
    )


def recording() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Five minutes of a real perpetual's books and trades; a made-up market where it is not."""
    if SHARED is None:
        made = demo_books(6)
        return made.books, made.trades
    name = "l2/binance_usdm_BTCUSDT_2024-08-08"
    books = tr.frames.to_books(pl.read_parquet(shared(f"{name}_l2_100ms.parquet")))
    trades = pl.read_parquet(shared(f"{name}_trades.parquet")).sort("ts")
    return books, tr.frames.to_trades(trades)


def shown_at_once(made: BookEvents) -> BookEvents:
    """The same events, each trade followed by its level without what traded."""
    sizes: dict[tuple[int, int], float] = {}
    rows = []
    columns = (made.kind, made.side, made.at, made.size)
    for i, (kind, side, at, size) in enumerate(zip(*(c.tolist() for c in columns), strict=True)):
        rows.append((kind, side, at, size, i))
        if kind == DEPTH:
            sizes[side, at] = size
        elif kind == TRADE and sizes.get((-side, at), 0.0) > 0.0:
            sizes[-side, at] = max(round(sizes[-side, at] - size, 9), 0.0)
            rows.append((DEPTH, -side, at, sizes[-side, at], i))
    kind, side, at, size, i = (np.array(column) for column in zip(*rows, strict=True))
    return BookEvents(
        made.base, made.tick, made.width, kind.astype(np.int8), side.astype(np.int8),
        at, size.astype(float), made.time[i], made.recv[i],
    )  # fmt: skip


def quoting() -> list[Agreement]:
    """Market making under the peer's models of fills and of the queue."""
    books, trades = recording()
    raw = BookEvents.of(books, trades, tick=TICK, feed_ns=5_000_000)
    shown = shown_at_once(raw)
    cases = [
        ("whole fills, risk-adverse", raw, False, 0.0, ""),
        ("partial fills, risk-adverse", raw, True, 0.0, ""),
        ("whole fills, power 3", raw, False, 3.0, BEHIND),
        ("whole fills, power 3, levels shrink at once", shown, False, 3.0, ""),
        ("partial fills, power 3", raw, True, 3.0, f"{BEHIND}; {BELOW}"),
        ("partial fills, power 3, levels shrink at once", shown, True, 3.0, BELOW),
    ]
    asked = [
        (events, {
            "lot": LOT, "every": 100_000_000, "entry": DELAY, "response": DELAY, "maker": FEE,
            "taker": 2 * FEE, "power": power, "partial": partial,
            "quoter": np.array([0.0, SKEW, MOST, SIZE]),
        })
        for _, events, partial, power, _ in cases
    ]  # fmt: skip
    return [
        _quoted(f"quotes: {case[0]}", rows, *case[1:])
        for case, rows in zip(cases, hft.ask(asked), strict=True)
    ]


def _quoted(
    work: str,
    rows: np.ndarray,
    events: BookEvents,
    partial: bool,
    power: float,
    why: str,
) -> Agreement:
    ours = simulate_quotes(
        at_the_touch, events, costs=Costs(fee_bps=2.0, maker_fee_bps=1e4 * FEE), lot=LOT,
        queue="probability" if power else "back", power=power or 1.0, partial=partial,
        latency="10ms", response="10ms",
    )  # fmt: skip
    when, price, units, _ = ours.tape.T
    money = np.stack([units, units * price, np.abs(units) * price])
    told = np.concatenate([np.zeros((3, 1)), np.cumsum(money, axis=1)], axis=1)
    told = told[:, np.searchsorted(when + DELAY, rows[:, 0], side="right")]
    net = [
        float(held[-1] * rows[-1, 5] - paid[-1] - FEE * moved[-1])
        for held, paid, moved in (told, rows[:, 6:9].T)
    ]
    fills = [int(np.count_nonzero(np.diff(held))) for held in (told[0], rows[:, 6])]
    worst = float(np.abs(told[0] - rows[:, 6]).max() / LOT)
    return Agreement(work, (fills[0], fills[1]), (net[0], net[1]), worst, why)


def taking() -> list[Agreement]:
    """Market orders of the imbalance strategy, one by one, under both of the peer's exchanges."""
    books, _ = recording()
    run = tr.backtest(
        tr.strategies.l2_imbalance, books, costs=Costs(fee_bps=1e4 * FEE), account="margin",
        cash=60_000.0, rules=Rules(lot=LOT), latency="50ms",
    )  # fmt: skip
    orders = run.orders.filter(pl.col("row") > 0, pl.col("status") != "in_flight")
    settings = {
        "lot": LOT, "entry": 50_000_000, "response": 0, "maker": 0.0, "taker": FEE, "power": 0.0,
        "when": orders["decided"].to_physical().to_numpy(),
        "quantity": orders["quantity"].to_numpy(),
    }  # fmt: skip
    events = BookEvents.of(books, NO_TRADES, tick=TICK)
    whole, parts = hft.ask([(events, settings | {"partial": kind}) for kind in (False, True)])
    deepest = np.array([_deepest(run.market, row) for row in orders.iter_rows(named=True)])
    touch, price = orders["touch"].to_numpy(), orders["price"].to_numpy()
    short = (orders["status"] == "book_exhausted").to_numpy()
    one = (np.abs(deepest - touch) < 1e-6) & ~short
    more = ~one & ~short
    best = "the peer fills all at the best price; walking costs {:.4f}"
    part = "the peer's account counts an order's last part only"
    sight = "the peer fills from levels that left the recorded ones, we do not"
    filled = orders["filled"].to_numpy()
    walk = (price - touch) * (filled + FEE * np.abs(filled))
    return [
        _taken(f"orders: {name}", run.market.mid[-1], orders, rows, pick, last, why)
        for name, rows, pick, last, why in (
            ("best level enough, whole fills", whole, one, touch, ""),
            ("best level enough, partial fills", parts, one, touch, ""),
            (
                "several levels, whole fills",
                whole,
                ~one & ~short,
                touch,
                best.format(walk[more].sum()),
            ),
            ("several levels, partial fills", parts, more, deepest, part),
            ("more than the recorded levels, partial fills", parts, short, deepest, sight),
        )
    ]


def _deepest(market: BookMarket, order: dict[str, Any]) -> float:
    """Price of the last level an order took from, by adding up the recorded levels."""
    at, buys = order["filled_row"], order["filled"] > 0
    price, size = (
        (market.ask_price, market.ask_size) if buys else (market.bid_price, market.bid_size)
    )
    reached = np.searchsorted(np.cumsum(size[at]) + LOT / 2, abs(order["filled"]))
    return float(price[at][min(reached, price.shape[1] - 1)])


def _taken(
    work: str,
    mid: float,
    orders: pl.DataFrame,
    rows: np.ndarray,
    pick: np.ndarray,
    last: np.ndarray,
    why: str,
) -> Agreement:
    filled, price = orders["filled"].to_numpy(), orders["price"].to_numpy()
    ours = filled * (mid - price) - FEE * np.abs(filled) * price
    balance, held, fee = (np.diff(rows[:, k], prepend=0.0) for k in (2, 1, 3))
    theirs = balance + held * mid - fee
    return Agreement(
        work,
        (int((filled[pick] != 0).sum()), int((rows[pick, 6] != 0).sum())),
        (float(ours[pick].sum()), float(theirs[pick].sum())),
        float(np.abs(filled - rows[:, 6])[pick].max(initial=0.0) / LOT),
        why,
        float(np.abs(last - rows[:, 7])[pick].max(initial=0.0) / TICK),
    )


def table(rows: list[Agreement]) -> str:
    """The rows under a head."""
    head = f"{'':<58} {'fills':>5} {'':>5} {'net, ours':>10} {'theirs':>10}  why they differ"
    return "\n".join([head, *map(str, rows)]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table([*taking(), *quoting()]))
