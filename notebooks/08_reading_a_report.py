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
# # Reading a report: four strategies that should not be traded
#
# Each earns money in its backtest. Each has one flaw, and the report has one place that gives it
# away. The way to read is always the same: first the verdict's sentence, then the section that the
# sentence points to, then a conclusion in your own words. Try to answer before you run the cell
# below each question.
#
# The data are real S&P 500 days from 1999 to 2018; everything runs without network.

# %%
import numpy as np
import polars as pl

import trade_research as tr
from trade_research.indicators import sma

store = tr.Store("../datasets")
for symbol, frame in tr.sources.demo_bars().items():
    store.write_bars(frame, venue="index", symbol=symbol, interval="1d")

bars = store.bars("SP500", "1d")
costs = tr.Costs.venue("index")
costs

# %% [markdown]
# Two small helpers: the verdict as a sentence, and its gates as a table. The report shows the same
# on its first screen.

# %%
pl.Config.set_fmt_str_lengths(200)
pl.Config.set_tbl_rows(30)
pl.Config.set_tbl_hide_dataframe_shape(True)


def verdict(run):
    """The report's first line."""
    print(f"{run.verdict.word}. {run.verdict.sentence}")


def gates(run, *states):
    """The gates of the verdict; only those in the given states, if any."""
    rows = [(g.mark, g.name, g.found) for g in run.verdict.gates if not states or g.state in states]
    return pl.DataFrame(rows, schema=["state", "gate", "found"], orient="row")


# %% [markdown]
# ## Exercise 1: a busy strategy
#
# More than a thousand trades, a Sharpe ratio whose interval lies above zero, positive net of costs.


# %%
@tr.strategy(warmup=lambda days: days)
def busy(close, days: int = 2, fall: float = 0.08, small: float = 0.05):
    """A small position after every down day, all in after a fall of 8% in two days."""
    target = np.zeros_like(close)
    for t in range(days, close.size):
        if close[t] < close[t - days] * (1.0 - fall):
            target[t] = 1.0
        elif close[t] < close[t - 1]:
            target[t] = small
    return target


one = tr.backtest(busy, bars, costs=costs)
one

# %% [markdown]
# **What would you ask first?** The verdict asks it for you:

# %%
verdict(one)
gates(one, "no")

# %%
one.plot()

# %% [markdown]
# The curve is a staircase with one step. The section *Stability* lists the years; the trades, by
# the month in which they ended, say which weeks it was.

# %%
by_month = (
    one.trades.group_by(month=pl.col("exit_time").dt.strftime("%Y-%m"))
    .agg(trades=pl.len(), profit=pl.col("pnl").sum())
    .with_columns(share=(pl.col("profit") / pl.col("profit").sum()).round(2))
    .sort("profit", descending=True)
)
by_month.head(5)

# %%
spread = one.evidence.stability.concentration
print(f"the ten best of {one.evidence.days:,} days made {spread.best_share:.0%} of the growth")
print(f"total return {one.metrics['total_return']:.1%}, without them {spread.without_best:.1%}")

# %% [markdown]
# **Conclusion.** One autumn, not a thousand trades. A thousand trades of almost nothing make the
# sample *look* large: the interval of the Sharpe ratio counts days, so it cannot see this. The two
# concentration gates can. What was tested is one bet on the rebounds of autumn 2008.

# %% [markdown]
# ## Exercise 2: a thousand small wins
#
# Buy after a down day, sell after an up day. No year and no five trades dominate.


# %%
@tr.strategy
def bounce(close):
    """Long for the day after a down day."""
    target = np.zeros_like(close)
    target[1:] = (close[1:] < close[:-1]) * 1.0
    return target


two = tr.backtest(bounce, bars, costs=tr.Costs.zero())
verdict(two)
gates(two, "no", "warn")

# %% [markdown]
# "0.0 bp assumed": somebody switched the costs off, and the report says so. The edge budget needs
# no assumption: it is the cost at which nothing is left.

# %%
two.budget

# %% [markdown]
# A twentieth of a per cent a side. The report's cost grid tells the same as a table. On the run
# without costs every row would be equal, as any multiple of nothing is nothing: that alone is a
# sign. So here it is for the published costs of an index product (1 bp fee, 1 bp spread, 1 bp
# slippage).

# %%
real = tr.backtest(bounce, bars, costs=costs)
verdict(real)
print(f"Sharpe ratio {two.metrics['sharpe']:.2f} at no cost, {real.metrics['sharpe']:.2f} at costs")

grid = pl.DataFrame(real.evidence.grids.costs)
(
    grid.with_columns(pl.col("sharpe").round(2))
    .pivot("bars", index="multiple", values="sharpe")
    .rename({"multiple": "costs \\ bars late"})
)

# %% [markdown]
# **Conclusion.** It lives on zero costs. At published costs half of the profit is gone, at twice
# those it is noise, and one bar of delay takes half of what was left. Read the columns as well as
# the rows: a signal that dies when it is a bar late must be traded in a hurry, and hurry costs.
#
# "DSR" is the Sharpe ratio deflated: each strategy tried on these bars goes to the store's ledger,
# and with every trial the verdict asks for more, as the best of many is good by luck.

