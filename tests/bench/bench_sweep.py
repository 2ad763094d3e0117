"""Sweeps against vectorbt and against a kernel written by hand for one strategy.

Nanoseconds of one processor per bar and configuration, alternated in one process: the dual moving
average of 1,000 combinations, its variants, and what evidence costs beside; memory of each in a
process of its own. Run ``python -m tests.bench.bench_sweep`` for this topic alone; with a number of
bars for that length alone.
"""

from __future__ import annotations

import gc
import importlib
import os
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl

import trade_research as tr
from tests.bench.table import Row
from tests.data import SHARED
from trade_research.indicators import sma

FEE = 0.0005
FASTS, SLOWS = range(5, 45, 2), range(50, 300, 5)
COSTS = tr.Costs(fee_bps=FEE * 1e4, spread_bps=0.0, slippage_bps=0.0)
CHUNK, SAMPLE = 10, 50  # combinations of vectorbt at once (its best), and timed


def prices(n: int, seed: int = 7) -> tuple[np.ndarray, ...]:
    """Open, high, low, close of a random walk of minutes."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(0.0005 * rng.standard_normal(n)))
    open_ = np.append(100.0, close[:-1] * np.exp(0.0001 * rng.standard_normal(n - 1)))
    high = np.maximum(open_, close) * np.exp(0.00025 * np.abs(rng.standard_normal(n)))
    low = np.minimum(open_, close) * np.exp(-0.00025 * np.abs(rng.standard_normal(n)))
    return open_, high, low, close


def frame(n: int) -> pl.DataFrame:
    """The same as bars."""
    open_, high, low, close = prices(n)
    opened = pl.Series(np.arange(n) * 60_000_000).cast(pl.Datetime("us", "UTC"))
    return pl.DataFrame(
        {
            "open_time": opened,
            "close_time": opened.dt.offset_by("1m"),
            "open": open_,
            "high": high,
            "low": low,
            "close": close,
            "volume": np.ones(n),
        }
    )


@tr.strategy(warmup=lambda slow: slow)
def loop(close, fast: int = 10, slow: int = 50):
    """A loop of its own whose state it looks at."""
    quick, calm = sma(close, fast), sma(close, slow)
    target, held = np.empty(close.size), 0.0
    for t in range(close.size):
        if held == 0.0 and quick[t] > calm[t]:
            held = 1.0
        elif held == 1.0 and quick[t] < calm[t]:
            held = 0.0
        target[t] = held
    return target


def ours(bars: pl.DataFrame, strategy=tr.strategies.ma_crossover, threads: int = 1, **more):
    """A call that sweeps all 1,000 combinations through the public face."""
    rules = {"costs": COSTS, "calendar": "24/7", "threads": threads, "progress": False}
    return lambda: tr.sweep(
        strategy, bars, fast=FASTS, slow=SLOWS, where="fast < slow", **(rules | more)
    )


def theirs(n: int, average: str = "sma", **more):
    """A call of vectorbt over a sample of the combinations, in chunks: its best way."""
    import pandas as pd

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import vectorbt as vbt
    vbt.settings["engine"] = "numba"
    open_, high, low, close = prices(n)
    index = pd.date_range("2020-01-01", periods=n, freq="1min")
    price, opens = pd.Series(close, index), pd.Series(open_, index)
    every = [(f, s) for f in FASTS for s in SLOWS]
    pick = np.linspace(0, len(every) - 1, SAMPLE if n <= 200_000 else CHUNK).astype(int)
    some = [every[i] for i in pick]
    is_short = more.pop("is_short", False)
    if more:
        more |= {"open": opens, "high": pd.Series(high, index), "low": pd.Series(low, index)}
        more |= {"stop_entry_price": "fillprice"}
        more |= {"stop_exit_price": "stopmarket"}

    def chunk(pairs):
        quick = vbt.MA.run(price, [f for f, _ in pairs], ewm=average == "ema", short_name="fast")
        calm = vbt.MA.run(price, [s for _, s in pairs], ewm=average == "ema", short_name="slow")
        up = quick.ma_crossed_above(calm).vbt.signals.fshift(1)
        down = quick.ma_crossed_below(calm).vbt.signals.fshift(1)
        sides = {"entries": up, "exits": down}
        if is_short:
            sides = {"entries": up, "short_entries": down, "upon_opposite_entry": "reverse"}
        book = vbt.Portfolio.from_signals(
            price, **sides, price=opens, fees=FEE, init_cash=1e5, freq="1min", **more
        )
        ratio, fall = book.sharpe_ratio(), book.max_drawdown()
        return book.total_return(), ratio, fall, np.bincount(book.trades.values["col"])

    def call():
        for first in range(0, len(some), CHUNK):
            chunk(some[first : first + CHUNK])

    return call, len(some)


def hand_made(n: int, average: str = "sma"):
    """The event-compressed Numba kernel of the yardsticks; None where they are not here."""
    folder = None if SHARED is None else SHARED.parent / "bench"
    if folder is None or not (folder / "w3_limit.py").is_file():
        return None
    kept, sys.argv = sys.argv, ["w3_limit.py", str(n), average]
    sys.path.insert(0, str(folder))
    try:
        sys.modules.pop("w3_limit", None)
        kernels = importlib.import_module("w3_limit")
    except (OSError, subprocess.CalledProcessError):
        return None
    finally:
        sys.argv = kept
        sys.path.remove(str(folder))
    return lambda: kernels.nb_events(1)


def cpu(calls: dict[str, Callable[[], object]], rounds: int, clock=time.process_time, of=median):
    """Seconds of each call, the median of some, run alternately after one uncounted run of all."""
    for call in calls.values():
        call()
    gc.collect()
    gc.freeze()  # the peer's objects refer to each other
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            gc.collect()
            start = clock()
            call()
            times[name].append(clock() - start)
    return {name: of(values) for name, values in times.items()}


def crossing(n: int, average: str, goal: str, rounds: int) -> Iterator[Row]:
    """The 1,000 combinations against vectorbt and the hand-made kernel."""
    bars = frame(n)
    peer, k = theirs(n, average)
    calls = {"ours": ours(bars, kind=[average]), "vectorbt": peer}
    if (limit := hand_made(n, average)) is not None:
        calls["hand"] = limit
    found = cpu(calls, rounds)
    mine, other = (
        found[name] / n / size * 1e9 for name, size in (("ours", 1_000), ("vectorbt", k))
    )
    work = f"sweep, dual {average.upper()}, 1,000 × {n // 1000:,}k bars"
    yield Row(work, mine, other, "vectorbt", "ns", goal)
    if "hand" in found:
        hand = found["hand"] / n / 1_000 * 1e9
        yield Row(f"{work}, hand-made", mine, hand, "Numba events", "ns", "≥ 0.5×")


def variants(n: int, rounds: int) -> Iterator[Row]:
    """What needs more than all in or out at proportional costs."""
    bars = frame(n)
    plain, k = theirs(n)
    short, _ = theirs(n, is_short=True)
    stops, _ = theirs(n, sl_stop=0.01, tp_stop=0.02)
    lots = tr.Rules(lot=0.001)
    least = tr.Costs(fee_bps=FEE * 1e4, spread_bps=0.0, slippage_bps=0.0, min_fee=0.01)
    calls = {
        "long and short": (ours(bars, short=[True], account="margin"), short, "≥ 50×"),
        "stop and target": (ours(bars, stop=[0.01], take_profit=[0.02]), stops, "≥ 15× (50×)"),
        "loop of its own": (ours(bars, loop), plain, "≥ 15× (50×)"),
        "own loop, stop": (ours(bars, loop, stop=[0.01], take_profit=[0.02]), stops, "≥ 15×"),
        "lots": (ours(bars, rules=lots), plain, "≥ 15×"),
        "minimum fee": (ours(bars, costs=least), plain, "≥ 15×"),
    }
    for name, (mine, peer, goal) in calls.items():
        found = cpu({"ours": mine, "vectorbt": peer}, rounds)
        ns = found["ours"] / n / 1e3 * 1e9, found["vectorbt"] / n / k * 1e9
        yield Row(f"sweep, {name}, 1,000 × {n // 1000}k bars", *ns, "vectorbt", "ns", goal)


def beside(n: int, rounds: int) -> Iterator[Row]:
    """Two threads against one, the best of each, and the evidence on the sweep."""
    bars = frame(n)
    wall = {"one": ours(bars), "two": ours(bars, threads=2)}
    found = cpu(wall, rounds, time.perf_counter, min)
    work = f"sweep, two threads, 1,000 × {n // 1000}k bars"
    ns = {name: seconds / n / 1e3 * 1e9 for name, seconds in found.items()}
    yield Row(work, ns["two"], ns["one"], "one thread", "ns wall", "≥ 1.7×")
    swept = ours(bars)()
    start = time.perf_counter()
    _ = swept.evidence
    yield Row("its evidence", time.perf_counter() - start, None, "", "s", "beside")


def memory(n: int) -> Iterator[Row]:
    """Peak memory of each in a process of its own."""
    sizes = {name: peak(name, n) for name in ("ours", "vectorbt")}
    work = f"sweep, peak memory, 1,000 × {n // 1000:,}k bars"
    goal = "≤ 0.5" if n <= 200_000 else "≤ 1.8"
    yield Row(work, sizes["ours"], sizes["vectorbt"], "vectorbt", "GiB", goal)


def peak(name: str, n: int) -> float:
    """Peak memory of a fresh process that runs one of the two."""
    run = f"ours(frame({n}))()" if name == "ours" else f"theirs({n})[0]()"
    code = f"from tests.bench.bench_sweep import *; {run}; print(used())"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=Path(__file__).resolve().parents[2],
        env=os.environ | {"PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


def used() -> float:
    """Peak memory of this process, GiB; what `resource` says may be its parent's."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) / 2**20


def rows() -> list[Row]:
    """At 100,000 bars; at a million with a smaller sample of vectorbt."""
    return [
        *crossing(100_000, "sma", "≥ 200× (450×)", 7),
        *crossing(100_000, "ema", "≥ 150×", 5),
        *variants(100_000, 3),
        *beside(100_000, 25),
        *memory(100_000),
        *crossing(1_000_000, "sma", "≥ 300×", 3),
    ]


if __name__ == "__main__":
    parts = crossing(int(sys.argv[1]), "sma", "", 3) if len(sys.argv) > 1 else rows()
    for row in parts:
        ratio = "" if row.ratio is None else f"{row.ratio:8.2f}×"
        print(f"{row.work:52}{row.ours:10.3f} {row.unit:8}{ratio}  {row.goal}", flush=True)
