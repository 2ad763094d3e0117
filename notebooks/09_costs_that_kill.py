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
# # Costs that kill
#
# How much may trading cost before nothing is left? Which of two parameter sets is better once it is
# paid? What do minimum fees and whole shares do to a small account, and how much money could a
# strategy carry? Real S&P 500 days, no network.

# %%
import matplotlib.pyplot as plt
import numpy as np
import polars as pl

import trade_research as tr
from trade_research.indicators import sma

pl.Config.set_tbl_hide_dataframe_shape(True)
pl.Config.set_float_precision(2)

store = tr.Store("../datasets")
for symbol, frame in tr.sources.demo_bars().items():
    store.write_bars(frame, venue="index", symbol=symbol, interval="1d")
bars = store.bars("SP500", "1d")


@tr.strategy(warmup=lambda days: days)
def below(close, days: int = 8):
    """Long while the close lies below the mean of the last days."""
    return (close < sma(close, days)) * 1.0


# %% [markdown]
# ## Where the profit ends
#
# A run never goes without costs; these are published ones of an index product.

# %%
run = tr.backtest(below, bars, days=8, costs=tr.Costs.venue("index"))
run

# %% [markdown]
# The edge budget runs the same targets again, dearer and later, until the net profit is gone. It is
# exact: lots, minimum fees and exits enter as they do in the run.

# %%
run.budget

# %%
budget = run.budget
print(f"breaks even at a fee of {budget.break_even_fee_bps:.1f} bp a side")
print(f"or at a slippage of     {budget.break_even_slippage_bps:.1f} bp a side")
print(f"profitable up to        {budget.break_even_delay_bars} bars late")
print(f"all costs together may be {budget.ratio:.1f} times what was assumed")

# %% [markdown]
# Where the money went, from gross to net:

# %%
paid = {name: money for name, money in run.result.costs.items() if money}
missed = budget.gross_pnl - sum(paid.values()) - budget.net_pnl
print(f"{'gross profit':28}{budget.gross_pnl:10,.0f}")
for name, money in paid.items():
    print(f"{name:28}{-money:10,.0f}")
print(f"{'growth of what was paid':28}{-missed:10,.0f}")
print(f"{'net profit':28}{budget.net_pnl:10,.0f}")

# %% [markdown]
# What was paid is only about half of the damage: money paid in the first years no longer compounds.
#
# The evidence of a run holds the Sharpe ratio at 0, 1, 2 and 4 times its costs, up to five bars
# late. The report shows the same grid in *Costs*.

# %%
grid = pl.DataFrame(run.evidence.grids.costs)
grid.pivot("bars", index="multiple", values="sharpe").rename({"multiple": "costs \\ bars late"})

# %% [markdown]
# ## The ranking turns over
#
# The same rule, fast and slow, at four levels of cost. Which row is the best of each column?

# %%
levels = {
    "gross": tr.Costs.zero(),
    "index": tr.Costs.venue("index"),
    "broker": tr.Costs(fee_bps=3, spread_bps=2, slippage_bps=2),
    "default": tr.Costs(),
}
sharpe = {
    days: {
        name: tr.backtest(below, bars, days=days, costs=c).metrics["sharpe"]
        for name, c in levels.items()
    }
    for days in (2, 5, 8, 20, 40)
}
table = pl.DataFrame([{"days": days, **row} for days, row in sharpe.items()])
table

# %%
for name in levels:
    best = table.sort(name, descending=True)["days"].to_list()
    print(f"{name:8} best to worst: {best}")

# %% [markdown]
# Gross, the fastest wins. At costs of a broker it is the worst, and at the default costs (10 bp
# fee, 2 bp spread, 1 bp slippage) the order is turned over. Choosing parameters gross and adding
# costs afterwards chooses the wrong ones. As a picture:

# %%
fees = np.arange(0.0, 12.5, 1.0)
figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
for days, colour, style in ((2, "#D55E00", "-"), (40, "#0072B2", "--")):
    runs = [
        tr.backtest(
            below, bars, days=days, costs=tr.Costs(fee_bps=fee, spread_bps=1, slippage_bps=1)
        )
        for fee in fees
    ]
    axes.plot(
        fees, [r.metrics["sharpe"] for r in runs], style, color=colour, label=f"days = {days}"
    )
axes.axhline(0.0, color="black", linewidth=0.8)
axes.set(xlabel="fee, basis points a side", ylabel="net Sharpe ratio")
axes.legend(frameon=False)
axes.spines[["top", "right"]].set_visible(False)

# %% [markdown]
# ## Small accounts: minimum fees and whole shares
#
# Most brokers charge a least amount a fill, and sell whole shares. Neither shows in basis points:
# both depend on how much money there is.

# %%
broker = tr.Costs(fee_bps=0.5, min_fee=2.0, spread_bps=1, slippage_bps=1)
rows = []
for cash in (3_000, 10_000, 100_000, 1_000_000):
    r = tr.backtest(below, bars, days=8, costs=broker, cash=cash, rules=tr.Rules(lot=1.0))
    m = r.metrics
    rounded = r.orders.filter(pl.col("reason") == "lot_rounding").height
    rows.append(
        {
            "cash": cash,
            "total return": m["total_return"],
            "Sharpe": m["sharpe"],
            "fees / start": m["fees_paid"] / cash,
            "mean exposure when in": r.equity.filter(pl.col("gross") > 0)["gross"].mean(),
            "orders rounded": rounded,
        }
    )
pl.DataFrame(rows)

# %% [markdown]
# The rule is the same in every row. An order that was rounded or not filled says why:

# %%
r = tr.backtest(below, bars, days=8, costs=broker, cash=3_000.0, rules=tr.Rules(lot=1.0))
r.orders.group_by("status", "reason").len().sort("len", descending=True)

# %% [markdown]
# ## Large accounts: capacity
#
# An index cannot be moved by us, a small stock can. So take a stock with the same prices and a
# millionth of the volume: a few million a day.

# %%
thin = bars.with_columns(pl.col("volume") / 1e6)
large = tr.backtest(below, thin, days=8, calendar="XNYS", costs=tr.Costs.venue("us_equity"))
capacity = large.evidence.capacity
print(f"half of the fills were below {capacity.median:.1%} of what was traded the day before")
print(f"95% of them below {capacity.high:.1%}, the largest {capacity.largest:.1%}")
for share, capital in capacity.capital:
    print(f"to keep 95% of fills below {share:.0%}: start with {capital:,.0f}")

# %% [markdown]
# `impact_bps` prices that: an order as large as the volume of the bar before moves the price by so
# much, a smaller one with the square root of its share. With 100 bp, about the day's volatility:

# %%
moving = tr.Costs(fee_bps=0.5, spread_bps=2, slippage_bps=1, impact_bps=100)
rows = []
for cash in (1_000, 10_000, 100_000, 1_000_000, 10_000_000):
    r = tr.backtest(below, thin, days=8, calendar="XNYS", costs=moving, cash=cash)
    rows.append(
        {"cash": cash, "total return": r.metrics["total_return"], "Sharpe": r.metrics["sharpe"]}
    )
pl.DataFrame(rows)

# %% [markdown]
# A strategy has no return; it has a return *at a size*.
#
# **Now change this line:** `costs=tr.Costs.venue("index")` of the first run to
# `costs=tr.Costs.venue("binance")`. Which number of the edge budget stays as it was, which do not,
# and why?
