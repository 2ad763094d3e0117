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
# # Market data: in, and what is wrong with it
#
# One path brings bars in from every source: page by page, closed bars only, resumable, straight
# into the store, holes asked for again. Then: what the stored bars' verdicts say, how healthy they
# are, what several sources agree on, and signals on one scale.
#
# Nothing here leaves this computer: the archive is a folder that the first cells make, the venue a
# server on 127.0.0.1. With a network the same calls ask the real ones:
# `trade-research data fetch binance:BTC/USDT@1h --since 2024-01-01`.

# %%
import hashlib
import json
import tempfile
import threading
import zipfile
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import polars as pl

import trade_research as tr
from trade_research.frames.consensus import consensus
from trade_research.frames.intervals import parse_interval
from trade_research.indicators.normalise import Normaliser, normalise
from trade_research.research.quality import quality
from trade_research.sources.fetch import fetch_bars
from trade_research.sources.registry import open_source
from trade_research.store.facts import list_facts
from trade_research.store.layout import Name

pl.Config.set_tbl_hide_dataframe_shape(True)
pl.Config.set_fmt_str_lengths(60)
desk = tempfile.TemporaryDirectory()
folder = Path(desk.name)
store = tr.Store(folder / "datasets")

# %% [markdown]
# ## Who can be asked

# %%
from trade_research.research.download import list_sources

list_sources().select("source", "gives", "key")

# %% [markdown]
# ## From an archive
#
# Binance publishes its history as zipped months with checksums. Here is a made-up one of its
# layout: two months of hours, in which the venue was down for five hours and one bar is a hundred
# times off.


# %%
def month_of_hours(month, hours, price, rng):
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    rows = []
    for k in range(hours):
        open_, price = price, price * float(np.exp(rng.normal(0, 0.004)))
        at = int((first + timedelta(hours=k)).timestamp() * 1_000_000)  # µs since 2025
        high, low = max(open_, price) * 1.001, min(open_, price) * 0.999
        volume = round(float(rng.uniform(50, 500)), 3)
        quote = volume * (high + low) / 2
        rows.append([at, *(round(v, 2) for v in (open_, high, low, price)), volume, at, quote, 900])
    return rows, price


def publish(rows, month):
    place = folder / "archive/data/spot/monthly/klines/BTCUSDT/1h"
    place.mkdir(parents=True, exist_ok=True)
    name = f"BTCUSDT-1h-{month}"
    with zipfile.ZipFile(place / f"{name}.zip", "w") as packed:
        text = "\n".join(",".join(map(str, [*r, 0, 0, 0])) for r in rows)
        packed.writestr(f"{name}.csv", text)
    digest = hashlib.sha256((place / f"{name}.zip").read_bytes()).hexdigest()
    (place / f"{name}.zip.CHECKSUM").write_text(f"{digest}  {name}.zip\n")


rng = np.random.default_rng(5)
june, last = month_of_hours("2025-06", 720, 105_000.0, rng)
july, _ = month_of_hours("2025-07", 744, last, rng)
june[400][1:5] = [v / 100 for v in june[400][1:5]]
publish(june[:300] + june[305:], "2025-06")
publish(july, "2025-07")

# %%
name = Name("binance", "BTC/USDT", parse_interval("1h"))
archive = open_source(f"archive:{folder / 'archive'}")
first = fetch_bars(
    archive,
    store,
    name,
    start=datetime(2025, 6, 1, tzinfo=UTC),
    end=datetime(2025, 7, 1, tzinfo=UTC),
)
rest = fetch_bars(archive, store, name, end=datetime(2025, 8, 1, tzinfo=UTC))
print(first.added, "bars, then", rest.added, "more;", rest.missing, "expected ones are missing")

# %% [markdown]
# The second call had no start: it went on from the last stored bar. The hole was asked for again,
# in both runs; that it stays is now a fact about the instrument, and it will not be asked for a
# third time. Where each version came from is kept too.

