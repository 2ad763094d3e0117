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
# # Sweeps and luck
#
# Try enough parameters and one of them will look good. How good, by luck alone? This notebook lets
# 2,000 coin tossers trade the S&P 500, believes the best of them for a moment, and then finds a
# real edge with the same tools. Real days, no network.

# %%
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import polars as pl

import trade_research as tr

pl.Config.set_tbl_hide_dataframe_shape(True)
pl.Config.set_float_precision(3)

store = tr.Store(tempfile.mkdtemp())  # one of its own, so that counting begins at nothing
for symbol, frame in tr.sources.demo_bars().items():
    store.write_bars(frame, venue="index", symbol=symbol, interval="1d")
bars = store.query("index:SP500@1d")

# %% [markdown]
# ## Two thousand coin tossers
#
# Each holds long or short for some days and then tosses a coin, always the same one for the same
# number. None of them looks at the price, so none of them has skill. No costs, to be generous.


# %%
@tr.strategy
def coin(close, tosser: int = 1, days: int = 10):
    """Long or short by a coin tossed every so many days; the price is not looked at."""
    out = np.empty(close.size)
    state = 6700417 * tosser + 3
    side = 1.0
    for t in range(close.size):
        if t % days == 0:
            state = (1103515245 * state + 12345) % 2147483648
            side = 1.0 if state > 1073741824 else -1.0
        out[t] = side
    return out


s = tr.sweep(
    coin,
    bars,
    tosser=range(1, 401),
    days=[5, 10, 20, 40, 60],
    account="margin",
    costs=tr.Costs.zero(),
    progress=False,
)
s

# %% [markdown]
# The best tosser, by himself, is convincing. This is what a paper, a vendor or an optimiser would
# show you:

# %%
best = s.best(1)[0]
print(f"Sharpe ratio {best.metrics['sharpe']:.2f}, {best.metrics['total_return']:.0%} in all")
print(f"were it the only one tried: {best.metrics['psr']:.1%} sure of a ratio above zero")
best.plot()

# %% [markdown]
# ## What luck gives
#
# The evidence of the sweep begins with its verdict. Every number below it says why.

# %%
s.evidence

# %% [markdown]
# - **Best by luck alone**: the Sharpe ratio to expect from the best of so many without skill.
# - **Deflated Sharpe ratio**: how sure one may be that the best is better than that.
# - **SPA**: how often the best of the same configurations, made worthless, does as well. It knows
#   how alike the configurations are.
# - **PBO**: split the days in halves, 12,870 ways. How often is the best of one half below the
#   middle in the other? A half of the time is pure chance.
# - **Plateau**: what the neighbours of the best have. Luck is lonely.
#
# All configurations sorted, against the band of as many without skill:

# %%
luck = s.evidence.luck
figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
axes.fill_between(
    luck.rank, luck.low, luck.high, color="#999999", alpha=0.35, label="without skill"
)
axes.plot(luck.rank, luck.found, color="#0072B2", label="this sweep")
axes.set(xlabel="rank", ylabel="Sharpe ratio a year")
axes.legend(frameon=False)
axes.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# ## The ledger does not forget
#
# On bars of a store every configuration ever tried is counted, once, whoever tried it and how: a
# sweep, a single backtest, a walk forward. Costs add nothing, another parameter or exit does.

# %%
print(store.ledger.count("index:SP500@1d"))
one = tr.backtest(tr.strategies.ma_crossover, bars, fast=20, slow=100)
print(f"trials behind this one run: {one.trials.n:,}")
print(f"sure of a Sharpe ratio above zero, were it the only one: {one.evidence.luck.psr:.0%}")
print(f"sure that it is better than luck: {one.evidence.luck.dsr:.0%}")

# %% [markdown]
# ## A real edge
#
# Now a market with something in it: a random walk that rises a little on days after its price was
# above the mean of the last 40 days. The edge is there, and small: a twelfth of a day's move.

# %%
rng = np.random.default_rng(4)
n = 3_000
noise = rng.normal(0.0, 0.012, n)
close = np.empty(n)
level = 100.0
for t in range(n):
    mean = close[max(0, t - 40) : t].mean() if t else level
    level *= np.exp(noise[t] + (0.001 if t and close[t - 1] > mean else -0.0004))
    close[t] = level
opened = np.append(100.0, close[:-1])
planted = tr.frames.to_bars(
    pl.DataFrame(
        {
            "open_time": np.datetime64("2012-01-01", "us") + np.arange(n) * np.timedelta64(1, "D"),
            "open": opened,
            "high": np.maximum(opened, close),
            "low": np.minimum(opened, close),
            "close": close,
            "volume": np.full(n, 1e6),
        }
    ),
    "1d",
)


@tr.strategy(warmup=lambda days: days)
def above_mean(close, days: int = 40, band: float = 0.0):
    """Long while the close is above its mean by more than the band."""
    mean = tr.indicators.sma(close, days)
    return np.where(close > mean * (1.0 + band), 1.0, 0.0)


found = tr.sweep(
    above_mean,
    planted,
    days=range(5, 125, 5),
    band=[0.0, 0.002, 0.005, 0.01],
    costs=tr.Costs(fee_bps=1, spread_bps=1, slippage_bps=0),
    calendar="24/7",
    progress=False,
    resume=(folder := tempfile.mkdtemp()),
)
found.evidence

# %% [markdown]
# The neighbours agree: a plateau around the true 40 days, not a peak.

# %%
found.plot("heatmap")

# %% [markdown]
# `resume=` keeps what is done while it is done: stopped by Ctrl-C or by a power cut, the same call
# goes on where it was. Here all is there already, so nothing is done again:

# %%
again = tr.sweep(
    above_mean,
    planted,
    days=range(5, 125, 5),
    band=[0.0, 0.002, 0.005, 0.01],
    costs=tr.Costs(fee_bps=1, spread_bps=1, slippage_bps=0),
    calendar="24/7",
    progress=False,
    resume=folder,
)
print("the same results:", again.results.equals(found.results))

# %% [markdown]
# ## Walk forward
#
# The honest way to choose: on the bars so far, for the next ones, again and again. What is chosen
# never sees what it is judged by; `check` proves it by cutting and replacing the future.

# %%
walked = tr.walk_forward(
    above_mean,
    planted,
    train="720d",
    test="90d",
    days=range(10, 100, 10),
    costs=tr.Costs(fee_bps=1, spread_bps=1, slippage_bps=0),
    calendar="24/7",
)
walked

# %%
walked.folds.select("test_start", "days", "sharpe_inside", "sharpe_outside", "return").head(6)

# %% [markdown]
# The coin tossers, walked forward, are found out at once:

# %%
tossers = tr.walk_forward(
    coin,
    bars,
    train="1825d",
    test="365d",
    tosser=range(1, 61),
    days=[5, 20, 60],
    account="margin",
    costs=tr.Costs.zero(),
)
print(tossers.verdict)

# %% [markdown]
# ## Prices without patterns
#
# One more question for any search: does it find as much in the same moves in another order?

# %%
print(tr.noise_test(above_mean, planted, days=range(10, 100, 10), surrogates=60, calendar="24/7"))

# %% [markdown]
# ## The page
#
# The report of a sweep holds all of it: verdict, luck, overfitting, plateau, slices, the table with
# what luck leaves of each row.

# %%
page = found.report("../reports/sweep.html")
print(page.name, f"{page.stat().st_size / 1000:.0f} kB")

# %% [markdown]
# **Now change this line:** the drift of `0.001` that was planted, to `0.0004`. From which size on
# is the edge found? And how many days would it take to be sure of the small one?
