"""`BookSession`: what happens on a row of an order book, from its arrival to the order it leads to.

A row was proven by the venue's own sequence, or it has no levels: then the book is unknown, and no
order is decided on it. No record is made of a row, the recording of the books is the record of
them; every record says how many of its rows had been seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple, Protocol, cast

import numpy as np

from trade_research.brokers.books import BookOrder, PaperBookBroker
from trade_research.brokers.paper import Filled
from trade_research.errors import TradeResearchError
from trade_research.feeds.bars import Row
from trade_research.kernels.jit import F64, I64
from trade_research.live.records import clipped, signal_fields
from trade_research.live.session import Record, Session
from trade_research.orders import Intent, intent_id
from trade_research.risk.limits import Limits
from trade_research.simulate.book_run import BookMarket

UNPROVEN = "no book: what the venue said could not be proven"
_NO_BARS = np.empty((5, 0))


class BookPiece(NamedTuple):
    """Rows that came together.

    `inputs` is what the strategy reads of them; `received` (n,) when each was seen, nanoseconds.
    """

    market: BookMarket
    inputs: Mapping[str, F64]
    received: I64

    @property
    def fields(self) -> dict[str, int]:
        """Which rows these are, as a record has it."""
        return {"open_us": int(self.market.time[0]) // 1_000, "books": self.received.size}

    def part(self, begin: int, end: int) -> BookPiece:
        """Rows ``[begin, end)``."""
        inputs = {name: x[begin:end] for name, x in self.inputs.items()}
        return BookPiece(self.market.part(begin, end), inputs, self.received[begin:end])


class Keeper(Protocol):
    """Keeps the account's curve."""

    def take(self, market: BookMarket, equity: F64) -> None:
        """Books, and equity at the mid, at the best prices, and units held after each, (3, n)."""
        ...

    def close(self, equity: float) -> None:
        """All was closed after the last of them."""
        ...


class BookDecider(Protocol):
    """What a strategy wants after each row."""

    def see(self, piece: BookPiece) -> None:
        """Rows have come; all of them are seen, whether they are decided on or not."""
        ...

    def decide(self, piece: BookPiece) -> tuple[F64, Mapping[str, F64]]:
        """Targets (n,) and the strategy's other columns at the rows of the piece seen last.

        Raises
        ------
        TradeResearchError
            It cannot say; what is held stays.
        """
        ...


