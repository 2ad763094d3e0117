# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # From backtest to paper
#
# The function that was explored, swept and reported is the one that trades. This notebook takes a
# strategy from a backtest to a paper session and shows what each step proves. Nothing here needs
# a network.

# %%
import tempfile
from pathlib import Path

import polars as pl

import trade_research as tr
from trade_research.research.demo import fill

folder = Path(tempfile.mkdtemp())
store = tr.Store(folder / "datasets")
fill(store)
bars = store.query("index:SP500@1d", "2010-01-01")
given = {"fast": 20, "slow": 100, "costs": tr.Costs.venue("index")}

# %% [markdown]
# ## 1. The backtest, and the same bars one at a time
#
# `replay` sends every bar through feed, strategy, risk gate, journal and paper broker, as it
# closed. The result is not close to the backtest's: it is the same bits.

# %%
run = tr.backtest(tr.strategies.ma_crossover, bars, **given)
session = tr.replay(tr.strategies.ma_crossover, bars, **given)
session

# %%
{
    name: getattr(session, name).equals(getattr(run, name))
    for name in ("equity", "orders", "fills", "trades")
}

# %% [markdown]
# ## 2. The journal is the state
#
# One line an event, each chained to the one before by its hash. There is no other database: after
# a crash the same code makes the same records again from the bars among them, and compares.

# %%
session.journal.group_by("event", maintain_order=True).len()

# %%
session.journal.filter(pl.col("event").is_in(["signal_generated", "order_intent", "fill"])).head(3)

# %% [markdown]
# ## 3. Limits
#
# Every order is weighed against limits that somebody has set: none has a default of infinity. An
# order that only reduces a position always passes, so that no limit can trap you. With a loss
# limit of 3 % from the peak:

# %%
limits = tr.Limits.of_cash(100_000).but(max_drawdown=3_000.0)
bounded = tr.replay(tr.strategies.ma_crossover, bars, limits=limits, **given)
bounded.journal.filter(pl.col("event").is_in(["risk_latch", "risk_block"])).select(
    "ts", "event", pl.col("record").str.slice(0, 90)
)

# %% [markdown]
# ## 4. The certificate
#
# `certify` proves the three laws on the whole data, replays it with bars late, double, swapped
# and lost and with two restarts, looks at what is wrong with the data, and writes down the
# evidence. `promote` refuses without it.

# %%
certificate = tr.certify(tr.strategies.ma_crossover, bars, seconds=1.0, **given)
certificate

# %% [markdown]
# A strategy that peeks gets none:


# %%
@tr.strategy(warmup=1)
def peeks(close):
    """Long before a rise."""
    out = close * 0.0
    out[:-1] = (close[1:] > close[:-1]) * 1.0
    return out


print(*tr.certify(peeks, bars, seconds=1.0).missing, sep="\n")

# %% [markdown]
# ## 5. The session
#
# From here it is the command line's turn:
#
# ```bash
# trade-research certify ma_crossover --data index:SP500@1d -p fast=20 -p slow=100 --costs index
# trade-research promote reports/certificates/ma_crossover-….json --to paper
# trade-research paper run ma_crossover --replay -p fast=20 -p slow=100
# trade-research audit show
# trade-research kill
# ```
#
# With `--data binance:BTC/USDT@1m` in place of `--replay` the bars are the venue's own.