# %% [markdown]
# ## Exercise 3: the feed
#
# A colleague sends bars of the same index "from another vendor". We make his file here, so that we
# know what is wrong with it: eight times the feed went down for two weeks, and each time its first
# two bars afterwards were printed 10% too low.

# %%
rng = np.random.default_rng(3)
down = np.sort(rng.choice(np.arange(300, bars.height - 100, 60), 8, replace=False))
is_there, level = np.ones(bars.height, bool), np.ones(bars.height)
for first in down:
    is_there[first : first + 10] = False
    level[first + 10 : first + 12] = 0.9
vendor = bars.with_columns(pl.col("open", "high", "low", "close") * level).filter(is_there)

# %% [markdown]
# A classic on top: buy what lies 2% below its mean of five days, until it does not.


# %%
@tr.strategy(warmup=lambda days: days)
def dip(close, days: int = 5, depth: float = 0.02):
    """Long while the close is well below its short mean."""
    return (close < sma(close, days) * (1.0 - depth)) * 1.0


three = tr.backtest(dip, vendor, calendar="XNYS", costs=costs)
verdict(three)
three

# %% [markdown]
# The sentence begins with the data. The section *Data* lists what is missing, by the exchange's own
# calendar, so that weekends and holidays are no gaps:

# %%
holes = three.data.verdicts.select("kind", "open_time", "end_time", "rows", "detail")
holes

# %% [markdown]
# Is the profit beside the holes? An as-of join puts the last hole before each entry next to it.

# %%
beside = three.trades.join_asof(
    holes.filter(pl.col("kind") == "gap").select(hole="end_time"),
    left_on="entry_time",
    right_on="hole",
)
is_near = pl.col("entry_time") - pl.col("hole") < pl.duration(days=7)
(
    beside.with_columns(
        entered=pl.when(is_near).then(pl.lit("in the week after a hole")).otherwise(pl.lit("else"))
    )
    .group_by("entered")
    .agg(trades=pl.len(), profit=pl.col("pnl").sum(), mean_return=pl.col("return").mean())
    .sort("entered")
)

# %% [markdown]
# And the same rule on bars without holes:

# %%
clean = tr.backtest(dip, bars, costs=costs)
verdict(clean)
for name, run in (("vendor", three), ("clean", clean)):
    print(f"{name:7} return {run.metrics['total_return']:6.1%}  Sharpe {run.metrics['sharpe']:.2f}")

# %% [markdown]
# **Conclusion.** Eight trades of 158 made two thirds of it, at prices at which nobody could have
# bought. Less than 2% of the bars were enough. Only the last of the eight bad prints was far enough
# from its calm days to be called an outlier: the holes gave the rest away. Nothing was repaired on
# the way: a store that fills gaps silently would have hidden them.

# %% [markdown]
# ## Exercise 4: smooth prices
#
# "I only remove the noise": a mean of five closes, long while it rises.


# %%
@tr.strategy
def smooth(close, half: int = 2):
    """Long while the smoothed price rises."""
    target = np.zeros_like(close)
    for t in range(half + 1, close.size - half):
        now = close[t - half : t + half + 1].mean()
        before = close[t - half - 1 : t + half].mean()
        target[t] = 1.0 if now > before else 0.0
    return target


four = tr.backtest(smooth, bars, costs=costs)
four

# %% [markdown]
# A Sharpe ratio that no index strategy has ever had, and not a single bad year. Before you believe
# it:

# %%
verdict(four)
print(four.check)

# %% [markdown]
# The check names the bar and the first later bar that the target depended on: the mean was centred,
# so it ended two days after the day it was used. `rolling(center=True)` of a data frame does the
# same in four words. The honest version ends at the bar itself:


# %%
@tr.strategy(warmup=lambda days: days + 1)
def smooth_honest(close, days: int = 5):
    """Long while the mean of the last closes rises."""
    mean = sma(close, days)
    target = np.zeros_like(close)
    target[1:] = (mean[1:] > mean[:-1]) * 1.0
    return target


honest = tr.backtest(smooth_honest, bars, costs=costs)
verdict(honest)
print(f"laws hold: {honest.check.passed}")
print(f"Sharpe ratio {four.metrics['sharpe']:.2f} before, {honest.metrics['sharpe']:.2f} now")

# %% [markdown]
# **Conclusion.** Look-ahead, *Invalid*: no other number of that report means anything.
#
# ## What to remember
#
# | the sentence says | look at | the question |
# |---|---|---|
# | one calendar year, five trades made … | Stability, Trades | is it one event? |
# | breaks even at a fee of … (… assumed) | Costs | who pays the spread? |
# | …% of the bars are flagged | Data | could one have traded at these prices? |
# | a law is broken | the check | what did it know, and when? |
#
# The whole page of the first one, to read at leisure:

# %%
one.report("../reports/one_autumn.html")

# %% [markdown]
# **Now change this line:** `small: float = 0.05` of `busy` to `small: float = 0.5`, and run the
# first exercise again. The verdict says another word. Has the strategy become better, or is the
# autumn only harder to see? Look at the months.
