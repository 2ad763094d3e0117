"""All evidence on a run, and the bootstrap beside arch's."""

from __future__ import annotations

import numpy as np

from tests.bench.table import Row, paired
from trade_research.evidence.bootstrap import stationary
from trade_research.evidence.statistics import gather
from trade_research.simulate.costs import Costs
from trade_research.simulate.market import Market
from trade_research.simulate.run import simulate

DAY = 86_400_000_000


def _gather(n, step_us, hold):
    """A call that gathers everything on `n` bars with a target held about `hold` bars."""
    rng = np.random.default_rng(0)
    close = 30_000.0 * np.exp(np.cumsum(rng.normal(0, 0.02 * np.sqrt(step_us / DAY), n)))
    open_ = np.append(close[0], close[:-1])
    time = np.arange(n) * step_us
    market = Market(
        time,
        time + step_us,
        open_,
        np.maximum(open_, close),
        np.minimum(open_, close),
        close,
        rng.uniform(1.0, 100.0, n),
        ("X",),
    )
    target = np.repeat(rng.integers(0, 2, n // hold + 1).astype(float), hold)[:n]
    run, held = simulate(market, target), simulate(market, np.ones(n))
    dates = (time // DAY).astype("datetime64[D]")
    trades = {series.name: series.to_numpy() for series in run.trades_frame}

    def call():
        return gather(
            run,
            session_dates=dates,
            sessions_per_year=365.0,
            trades=trades,
            benchmark=held,
            again=lambda costs, delay, target: simulate(market, target, costs=costs, delay=delay),
            target=target,
            costs=Costs(),
        )

    return call


def rows() -> list[Row]:
    """Milliseconds, warm; the peer resamples the Sharpe ratio alone, as often."""
    from arch.bootstrap import StationaryBootstrap

    daily, minutes = paired(_gather(2_500, DAY, 20), _gather(1_580_000, 60_000_000, 400), rounds=5)
    x = np.random.default_rng(1).normal(0.0005, 0.01, 2_500)
    table = np.stack([x, x * x], axis=1)
    ours, theirs = paired(
        lambda: stationary(table, block=5.0, draws=1_000, seed=0, logs=x),
        lambda: StationaryBootstrap(5.0, x, seed=0).apply(
            lambda r: r.mean() / r.std(ddof=1), 1_000
        ),
        rounds=5,
    )
    return [
        Row("evidence, all of a run, 2,500 days", daily * 1e3, None, "", "ms", "≤ 150"),
        Row("evidence, all of a run, 1.58M minutes", minutes * 1e3, None, "", "ms", "≤ 1,000"),
        Row(
            "stationary bootstrap, 1,000 draws of 2,500 days",
            ours * 1e3,
            theirs * 1e3,
            "arch",
            "ms",
            "faster",
        ),
    ]


if __name__ == "__main__":
    for row in rows():
        print(f"{row.work:50} {row.ours:8.1f} {row.unit}   {row.goal}   {row.ratio}")
