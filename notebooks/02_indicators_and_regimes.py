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
# # Indicators and regimes
#
# What is known when, what a hole in the data does, where our numbers equal TA-Lib's; then what kind
# of market it is, whether a strategy earns in one kind only, and how its signals have fared. Real
# S&P 500 days, no network.

# %%
import importlib.util

import matplotlib.pyplot as plt
import numpy as np
import polars as pl

import trade_research as tr
import trade_research.ta  # adds .ta to Polars columns
from trade_research import indicators
from trade_research.indicators import INDICATORS

pl.Config.set_tbl_hide_dataframe_shape(True)
pl.Config.set_float_precision(3)
pl.Config.set_tbl_rows(60)
pl.Config.set_tbl_cols(20)
pl.Config.set_tbl_width_chars(120)

store = tr.Store("../datasets")
for symbol, frame in tr.sources.demo_bars().items():
    store.write_bars(frame, venue="index", symbol=symbol, interval="1d")
bars = store.bars("SP500", "1d")
close = bars["close"].to_numpy()

# %% [markdown]
# ## One function, three places
#
# An indicator is one compiled function. On arrays, on columns of a frame, and inside a strategy it
# gives the same bits.

# %%
on_arrays = indicators.rsi(close, 14)
on_frames = bars.select(pl.col("close").ta.rsi(14)).to_series().to_numpy()


@tr.strategy(warmup=lambda window: window)
def calm_down(close, window: int = 14):
    """Long below an RSI of 40."""
    return np.where(indicators.rsi(close, window) < 40.0, 1.0, 0.0)


targets = calm_down.targets(bars)["target"].to_numpy()
print("arrays equal columns:", np.array_equal(on_arrays, on_frames, equal_nan=True))
print("and the strategy:    ", np.array_equal(targets[14:], (on_arrays[14:] < 40) * 1.0))

# %% [markdown]
# Several outputs come as a named tuple, or as a column of structs:

# %%
bars.select(
    "close_time",
    "close",
    pl.col("close").ta.bollinger_bands(20, 2.0).alias("bands"),
    pl.col("close").ta.atr(14).alias("atr"),
).unnest("bands").tail(3)

# %% [markdown]
# ## Warm-up and holes
#
# Before its first value an indicator is NaN, never a guess. The table says when that comes, in
# which units, and what a NaN among the inputs does; a test reads the same table.

# %%
pl.DataFrame(
    [
        {
            "indicator": name,
            "reads": ", ".join(row.columns),
            "numbers": ", ".join(f"{k}={v}" for k, v in row.parameters.items()),
            "first bar": str(row.first(**row.parameters)),
            "units": row.units,
            "a NaN": row.holes,
        }
        for name, row in INDICATORS.items()
        if name in ("sma", "ema", "rsi", "macd", "adx", "atr", "supertrend", "obv", "hurst", "vwap")
    ]
)

# %% [markdown]
# A hole of one bar: the average of five is unknown while the hole lies in its window, and what has
# a memory starts anew behind it. TA-Lib's averages stay NaN for ever after, and its RSI becomes
# 0.0, the strongest buy there is.

# %%
holed = close[:12].copy()
holed[6] = np.nan
shown = {
    "close": holed,
    "sma(3)": indicators.sma(holed, 3),
    "rsi(3)": indicators.rsi(holed, 3),
}
if importlib.util.find_spec("talib"):  # beside it, where it is installed
    import talib

    shown |= {"TA-Lib SMA": talib.SMA(holed, 3), "TA-Lib RSI": talib.RSI(holed, 3)}
pl.DataFrame(shown)

# %% [markdown]
# On data without holes the two agree to the last digits:

# %%
if importlib.util.find_spec("talib"):
    pairs = {
        "SMA": (indicators.sma(close, 50), talib.SMA(close, 50)),
        "EMA": (indicators.ema(close, 50), talib.EMA(close, 50)),
        "RSI": (indicators.rsi(close, 14), talib.RSI(close, 14)),
        "MACD": (indicators.macd(close).line, talib.MACD(close)[0]),
        "BBANDS": (indicators.bollinger_bands(close, 20).upper, talib.BBANDS(close, 20)[0]),
    }
    for name, (ours, theirs) in pairs.items():
        apart = np.nanmax(np.abs(ours - theirs))
        print(f"{name:7} {apart:.0e} apart at most")

# %% [markdown]
# ## What kind of market is it?
#
# `regime` gives direction, strength and volatility from ADX, the Hurst exponent and the average
# true range. A state must last three bars before it is believed, so it is told late, never early.

# %%
state = indicators.regime(bars["high"].to_numpy(), bars["low"].to_numpy(), close)
trend, swing = state.direction * state.strength, state.volatility
times = bars["close_time"].to_numpy()

fig, (top, below) = plt.subplots(
    2, 1, figsize=(11, 5.5), sharex=True, height_ratios=(3, 1), layout="constrained"
)
top.plot(times, close, color="0.15", lw=0.9)
for value, colour, name in ((1, "#0072b2", "trend up"), (-1, "#d55e00", "trend down")):
    top.fill_between(
        times, 0, 1, where=state.direction == value, transform=top.get_xaxis_transform(),
        color=colour, alpha=0.18, lw=0, label=name,
    )  # fmt: skip
