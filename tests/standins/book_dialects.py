"""How venues say the same market: paths, subscriptions, and the messages of one step of a book."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from tests.standins import recorded

if TYPE_CHECKING:
    from tests.standins.books import Market

Message = dict[str, Any]


class Binance:
    """Spot, or with `futures` the USD-M market: snapshots by REST, at ``depth``."""

    venue, symbol = "binance", "BTC/USDT"
    markets = "binance/rest/spot_exchangeInfo_full.json.gz"

    def rest(self, path: str) -> Any:
        """What is said of the markets; None for another path."""
        if not path.endswith("exchangeInfo"):
            return None
        whole = recorded.answer(self.markets)["body"]
        return whole | {"symbols": [s for s in whole["symbols"] if s["symbol"] == "BTCUSDT"]}

    def streams(self, said: Message) -> list[str]:
        """What is subscribed to: depth, trade."""
        return ["depth" if "@depth" in name else name.split("@")[1] for name in said["params"]]

    def answer(self, said: Message) -> Message:
        """What is said to a subscription."""
        return {"result": None, "id": said["id"]}

    def opening(self, market: Market, number: int) -> list[Message]:
        """What the depth stream begins with."""
        return []

    def books(self, market: Market, number: int) -> list[Message]:
        """Changes of a step."""
        return market.messages[number][:1]

    def trades(self, market: Market, number: int) -> list[Message]:
        """Trades of a step."""
        return market.messages[number][1:]


class BinanceFutures(Binance):
    """The USD-M market: ids have holes, ``pu`` links messages, the first spans the snapshot's."""

    venue, symbol = "binance_usdm", "BTC/USDT:USDT"
    markets = "binance/rest/usdm_exchangeInfo_full.json.gz"

    def books(self, market: Market, number: int) -> list[Message]:
        return [book | {"U": book["u"]} for book in super().books(market, number)]


class KrakenFutures(Binance):
    """The stream begins with a snapshot; then one level a message, each with the next ``seq``."""

    venue, symbol, product = "kraken_futures", "ETH/USD:USD", "PF_ETHUSD"

    def rest(self, path: str) -> Any:
        """The instruments, and no status of any."""
        if path.endswith("instruments"):
            return recorded.answer("kraken_futures/rest/futures_instruments.json")
        return {"result": "success", "instrumentStatus": []} if path.endswith("status") else None

    def streams(self, said: Message) -> list[str]:
        return [{"book": "depth"}.get(said.get("feed", ""), said.get("feed", ""))]

    def answer(self, said: Message) -> Message:
        return said | {"event": f"{said['event']}d"}

    def opening(self, market: Market, number: int) -> list[Message]:
        whole = market.snapshots[number]
        return [{
            "feed": "book_snapshot", "product_id": self.product, "tickSize": None,
            "timestamp": market.times[number], "seq": self._seq(market, number),
            "bids": _sizes(whole["bids"]), "asks": _sizes(whole["asks"]),
        }]  # fmt: skip

    def books(self, market: Market, number: int) -> list[Message]:
        book, before = market.messages[number][0], self._seq(market, number - 1)
        levels = [("buy", x) for x in _sizes(book["b"])] + [("sell", x) for x in _sizes(book["a"])]
        head = {"feed": "book", "product_id": self.product, "timestamp": book["E"]}
        return [head | {"side": side, "seq": before + 1 + k} | level
                for k, (side, level) in enumerate(levels)]  # fmt: skip

    def trades(self, market: Market, number: int) -> list[Message]:
        return [
            {
                "feed": "trade", "product_id": self.product, "uid": str(UUID(int=t["t"] << 65)),
                "side": "sell" if t["m"] else "buy", "type": "fill", "seq": t["t"],
                "time": t["T"], "qty": float(t["q"]), "price": float(t["p"]),
            }
            for t in super().trades(market, number)
        ]  # fmt: skip

    def _seq(self, market: Market, number: int) -> int:
        """Levels said so far; counted once for all steps."""
        if not hasattr(self, "_counts"):
            self._counts = [0]
            for book, *_ in market.messages[1:]:
                self._counts.append(self._counts[-1] + len(book["b"]) + len(book["a"]))
        return self._counts[number]


def _sizes(levels: list[list[str]]) -> list[dict[str, float]]:
    return [{"price": float(price), "qty": float(size)} for price, size in levels]
