"""A session over books read from its journal: its account, made again from the stored books."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trade_research.errors import SessionError, StrategyError
from trade_research.live.journal import scan
from trade_research.report.record import decode
from trade_research.research.book_paper import BookPaper
from trade_research.research.book_rig import BookRig, stored_pieces
from trade_research.research.book_spans import last_seen, recorded_books, spans_of
from trade_research.research.books import BookSetup
from trade_research.risk.limits import Limits
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits
from trade_research.store.store import Store
from trade_research.strategies.load import load_strategy

if TYPE_CHECKING:
    import polars as pl

    from trade_research.research.book_stream import BookStreamBacktest


@dataclass(frozen=True, repr=False)
class BookPaperSession:
    """A session over books as its journal has it.

    Attributes
    ----------
    run : BookStreamBacktest
        The session's account as a run.
    positions : mapping
        Units held at its end.
    is_live : bool
        False for replays of stored books.
    refusals, errors : int
        Orders that risk refused; failures of the strategy.
    """

    name: str
    run: BookStreamBacktest
    positions: Mapping[str, float]
    is_live: bool
    refusals: int
    errors: int


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
    rig = BookRig(made, None, past)
    frames = _books(store if isinstance(store, Store) else Store(store), start, past)
    pieces = stored_pieces(loaded, made.symbol, frames)
    rig.relive(pieces, to_the_end=start["is_live"])
    events = [record["event"] for record in past]
    return BookPaperSession(
        name=made.name,
        run=rig.result(),
        positions=rig.session.broker.positions,
        is_live=start["is_live"],
        refusals=events.count("risk_block"),
        errors=events.count("strategy_error"),
    )


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
