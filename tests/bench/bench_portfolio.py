"""Many symbols: whole runs with one cash beside vectorbt's, weights, and projection beside SLSQP.

Run ``python -m tests.bench.bench_portfolio`` for this topic alone.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np
import polars as pl
from scipy.optimize import minimize

from tests.bench.table import Row, paired
from tests.data import SHARED
from trade_research.portfolio import (
    Caps,
    EqualWeight,
    InverseVolatility,
    RiskParity,
    VolatilityTarget,
    project,
)

N_BARS, N_SYMBOLS = 43_200, 16


def best(call: Callable[[], object], rounds: int = 5) -> float:
    """Least seconds of some rounds after one uncounted."""
    call()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def rows() -> list[Row]:
    return [*runs(), *weights()]


def runs() -> list[Row]:
    """Signals of all symbols to weights, fills, equity and four metrics, rebalanced daily."""
    if SHARED is None:
        return []
    from tests.peers import shared_cash

    cases = {
        "ten symbols x 31k hours": (shared_cash.spot("1h"), 20, 100, "1h"),
        "sixteen perpetuals x 43k minutes": (shared_cash.perpetuals(), 60, 600, "1min"),
    }
    found = []
    for name, (bars, fast, slow, freq) in cases.items():
        mine, peer = paired(*whole(bars, fast, slow, freq), rounds=7)
        work = f"one cash, caps, daily rebalancing: {name}"
        found.append(Row(work, mine * 1e3, peer * 1e3, "vectorbt", "ms", ">= 5x"))
    return found


def whole(bars: pl.DataFrame, fast: int, slow: int, freq: str):
    """The same strategy over the same bars, each through its public face."""
    import pandas as pd

    import trade_research as tr

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import vectorbt as vbt
    vbt.settings["engine"] = "numba"
    costs = tr.Costs(fee_bps=10.0, spread_bps=0.0, slippage_bps=5.0)
    names = bars["symbol"].unique(maintain_order=True).to_list()
    wide = {
        name: bars.pivot("symbol", index="close_time", values=name).sort("close_time")
        for name in ("open", "close")
    }
    index = pd.DatetimeIndex(wide["close"]["close_time"].to_numpy())
    opens, closes = (
        pd.DataFrame(wide[name].select(names).to_numpy(), index).bfill() for name in wide
    )
    is_day = np.append(True, np.diff((index.as_unit("s").asi8 - 1) // 86_400) > 0)

    def ours():
        run = tr.backtest(
            tr.strategies.ma_crossover,
            bars,
            fast=fast,
            slow=slow,
            costs=costs,
            portfolio=tr.EqualWeight(gross=1.0, max_weight=0.25),
            rebalance="1d",
            calendar="24/7",
        )
        keys = ("total_return", "sharpe", "max_drawdown", "trades")
        return [run.metrics[key] for key in keys]

    def theirs():
        quick, calm = vbt.MA.run(closes, fast).ma, vbt.MA.run(closes, slow).ma
        weight = (quick.to_numpy() > calm.to_numpy()) * min(0.25, 1.0 / len(names))
        is_new = np.diff(weight, axis=0, prepend=0.0) != 0.0
        size = np.full(weight.shape, np.nan)
        size[1:] = np.where(is_new | is_day[:, None], weight, np.nan)[:-1]
        book = vbt.Portfolio.from_orders(
            closes,
            size=size,
            size_type="targetpercent",
            price=opens,
            fees=0.001,
            slippage=0.0005,
            init_cash=1e5,
            group_by=np.zeros(len(names), dtype=int),
            cash_sharing=True,
            call_seq="auto",
            freq=freq,
        )
        ratio, drawdown = book.sharpe_ratio(), book.max_drawdown()
        return book.total_return(), ratio, drawdown, book.trades.count()

    return ours, theirs


def weights() -> list[Row]:
    """Weights out of targets, and one projection."""
    rng = np.random.default_rng(0)
    closes = 100.0 * np.exp(np.cumsum(rng.normal(size=(N_BARS, N_SYMBOLS)) * 1e-3, axis=0))
    targets = np.sign(np.round(rng.normal(size=closes.shape) * 0.4))
    times = np.arange(1, N_BARS + 1) * 60_000_000
    day = {"lookback": 1440, "every": "1d"}
    sizings = {
        "equal weight, capped by name and net": EqualWeight(max_weight=0.05, net=0.1),
        "inverse volatility": InverseVolatility(**day),
        "volatility target": VolatilityTarget(0.2, **day),
        "risk parity (31 solutions)": RiskParity(**day),
    }
    work = f"{N_SYMBOLS} symbols x {N_BARS // 1000}k minutes"
    found = [
        Row(
            f"{work}: {name}",
            1e3
            * best(
                lambda one=one: one.weights(
                    targets, closes, close_time=times, periods_per_year=525_600.0
                )
            ),
            None,
            "",
            "ms",
            "≤ 50" if "equal" in name else "",
        )
        for name, one in sizings.items()
    ]
    wanted = rng.normal(size=(200, N_SYMBOLS)) * 0.3
    caps = Caps(max_weight=0.25, gross=1.0)
    ours = best(lambda: project(wanted, caps)) / len(wanted)
    theirs = best(lambda: [_slsqp(v) for v in wanted[:5]], 1) / 5
    found.append(
        Row("one projection, box and gross", ours * 1e6, theirs * 1e6, "SLSQP", "µs", "≥ 100×")
    )
    return found


def _slsqp(v: np.ndarray) -> np.ndarray:
    n = v.size
    gap = {"type": "ineq", "fun": lambda x: 1.0 - x.sum(), "jac": lambda x: -np.ones(2 * n)}
    found = minimize(
        lambda x: 0.5 * np.sum((x[:n] - x[n:] - v) ** 2),
        np.zeros(2 * n),
        jac=lambda x: np.concatenate([x[:n] - x[n:] - v, v - x[:n] + x[n:]]),
        method="SLSQP",
        bounds=[(0.0, 0.25)] * (2 * n),
        constraints=[gap],
        options={"ftol": 1e-12},
    )
    return found.x[:n] - found.x[n:]


if __name__ == "__main__":
    for row in rows():
        ratio = "" if row.ratio is None else f", {row.peer_name} {row.peer:.0f}, {row.ratio:.0f}x"
        print(f"{row.work}: {row.ours:.1f} {row.unit}{ratio}")
