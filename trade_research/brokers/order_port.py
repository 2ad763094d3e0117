"""`OrderPort`: orders of one spot account at Binance, by ccxt's REST; answers become events.

ccxt signs and sends. What an answer means is read off the answer itself (`answers`), not off the
exception that ccxt makes of it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from trade_research.brokers.answers import (
    WRONG_TIME,
    is_ours,
    outcome,
    report_of,
    said_by,
    trade_of,
)
from trade_research.brokers.door import Door
from trade_research.brokers.order_machine import (
    WINDOW_NS,
    Absent,
    Event,
    Lost,
    Order,
    Refused,
    Trade,
    Unheard,
)
from trade_research.errors import BrokerError
from trade_research.settings.secrets import Secret, quiet_clients, redact
from trade_research.simulate.accounts import Rules
from trade_research.sources.http import as_session, shown
from trade_research.sources.limits import Bucket

HOSTS = frozenset({"api.binance.com"})
PATHS = frozenset(
    {
        *("time", "exchangeInfo", "order", "openOrders", "allOrders", "myTrades", "account"),
        "account/apiRestrictions",
    }
)
"""All that is ever asked: whatever else ccxt could do, withdrawals above all, is refused."""
ABSENT, NO_ORDER_TO_CANCEL = -2013, -2011
BUSY = frozenset({403, 418, 429, 503})
TIMEOUT_S = 5.0
RECENT = 200


@dataclass(frozen=True)
class Balances:
    """What an account holds: `total` and `free` units by asset, and how many orders are open."""

    uid: str
    total: Mapping[str, float]
    free: Mapping[str, float]


class OrderPort:
    """The only place that a real order can leave from.

    Parameters
    ----------
    key, secret : Secret
    symbols : sequence of str
        As ccxt names them, e.g. ``BTC/USDT``; all of one quote.
    to : str
        ``127.0.0.1:port`` of a stand-in.
    is_patient : bool
        False asks also while the venue wants silence: for closing everything.

    Raises
    ------
    BrokerError
        The venue does not have a symbol, or cannot be asked for it.
    """

    def __init__(
        self,
        key: Secret,
        secret: Secret,
        symbols: Sequence[str],
        *,
        to: str = "",
        is_patient: bool = True,
    ) -> None:
        quiet_clients()
        self.symbols, self.signed_ns = tuple(symbols), 0
        self.door = Door("binance", HOSTS, Bucket(1e9), to, TIMEOUT_S, TIMEOUT_S)
        self._exchange = _exchange(self, key, secret)
        self._exchange.session = as_session(self.door)
        self._is_patient, self._quiet_until = is_patient, -math.inf

    def connect(self) -> None:
        """Load the markets and set the clock by the venue's."""
        try:
            self._exchange.load_markets()
            for symbol in self.symbols:
                self._exchange.market(symbol)
        except Exception as error:  # ccxt raises whatever it stumbles over
            raise BrokerError(f"binance did not tell its markets: {_words(error)}") from None
        self.sync()

    def rules(self) -> Rules:
        """Steps of price and size, and the least value, of each symbol."""
        markets = [self._exchange.market(symbol) for symbol in self.symbols]
        return Rules(
            tick=[float(m["precision"]["price"] or 0.0) for m in markets],
            lot=[float(m["precision"]["amount"] or 0.0) for m in markets],
            min_notional=[float(m["limits"]["cost"]["min"] or 0.0) for m in markets],
        )

    def assets(self) -> tuple[list[str], str]:
        """Base asset of each symbol, and the quote of all."""
        markets = [self._exchange.market(symbol) for symbol in self.symbols]
        quotes = {m["quote"] for m in markets}
        if len(quotes) != 1 or not all(m["spot"] for m in markets):
            raise BrokerError(f"one account trades spot symbols of one quote, not {self.symbols}")
        return [m["base"] for m in markets], quotes.pop()

    def sync(self) -> float:
        """Set the clock by the venue's: the median of five; seconds that ours is ahead."""
        ahead = []
        for _ in range(5):
            before = time.time()
            theirs = float(self._ask("public_get_time", {})["serverTime"]) / 1e3
            ahead.append((before + time.time()) / 2.0 - theirs)
        skew = median(ahead)
        self._exchange.options["timeDifference"] = round(skew * 1e3)
        return skew

    def place(self, order: Order) -> Event:
        """Send an order, once; what is known of it then."""
        if self._is_quiet:
            return Refused("the venue asked for silence")
        self.signed_ns, problem = 0, ""
        self.door.forget()
        is_market = math.isnan(order.price)
        more = {"newClientOrderId": order.id, "newOrderRespType": "FULL"}
        try:
            self._exchange.create_order(
                order.symbol,
                "market" if is_market else "limit",
                "buy" if order.quantity > 0.0 else "sell",
                abs(order.quantity),
                None if is_market else order.price,
                more if is_market else more | {"timeInForce": "IOC"},
            )
        except Exception as error:  # whatever ccxt makes of it: the answer itself is looked at
            problem = _words(error)
        self._hush()
        if not self.signed_ns or not self.door.has_left:
            return Refused(f"not sent: {problem}")
        answer = self.door.kept()
        if answer is None:
            return Lost(f"no answer: {problem}", self.signed_ns)
        return outcome(order, self._id(order.symbol), answer, self.signed_ns)

    def ask(self, order: Order, is_thorough: bool) -> Event:
        """What the venue knows of an order: `Report`, `Absent`, or `Unheard`."""
        asked_ns = time.monotonic_ns()
        name = {"symbol": self._id(order.symbol)}
        try:
            said = self._found(order, name, is_thorough)
            if said is None:
                return Absent(asked_ns, is_thorough)
            if not is_ours(order, name["symbol"], said):
                return Unheard()
            trades: tuple[Trade, ...] = ()
            if float(said["executedQty"]) > 0.0:
                rows = self._ask("private_get_mytrades", name | {"orderId": said["orderId"]})
                trades = tuple(trade_of(row, "id") for row in rows)
            return report_of(said, trades)
        except (BrokerError, AttributeError, KeyError, TypeError, ValueError):
            return Unheard()

    def balances(self) -> Balances:
        """What the account holds.

        Raises
        ------
        BrokerError
            It cannot be had.
        """
        said = self._ask("private_get_account", {})
        try:
            free = {row["asset"]: float(row["free"]) for row in said["balances"]}
            locked = {row["asset"]: float(row["locked"]) for row in said["balances"]}
            total = {asset: free[asset] + locked[asset] for asset in free}
            return Balances(str(int(said["uid"])), total, free)
        except (KeyError, TypeError, ValueError) as error:
            raise BrokerError(f"binance told no balances: {_words(error)}") from None

    def cancel_all(self, symbol: str) -> None:
        """Cancel every open order of a symbol; none is fine too."""
        try:
            self._ask("private_delete_openorders", {"symbol": self._id(symbol)})
        except BrokerError as error:
            if error.code != NO_ORDER_TO_CANCEL:
                raise

    def may_withdraw(self) -> bool:
        """Whether the key may take money out of the account."""
        said = self._ask("sapi_get_account_apirestrictions", {})
        return not (isinstance(said, dict) and said.get("enableWithdrawals") is False)

    def _id(self, symbol: str) -> str:
        return str(self._exchange.market(symbol)["id"])

    @property
    def _is_quiet(self) -> bool:
        return self._is_patient and time.monotonic() < self._quiet_until

    def _hush(self) -> None:
        """Keep the silence that the last answer asks for."""
        answer = self.door.kept()
        if answer is not None and answer.status in BUSY:
            try:
                wait = float(answer.headers.get("retry-after", 0.0))
            except ValueError:
                wait = 0.0
            self._quiet_until = time.monotonic() + wait

    def _ask(self, call: str, given: Mapping[str, Any]) -> Any:
        """The JSON of an answer; BrokerError with the venue's code where it says no."""
        if self._is_quiet:
            raise BrokerError("the venue asked for silence")
        problem = ""
        self.door.forget()
        try:
            getattr(self._exchange, call)(dict(given))
        except Exception as error:  # as in `place`
            problem = _words(error)
        self._hush()
        answer = self.door.kept()
        if answer is None:
            raise BrokerError(f"binance did not answer: {problem}")
        said = said_by(answer)
        code = said.get("code") if isinstance(said, dict) else None
        if answer.status != 200 or said is None or isinstance(code, int):
            reason = f"binance answered {answer.status}: {shown(answer.body)}"
            if code == WRONG_TIME:
                self.sync()  # for whoever asks again: clocks drift apart in weeks
            raise BrokerError(reason, code if isinstance(code, int) else 0)
        return said

    def _found(self, order: Order, name: Mapping[str, str], is_thorough: bool) -> Any:
        """The order by its id, or else among the latest of its symbol; None if it is nowhere."""
        try:
            return self._ask("private_get_order", {**name, "origClientOrderId": order.id})
        except BrokerError as error:
            if error.code != ABSENT:
                raise
        if not is_thorough:
            return None
        rows = self._ask("private_get_allorders", {**name, "limit": RECENT})
        return next((row for row in rows if row["clientOrderId"] == order.id), None)


