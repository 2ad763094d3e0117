"""Sessions over books from the desk: `paper_books` on a live book, and `replay` of stored ones."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.errors import ConfigError, SessionError
from trade_research.frames.recording import Recording
from trade_research.live.book_recovery import cut
from trade_research.live.clock import VirtualClock
from trade_research.live.journal import Journal, files_of, scan
from trade_research.research.book_metrics import BookTables
from trade_research.research.book_paper import BookPaper
from trade_research.research.book_rig import BookRig, stored_pieces
from trade_research.research.books import BookSetup
from trade_research.store.books import BookStream

if TYPE_CHECKING:
    from trade_research.research.book_stream import BookStreamBacktest
    from trade_research.risk.limits import Limits
    from trade_research.simulate.accounts import Account, Rules
    from trade_research.simulate.book_run import BookResult
    from trade_research.simulate.costs import Costs
    from trade_research.simulate.exits import Exits
    from trade_research.strategies.strategy import Strategy


@dataclass(frozen=True, repr=False)
class BookSessionRun(BookTables):
    """What a session over books left: the account's tables, and the journal.

    Attributes
    ----------
    run : BookStreamBacktest
        The session's account as a run.
    folder : Path
        Where the journal lies.
    """

    run: BookStreamBacktest
    folder: Path

    @property
    def result(self) -> BookResult:  # type: ignore[override]  # a field there
        """As of the run."""
        return self.run.result

    @cached_property
    def journal(self) -> pl.DataFrame:
        """Every record: ``seq, ts, event`` and the rest of it as JSON text in ``record``."""
        from trade_research.live.views import journal_frame

        return journal_frame(self.folder)

    def __repr__(self) -> str:
        return f"a session: {self.run!r}"


def book_setup(strategy: Strategy, of_bars: Mapping[str, object], **given: Any) -> BookSetup:
    """`BookSetup.of` what `replay` was given; refuses what is of bars.

    Raises
    ------
    ConfigError
    """
    wrong = [name for name, value in of_bars.items() if value is not None]
    if wrong:
        raise ConfigError(f"{', '.join(wrong)}: of bars, and these are books; leave it out")
    given["latency"] = "50ms" if given["latency"] is None else given["latency"]
    return BookSetup.of(strategy, **given)


def replay_books(
    strategy: Strategy,
    data: BookStream | pl.DataFrame | Recording,
    *,
    setup: BookSetup,
    limits: Limits | None = None,
    journal: str | Path | None = None,
    restarts: Collection[int] = (),
    seed: int | None = None,
    **params: Any,
) -> BookSessionRun:
    """Feed stored books to a paper session as they came; without limits equal to `backtest`.

    Parameters
    ----------
    strategy, data, limits, journal, **params
        As of `replay`.
    setup : BookSetup
        With one latency for all orders.
    restarts : collection of int
        Numbers of books after which the session is taken up again, from its journal alone.
    seed : int, optional
        The books come in pieces of random sizes, as over a socket; in large ones when left out.

    Raises
    ------
    SessionError
        The folder has a session already, or there are no books.
    """
    folder, symbol = Path(journal or tempfile.mkdtemp(prefix="trade-research-")), ""
    frames: Iterable[pl.DataFrame]
    if isinstance(data, BookStream):
        frames, symbol = data, data.symbol
    else:
        frames = [data.books if isinstance(data, Recording) else data]
    paper = BookPaper(
        strategy.name, folder, strategy, strategy.bind(**params), "", symbol, setup, limits
    )
    if files_of(folder):
        raise SessionError(f"{folder} has the journal of a session; give another folder")
    for n in sorted(restarts):
        _lived(paper, frames, n, seed)
    return _left(_lived(paper, frames, None, seed), folder, is_kept=journal is not None)


def _lived(
    paper: BookPaper, frames: Iterable[pl.DataFrame], until: int | None, seed: int | None
) -> BookRig:
    """The session as it is after so many books, taken up again where its journal ends."""
    clock = VirtualClock()
    with Journal(paper.folder, clock, paper.name, is_daily=False, is_durable=False) as journal:
        past = list(scan(paper.folder)) if journal.seq else []
        rig = BookRig(paper, journal, past, clock.set)
        rig.relive(stored_pieces(paper.strategy, paper.symbol, frames), to_the_end=False)
        paper.begin(journal, past, {"is_live": False}, rig)
        session = rig.go_on()
        rest = stored_pieces(paper.strategy, paper.symbol, frames, session.n_rows)
        for piece in cut(rest, () if seed is None else _sizes(seed)):
            if until is not None and session.n_rows >= until:
                return rig
            session.on_piece(piece)
        if until is None:
            session.shutdown("the data ends")
    return rig


def _sizes(seed: int) -> Iterator[int]:
    """Ends of pieces of random sizes: most of a few rows, some of hundreds."""
    draws = np.random.default_rng(seed)
    end = 0
    while True:
        end += int(draws.geometric(draws.choice([0.5, 0.1, 0.005])))
        yield end


def paper_books(
    strategy: Strategy,
    venue: str,
    symbol: str,
    *,
    costs: Costs | None = None,
    account: str | Account = "spot",
    cash: float = 100_000.0,
    exits: Exits | None = None,
    rules: Rules | None = None,
    latency: str | int = "50ms",
    limits: Limits | None = None,
    journal: str | Path | None = None,
    recording: Mapping[str, Any] | None = None,
    **params: Any,
) -> BookSessionRun:
    """Run a strategy on a venue's order book as it happens, with paper money, and record it.

    Every row is decided on when the recorder has proven it, by the function that backtests the
    stored rows: without limits, ``tr.backtest`` over what was recorded gives the same orders and
    fills, bit for bit. Started again on its journal, a session goes on where that ends.

    Parameters
    ----------
    strategy, costs, account, cash, exits, rules, latency, **params
        As of `backtest` over books. An order is paper: it walks the recorded book at its arrival.
    venue, symbol : str
        As of `record_books`.
    limits : Limits, optional
        Weighs every order.
    journal : str or Path, optional
        Folder for the audit journal; a temporary one, gone with the result, when left out.
    recording : mapping, optional
        Other arguments of `record_books`, ``store, depth, every, duration, flush, commit``, those
        of the connection, and ``is_over``: asked all the time whether to stop.

    Examples
    --------
    >>> s1 = tr.strategies.l2_imbalance                                        # doctest: +SKIP
    >>> tr.paper_books(s1, "binance", "BTC/USDT", recording={"duration": "1h"})   # doctest: +SKIP
    """
    setup = BookSetup.of(
        strategy, costs=costs, account=account, cash=cash, exits=exits, rules=rules, latency=latency
    )
    folder = Path(journal or tempfile.mkdtemp(prefix="trade-research-"))
    bound = strategy.bind(**params)
    made = BookPaper(strategy.name, folder, strategy, bound, venue, symbol, setup, limits)
    _, rig = made.live(**(recording or {}))
    return _left(rig, folder, is_kept=journal is not None)


def _left(rig: BookRig, folder: Path, *, is_kept: bool) -> BookSessionRun:
    """The run of a session; a folder that is not kept goes with it."""
    run = BookSessionRun(rig.result(), folder)
    if not is_kept:
        weakref.finalize(run, shutil.rmtree, folder, ignore_errors=True)
    return run