# %%
list_facts(store.root).select("symbol", "kind", "start", "end", "detail")

# %%
store.catalog().select("venue", "symbol", "rows", "start", "end", "version", "source")

# %% [markdown]
# ## What is wrong with it
#
# Nothing was repaired. Every version is judged when it is written; *causal* verdicts are those that
# could be known at the bar's close.

# %%
store.verdicts("binance:BTC/USDT@1h").select("kind", "causal", "open_time", "rows", "detail")

# %%
quality(store)

# %% [markdown]
# ## From a venue, over a socket
#
# CoinGecko labels its bars by their close and may send the bar that is still running. This stand-in
# does both, and answers the first request with "too many": the fetch waits as it is told.


# %%
class Gecko(BaseHTTPRequestHandler):
    asked = 0

    def do_GET(self):
        Gecko.asked += 1
        half = 1_800_000
        now = int(datetime.now(UTC).timestamp() * 1000)
        closes = [now // half * half - k * half for k in range(47, -1, -1)]
        rows = [[t, 100.0, 102.0, 99.0, 101.0] for t in closes] + [
            [now, 101.0, 101.5, 100.9, 101.2]
        ]
        busy = Gecko.asked == 1
        body = json.dumps({"error": "slow down"} if busy else rows).encode()
        self.send_response(429 if busy else 200)
        if busy:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Gecko)
threading.Thread(target=server.serve_forever, daemon=True).start()
gecko = open_source("coingecko", to=f"127.0.0.1:{server.server_address[1]}")
coin = Name("coingecko", "bitcoin/usd", parse_interval("30m"))
done = fetch_bars(gecko, store, coin, start=datetime.now(UTC) - timedelta(days=1))
server.shutdown()
server.server_close()
last_close = store.bars("bitcoin/usd", "30m", venue="coingecko")["close_time"][-1]
print(done.added, "closed bars after", Gecko.asked, "requests;", done.notes[0])
print("the last one closed before now:", last_close <= datetime.now(UTC))

# %% [markdown]
# ## What several sources agree on
#
# Three venues saw the same market, a basis point or two apart. One of them is an hour late.

# %%
truth = store.bars("BTC/USDT", "1h", "2025-07-01", venue="binance")


def seen(bars, seed):
    off = np.exp(np.random.default_rng(seed).normal(0, 1e-4, bars.height))
    return bars.with_columns(pl.col("open", "high", "low", "close") * pl.Series(off))


late = seen(truth, 3).with_columns(pl.col("open_time", "close_time") + pl.duration(hours=1))
found = consensus({"a": seen(truth, 1), "b": seen(truth, 2), "c": late}, "1h")
found.sources

# %%
print("liars:", found.liars)
both = found.bars.join(truth, on="open_time", suffix="_true")
off = (both["close"] / both["close_true"] - 1).abs().max()
print(f"{both.height} agreed bars, at most {1e4 * off:.1f} bps off the truth")
found.status["status"].value_counts(sort=True)

# %% [markdown]
# Of two that disagree neither is right: those bars are "undecided" and are not passed through.

# %%
two = consensus({"a": seen(truth, 1), "c": late}, "1h")
two.sources.select("source", "verdict", "detail")

# %% [markdown]
# ## Signals on one scale
#
# A value is scored against those before it, then remembered: never against itself. One value at a
# time gives the bits of all at once.

# %%
moves = np.diff(np.log(truth["close"].to_numpy()))
scores = {m: normalise(moves, m, 240) for m in ("zscore", "mad", "percentile", "rank_gauss", "ewm")}
live = Normaliser("mad", 240)
one_by_one = np.concatenate([live.update(move) for move in moves])
print("online equals batch:", np.array_equal(one_by_one, scores["mad"], equal_nan=True))
pl.DataFrame(scores).tail(5)

# %%
desk.cleanup()
