"""Invented runs of every shape a report must bear: numbers are seeded, nothing is measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl

from trade_research.evidence.capacity import Capacity
from trade_research.evidence.days import days_of
from trade_research.evidence.estimates import day_estimates, trade_estimates
from trade_research.evidence.grids import Grids
from trade_research.evidence.grids import Level as GridLevel
from trade_research.evidence.luck import luck_of
from trade_research.evidence.noise import ShiftTest
from trade_research.evidence.paths import bands_of, drawdown_law, marks_of
from trade_research.evidence.stability import stability_of
from trade_research.evidence.states import States, states_of
from trade_research.evidence.statistics import Evidence
from trade_research.metrics import summary
from trade_research.report.run import DataInfo, Run, StrategyInfo

HOSTILE = """<script>alert(1)</script>"><img src=x onerror=alert(2)>'&</title></script>{{7*7}}"""
SOURCE = """@strategy(warmup=lambda slow: slow)
def rule(close, fast=20, slow=100):
    return sma(close, fast) > sma(close, slow)  # <b>&"
"""


@dataclass(frozen=True)
class Level:
    """A stand-in for one row of the cost grid."""

    multiple: float
    net_return: float
    sharpe: float | None


@dataclass(frozen=True)
class Budget:
    """A stand-in for the edge budget."""

    break_even_fee_bps: float | None = 14.2
    break_even_slippage_bps: float | None = 5.1
    break_even_delay_bars: float | None = 3
    ratio: float | None = 1.6
    grid: tuple[Level, ...] = (Level(0, 0.9, 1.1), Level(1, 0.5, 0.7), Level(2, -0.1, None))


@dataclass(frozen=True)
class Check:
    """A stand-in for the law checks."""

    passed: bool = True

    def __str__(self) -> str:
        return "all laws hold"


def times(
    n: int, step: timedelta, start: datetime = datetime(2015, 1, 1, tzinfo=UTC)
) -> pl.DataFrame:
    """Open and close times of n bars."""
    opens = pl.datetime_range(start, start + step * (n - 1), step, eager=True, time_unit="us")
    return pl.DataFrame({"open_time": opens, "close_time": opens + step})


def make_run(
    n: int = 2_000,
    *,
    step: timedelta = timedelta(days=1),
    interval: str = "1d",
    symbols: tuple[str, ...] = ("BTC/USDT",),
    n_trades: int = 160,
    drift: float = 0.0011,
    seed: int = 7,
    title: str = "ma_crossover on BTC/USDT",
    name: str = "ma_crossover",
    **changes: Any,
) -> Run:
    """A run of n bars with about n_trades round trips."""
    rng = np.random.default_rng(seed)
    scale = 0.013 * np.sqrt(step / timedelta(days=1))
    move = rng.normal(drift * (step / timedelta(days=1)), scale, n)
    close = 30_000 * np.exp(np.cumsum(move))
    clock = times(n, step)
    held = _held(n, n_trades, rng)
    gross = 100_000 * np.cumprod(1 + np.append(0.0, np.diff(close) / close[:-1]) * held)
    changed = np.abs(np.diff(held, prepend=0.0))
    cost = np.cumsum(changed * gross * 11e-4)
    level = gross * np.exp(-np.cumsum(changed * 11e-4))
    peak = np.maximum.accumulate(np.maximum(level, 100_000))
    equity = clock.select("close_time").with_columns(
        equity=level,
        **{"return": np.diff(level, prepend=100_000) / np.append(100_000, level[:-1])},
        drawdown=level / peak - 1,
        cash=level * (1 - held),
        gross=np.abs(held),
        net=held,
        cost=cost,
    )
    prices = clock.with_columns(
        open=close, high=close * (1 + np.abs(move)), low=close * (1 - np.abs(move)), close=close
    )
    fills, trades, orders = _activity(clock, close, held, changed, gross, symbols)
    run = Run(
        title=title,
        strategy=StrategyInfo(
            name, "Long while fast is above slow.", SOURCE, "a" * 64, {"fast": 20, "slow": 100}
        ),
        instruments=symbols,
        interval=interval,
        calendar="24/7",
        equity=equity,
        benchmark=clock.select("close_time").with_columns(equity=100_000 * close / close[0]),
        benchmark_name="buy and hold",
        gross=clock.select("close_time").with_columns(equity=gross),
        trades=trades,
        fills=fills,
        orders=orders,
        prices=prices,
        metrics=dict(
            _metrics(equity, step, fills, trades, np.append(0.0, np.diff(close) / close[:-1]))
        ),
        benchmark_metrics=dict(
            _metrics(
                equity.with_columns(equity=100_000 * close / close[0]),
                step,
                fills[:0],
                trades[:0],
                None,
            )
        ),
        initial_cash=100_000.0,
        intervals={"cagr": (0.01, 0.24, n), "win_rate": (0.41, 0.55, trades.height)},
        periods_per_year=timedelta(days=365) / step,
        budget=Budget(),
        check=Check(),
        verdicts=_verdicts(symbols[0], clock, n),
        data=[
            DataInfo(
                f"binance:{s}@{interval}",
                n,
                clock["open_time"][0],
                clock["open_time"][-1],
                "c0ffee" * 10,
                n + 12,
            )
            for s in symbols
        ],
        warmup_bars=100,
        manifest={
            "command": f"trade-research backtest {name} --data binance:{symbols[0]}@{interval}",
            "setup": {
                "costs": {"fee_bps": 10.0, "spread_bps": 2.0, "slippage_bps": 1.0},
                "delay": 0,
            },
            "seed": 0,
            "versions": {"trade_research": "0.1.0", "numpy": "2.4.6"},
        },
    )
    return replace(run, **changes)