def _exchange(port: OrderPort, key: Secret, secret: Secret) -> Any:
    """ccxt's Binance for this port: it notes when it signs, and asks for `PATHS` only."""
    import ccxt

    class Binance(ccxt.binance):  # type: ignore[misc]  # ccxt's classes are untyped
        def nonce(self) -> Any:
            port.signed_ns = time.monotonic_ns()
            return super().nonce()

        def request(self, path: str, *args: Any, **options: Any) -> Any:
            if path not in PATHS:
                raise BrokerError(f"nothing here may ask binance for {path!r}")
            return super().request(path, *args, **options)

    exchange = Binance(
        {
            "apiKey": key.reveal(),
            "secret": secret.reveal(),
            "enableRateLimit": False,
            "options": {
                "fetchCurrencies": False,
                "fetchMargins": False,
                "fetchMarkets": {"types": ["spot"]},
                "createOrder": {"quoteOrderQty": False},
                "recvWindow": WINDOW_NS // 1_000_000,
            },
        }
    )
    exchange.enableLastHttpResponse = False
    exchange.enableLastJsonResponse = False
    exchange.enableLastResponseHeaders = False
    return exchange


def _words(error: Exception) -> str:
    """An error without addresses, which hold a signature."""
    words = " ".join(word for word in str(error).split() if "://" not in word)
    return redact(f"{type(error).__name__}: {words}")[:200]