class BookSession(Session):
    """One strategy on the books of one instrument.

    Parameters
    ----------
    name, record, limits, cash, may_trade
        As of `Session`.
    decider : BookDecider
    broker : PaperBookBroker
    keeper : Keeper

    Attributes
    ----------
    seen_at : callable
        When the row of an order's decision was seen, nanoseconds, of the order's id and of what the
        row says; None: nothing is on record, it was refused as the one before.
    """

    def __init__(
        self,
        name: str,
        decider: BookDecider,
        broker: PaperBookBroker,
        record: Record,
        keeper: Keeper,
        *,
        limits: Limits | None,
        cash: float,
        may_trade: Callable[[], bool] = lambda: True,
    ) -> None:
        def with_rows(event: str, **fields: Any) -> None:
            record(event, rows=self.n_rows, **fields)

        super().__init__(
            name, cast(Any, decider), cast(Any, broker), with_rows,
            limits=limits, cash=cash, schedule=cast(Any, None), may_trade=may_trade,
        )  # fmt: skip
        self.book_decider = decider
        self.books, self.symbol, self._keeper = broker, broker.symbols[0], keeper
        self.seen_at: Callable[[str, int], int | None] = lambda _, received: received
        self.now_ns, self._lost, self._is_exit = 0, -1, False
        self._hashes = [blake2b(digest_size=16) for _ in range(5)]

    @property
    def digest(self) -> str:
        """Of all books seen, however they came in pieces."""
        return blake2b(b"".join(x.digest() for x in self._hashes), digest_size=16).hexdigest()

    def on_piece(self, piece: BookPiece) -> None:
        """Rows of books: what was under way, marks, the decisions on them, and their orders."""
        self.now_ns = int(piece.received[0])
        target, why = self._wanted(piece)
        market, received = piece.market, piece.received.tolist()
        self.books.show(market)
        whole = ~np.isnan(market.mid)
        for i, time in enumerate((market.time // 1_000).tolist()):
            self.now_ns = received[i]
            row = Row(time, time, self.now_ns, _NO_BARS)
            self._note(time, is_whole=bool(whole[i]))
            self._withdraw_far(i)
            ended, asked = self.books.step(i, target[i])
            if ended is not None:
                self._ended(ended, row)
            self._mark(row)
            self.n_rows, self.last_open = self.n_rows + 1, time
            if asked is not None:
                self._ask(asked, row, {name: float(x[i]) for name, x in why.items()})
        self._keeper.take(market, self.books.curve)
        for made, part in zip(self._hashes, market.arrays, strict=True):
            made.update(np.ascontiguousarray(part).tobytes())

    def kill(self, by: str, reason: str) -> None:
        """Stop for good: nothing new, everything closed at the last book there was."""
        super().kill(by, reason)
        self._keeper.close(self.broker.equity)

    def shutdown(self, reason: str) -> None:
        """Stop in order; positions stay as they are."""
        self._record(
            "shutdown",
            reason=reason,
            balance=self.broker.cash,
            equity=self.broker.equity,
            positions=self.broker.positions,
            digest=self.digest,
            until_us=self.last_open,
        )

    def _wanted(self, piece: BookPiece) -> tuple[F64, Mapping[str, F64]]:
        self.book_decider.see(piece)
        nothing = np.full(piece.received.size, np.nan)
        if self.is_halted:
            return nothing, {}
        try:
            return self.book_decider.decide(piece)
        except TradeResearchError as error:
            self.errors += 1
            self._record("strategy_error", error=clipped(error), bar=piece.fields)
            return nothing, {}

    def _note(self, time: int, *, is_whole: bool) -> None:
        """Where the book is lost, and where there is one again."""
        if not is_whole and self._lost < 0:
            self._lost = time
            bar = {"symbol": self.symbol, "open_us": time}
            self._record("bar_warning", reason=UNPROVEN, bar=bar)
        elif is_whole and self._lost >= 0:
            bar = {"symbol": self.symbol, "open_us": self._lost, "end_us": time}
            self._record("bar_skipped", reason="no book", bar=bar)
            self._lost = -1

    def _withdraw_far(self, i: int) -> None:
        """Take back an order whose fill would be too far from the mid it was weighed at."""
        order = self._open.get(self.symbol)
        if order is None or order.reduces or self.limits is None:
            return
        price = self.books.due(i)
        if price is None:
            return
        far = abs(price / order.intent.price - 1.0)
        if not far <= self.limits.price_band:
            self._give_up(self.symbol)
            reason = (
                f"would fill at {price:g}, {far:.1%} from the decision's {order.intent.price:g}"
            )
            signal = {"id": order.intent.id, "symbol": self.symbol}
            self._record("risk_block", signal=signal, limit="price_band", reason=reason)

    def _ended(self, order: BookOrder, row: Row) -> None:
        self._open.clear()
        if order.filled != 0.0:
            self._fill(self.books.filled(order), row._replace(open_time=order.arrived // 1_000))
        if order.status != "filled":
            left = abs(order.quantity) - abs(order.filled)
            number = self._ids[order.row, self.symbol]
            self._record("order_expired", order_id=number, reason=order.status, qty=left)

    def _ask(self, order: BookOrder, row: Row, why: Mapping[str, float]) -> None:
        """Weigh what the account asks for after a row, and send it or take it back."""
        intent = Intent(
            id=intent_id(self.name, self.symbol, row.close_time, order.row),
            symbol=self.symbol,
            decided=row.close_time,
            weight=self.books.weight,
            quantity=order.quantity,
            price=order.mid,
        )
        seen = self.seen_at(intent.id, row.received_ns)
        if seen is None and self._refused.get(self.symbol, (np.nan,))[0] == intent.weight:
            self._give_up(self.symbol)
            return
        row = row if seen is None else row._replace(received_ns=seen)
        self._is_exit = order.reason != "signal"
        self._order(intent, row, why, "")

    def _signal(self, row: Row, intent: Intent, why: Mapping[str, float]) -> dict[str, Any]:
        held = self.broker.positions.get(self.symbol, 0.0)
        signal = signal_fields(intent, held, why) | {"exit": self._is_exit}
        bar = {"open_us": row.open_time}
        self._record("signal_generated", signal=signal, bar=bar, received_ns=row.received_ns)
        return signal

    def _id_of(self, fill: Filled) -> str:
        known = self._ids.get((fill.decided_row, self.symbol))
        return known if known is not None and fill.reason != "halt" else super()._id_of(fill)
