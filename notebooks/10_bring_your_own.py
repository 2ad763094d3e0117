# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Bring your own
#
# Your bars, your strategy file, your section in the report, your SQL, and the results you already
# have from vectorbt or backtesting.py. Everything is written to a temporary folder.

# %%
import importlib.util
import tempfile
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

import trade_research as tr

pl.Config.set_tbl_hide_dataframe_shape(True)
pl.Config.set_fmt_str_lengths(80)
desk = tempfile.TemporaryDirectory()
folder = Path(desk.name)

# %% [markdown]
# ## Your bars
#
# A CSV as people have them. These 500 days are made up, from a fixed seed; one day is missing and
# one has no volume.

# %%
rng = np.random.default_rng(11)
n = 500
close = 50.0 * np.exp(np.cumsum(0.0006 + 0.015 * rng.standard_normal(n)))
opened = np.concatenate([[50.0], close[:-1]]) * np.exp(0.003 * rng.standard_normal(n))
wide = np.abs(rng.standard_normal((2, n))) * 0.006
mine = pl.DataFrame(
    {
        "Date": pl.date_range(pl.date(2023, 1, 1), pl.date(2024, 5, 14), eager=True),
        "Open": opened,
        "High": np.maximum(opened, close) * (1.0 + wide[0]),
        "Low": np.minimum(opened, close) * (1.0 - wide[1]),
        "Close": close,
        "Volume": np.where(np.arange(n) == 200, 0.0, rng.integers(1_000, 9_000, n) * 1.0),
    }
)
mine.filter(pl.col("Date") != pl.date(2023, 9, 9)).write_csv(folder / "acme.csv")
print((folder / "acme.csv").read_text()[:150])

# %% [markdown]
# `read_bars` finds the columns, the interval and the zone, or says what it could not decide. The
# store keeps the bars and tells what is odd; it changes nothing.

# %%
bars = tr.read_bars(folder / "acme.csv")
store = tr.Store(folder / "datasets")
written = store.write_bars(
    bars, venue="mine", symbol="ACME", interval="1d", calendar="24/7", source="acme.csv"
)
print(written.name, "added", written.added, "unchanged", written.unchanged)
written.verdicts

# %% [markdown]
# The same from a shell: `trade-research data import acme.csv --venue mine --symbol ACME --interval
# 1d --calendar 24/7`.
#
# A frame of pandas, Arrow or DuckDB is bars wherever bars are taken: the index is the time, and
# other columns of numbers stay for strategies to read. The run's notes say what was assumed.

# %%
frame = mine.to_pandas().set_index("Date")
frame["rising"] = frame["Close"] > frame["Close"].rolling(50).mean()


@tr.strategy
def given(rising):
    """Long where the frame says so: signals that were made elsewhere."""
    return rising * 1.0


run = tr.backtest(given, frame, calendar="24/7")
print(f"total return {run.metrics['total_return']:.1%}, notes: {run.warnings}")

# %% [markdown]
# ## Your strategy file
#
# A plain module, tracked by git, edited in any editor. `load_strategy` runs it anew each time.

# %%
(folder / "mine.py").write_text('''\
"""Strategies of my own."""

from trade_research import strategy
from trade_research.indicators import ema


@strategy(warmup=lambda slow: slow)
def trend(close, fast: int = 5, slow: int = 20):
    """Long while the fast average is above the slow one."""
    return (ema(close, fast) > ema(close, slow)) * 1.0
''')
trend = tr.load_strategy(f"{folder}/mine.py:trend")
trend

# %%
bars = store.bars("ACME", "1d")
print(tr.check(trend, bars))

# %%
costs = tr.Costs(fee_bps=10, spread_bps=0, slippage_bps=5)
run = tr.backtest(trend, bars, costs=costs)
run

# %% [markdown]
# The shell again: `trade-research backtest mine.py:trend --data mine:ACME@1d --report trend.html`.
#
# ## Your section
#
# A section is a function from what a report sees of a run to a title, a claim and parts. It is
# escaped, laid out and sealed like ours.

# %%
from trade_research.report.section import Section, Table

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def weekdays(run):
    """Net return by day of the week."""
    found = (
        run.equity.group_by(day=pl.col("close_time").dt.offset_by("-1us").dt.weekday())
        .agg(mean=pl.col("return").mean() * 1e4, days=pl.len())
        .sort("day")
    )
    rows = [(DAYS[day - 1], f"{mean:.1f} bp", str(days)) for day, mean, days in found.rows()]
    best = DAYS[found.sort("mean")["day"][-1] - 1]
    return Section(
        "Weekdays",
        f"{best}s were the best day",
        (Table("Net return by weekday", ("Day", "Mean", "Days"), rows), "Seven means of noise."),
    )


page = run.report(folder / "trend.html", extra=[weekdays])
text = page.read_text()
print(page.name, f"{len(text) / 1e3:.0f} kB,", "own section:", "Seven means of noise." in text)

# %% [markdown]
# ## Your SQL
#
# Results are Polars frames, stored bars are Parquet files. DuckDB reads both where they lie.

