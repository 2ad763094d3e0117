"""Single backtests: fills, equity and round trips of given targets, against vectorbt on the same.

Run ``python -m tests.bench.bench_single`` for this topic alone.
"""

from __future__ import annotations

import warnings

import numpy as np

from tests.bench.table import Row, paired

N_BARS, FEE = 1_000_000, 0.0005


def walk(n: int, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Open, high, low, close of a random walk of minute bars."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.0005, n)))
    open_ = np.append(100.0, close[:-1])
    high = np.maximum(open_, close) * (1 + np.abs(rng.normal(0, 2e-4, n)))
    low = np.minimum(open_, close) * (1 - np.abs(rng.normal(0, 2e-4, n)))
    return open_, high, low, close


def crossover(close: np.ndarray) -> np.ndarray:
    """1 while the mean of 20 is above the mean of 100, else 0."""
    total = np.cumsum(np.append(0.0, close))
    means = [(total[w:] - total[:-w]) / w for w in (20, 100)]
    out = np.zeros(close.size)
    out[99:] = means[0][80:] > means[1]
    return out


def rows() -> list[Row]:
    """Nanoseconds a bar over a million bars with some 7,000 trades."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import vectorbt as vbt
    vbt.settings["engine"] = "numba"
    bars = walk(N_BARS)
    pairs = {
        "signal to metrics, SMA(20, 100)": whole(vbt, *bars),
        "given targets to equity and trades": from_targets(vbt, *bars, has_stops=False),
        "given targets, stop and take profit": from_targets(vbt, *bars, has_stops=True),
    }
    out = []
    for work, (ours, theirs) in pairs.items():
        mine, peer = (seconds * 1e9 / N_BARS for seconds in paired(ours, theirs, rounds=5))
        name = f"single backtest, 1M bars: {work}"
        out.append(Row(name, mine, peer, "vectorbt", "ns/bar", ">= 15x (50x)"))
    return out


def whole(vbt, open_, high, low, close):
    """Both from a frame of bars to the numbers, each through its public face."""
    import pandas as pd
    import polars as pl

    import trade_research as tr

    opened = pl.Series(np.arange(N_BARS) * 60_000_000)
    frame = pl.DataFrame(
        {
            "open_time": opened.cast(pl.Datetime("us", "UTC")),
            "close_time": (opened + 60_000_000).cast(pl.Datetime("us", "UTC")),
            "open": open_,
            "high": high,
            "low": low,
            "close": close,
            "volume": np.ones(N_BARS),
        }
    )
    costs = tr.Costs(fee_bps=FEE * 1e4, spread_bps=0.0, slippage_bps=0.0)
    index = pd.date_range("2020-01-01", periods=N_BARS, freq="1min")
    prices, opens = pd.Series(close, index=index), pd.Series(open_, index=index)

    def ours():
        run = tr.backtest(
            tr.strategies.ma_crossover, frame, fast=20, slow=100, costs=costs, calendar="24/7"
        )
        keys = ("total_return", "sharpe", "max_drawdown", "trades")
        return [run.metrics[key] for key in keys]

    def theirs():
        fast, slow = vbt.MA.run(prices, 20), vbt.MA.run(prices, 100)
        entries = fast.ma_crossed_above(slow).vbt.signals.fshift(1)
        exits = fast.ma_crossed_below(slow).vbt.signals.fshift(1)
        book = vbt.Portfolio.from_signals(
            prices, entries, exits, price=opens, fees=FEE, init_cash=1e5, freq="1min"
        )
        ratio, drawdown = book.sharpe_ratio(), book.max_drawdown()
        return book.total_return(), ratio, drawdown, book.trades.count()

    return ours, theirs


def from_targets(vbt, open_, high, low, close, *, has_stops):
    """Both from the same arrays of targets to equity and trades."""
    from trade_research.simulate import Costs, Exits, Market, simulate

    target = crossover(close)
    opened = np.arange(N_BARS, dtype=np.int64) * 60_000_000
    volume = np.ones(N_BARS)
    market = Market(opened, opened + 60_000_000, open_, high, low, close, volume, symbols=("X",))
    costs = Costs(fee_bps=FEE * 1e4, spread_bps=0.0, slippage_bps=0.0)
    brackets = Exits(stop=0.01, take_profit=0.02) if has_stops else None
    more = {"sl_stop": 0.01, "tp_stop": 0.02, "open": open_, "high": high, "low": low}
    more |= {"stop_entry_price": "fillprice", "stop_exit_price": "stopmarket"}
    change = np.diff(target, prepend=0.0)
    entries, exits = (np.append(False, (change == k)[:-1]) for k in (1.0, -1.0))

    def ours():
        return len(simulate(market, target, costs=costs, exits=brackets).trades)

    def theirs():
        book = vbt.Portfolio.from_signals(
            close,
            entries,
            exits,
            price=open_,
            fees=FEE,
            init_cash=1e5,
            freq="1min",
            **(more if has_stops else {}),
        )
        return book.value().size, book.trades.count()

    return ours, theirs


if __name__ == "__main__":
    for row in rows():
        print(f"{row.work}: {row.ours:.1f} {row.unit}, vectorbt {row.peer:.0f}, {row.ratio:.0f}x")