top.set(yscale="log", ylabel="S&P 500", title="Trends are told while they last, ranges stay white")
top.set_yticks([800, 1000, 1500, 2000, 3000], ["800", "1,000", "1,500", "2,000", "3,000"])
top.minorticks_off()
top.legend(loc="upper left", frameon=False)
below.fill_between(times, swing, step="post", color="0.6", lw=0)
below.set(yticks=[0, 1, 2], yticklabels=["calm", "normal", "wild"])
for axis in (top, below):
    axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# How the index itself did in each, from the next bar on:

# %%
ahead = np.append(close[1:] / close[:-1] - 1, np.nan)
days = pl.DataFrame({"trend": trend, "ahead": ahead}).filter(
    pl.col("trend").is_not_nan() & pl.col("ahead").is_not_nan()
)
names = {2: "strong up", 1: "weak up", 0: "range", -1: "weak down", -2: "strong down"}
days.group_by("trend").agg(
    days=pl.len(),
    mean_bp=pl.col("ahead").mean() * 1e4,
    deviation_bp=pl.col("ahead").std() * 1e4,
    up=(pl.col("ahead") > 0).mean(),
).sort("trend", descending=True).with_columns(
    pl.col("trend").replace_strict(names, default=None, return_dtype=pl.String)
)

# %% [markdown]
# ## A strategy in one kind of market
#
# `only_in_regime` makes a strategy of a strategy: flat wherever the market is of another kind. It
# obeys the same laws, so it can be swept, checked and traded like any other.

# %%
ranging = tr.only_in_regime(tr.strategies.rsi_reversion, "range")
costs = tr.Costs.venue("index")
runs = {
    "always": tr.backtest(tr.strategies.rsi_reversion, bars, costs=costs, oversold=40.0),
    "in ranges": tr.backtest(ranging, bars, costs=costs, rsi_reversion__oversold=40.0),
}
pl.DataFrame(
    [
        {"run": name}
        | {key: run.metrics[key] for key in ("total_return", "sharpe", "max_drawdown", "trades")}
        for name, run in runs.items()
    ]
)

# %% [markdown]
# Reversion belongs in ranges, says the textbook. Here the filter took all of the profit away: the
# trades that paid were decided in falling trends. Whether that is more than luck is asked of the
# signals themselves.
#
# ## How have the signals fared?
#
# `tr.track` counts in the time of the bars: trades that had ended, by strategy, asset class and the
# regime in which they were decided. Hit rates come with Wilson's interval, results net of costs
# with a bootstrap's. `shrunk` is drawn towards what the strategies share, by as much as chance can
# explain; `false_alarms` never earned their costs, not even for a moment.

# %%
several = [
    runs["always"],
    tr.backtest(tr.strategies.ma_crossover, bars, costs=costs, fast=10, slow=50),
    tr.backtest(tr.strategies.bollinger, bars, costs=costs, mode="reversion"),
]
found = tr.track(several, horizons=(1, 5, 20, 60))
found.frame.select(
    "strategy",
    "regime",
    "trades",
    pl.col("hit_rate").round(2).alias("hits"),
    pl.format("{} to {}", pl.col("hit_low").round(2), pl.col("hit_high").round(2)).alias("90%"),
    pl.col("expectancy_bp").round(0).alias("bp a trade"),
    pl.format(
        "{} to {}", pl.col("expectancy_low").round(0), pl.col("expectancy_high").round(0)
    ).alias("90% "),
    pl.col("expectancy_shrunk").round(0).alias("shrunk"),
    pl.col("false_alarms").round(2).alias("false alarms"),
)

# %% [markdown]
# Twelve trades in falling trends look splendid; they are one cell of a dozen, and nearly all other
# intervals hold 0. Twenty years of daily signals say little about which market suits which rule.
# What the signal knows of the bars ahead, and how fast that fades:

# %%
fig, axis = plt.subplots(figsize=(9, 3.6), layout="constrained")
whole = found.decay.filter(pl.col("regime") == "all")
for place, (name, part) in enumerate(whole.group_by("strategy", maintain_order=True)):
    at = np.arange(part.height) + 0.15 * (place - 1)
    ic, low, high = (part[c].to_numpy() for c in ("ic", "low", "high"))
    axis.errorbar(at, ic, [ic - low, high - ic], fmt="o", ms=5, lw=1.2, label=name[0])
axis.axhline(0, color="0.5", lw=0.8)
axis.set_xticks(np.arange(4), [f"{h} bar{'s' * (h > 1)}" for h in (1, 5, 20, 60)])
axis.set(ylabel="correlation", title="Signal and return ahead, with 90% intervals")
axis.legend(frameon=False, loc="upper left")
axis.spines[["top", "right"]].set_visible(False)
plt.show()

# %% [markdown]
# Any report takes the same as a section: `run.report("page.html", extra=[found.section])`.
#
# Does it help to look at past entries like the present one? `fingerprints` compares each entry with
# those that had ended before it, and says whether that foretold better than the plain base rate.

# %%
prints = tr.fingerprints(several[1], similar=8, same_regime=False)
print(prints.headline)
prints.like().select("decided", "distance", "rsi 14", "roc 5", "range rank", "return").head(5)

# %% [markdown]
# ## Which instruments does a rule hold for now, or held then?
#
# `tr.screen` asks a rule of every stored instrument. As of a past date it reads nothing later, and
# it says what the answer was chosen from.

# %%
tr.screen(
    store,
    where="close < sma(close, 200) and rsi(close, 14) < 40",
    as_of="2008-10-07",
    show={"rsi": "rsi(close, 14)", "month %": "roc(close, 21)"},
)
