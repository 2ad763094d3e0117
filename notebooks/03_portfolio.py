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
# # A portfolio
#
# One strategy over twenty stocks with one account: how targets become weights, what caps and
# rebalancing change, who earned the result, and what it cost to hold. Real closing prices of twenty
# large American companies, 1990 to 2022, as the package `skfolio` carries them; no network.

# %%
import gzip
from importlib.metadata import files

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
from matplotlib.dates import YearLocator

import trade_research as tr
from trade_research.portfolio import project

pl.Config.set_tbl_hide_dataframe_shape(True)
pl.Config.set_float_precision(3)
pl.Config.set_tbl_rows(40)
pl.Config.set_tbl_cols(20)

packed = next(f for f in files("skfolio") if f.name == "sp500_dataset.csv.gz")
closes = pl.read_csv(gzip.decompress(packed.read_binary()), try_parse_dates=True)
long = closes.unpivot(index="Date", variable_name="symbol", value_name="close").sort(
    "symbol", "Date"
)
bars = tr.frames.to_bars(
    long.filter(pl.col("Date") >= pl.date(2000, 1, 1)).select(
        "symbol",
        pl.col("Date").alias("open_time"),
        *(pl.col("close").alias(side) for side in ("open", "high", "low", "close")),
    ),
    "1d",
    "XNYS",
)
bars.group_by("symbol").agg(days=pl.len(), first=pl.col("close_time").min()).sort("symbol").head(3)

# %% [markdown]
# Three things to keep in mind of these data. They are adjusted closes, so opening prices are not
# known, and orders below are filled at the *next close* (`fill="next_close"`). They are companies
# that were large in 2022: whoever chose them knew who would survive. And they have no volume.
#
# ## One account, many symbols
#
# Each symbol's target says how much of its part it wants; the portfolio says how large the parts
# are. Without one, each symbol has an equal part of the equity, whether it is used or not.

# %%
momentum = tr.strategies.time_series_momentum
game = {
    "costs": tr.Costs(fee_bps=1, spread_bps=2, slippage_bps=1),
    "fill": "next_close",
    "calendar": "XNYS",
    "lookback": 252,
}
equal = tr.EqualWeight(gross=1.0, max_weight=0.10)
run = tr.backtest(momentum, bars, portfolio=equal, rebalance="4w", **game)
run

# %% [markdown]
# The account knows one cash: what one symbol sells, another may buy. Exposure goes down by itself
# when few symbols trend.

# %%
SHOWN = ("total_return", "cagr", "sharpe", "max_drawdown", "turnover", "cost_paid")


def row(name, run):
    return {"": name} | {key: run.metrics[key] for key in SHOWN}


fig, (top, below) = plt.subplots(
    2, 1, figsize=(11, 5.5), sharex=True, height_ratios=(2, 1), layout="constrained"
)
times = run.equity["close_time"].to_numpy()
top.plot(times, run.equity["equity"] / 1e5, color="#0072b2", lw=1.3, label="momentum, net")
top.plot(times, run.benchmark.equity / 1e5, color="0.45", lw=1.0, label="the twenty, held")
top.set(yscale="log", ylabel="equity, start = 1", title="Most of 2008 avoided, recoveries missed")
top.set_yticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
top.minorticks_off()
top.legend(frameon=False)
below.fill_between(times, run.equity["gross"], color="#0072b2", alpha=0.35, lw=0)
below.set(ylabel="exposure", ylim=(0, 1.05))
for axis in (top, below):
    axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# ## Four ways to share
#
# Equal parts; less to what swings more; equal contributions to the variance; and equal parts scaled
# to a volatility of 12% a year. All estimates use what was known at each close.

# %%
ways = {
    "equal": equal,
    "inverse volatility": tr.InverseVolatility(lookback=60, max_weight=0.10),
    "risk parity": tr.RiskParity(lookback=252, every="12w", max_weight=0.10),
    "volatility target": tr.VolatilityTarget(0.12, of=equal, max_gross=1.0),
}
runs = {
    name: tr.backtest(momentum, bars, portfolio=way, rebalance="4w", **game)
    for name, way in ways.items()
}
pl.DataFrame([row(name, one) for name, one in runs.items()])

