"""A sweep on workers of their own: the same bits, workers lost, bars at an address."""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from trade_research.indicators import ema
from trade_research.kernels.jit import cache_folder
from trade_research.research.sweep_run import Plan

DAY_US = 86_400_000_000
NAME = "binance:BTC/USDT@1d"


@tr.strategy(warmup=lambda slow: slow)
def mine(close, fast: int = 5, slow: int = 20, edge: float = 0.0):
    """A strategy that no worker has."""
    return np.where(ema(close, fast) > ema(close, slow) * (1.0 + edge), 1.0, 0.0)


def bars(n=900, seed=0):
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.02, n)))
    open_ = np.append(100.0, close[:-1])
    opened = pl.Series(np.arange(n) * DAY_US).cast(pl.Datetime("us", "UTC"))
    return pl.DataFrame(
        {
            "open_time": opened,
            "close_time": opened.dt.offset_by("1d"),
            "open": open_,
            "high": np.maximum(open_, close),
            "low": np.minimum(open_, close),
            "close": close,
            "volume": np.ones(n),
        }
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    made = tr.Store(tmp_path_factory.mktemp("store"))
    made.write_bars(bars(), venue="binance", symbol="BTC/USDT", interval="1d")
    return made


@pytest.fixture(scope="module")
def client():
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster) as found,
    ):
        yield found


SPACE = {"fast": range(3, 15), "slow": range(20, 60), "edge": [0.0, 0.01], "stop": [None, 0.05]}


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(Plan, "part_size", property(lambda plan: 128))


def plain(results: pl.DataFrame) -> pl.DataFrame:
    return results.sort("trial")


def test_workers_give_the_bits_of_threads(store, client, small_parts):
    query = store.query(NAME)
    here = tr.sweep(mine, query, where="fast < slow", progress=False, **SPACE)
    there = tr.sweep(mine, query, where="fast < slow", progress=False, executor=client, **SPACE)
    assert here.size == there.size == 12 * 40 * 4
    assert plain(here.results).equals(plain(there.results))


def test_a_worker_that_is_killed_costs_no_result(store, client, small_parts, tmp_path):
    query, folder = store.query(NAME), tmp_path / "s"
    here = tr.sweep(mine, query, progress=False, **SPACE)
    pid = next(iter(client.run(os.getpid).values()))
    at_death = []

    def kill():
        while not any(folder.glob("part-*")):
            time.sleep(0.001)
        os.kill(pid, signal.SIGKILL)
        at_death.append(len(list(folder.glob("part-*"))))

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    there = tr.sweep(mine, query, progress=False, executor=client, resume=folder, **SPACE)
    killer.join(10.0)
    assert at_death[0] < len(list(folder.glob("part-*"))) == 1_920 // 128
    assert there.results["trial"].n_unique() == there.size == here.size
    assert plain(here.results).equals(plain(there.results))


def test_bars_of_nobody_else_are_refused(client):
    with pytest.raises(tr.TradeResearchError, match=r"pass store\.query"):
        tr.sweep(mine, bars(100), executor=client, calendar="24/7", fast=[3, 4])
    with pytest.raises(tr.TradeResearchError, match="neither 'threads'"):
        tr.sweep(mine, bars(100), executor="processes", calendar="24/7", fast=[3, 4])


@pytest.fixture(scope="module")
def address(store):
    """The store's files in an S3-speaking server on loopback."""
    import boto3
    from moto.server import ThreadedMotoServer

    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION")
    kept = {name: os.environ.get(name) for name in names}
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    values = ("test", "test", f"http://{host}:{port}", "us-east-1")
    os.environ.update(dict(zip(names, values, strict=True)))
    try:
        remote = boto3.client("s3")
        remote.create_bucket(Bucket="desk")
        for path in store.root.rglob("*"):
            if path.is_file():
                key = "datasets/" + path.relative_to(store.root).as_posix()
                remote.put_object(Bucket="desk", Key=key, Body=path.read_bytes())
        yield "s3://desk/datasets"
    finally:
        server.stop()
        for name, value in kept.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def test_bars_at_an_address_are_the_same(address, store, tmp_path):
    remote = tr.RemoteStore(address, cache=tmp_path)
    assert remote.bars(NAME).equals(store.bars("BTC/USDT", "1d"))
    with pytest.raises(tr.TradeResearchError, match="nothing is stored"):
        remote.query("binance:ETH/USDT@1d")
    with pytest.raises(tr.TradeResearchError, match="say the venue"):
        remote.query("BTC/USDT@1d")


def test_workers_read_an_address_themselves(address, client, small_parts, tmp_path, monkeypatch):
    remote = tr.RemoteStore(address, cache=tmp_path / "here")
    query = remote.query(NAME)
    environment = {n: os.environ[n] for n in os.environ if n.startswith("AWS_")}
    environment["TRADE_RESEARCH_CACHE"] = str(cache_folder().parent)  # of compiled code alone
    environment["XDG_CACHE_HOME"] = str(tmp_path / "there")

    def prepare(values):
        os.environ.update(values)

    client.wait_for_workers(2, timeout=60)  # one was killed before this
    client.run(prepare, environment)
    space = {**SPACE, "edge": [0.0, 0.02]}  # a sweep that no worker has the bars of by now
    here = tr.sweep(mine, query, progress=False, **space)
    there = tr.sweep(mine, query, progress=False, executor=client, **space)
    assert plain(here.results).equals(plain(there.results))
    assert list((tmp_path / "there" / "trade-research" / "stores").glob("*/bars"))
