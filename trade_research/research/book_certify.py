"""`certify` over order books: the laws, the replay, the data and the costs, as one certificate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import polars as pl

from trade_research.live.certificate import Certificate, Gate
from trade_research.live.journal import events
from trade_research.live.records import clipped
from trade_research.report.record import encode
from trade_research.research.book_replay import BookSessionRun, replay_books
from trade_research.research.book_spans import of_stream
from trade_research.research.books import BookBacktest, backtest_books, check_books
from trade_research.research.certify import data_gate, laws_gate
from trade_research.research.health import versions
from trade_research.store.books import BookStream, list_verdicts, read_books

if TYPE_CHECKING:
    from trade_research.evidence.check import Check
    from trade_research.strategies.strategy import Strategy

# Shares of the books after which the session is taken up again.
RESTARTS = 0.05, 0.4, 0.9


def certify_books(
    strategy: Strategy,
    books: BookStream,
    *,
    accept: Sequence[str] = (),
    seconds: float = 10.0,
    seed: int = 0,
    **given: Any,
) -> Certificate:
    """Prove the laws and the replay of a strategy on stored books; arguments as of `certify`.

    What leads on to live trading needs day returns, which books of some days do not give: such a
    certificate is one for paper.
    """
    books = books.pinned()
    frame = read_books(
        books.root, books.symbol, books.start, books.end,
        depth=books.depth, venue=books.venue, masked=books.masked, as_of=books.as_of,
    )  # fmt: skip
    run = backtest_books(strategy, frame, symbol=books.symbol, **given)
    setup = {name: getattr(run.setup, name) for name in ("costs", "account", "exits", "rules")}
    setup |= {"cash": run.setup.cash, "latency": run.setup.latency}
    laws = check_books(strategy, frame, setup=setup, budget_s=seconds, seed=seed, **run.params)
    again = _again(run, books, seed)
    gates = (laws_gate(laws), _replay(run, again), data_gate(_flags(books, run), accept),
             _costs(run), _evidence(run))  # fmt: skip
    return Certificate(_subject(run, books), gates, _facts(run, laws))


def _again(run: BookBacktest, books: BookStream, seed: int) -> BookSessionRun | str:
    """The run as a session gives it, or why no session could."""
    n = run.market.time.size
    try:
        return replay_books(
            run.strategy, books, setup=run.setup, seed=seed,
            restarts={int(n * share) for share in RESTARTS}, **run.params,
        )  # fmt: skip
    except Exception as error:  # whatever ends a session, there is no proof of it
        return f"the session ended: {clipped(error)}"


def _replay(run: BookBacktest, again: BookSessionRun | str) -> Gate:
    needed, todo = "the backtest's bits", "Mend the laws first; if they hold, please report it."
    if isinstance(again, str):
        return Gate("replay", False, again, needed, todo)
    said, mine, theirs = events(again.folder), run.result, again.result
    kept = again.equity.join(run.equity, on="time", how="semi")
    same = {
        "orders": mine.table.tobytes() == theirs.table.tobytes(),
        "equity": run.equity.join(kept, on="time", how="semi").equals(kept, null_equal=True),
        "books": again.run.rows == mine.market.time.size,
        "records": said["fill"] == again.metrics["fills"]
        and said["signal_generated"] == said["order_intent"] == said["order_placed"],
    }
    names = [name for name, is_same in same.items() if not is_same]
    if names:
        found = f"{', '.join(names)} differ from the backtest's"
        return Gate("replay", False, found, needed, todo)
    found = (
        f"{again.run.rows:,} books through risk, broker and journal gave the backtest's bits, in "
        f"pieces of random sizes, with {said['recovered']} restarts"
    )
    return Gate("replay", True, found, needed)


def _flags(books: BookStream, run: BookBacktest) -> pl.DataFrame:
    """Verdicts of the books of the run: ``kind, when``."""
    flags = list_verdicts(books.root, books.symbol, books.venue, as_of=books.as_of)
    first, last = run.equity["time"][0], run.equity["time"][-1]
    inside = flags.filter(pl.col("end_time") > first, pl.col("time") <= last)
    return inside.select("kind", "time")


def _costs(run: BookBacktest) -> Gate:
    fee = run.setup.costs.fee_bps
    found = f"fee {fee:g} bp a side; spread and impact by walking the book"
    return Gate("costs", fee > 0.0, found, "a fee above zero", "Pass costs=….")


def _evidence(run: BookBacktest) -> Gate:
    m = run.metrics
    even = "unknown" if m["break_even_bps"] is None else f"{m['break_even_bps']:.2f} bp a side"
    found = f"{m['trades']} round trips, net {m['net']:+,.2f}, break-even fee {even}"
    todo = "`books replay --report` shows why."
    return Gate("evidence", bool(m["trades"]), found, "a run that trades", todo)


def _subject(run: BookBacktest, books: BookStream) -> dict[str, Any]:
    market = run.equity["time"]
    name = f"{books.venue}:{books.symbol}@books"
    told = {"names": [name], "first": str(market[0]), "last": str(market[-1])}
    return {
        "strategy": run.strategy.name,
        "source_hash": run.strategy.source_hash,
        "params": dict(run.params),
        "data": of_stream(books) | told | {"rows": market.len()},
        "setup": encode(asdict(run.setup), {}),
        "versions": versions(),
    }


def _facts(run: BookBacktest, laws: Check) -> dict[str, Any]:
    """As of `certify`; what needs day returns is unknown."""
    result, metrics, fee = run.result, run.metrics, run.setup.costs.fee_bps
    even = metrics["break_even_bps"]
    return {
        "check": laws.to_dict(),
        "replay": {
            "rows": result.market.time.size,
            "orders": len(result.table),
            "fills": metrics["fills"],
            "equity_sha256": sha256(result.mid_equity.tobytes()).hexdigest(),
        },
        "trades": metrics["trades"],
        "expectancy": None,
        "luck": {"dsr": None},
        "break_even_times": even / fee if even is not None and fee > 0.0 else None,
        "daily": {"floor": None, "bound": None},
    }
