"""Weights of many symbols: sixteen perpetuals by the minute, and the projection beside SLSQP."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

from tests.bench.table import Row
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
