"""A sweep on two dask workers that read an S3-speaking store, against two threads here.

Processor seconds of everything that takes part, the scheduler and its messages too: on a machine
with two processors to itself the ratio of the times is that of these. The same bits are required.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl

import trade_research as tr
from tests.bench.table import Row
from tests.data import SHARED, shared
from trade_research.kernels.jit import cache_folder

NAME = "binance:BTC/USDT@1h"
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION")


def fill(store: tr.Store) -> None:
    """Bitcoin's hours of seven years."""
    table = pl.read_parquet(shared("ohlcv/binance_spot_1h_10symbols.parquet"))
    table = table.filter(pl.col("symbol") == "BTCUSDT").sort("ts").rename({"ts": "open_time"})
    end = pl.col("open_time").dt.offset_by("1h").alias("close_time")
    bars = table.select("open_time", end, "open", "high", "low", "close", "volume")
    store.write_bars(bars, venue="binance", symbol="BTC/USDT", interval="1h")


@contextmanager
def address(store: tr.Store) -> Iterator[str]:
    """The store's files in a server on loopback."""
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # every request it answers
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    values = ("test", "test", f"http://{host}:{port}", "us-east-1")
    os.environ.update(dict(zip(KEYS, values, strict=True)))
    try:
        remote = boto3.client("s3")
        remote.create_bucket(Bucket="desk")
        for path in filter(Path.is_file, store.root.rglob("*")):
            key = "datasets/" + path.relative_to(store.root).as_posix()
            remote.put_object(Bucket="desk", Key=key, Body=path.read_bytes())
        yield "s3://desk/datasets"
    finally:
        server.stop()


def swept(query: object, levels: int, executor: object) -> pl.DataFrame:
    """The results of 36 × 50 averages and so many bands around them."""
    return tr.sweep(
        tr.strategies.ma_crossover,
        query,
        fast=range(5, 41),
        slow=range(50, 300, 5),
        band=np.linspace(0.0, 0.01, levels).tolist(),
        executor=executor,
        progress=False,
    ).results


def cpu() -> float:
    """Processor seconds of this process and of its children that have ended."""
    own, ended = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return sum(one.ru_utime + one.ru_stime for one in (own, ended))


def rows(levels: int = 600) -> list[Row]:
    """Of a million configurations over 68,000 hours."""
    if SHARED is None:
        return []
    from distributed import Client, LocalCluster

    with tempfile.TemporaryDirectory() as folder:
        store = tr.Store(Path(folder) / "store")
        fill(store)
        with address(store) as place:
            query = tr.RemoteStore(place, cache=Path(folder) / "cache").query(NAME)
            swept(query, 1, "threads")  # compiles
            begun, work = time.perf_counter(), cpu()
            here = swept(query, levels, "threads")
            wall, mine = time.perf_counter() - begun, cpu() - work
            os.environ["TRADE_RESEARCH_CACHE"] = str(cache_folder().parent)
            os.environ["XDG_CACHE_HOME"] = str(Path(folder) / "workers")
            work = cpu()
            with (
                LocalCluster(
                    n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0"
                ) as cluster,
                Client(cluster) as client,
            ):
                client.run(os.getpid)
                begun = time.perf_counter()
                there = swept(query, levels, client)
                wall_there = time.perf_counter() - begun
            theirs = cpu() - work
    if not here.sort("trial").equals(there.sort("trial")):
        raise AssertionError("the cluster's results are not those of threads")
    name = f"{here.height:,} configurations on two workers, bars over S3"
    return [
        Row(f"{name}, the workers' start too", theirs, mine, "threads", "s CPU", "≤ 1.2× threads"),
        Row(name, wall_there, wall, "threads", "s wall", "≤ 1.2× threads"),
    ]


if __name__ == "__main__":
    for row in rows(*map(int, sys.argv[1:])):
        print(f"{row.work}: {row.ours:.1f} {row.unit}, threads {row.peer:.1f}")
