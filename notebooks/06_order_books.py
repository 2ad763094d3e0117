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
# # Order books
#
# Books and trades from a recording into the store, depth and imbalance in SQL and in a kernel, what
# the imbalance says and for how long, what it costs to walk the book, and what latency takes away.
#
# The market here is made up (seeded, so that you see the same numbers); `tr.read_books("file.gz")`
# reads recordings of Binance, Bybit, Bitstamp and others into the same shape.

# %%
import tempfile

import numpy as np
import polars as pl

import trade_research as tr
from trade_research.frames.columns import columns
from trade_research.indicators import book

recording = tr.sources.demo_books(minutes=30)
recording

# %%
recording.books.select("time", "bid_price_1", "bid_size_1", "ask_price_1", "ask_size_1").head(3)

# %% [markdown]
# ## Stored exactly, read level by level
#
# Prices and sizes come back bit for bit; five levels read about a quarter of what twenty do.

# %%
store = tr.Store(tempfile.mkdtemp())
store.write_books(recording, venue="demo", symbol="DEMO/USD")
store.write_trades(recording.trades, venue="demo", symbol="DEMO/USD")
assert store.books("DEMO/USD").equals(recording.books)
store.book_catalog().select("kind", "rows", "depth", "bytes")

# %%
store.sql("""
    select time_bucket(interval 5 minute, time) as t, avg(1e4 * spread / mid) as spread_bps,
           avg(imbalance_1) as imbalance, count(*) as books
    from books where symbol = 'DEMO/USD' group by 1 order by 1
""")

# %% [markdown]
# ## One imbalance
#
# `(B − A) / (B + A)` over the best levels. Ratios convert: 3 to 1 is +0.5.

# %%
books = store.books("DEMO/USD", depth=5)
sides = columns(books, ["bid_price", "bid_size", "ask_price", "ask_size"])
signal = book.imbalance(sides["bid_size"], sides["ask_size"], 5)
mid = book.book_mid(sides["bid_price"], sides["ask_price"])
book.imbalance_of_ratio(3.0), float(np.std(signal))

# %% [markdown]
# What does it say about the next move of the mid, and for how long?

# %%
decay = []
for seconds in (0.1, 0.5, 1, 5, 10, 60):
    ahead = int(seconds * 10)
    move = 1e4 * (mid[ahead:] / mid[:-ahead] - 1)
    ic = np.corrcoef(signal[:-ahead], move)[0, 1]
    top = move[signal[:-ahead] > np.quantile(signal, 0.9)].mean()
    decay.append({"seconds": seconds, "IC": ic, "top decile, bp": top})
pl.DataFrame(decay)

# %% [markdown]
# ## Walking the book
#
# A market order takes what stands there, level by level. This is its mean cost against the mid.

# %%
from trade_research.simulate.book_fills import walk_cost

rows = []
for units in (0.01, 0.1, 1.0, 3.0):
    paid = []
    for t in range(0, len(mid), 500):
        got, money = walk_cost(sides["ask_price"][t], sides["ask_size"][t], units)
        paid.append(1e4 * (money / got / mid[t] - 1))
    rows.append({"units": units, "cost in bp": float(np.mean(paid))})
pl.DataFrame(rows)

# %% [markdown]
# ## A strategy, in event time
#
# Decided on a book when it is received; filled on the recorded book when the order arrives. The
# number to look at first is the **break-even fee**: what the venue may charge a side before the
# result is zero.

# %%
run = tr.backtest(
    tr.strategies.l2_imbalance,
    books,
    trades=store.trades("DEMO/USD"),
    costs=tr.Costs(fee_bps=2.0),
    account="margin",
    latency="50ms",
)
run

# %%
{k: run.metrics[k] for k in ("mid_bps", "latency_bps", "spread_bps", "walk_bps", "break_even_bps")}

# %%
run.latency_curve

# %% [markdown]
# Spread and fees eat the signal, as they do on most venues: the mid moves the right way, but by
# less than it costs to follow. `run.report("book.html")` shows the whole of it.

# %% [markdown]
# ## Is it honest?
#
# The three laws, over books: nothing is known early, the warm-up is enough, and books released one
# by one or in blocks give the same signals and the same run.

# %%
tr.check(tr.strategies.l2_imbalance, books[:1_000], setup={"account": "margin"}, budget_s=2.0)

# %% [markdown]
# ## Bars priced by books
#
# A strategy of bars can be filled on books too: each order walks the book of its moment. For days
# without books, `fit_costs` gives the costs that these books would have charged, by size of order:
# the mean and some percentiles of walking them, and as `fitted` what bars are then charged.

# %%
minutes = tr.frames.bars_of_trades(recording.trades, every="1m")
on_books = tr.backtest(
    tr.strategies.ma_crossover, minutes, books=books, costs=tr.Costs(fee_bps=2.0), fast=3, slow=8
)
on_books.metrics["walk_bps"]

# %%
fitted = tr.research.fit_costs(
    books, (0.25, 0.5, 1.0, 2.0), tr.Costs(fee_bps=2.0), volume=minutes["volume"].mean()
)
print(fitted.costs)
fitted.curve

# %% [markdown]
# ## On the other side
#
# A quoter wants one bid and one ask; its orders wait in their queues, and how long is the model's
# guess. What the spread pays is set against what the mid takes from those who were filled.

# %%
from trade_research.research import backtest_quoter
from trade_research.simulate import avellaneda_stoikov

quoted = backtest_quoter(
    avellaneda_stoikov, recording, tick=0.1, lot=0.001, size=0.02,
    costs=tr.Costs(maker_fee_bps=0.0), gamma=1e-6, kappa=1e6,
)  # fmt: skip
print(quoted)
quoted.by_queue

# %% [markdown]
# **Now change this line**: `buy=6.0, sell=0.16` asks for a stronger imbalance.

# %%
choosy = tr.backtest(
    tr.strategies.l2_imbalance, books, costs=tr.Costs(fee_bps=2.0), account="margin", buy=6.0,
    sell=0.16,
)  # fmt: skip
choosy.metrics["break_even_bps"], choosy.metrics["trades"]