def _held(n: int, n_trades: int, rng: np.random.Generator) -> np.ndarray:
    held = np.zeros(n)
    if n_trades and n > 4:
        cuts = np.sort(rng.choice(np.arange(1, n), min(2 * n_trades, n - 2), replace=False))
        for start, end in zip(cuts[::2], cuts[1::2], strict=False):
            held[start:end] = 1.0 if rng.random() < 0.8 else -0.5
    return held


def _metrics(equity: pl.DataFrame, step: timedelta, fills: Any, trades: Any, other: Any) -> Any:
    """Every metric of the run, as the metrics room defines them."""
    closed = equity["close_time"].to_physical().to_numpy()
    yearly = timedelta(days=365) / step
    return summary(
        equity=equity["equity"].to_numpy(),
        initial_cash=100_000.0,
        close_time=closed,
        periods_per_year=yearly,
        sessions_per_year=365.0,
        session_dates=(closed - 1).astype("M8[us]").astype("M8[D]"),
        gross=equity["gross"].to_numpy(),
        net=equity["net"].to_numpy(),
        fills={name: fills[name].to_numpy() for name in fills.columns},
        trades={name: trades[name].to_numpy() for name in trades.columns},
        benchmark=other,
    )


def _activity(clock, close, held, changed, gross, symbols):  # type: ignore[no-untyped-def]  # frames of a fake
    at = np.flatnonzero(changed)
    when, value = clock["open_time"].to_numpy()[at], changed[at] * gross[at]
    buys = np.diff(held, prepend=0.0)[at] > 0
    names = np.resize(np.array(symbols, object), at.size)
    fills = pl.DataFrame(
        {
            "order": np.arange(at.size),
            "symbol": pl.Series(names.tolist(), dtype=pl.String),
            "time": pl.Series(when).cast(pl.Datetime("us", "UTC")),
            "bar": at,
            "side": pl.Series(np.where(buys, "buy", "sell").tolist(), dtype=pl.String),
            "quantity": value / close[at],
            "reference": close[at],
            "price": close[at] * 1.0002,
            "fee": value * 10e-4,
            "spread": value * 1e-4,
            "slippage": value * 0.0,
            "impact": value * 0.0,
            "tax": value * 0.0,
            "reason": pl.Series(["signal"] * at.size, dtype=pl.String),
        }
    )
    orders = fills.select(
        "order", "symbol", pl.col("time").alias("decided"), "quantity"
    ).with_columns(
        status=pl.when(pl.col("order") % 40 == 39)
        .then(pl.lit("unfilled"))
        .otherwise(pl.lit("filled")),
        reason=pl.when(pl.col("order") % 40 == 39)
        .then(pl.lit("no_liquidity"))
        .otherwise(pl.lit("")),
    )
    edges = np.flatnonzero(np.diff(held != 0, prepend=False))
    pairs = list(zip(edges[::2], edges[1::2], strict=False))
    start, end = np.array([p[0] for p in pairs], int), np.array([p[1] for p in pairs], int)
    side = held[start] if len(pairs) else np.empty(0)
    gain = (close[end] / close[start] - 1) * np.sign(side) - 22e-4 if len(pairs) else np.empty(0)
    rng = np.random.default_rng(1)
    opens = clock["open_time"]
    trades = pl.DataFrame(
        {
            "symbol": pl.Series(
                np.resize(np.array(symbols, object), len(pairs)).tolist(), dtype=pl.String
            ),
            "side": pl.Series(np.where(side > 0, "long", "short").tolist(), dtype=pl.String),
            "entry_time": opens.gather(start.tolist()),
            "exit_time": opens.gather(end.tolist()),
            "entry_bar": start,
            "exit_bar": end,
            "quantity": np.abs(side),
            "entry_price": close[start],
            "exit_price": close[end],
            "fees": np.abs(side) * 110.0,
            "costs": np.abs(side) * 121.0,
            "pnl": gain * 100_000 * np.abs(side),
            "return": gain,
            "bars": end - start,
            "mae": np.minimum(gain, 0) - np.abs(rng.normal(0, 0.01, len(pairs))),
            "mfe": np.maximum(gain, 0) + np.abs(rng.normal(0, 0.01, len(pairs))),
            "exit_reason": pl.Series(
                np.resize(
                    np.array(["signal", "signal", "stop", "take_profit"], object), len(pairs)
                ).tolist(),
                dtype=pl.String,
            ),
            "open": np.zeros(len(pairs), bool),
        }
    )
    return fills, trades, orders


