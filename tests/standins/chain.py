"""A chain's node and a site of its pools on loopback, and what faults bend in their answers.

Rows as of `tests.standins.case`, six values each: of the node a block (number, base fee, three
tips, gas used), of the site a pool (address, price, another price, volume, reserves, created).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from time import time
from typing import Any

from tests.standins.server import Request, Standin

NODE = "ethereum-rpc.publicnode.com/"
ADDRESS = "0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640"
POOL_AT = f"api.geckoterminal.com/api/v2/networks/eth/pools/{ADDRESS}"
NEWEST, NEXT_BASE = 21_000_000, 14_000_000_000
GWEI = 10**9
_POOL = ("address", "base_token_price_usd", "quote_token_price_usd", "volume", "reserve_in_usd")


def blocks() -> list[list[Any]]:
    """Twenty blocks: the tips of the k-th are k + 1, 2(k + 1) and 3(k + 1) gwei."""
    first = NEWEST - 19
    return [
        [hex(first + k), hex(12 * GWEI + k), *(hex(m * (k + 1) * GWEI) for m in (1, 2, 3)), 0.5]
        for k in range(20)
    ]


def _batch(rows: list[list[Any]]) -> list[dict[str, Any]]:
    fees = {
        "oldestBlock": rows[0][0] if rows else "0x0",
        "baseFeePerGas": [*(row[1] for row in rows), hex(NEXT_BASE)],
        "gasUsedRatio": [row[5] for row in rows],
        "reward": [row[2:5] for row in rows],
    }
    block = {"number": hex(NEWEST), "timestamp": hex(int(time()) - 6)}
    results = ("0x1", block, fees)
    # A node may answer a batch in any order.
    return [{"jsonrpc": "2.0", "id": i, "result": results[i]} for i in (2, 0, 1)]


def _pool(rows: list[list[Any]]) -> dict[str, Any]:
    if not rows:
        return {"data": None}
    facts = dict(zip(_POOL, rows[-1], strict=False))
    volume = {"h24": facts.pop("volume"), "h1": "1.5"}
    return {
        "data": {
            "id": f"eth_{facts['address']}",
            "type": "pool",
            "attributes": facts | {"volume_usd": volume, "pool_created_at": rows[-1][5]},
        }
    }


def _pool_rows(body: bytes) -> list[list[Any]]:
    facts = json.loads(body)["data"]["attributes"]
    told = facts | {"volume": facts["volume_usd"]["h24"]}
    return [[*(told[name] for name in _POOL), told["pool_created_at"]]]


def _block_rows(body: bytes) -> list[list[Any]]:
    fees = json.loads(body)[0]["result"]
    first = int(fees["oldestBlock"], 16)
    return [
        [hex(first + k), fees["baseFeePerGas"][k], *tips, 0.5]
        for k, tips in enumerate(fees["reward"])
    ]


@dataclass
class Case:
    """An input against its stand-in: how faults take its answer apart, and the true values."""

    name: str
    symbol: str
    path: str
    answer: Callable[[], object]
    rows: Callable[[bytes], list[list[Any]]]
    made: Callable[[list[list[Any]]], object]
    wrong: Callable[[bytes], bytes]
    running: Callable[[list[Any], float], list[Any]]
    truth: dict[str, float]

    def __str__(self) -> str:
        return self.name

    def make(self) -> Standin:
        """The stand-in."""
        return Standin({self.path: lambda _: self.answer()})

    def pack(self, body: bytes, rows: list[list[Any]]) -> bytes:
        """Rows in the form of the answer."""
        del body
        return json.dumps(self.made(rows)).encode()

    def is_data(self, request: Request) -> bool:
        """Every answer is."""
        return request.path == self.path


POOL_ROW = [ADDRESS, "3120.5", "0.9998", "98000000.25", "152000000.75", "2021-05-05T21:42:11Z"]
CASES = [
    Case(
        "gas",
        "",
        NODE,
        lambda: _batch(blocks()),
        _block_rows,
        _batch,
        lambda body: body.replace(b'"result": "0x1"', b'"result": "0x38"'),
        lambda row, now: [hex(NEWEST + 5), *row[1:]],
        # The median of 1 to 20 is 10.5.
        {"gas_safe": 24.5, "gas_propose": 35.0, "gas_fast": 45.5},
    ),
    Case(
        "pool",
        f"eth/{ADDRESS}",
        POOL_AT,
        lambda: _pool([POOL_ROW]),
        _pool_rows,
        _pool,
        lambda body: body.replace(b"eth_0x88", b"eth_0x99"),
        lambda row, now: row,
        {
            "pool_price_usd": 3120.5,
            "pool_liquidity_usd": 152000000.75,
            "pool_volume_24h_usd": 98000000.25,
        },
    ),
]