# %% [markdown]
# Sharpe ratios lie close together, as those of one set of signals usually do. What differs is how
# much is held of whom:

# %%
fig, axes = plt.subplots(1, 2, figsize=(11, 3.6), sharey=True, layout="constrained")
names = run.data.instruments
for axis, name in zip(axes, ("equal", "inverse volatility"), strict=True):
    one = runs[name].result
    weights = one.value / one.equity[:, None]
    part = slice(-750, None, 5)
    axis.stackplot(times[part], weights[part].T, lw=0, colors=plt.cm.tab20.colors)
    axis.set(title=name, ylim=(0, 1.05))
    axis.xaxis.set_major_locator(YearLocator())
    axis.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("weights, one colour a symbol")
plt.show()

# %% [markdown]
# ## Caps, and what they change
#
# A cap is a set that weights must lie in. What is outside goes to the *nearest* point inside, so
# one name that is too large costs that name, not the whole book. The change is kept, to look at.

# %%
wanted = np.array([[0.40, 0.25, 0.20, 0.15], [0.10, 0.20, 0.30, 0.40]])
caps = tr.Caps(
    gross=0.9,
    max_weight=0.30,
    class_of={"AAPL": "tech", "MSFT": "tech"},
    class_gross={"tech": 0.45},
)
shown = project(wanted, caps, symbols=("AAPL", "MSFT", "XOM", "JNJ"))
shown.changes(run.result.close_time[:2]).filter(pl.col("change").abs() > 1e-9)

# %% [markdown]
# ## When to trade
#
# Between changes of target, units are held and weights drift. Rebalancing brings them back: by the
# calendar, by drift, or never. It cuts winners back: less profit, a smaller drawdown, and hardly
# another Sharpe ratio.

# %%
when = {"never": None, "52 weeks": "52w", "4 weeks": "4w", "1 day": "1d", "5% drift": 0.05}
rows = [
    row(name, tr.backtest(momentum, bars, portfolio=equal, rebalance=rule, **game))
    for name, rule in when.items()
]
pl.DataFrame(rows)

# %% [markdown]
# ## Who earned it

# %%
by_name = (
    run.trades.group_by("symbol")
    .agg(
        profit=pl.col("pnl").sum(),
        trades=pl.len(),
        hit_rate=(pl.col("pnl") > 0).mean(),
        costs=pl.col("costs").sum(),
    )
    .sort("profit")
)
fig, axis = plt.subplots(figsize=(9, 4.6), layout="constrained")
gain = by_name["profit"].to_numpy()
axis.barh(by_name["symbol"], gain / 1e3, color=np.where(gain > 0, "#0072b2", "#d55e00"))
axis.set(xlabel="net profit, thousands", title=f"{(gain > 0).sum()} of {gain.size} made money")
axis.spines[["top", "right"]].set_visible(False)
plt.show()
best = by_name.tail(1)
print(f"{best['symbol'][0]} made {best['profit'][0] / by_name['profit'].sum():.0%} of all profit")

# %% [markdown]
# Whether such a result hangs on one name is soon tried: leave the best out and run again.

# %%
without = tr.backtest(
    momentum,
    bars.filter(pl.col("symbol") != best["symbol"][0]),
    portfolio=equal,
    rebalance="4w",
    **game,
)
pl.DataFrame([row("all twenty", run), row(f"without {best['symbol'][0]}", without)])

# %% [markdown]
# ## What the account paid
#
# Turnover is what was traded over the mean equity, a year; costs are fees, spread and slippage. The
# edge budget says how much dearer trading might have been.

# %%
print(f"turnover a year   {run.metrics['turnover']:.2f} times the equity")
print(f"costs in all      {run.metrics['cost_paid']:,.0f}")
print(f"costs might be    {run.budget.ratio:.0f} times as high before the profit is gone")

# %% [markdown]
# The report holds all of this and more: `run.report("portfolio.html")`.