def _verdicts(name: str, clock: pl.DataFrame, n: int) -> pl.DataFrame:
    picks = [n // 5, n // 2, n - 2] if n > 10 else []
    return pl.DataFrame(
        {
            "instrument": [f"binance:{name}@1d"] * len(picks),
            "kind": ["gap", "zero_volume", "gap"][: len(picks)],
            "causal": [False, True, False][: len(picks)],
            "open_time": [clock["open_time"][k] for k in picks],
            "end_time": [clock["close_time"][min(k + 7, n - 1)] for k in picks],
            "rows": [7, 1, 2][: len(picks)],
            "detail": ["7 bars missing", "no volume", ""][: len(picks)],
        },
        schema={
            "instrument": pl.String,
            "kind": pl.String,
            "causal": pl.Boolean,
            "open_time": pl.Datetime("us", "UTC"),
            "end_time": pl.Datetime("us", "UTC"),
            "rows": pl.Int64,
            "detail": pl.String,
        },
    )


def evidence_of(run: Run, seed: int = 3) -> Evidence:
    """Evidence on an invented run: what rests on its days is computed, the rest invented."""
    closed = run.equity["close_time"].to_physical().to_numpy()
    days = days_of(
        run.equity["equity"].to_numpy(),
        run.initial_cash,
        (closed - 1).astype("M8[us]").astype("M8[D]"),
        per_year=365.0,
        benchmark=None if run.benchmark is None else run.benchmark["equity"].to_numpy(),
    )
    marks = marks_of(days.n)
    found, paths, block = day_estimates(days, draws=100, seed=seed, marks=marks)
    trades = {name: run.trades[name].to_numpy() for name in ("pnl", "return", "open")}
    levels = [
        GridLevel(m, late, 0.9 - 0.3 * m - 0.1 * late, 1.2 - 0.5 * m - 0.2 * late)
        for m in (0.0, 1.0, 2.0, 4.0)
        for late in range(6)
    ]
    lags = [GridLevel(1.0, k, 0.5 - 0.05 * k, 0.7 - 0.1 * abs(k), k < 0) for k in range(-2, 11)]
    edges = tuple(np.linspace(-1.5, 1.5, 25).tolist())
    law = tuple(int(v) for v in 80 * np.exp(-(np.linspace(-2, 2, 24) ** 2)))
    return Evidence(
        0.9,
        100,
        seed,
        days.n,
        block,
        found | trade_estimates(trades, draws=100, seed=seed),
        luck_of(days.excess, 365.0),
        bands_of(days, paths, marks),
        drawdown_law(days, paths),
        Grids(tuple(levels), tuple(lags)),
        stability_of(days, states=_states(run)),
        Capacity(300, 4, 0.0004, 0.002, 0.013, ((0.01, 5e5), (0.05, 2.5e6), (0.1, 5e6))),
        ShiftTest(0.7, 0.043, 300, -0.9, 0.02, 0.8, edges, law),
        (),
    )


def _states(run: Run) -> States | None:
    if run.prices.height != run.equity.height:
        return None
    columns = (run.prices[name].to_numpy()[:, None] for name in ("high", "low", "close"))
    market = SimpleNamespace(**dict(zip(("high", "low", "close"), columns, strict=True)))
    return states_of(market, run.equity["equity"].to_numpy(), 100_000.0, bars_per_year=365.0)


def with_evidence(run: Run) -> Run:
    """The run with its evidence."""
    return replace(run, evidence=evidence_of(run))


def daily() -> Run:
    """Five and a half years of days."""
    run = make_run()
    close = run.prices["close"]
    outputs = run.prices.with_columns(
        fast=close.rolling_mean(20), slow=close.rolling_mean(100), spread=close.pct_change(20)
    )
    return with_evidence(replace(run, prices=outputs))


def minutes(n: int = 1_500_000, n_trades: int = 3_000) -> Run:
    """Years of minutes."""
    return with_evidence(make_run(n, step=timedelta(minutes=1), interval="1m", n_trades=n_trades))


def several() -> Run:
    """Sixteen symbols; prices stacked."""
    names = tuple(f"COIN{k:02d}/USDT" for k in range(16))
    run = make_run(symbols=names)
    stacked = pl.concat([run.prices.with_columns(symbol=pl.lit(s)) for s in names])
    weights = run.equity["net"].to_numpy()[:, None] * np.linspace(0.2, 0.005, 16)
    return with_evidence(replace(run, prices=stacked, weights=weights))


def no_trades() -> Run:
    """A rule that never asked for anything."""
    return with_evidence(make_run(n_trades=0, status="no_trades"))


def one_bar() -> Run:
    """A single bar: nothing to divide by."""
    run = make_run(1, n_trades=0)
    nothing = dict.fromkeys(run.metrics) | {"total_return": 0.0, "max_drawdown": 0.0}
    return replace(run, metrics=nothing, intervals={}, budget=None)


def ruined() -> Run:
    """Equity that falls through zero."""
    run = make_run(600, n_trades=30)
    n = run.equity.height
    fall = np.linspace(100_000, -2_000, n // 2)
    level = np.append(fall, np.zeros(n - fall.size))
    frame = run.equity.with_columns(
        equity=level,
        drawdown=level / np.maximum.accumulate(level) - 1,
        **{"return": np.diff(level, prepend=100_000) / 100_000},
    )
    nothing = dict.fromkeys(run.metrics) | {
        "total_return": -1.0,
        "cagr": -1.0,
        "max_drawdown": -1.0,
    }
    run = replace(run, equity=frame, status="ruined", metrics=nothing, intervals={})
    return with_evidence(run)


def hostile() -> Run:
    """Markup for names, wherever a name can stand."""
    run = make_run(400, title=HOSTILE, name=HOSTILE, symbols=(HOSTILE,), n_trades=20)
    run = with_evidence(run)
    named = {HOSTILE: run.prices["close"] * 1.01}
    return replace(
        run,
        strategy=StrategyInfo(HOSTILE, HOSTILE, HOSTILE * 3, HOSTILE, {HOSTILE: HOSTILE}),
        benchmark_name=HOSTILE,
        prices=run.prices.with_columns(**named),
        calendar=HOSTILE,
        interval=HOSTILE,
        account=HOSTILE,
        trades=run.trades.with_columns(exit_reason=pl.lit(HOSTILE)),
        orders=run.orders.with_columns(reason=pl.lit(HOSTILE)),
        data=[
            DataInfo(HOSTILE, 400, run.prices["open_time"][0], run.prices["open_time"][-1], HOSTILE)
        ],
        manifest={HOSTILE: HOSTILE, "command": HOSTILE, "setup": {"costs": {"fee_bps": 10.0}}},
        check=Check(False),
        why_no_annual=HOSTILE,
    )


def long_names() -> Run:
    """Ten thousand characters where a name belongs."""
    long = "x" * 10_000
    return make_run(300, title=long, name=long, symbols=(long,), n_trades=20)


def with_nan() -> Run:
    """NaN in the equity and in the metrics."""
    run = make_run(500, n_trades=40)
    level = run.equity["equity"].to_numpy().copy()
    level[100:120] = np.nan
    return replace(
        run,
        equity=run.equity.with_columns(equity=level),
        metrics=dict.fromkeys(run.metrics, float("nan")),
        intervals={},
        benchmark=None,
        gross=None,
        periods_per_year=None,
        why_no_annual="the calendar is unknown",
    )


SHAPES = {
    "daily": daily,
    "several": several,
    "no_trades": no_trades,
    "one_bar": one_bar,
    "ruined": ruined,
    "hostile": hostile,
    "long_names": long_names,
    "with_nan": with_nan,
}