# %%
trades = run.trades
duckdb.sql("""
    select exit_reason, count(*) as trades, round(sum(pnl), 2) as pnl,
           round(avg("return") * 1e4, 1) as mean_bp, round(avg(bars), 1) as bars_held
    from trades group by all order by trades desc
""").pl()

# %%
store.sql("""
    select symbol, strftime(open_time, '%Y') as year, count(*) as bars,
           round(max(high), 2) as high, round(min(low), 2) as low
    from bars group by all order by year
""")

# %%
equity = run.equity  # the same in Polars
(
    equity.with_columns(day=pl.col("close_time").dt.offset_by("-1us"))  # midnight ends a day
    .group_by_dynamic("day", every="1q")
    .agg(net_return=(1.0 + pl.col("return")).product() - 1.0, deepest=pl.col("drawdown").min())
    .with_columns(pl.col("net_return", "deepest").round(4))
    .tail(4)
)

# %% [markdown]
# ## Moving from vectorbt
#
# vectorbt trades a signal at the close that made it unless it is told otherwise. Our rule is:
# decided at a close, filled at the next open. The same in its words:
#
# | here | vectorbt |
# |---|---|
# | target decided at the close of bar t | size of bar t + 1: shift signals by one |
# | filled at the next open | `price=open` |
# | held until the target changes | size only where the target changes, else NaN |
# | `fee_bps=10` | `fees=0.001` |
# | `slippage_bps=5`, `spread_bps=0` | `slippage=0.0005` (slippage plus half of the spread) |
# | `cash=100_000` | `init_cash=100_000` |
#
# So give it our targets and compare. On first use vectorbt compiles for half a minute; 500 bars
# need no compiler, so it is imported here with Numba switched off.

# %%
target = run.target.ravel()
changed = np.where(target != np.concatenate([[0.0], target[:-1]]), target, np.nan)
size = np.concatenate([[np.nan], changed[:-1]])  # traded one bar later

if importlib.util.find_spec("vectorbt") is None:
    print("vectorbt is not installed: pip install vectorbt, or see tests/peers/test_vectorbt.py")
else:
    import warnings

    import numba

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        numba.config.DISABLE_JIT = True
        try:
            import vectorbt as vbt
        finally:
            numba.config.DISABLE_JIT = False
        portfolio = vbt.Portfolio.from_orders(
            bars["close"].to_numpy(),
            size=size,
            size_type="targetpercent",
            price=bars["open"].to_numpy(),
            fees=0.001,
            slippage=0.0005,
            init_cash=100_000.0,
            freq="1d",
        )
        theirs = portfolio.value().to_numpy()
    ours = run.equity["equity"].to_numpy()
    apart = np.max(np.abs(theirs / ours - 1.0))
    print(f"last equity  vectorbt {theirs[-1]:,.6f}  ours {ours[-1]:,.6f}")
    print(f"orders       vectorbt {len(portfolio.orders.records)}  ours {run.fills.height}")
    print(f"equal on all {ours.size} bars to 1e-9: {apart < 1e-9}")

# %% [markdown]
# And if the signals are *not* shifted and fill at their own close, as in many a notebook? The same
# targets here, with the fill that uses a price the decision already saw:

# %%
cheat = tr.backtest(trend, bars, costs=costs, fill="this_close")
print(f"next open  {run.metrics['total_return']:7.2%}")
print(f"this close {cheat.metrics['total_return']:7.2%}  {cheat.warnings}")

# %% [markdown]
# Where the two differ on purpose: vectorbt measures a stop from the close of the entry bar unless
# told `stop_entry_price="fillprice"`, it lends without limit to shorts, and it annualises by `freq`
# where we take the trading calendar. `tests/peers/test_vectorbt.py` compares both sets of rules on
# random bars, with stops, targets, trailing stops and shared cash.
#
# ## Moving from backtesting.py
#
# backtesting.py already fills at the next open. It is under the AGPL, so this project never imports
# it; `tests/peers/backtesting_py.py` runs it in an environment of its own.
#
# | here | backtesting.py |
# |---|---|
# | a function of columns that returns targets | a class with `init` and `next` |
# | arguments with a default | class variables |
# | target 1.0 after bar t | `self.buy()` in `next` at bar t; fills at the open of t + 1 |
# | target 0.0 | `self.position.close()` |
# | `tr.Rules(lot=1.0)` | sizes above 1 are whole units |
# | `fee_bps=10`, `spread_bps=0`, `slippage_bps=0` | `commission=0.001` |
# | `account="margin"` | `margin=…` below 1 |
# | `tr.Exits(stop=0.05, take_profit=0.06)` | `sl=`, `tp=` as prices, from the fill |
# | `fill="this_close"` | `trade_on_close=True` |
# | equity counts from the first bar | from the bar after: compare from bar 1 on |
#
# That script gives it the integer orders of 2,000 random runs, with and without brackets, and holds
# equity and every closed trade against ours to 1e-9. On one kind of bar the rules differ, so runs
# with one are left out: a position that opens beyond its target and later in the same bar touches
# its stop (they stop, we take the target at the open).

# %%
desk.cleanup()

# %% [markdown]
# **Now change this line:** `price=bars["open"].to_numpy()` in the vectorbt cell to
# `price=bars["close"].to_numpy()`. Are the two still equal? Then run ours with `fill="next_close"`.
