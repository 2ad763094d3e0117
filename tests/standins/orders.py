"""Binance's spot orders on loopback: its rules of time, ids and filters, and a truth of its own.

What the venue did is in `truth`, which only grows; what goes wrong with the next requests is in
`faults`, by name. A request older than its window is refused at the door *and* after the wait
behind it, as the venue documents.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import struct
import threading
from collections import defaultdict, deque
from decimal import Decimal
from time import sleep, time
from typing import Any
from urllib.parse import parse_qsl

from tests.standins.server import Request, Standin

KEY, SECRET, UID = "k" * 64, "s" * 64, 35_471_100
ROOT, SAPI = "api.binance.com/api/v3", "api.binance.com/sapi/v1"
FEE = Decimal("0.001")
STATUS = {"503": 503, "502": 502, "500": 500, "408": 408, "429": 429, "418": 418, "403": 403}
CODED = {
    "-1006": (500, -1006, "Execution status unknown."),
    "-1007": (408, -1007, "Timeout waiting for response from backend server."),
    "-1000": (400, -1000, "An unknown error occurred while processing the request."),
    "-2010": (400, -2010, "Account has insufficient balance for requested action."),
    "-1013": (400, -1013, "Filter failure: NOTIONAL"),
    "-2015": (401, -2015, "Invalid API-key, IP, or permissions for action."),
}
BODIES = {
    "html": b"<!DOCTYPE html><html><body>Please log in</body></html>",
    "empty object": b"{}",
}


class Venue(Standin):
    """One spot account; prices are set by the test.

    Attributes
    ----------
    truth : list of dict
        Orders, cancels and trades in their order, each with its time.
    balances : dict of str to Decimal
    locked : dict of str to Decimal
    price : dict of str to Decimal
    faults : deque of str
        For the next orders, oldest first; "" is none.
    asking : deque of str
        For the next questions about orders.
    script : list of fractions
        An order trades these parts of it; the rest is cancelled (or stays, where `rests`).
    unseen_s : float
        For so long a new order is not shown.
    """

    def __init__(self, coins: dict[str, str], price: dict[str, str]) -> None:
        super().__init__({})
        self.truth: list[dict[str, Any]] = []
        self.balances = defaultdict(Decimal, {a: Decimal(q) for a, q in coins.items()})
        self.price = {s: Decimal(p) for s, p in price.items()}
        self.locked: dict[str, Decimal] = defaultdict(Decimal)
        self.orders: list[dict[str, Any]] = []
        self.trades: list[dict[str, Any]] = []
        self.faults: deque[str] = deque()
        self.asking: deque[str] = deque()
        self.script, self.rests, self.unseen_s = ["1"], False, 0.0
        self.withdraws, self.gate = False, threading.RLock()
        self.before, self.fault = self._before, self._after
        self.pending: dict[int, str] = {}
        for name in ("time", "exchangeInfo", "order", "openOrders", "allOrders", "myTrades"):
            self.routes[f"{ROOT}/{name}"] = getattr(self, f"_{name.lower()}")
        self.routes[f"{ROOT}/account"] = self._account
        self.routes[f"{SAPI}/account/apiRestrictions"] = self._restrictions

    # ---- what a test looks at

    def placed(self, client_id: str = "") -> list[dict[str, Any]]:
        return [o for o in self.orders if client_id in ("", o["clientOrderId"])]

    def manual(self, symbol: str, side: str, quantity: str) -> None:
        """The owner trades by hand."""
        with self.gate:
            given = {"symbol": symbol, "side": side, "quantity": quantity, "type": "MARKET"}
            self._accept(given | {"newClientOrderId": f"web_{len(self.orders)}"})

    # ---- faults

    def _before(self, handler: Any, request: Request) -> bool:
        is_order = request.path == f"{ROOT}/order"
        queue = self.faults if is_order and request.method == "POST" else self.asking
        if not is_order and queue is self.asking:
            return False
        name = queue.popleft() if queue else ""
        self.pending[id(request)] = name
        if name == "request lost":
            return _abort(handler)
        if name in ("held", "held too long"):
            _hung_up(handler)
        while name == "held too long" and self._is_timely(dict(parse_qsl(request.body))):
            sleep(0.02)
        return self._canned(handler, name.removesuffix(" before"))

    def _after(self, handler: Any, request: Request, body: bytes) -> bool:
        name = self.pending.pop(id(request), "")
        if name == "reply lost":
            return _abort(handler)
        if name == "slow reply":
            _hung_up(handler)
            return _abort(handler)
        if name == "truncated":
            handler.reply(200, body[: len(body) // 2])
            return True
        if name == "another order":
            other = {"clientOrderId": "x", "orderId": 999, "fills": []}
            handler.reply(200, json.dumps(json.loads(body) | other).encode())
            return True
        if name in BODIES:
            handler.reply(200, BODIES[name])
            return True
        return name.endswith(" after") and self._canned(handler, name.removesuffix(" after"))

    def _canned(self, handler: Any, name: str) -> bool:
        if name in STATUS:
            wait = {"Retry-After": "1"} if name in ("429", "418", "403") else {}
            body = b'{"code":-1003,"msg":"Too many requests."}' if wait else b"<html>no</html>"
            handler.reply(STATUS[name], body if name != "403" else b"<html>WAF</html>", wait)
        elif name in CODED:
            status, code, words = CODED[name]
            handler.reply(status, json.dumps({"code": code, "msg": words}).encode())
        else:
            return False
        return True

    # ---- routes

    def _now(self) -> int:
        return int((time() + self.clock_offset) * 1e3)

    def _time(self, _: Request) -> object:
        return {"serverTime": self._now()}

    def _signed(self, request: Request) -> dict[str, str] | tuple[int, object]:
        text = request.body or request.target.partition("?")[2]
        whole, _, signature = text.rpartition("&signature=")
        wanted = hmac.new(SECRET.encode(), whole.encode(), hashlib.sha256).hexdigest()
        headers = {name.lower(): value for name, value in request.headers.items()}
        if headers.get("x-mbx-apikey") != KEY:
            return 401, {"code": -2014, "msg": "API-key format invalid."}
        if signature != wanted:
            return 400, {"code": -1022, "msg": "Signature for this request is not valid."}
        given = dict(parse_qsl(whole))
        return given if self._is_timely(given) else (400, LATE)

    def _is_timely(self, given: dict[str, str]) -> bool:
        stamp, now = int(given["timestamp"]), self._now()
        return stamp < now + 1_000 and now - stamp <= int(given.get("recvWindow", 5_000))

    def _exchangeinfo(self, _: Request) -> object:
        return {"symbols": [_market(symbol) for symbol in self.price]}

    def _order(self, request: Request) -> object:
        given = self._signed(request)
        if isinstance(given, tuple):
            return given
        with self.gate:
            if request.method == "POST":
                return self._accept(given)
            found = self._shown(given["symbol"])
            named = [o for o in found if o["clientOrderId"] == given.get("origClientOrderId")]
            return named[-1] if named else (400, {"code": -2013, "msg": "Order does not exist."})

    def _shown(self, symbol: str) -> list[dict[str, Any]]:
        return [
            {k: v for k, v in o.items() if k != "fills"}
            for o in self.orders
            if o["symbol"] == symbol and time() - o["time"] / 1e3 >= self.unseen_s
        ]

    def _accept(self, given: dict[str, str]) -> object:
        name, symbol = given["newClientOrderId"], given["symbol"]
        open_ids = {o["clientOrderId"] for o in self.orders if o["status"] in GOING}
        if name in open_ids:
            return 400, {"code": -2010, "msg": "Duplicate order sent."}
        quantity, price = Decimal(given["quantity"]), self.price[symbol]
        if quantity % Decimal("0.00001"):
            return 400, {"code": -1013, "msg": "Filter failure: LOT_SIZE"}
        limit = Decimal(given.get("price", price))
        if quantity * price < 5:
            return 400, {"code": -1013, "msg": "Filter failure: NOTIONAL"}
        buys, base = given["side"] == "BUY", symbol.removesuffix("USDT")
        paid, has = ("USDT", quantity * limit) if buys else (base, quantity)
        if self.balances[paid] - self.locked[paid] < has:
            return 400, {"code": -2010, "msg": CODED["-2010"][2]}
        crosses = price <= limit if buys else price >= limit
        parts = [quantity * Decimal(part) for part in self.script] if crosses else []
        order = {
            "symbol": symbol,
            "orderId": len(self.orders) + 1,
            "clientOrderId": name,
            "price": given.get("price", "0"),
            "origQty": str(quantity),
            "side": given["side"],
            "type": given["type"],
            "time": time() * 1e3,
        }
        order["fills"] = [self._trade(order, part, price) for part in parts]
        done = sum(parts, Decimal())
        rest = "PARTIALLY_FILLED" if self.rests else "EXPIRED"
        order["executedQty"] = str(done)
        order["status"] = "FILLED" if done == quantity else rest
        if order["status"] in GOING:
            self.locked[paid] += has * (1 - done / quantity)
        self.orders.append(order)
        self.truth.append({"what": "order"} | {k: order[k] for k in ("clientOrderId", "side")})
        return order | {"transactTime": self._now()}

    def _trade(self, order: dict[str, Any], quantity: Decimal, price: Decimal) -> dict[str, Any]:
        base, buys = order["symbol"].removesuffix("USDT"), order["side"] == "BUY"
        sign = 1 if buys else -1
        gets, fee = (base, quantity * FEE) if buys else ("USDT", quantity * price * FEE)
        self.balances[base] += sign * quantity
        self.balances["USDT"] -= sign * quantity * price
        self.balances[gets] -= fee
        trade = {
            "symbol": order["symbol"],
            "id": len(self.trades) + 1,
            "tradeId": len(self.trades) + 1,
            "orderId": order["orderId"],
            "price": str(price),
            "qty": str(quantity),
            "commission": str(fee),
            "commissionAsset": gets,
            "time": self._now(),
            "isBuyer": buys,
        }
        self.trades.append(trade)
        self.truth.append({"what": "trade", "id": order["clientOrderId"], "qty": float(quantity)})
        return trade

    def _openorders(self, request: Request) -> object:
        given = self._signed(request)
        if isinstance(given, tuple):
            return given
        with self.gate:
            mine = [o for o in self.orders if o["symbol"] == given["symbol"]]
            still = [o for o in mine if o["status"] in GOING]
            if request.method == "DELETE":
                for order in still:
                    order["status"] = "CANCELED"
                    self.truth.append({"what": "cancel", "id": order["clientOrderId"]})
                self.locked.clear()
                return still or (400, {"code": -2011, "msg": "Unknown order sent."})
            return still

    def _allorders(self, request: Request) -> object:
        given = self._signed(request)
        return given if isinstance(given, tuple) else self._shown(given["symbol"])

    def _mytrades(self, request: Request) -> object:
        given = self._signed(request)
        if isinstance(given, tuple):
            return given
        wanted = given.get("orderId")
        return [t for t in self.trades if wanted in (None, str(t["orderId"]))]

    def _account(self, request: Request) -> object:
        given = self._signed(request)
        if isinstance(given, tuple):
            return given
        with self.gate:
            rows = [
                {"asset": a, "free": str(q - self.locked[a]), "locked": str(self.locked[a])}
                for a, q in self.balances.items()
            ]
            return {"uid": UID, "canTrade": True, "canWithdraw": True, "balances": rows}

    def _restrictions(self, request: Request) -> object:
        given = self._signed(request)
        if isinstance(given, tuple):
            return given
        return {"enableWithdrawals": self.withdraws, "enableSpotAndMarginTrading": True}


GOING = ("NEW", "PARTIALLY_FILLED")
LATE = {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}


def _hung_up(handler: Any) -> None:
    """Wait until the other side has given up, or died."""
    handler.connection.settimeout(30.0)
    handler.connection.recv(1, socket.MSG_PEEK)


def _abort(handler: Any) -> bool:
    """Hang up with a reset, in the middle of nothing."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    handler.close_connection = True
    return True


def _market(symbol: str) -> dict[str, Any]:
    base = symbol.removesuffix("USDT")
    return {
        "symbol": symbol,
        "status": "TRADING",
        "baseAsset": base,
        "quoteAsset": "USDT",
        "orderTypes": ["LIMIT", "MARKET"],
        "isSpotTradingAllowed": True,
        "permissions": ["SPOT"],
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.01", "minPrice": "0.01"},
            {"filterType": "LOT_SIZE", "stepSize": "0.00001", "minQty": "0.00001"},
            {"filterType": "NOTIONAL", "minNotional": "5", "applyMinToMarket": True},
        ],
    }
