"""What chains say of this moment: gas prices of a node, prices and reserves of a trading pool.

Nobody keeps these as they were published: one answer is one row, known from when it came.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import polars as pl

from trade_research.errors import ConfigError, SourceError
from trade_research.frames.bars import TIME
from trade_research.sources.http import Http, shown

_NODE = "ethereum-rpc.publicnode.com"
_MAIN_NET = 1
_BLOCKS = 20  # about four minutes
_STALE = timedelta(minutes=5)  # a block comes every twelve seconds
_GWEI = 1e9
_POOLS = "api.geckoterminal.com"

GAS = {"10": "gas_safe", "50": "gas_propose", "90": "gas_fast"}
"""Percentile of the tips inside a block to the column of its price."""
POOL = {
    "base_token_price_usd": "pool_price_usd",
    "reserve_in_usd": "pool_liquidity_usd",
    "volume_usd": "pool_volume_24h_usd",
}


def gas(*, node: str = _NODE, to: str = "") -> pl.DataFrame:
    """What a unit of gas costs on Ethereum in the next block, in gwei.

    The base fee of the next block, and the tip that a tenth, half and nine tenths of the gas of a
    block paid at most: each the median over the last 20 blocks.

    Parameters
    ----------
    node : str
        Host of a node that answers JSON-RPC over https without a key.
    to : str
        ``127.0.0.1:port`` of a stand-in.

    Returns
    -------
    DataFrame
        One row: ``close_time`` (now, by the later of our clock and the node's), ``gas_safe,
        gas_propose, gas_fast``.

    Raises
    ------
    SourceError
        No whole answer, one that is none of the main net's, or of a block five minutes old.
    """
    if "/" in node:
        raise ConfigError(f"a node is a host alone, like {_NODE}: its path may be a key")
    http = Http.of("ethereum", node, per_minute=60, to=to)
    calls: dict[str, list[Any]] = {
        "eth_chainId": [],
        "eth_getBlockByNumber": ["latest", False],
        "eth_feeHistory": [hex(_BLOCKS), "latest", [int(percent) for percent in GAS]],
    }
    asked = [
        {"jsonrpc": "2.0", "id": i, "method": method, "params": params}
        for i, (method, params) in enumerate(calls.items())
    ]
    answer = http.get(
        f"https://{node}/",
        method="POST",
        headers={"Content-Type": "application/json"},
        body=json.dumps(asked).encode(),
    )
    chain, block, fees = _replies(answer.json(), len(calls))
    try:
        if (found := _whole(chain)) != _MAIN_NET:
            raise SourceError(
                f"the node {node} is of the chain {found}, not of Ethereum's main net"
            )
        _check_newest(block, fees, http.now())
        base = _whole(fees["baseFeePerGas"][-1])
        tips = [[_whole(tip) for tip in of_block] for of_block in fees["reward"]]
        prices = [(base + median(tip)) / _GWEI for tip in zip(*tips, strict=True)]
        return _row(http, dict(zip(GAS.values(), prices, strict=True)))
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise SourceError(
            f"the node {node} left out a part of its answer ({error!r:.60})"
        ) from None


def pool(symbol: str, *, to: str = "") -> pl.DataFrame:
    """Price, reserves and volume of one pool of a decentralised exchange, by GeckoTerminal.

    Parameters
    ----------
    symbol : str
        Network and address, ``eth/0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640``.
    to : str
        ``127.0.0.1:port`` of a stand-in.

    Returns
    -------
    DataFrame
        One row: ``close_time`` (now), ``pool_price_usd`` (of the base token),
        ``pool_liquidity_usd`` (both reserves), ``pool_volume_24h_usd`` (of the last 24 hours).
    """
    network, slash, address = symbol.partition("/")
    if not slash or not (network.replace("-", "").replace("_", "") + address).isalnum():
        raise ConfigError(f"write a pool as network/address, eth/0x88e6…, found {symbol[:60]!r}")
    http = Http.of("geckoterminal", _POOLS, per_minute=30, to=to)
    found = http.json(f"https://{_POOLS}/api/v2/networks/{network}/pools/{address}")
    try:
        said, facts = found["data"]["id"], found["data"]["attributes"]
        if said.lower() != f"{network}_{address}".lower():
            raise SourceError(f"geckoterminal answered for {shown(said, 60)}, not for {symbol}")
        told = facts | {"volume_usd": facts["volume_usd"]["h24"]}
        return _row(http, {column: float(told[field]) for field, column in POOL.items()})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(f"geckoterminal left out a part of its answer ({error!r:.60})") from None


def _replies(found: Any, count: int) -> list[Any]:
    """Results of a batch of calls in the order they were asked; a node may answer in any."""
    if isinstance(found, dict):
        found = [found]  # a node that knows no batches says so once
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise SourceError("the node did not answer as JSON-RPC does")
    for one in found:
        if one.get("error"):
            raise SourceError(f"the node refuses: {shown(str(one['error']), 80)}")
    results = {one.get("id"): one.get("result") for one in found}
    if not all(results.get(i) for i in range(count)):
        raise SourceError("the node left a question out of its answer")
    return [results[i] for i in range(count)]


def _check_newest(block: dict[str, Any], fees: dict[str, Any], now: datetime) -> None:
    """The fees must end at the newest block, and that must be of this moment."""
    count, number = len(fees["reward"]), _whole(block["number"])
    last = _whole(fees["oldestBlock"]) + count - 1
    whole = 1 <= count <= _BLOCKS and len(fees["baseFeePerGas"]) == count + 1
    # Between two questions of a batch a block may come.
    if not whole or not 0 <= last - number <= 1:
        raise SourceError(f"the node's fees end at block {last}, its newest is {number}")
    at = datetime.fromtimestamp(_whole(block["timestamp"]), UTC)
    if now - at > _STALE:
        raise SourceError(f"the node lags: its newest block is of {at:%F %T}")


def _whole(text: str) -> int:
    """A quantity of JSON-RPC, ``0x1f``."""
    if not text.startswith("0x"):
        raise ValueError(f"no quantity: {text[:20]!r}")
    return int(text, 16)


def _row(http: Http, values: dict[str, float]) -> pl.DataFrame:
    """One row known by the later of the two clocks; what is no price or amount is refused."""
    for column, value in values.items():
        if not (math.isfinite(value) and value >= 0.0):
            raise SourceError(f"{column} cannot be {value:g}")
    now = http.now() + timedelta(seconds=abs(http.skew_s))
    return pl.DataFrame({"close_time": [now], **{n: [v] for n, v in values.items()}}).with_columns(
        pl.col("close_time").cast(TIME), pl.exclude("close_time").cast(pl.Float64)
    )
