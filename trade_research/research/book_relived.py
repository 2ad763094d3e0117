"""A session over books read from its journal: its account, made again from the stored books."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trade_research.errors import SessionError, StrategyError
from trade_research.live.journal import scan
from trade_research.report.record import decode
from trade_research.research.book_paper import BookPaper
from trade_research.research.book_rig import BookRig, stored_pieces
from trade_research.research.book_spans import last_seen, recorded_books, spans_of
from trade_research.research.books import BookBacktest, BookSetup
from trade_research.risk.limits import Limits
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.book_run import BookMarket, BookResult
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits
from trade_research.store.store import Store
from trade_research.strategies.load import load_strategy

if TYPE_CHECKING:
    import polars as pl

    from trade_research.kernels.jit import F64
    from trade_research.live.book_session import BookPiece


@dataclass(frozen=True, repr=False)
class BookPaperSession:
    """A session over books as its journal has it.

    Attributes
    ----------
    run : BookBacktest
        The session's account as a run over its books: the same metrics and page.
    positions : mapping
        Units held at its end.
    is_live : bool
        False for replays of stored books.
    refusals, errors : int
        Orders that risk refused; failures of the strategy.
    difference : str
        Where a backtest of the same books without limits goes another way; empty where nowhere.
    """

    name: str
    run: BookBacktest
    positions: Mapping[str, float]
    is_live: bool
    refusals: int
    errors: int
    difference: str


class Whole:
    """Keeps books and curve, whole."""

    def __init__(self) -> None:
        self.pieces: list[BookPiece] = []
        self.curves: list[F64] = []

    def take(self, market: BookMarket, equity: F64) -> None:
        """One piece; `equity` is (3, rows)."""
        self.curves.append(equity)

    def close(self, equity: float) -> None:
        """Nothing is held any more after the last row."""
        if self.curves:
            self.curves[-1][:, -1] = equity, equity, 0.0

    def noted(self, pieces: Iterable[BookPiece]) -> Iterator[BookPiece]:
        """The pieces, kept as they pass."""
        for piece in pieces:
            self.pieces.append(piece)
            yield piece


def is_over_books(folder: Path) -> bool:
    """Whether the session of a folder is one over books."""
    first = next(scan(folder, []), None)
    return first is not None and first.get("mode") == "paper books"


def read_book_session(
    folder: str | Path, *, strategy: str | None = None, store: str | Path | Store = "datasets"
) -> BookPaperSession:
    """Make a session over books again from its journal, comparing every record on the way.

    Parameters
    ----------
    folder : str or Path
        Where the journal lies.
    strategy : str, optional
        Reference of the strategy, where it is not shipped: ``"mine.py:trend"``.
    store : str, Path or Store
        Has the books that it saw.

    Raises
    ------
    SessionError
        No session over books began there, or its records do not follow from the stored books.
    StrategyError
        The strategy is not the one of the session.
    """
    past = list(scan(Path(folder), []))
    if not past or past[0].get("mode") != "paper books":
        raise SessionError(f"no session over books began in {folder}")
    start = decode(past[0], {})
    loaded = load_strategy(strategy or start["strategy"])
    if loaded.source_hash != start["source_hash"]:
        raise StrategyError(
            f"{loaded.name} is not the code of the session; name its file: "
            f"--strategy FILE.py:{start['strategy']}"
        )
    books = start["books"]
    limits = None if start["limits"] is None else Limits(**start["limits"])
    made = BookPaper(
        start["sid"], Path(folder), loaded, start["params"], books["venue"], books["symbol"],
        _setup(start["setup"]), limits,
    )  # fmt: skip
    whole = Whole()
    rig = BookRig(made, None, past, keeper=whole)
    frames = _books(store if isinstance(store, Store) else Store(store), start, past)
    pieces = whole.noted(stored_pieces(loaded, made.symbol, frames))
    rig.relive(pieces, to_the_end=start["is_live"])
    run = _run(made, rig, whole)
    events = [record["event"] for record in past]
    return BookPaperSession(
        name=made.name,
        run=run,
        positions=rig.session.broker.positions,
        is_live=start["is_live"],
        refusals=events.count("risk_block"),
        errors=events.count("strategy_error"),
        difference=_difference(run),
    )


def _run(made: BookPaper, rig: BookRig, whole: Whole) -> BookBacktest:
    """The session's account over all of its books."""
    rows = rig.session.n_rows
    if not rows:
        raise SessionError(f"session {made.name!r} has seen no books yet")
    sides = zip(*(piece.market.arrays for piece in whole.pieces), strict=True)
    market = BookMarket(made.symbol, *map(np.concatenate, sides)).first(rows)
    inputs = {
        name: np.concatenate([piece.inputs[name] for piece in whole.pieces])[:rows]
        for name in whole.pieces[0].inputs
    }
    found = made.strategy.compute(inputs, **made.params)
    mid, touch, units = np.ascontiguousarray(np.hstack(whole.curves))
    result = BookResult(market, made.setup.cash, mid, touch, units, rig.orders)
    return BookBacktest(
        made.strategy, made.params, market, None, made.setup, result, found.target, found.extras
    )


def _difference(run: BookBacktest) -> str:
    """Where the simulator, given the same targets, goes another way than the session did."""
    mine, plain = run.result, run.setup.run(run.market, run.target)
    n = min(len(mine.table), len(plain.table))
    apart = [i for i in range(n) if mine.table[i].tobytes() != plain.table[i].tobytes()]
    if apart or len(mine.table) != len(plain.table):
        first = apart[0] if apart else n
        return f"order {first} of {len(mine.table)} here and {len(plain.table)} in the backtest"
    rows = np.flatnonzero(mine.mid_equity.view(np.int64) != plain.mid_equity.view(np.int64))
    return f"equity of book {rows[0]}" if rows.size else ""


def _books(
    store: Store, start: Mapping[str, Any], past: Sequence[Mapping[str, Any]]
) -> Iterable[pl.DataFrame]:
    """The stored books that the session saw."""
    books = start["books"]
    name = books["symbol"], books["venue"]
    if start["is_live"]:
        spans = spans_of(past, last_seen(store, name[1], name[0], past))
        return recorded_books(store, name[1], name[0], books["depth"], spans)
    stream = store.book_stream(
        name[0], books["start"], books["end"], depth=books["depth"],
        venue=name[1], as_of=books["version"],
    )  # fmt: skip
    if stream.content_hash != books["hash"]:
        raise SessionError(f"the books of {':'.join(name[::-1])} are not what they were")
    return stream


def _setup(told: Mapping[str, Any]) -> BookSetup:
    return BookSetup(
        costs=Costs(**told["costs"]),
        account=Account(**told["account"]),
        exits=Exits(**told["exits"]),
        rules=None if told["rules"] is None else Rules(**told["rules"]),
        cash=told["cash"],
        latency=told["latency"],
    )
