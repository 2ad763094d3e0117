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
# # Your first strategy
#
# Write a function, prove that it does not cheat, run it with costs, look at what came out.
# Everything here runs without network, on twenty years of real S&P 500 days.

# %%
import numpy as np

import trade_research as tr
from trade_research.indicators import ema

# %% [markdown]
# ## Bars
#
# A store is a folder of Parquet files. Writing the same bars twice adds nothing, and what is odd
# about them is told at once.

# %%
store = tr.Store("../datasets")
for symbol, frame in tr.sources.demo_bars().items():
    written = store.write_bars(frame, venue="index", symbol=symbol, interval="1d")
    print(written.name, "added", written.added, "unchanged", written.unchanged)

# %%
bars = store.bars("SP500", "1d")
bars.tail(3)

# %%
store.verdicts("index:SP500@1d")

# %% [markdown]
# ## A strategy
#
# Arguments without a default are columns of the bars, those with one are parameters. The result is
# the share of equity wanted after each bar: 1 is all in, 0 is out. Numba compiles it on first use.


# %%
@tr.strategy(warmup=lambda slow: slow)
def trend(close, fast: int = 50, slow: int = 200):
    """Long while the fast average is above the slow one, else flat."""
    return np.where(ema(close, fast) > ema(close, slow), 1.0, 0.0)


trend

# %% [markdown]
# ## Does it cheat?
#
# `check` recomputes the targets from the past alone, bar by bar and on changed futures, leaves out
# the start, and feeds the bars one at a time through the simulator. All three must give the same
# bits.

# %%
check = tr.check(trend, bars)
check

# %% [markdown]
# The same idea with one careless index: it compares with the close of the *next* bar.


# %%
@tr.strategy
def too_good(close):
    """Long before days that rise: it reads tomorrow's close."""
    target = np.zeros_like(close)
    for t in range(close.size - 1):
        target[t] = 1.0 if close[t + 1] > close[t] else 0.0
    return target


print(tr.check(too_good, bars))

# %% [markdown]
# ## What it earned
#
# Decided at a close, filled at the next open, costs included. There is no run without costs.

# %%
run = tr.backtest(trend, bars, costs=tr.Costs(fee_bps=1, spread_bps=1, slippage_bps=1))
run

# %%
run.trades.select(
    "entry_time", "exit_time", "entry_price", "exit_price", "pnl", "mae", "mfe"
).head()

# %%
run.metrics["sharpe"], run.metrics["max_drawdown"], run.benchmark_metrics["sharpe"]

# %%
run.plot()

# %% [markdown]
# How much worse could costs get before nothing is left?

# %%
run.budget

# %% [markdown]
# ## The report
#
# One HTML file, no network, with the manifest that says how to make it again.

# %%
path = run.report("../reports/first_strategy.html")
path, run.verdict.word, run.verdict.sentence

# %% [markdown]
# **Now change this line:** `fast: int = 50` to `fast: int = 10`, and run all cells again. More
# trades, more costs: is the report's first line still the same word?
