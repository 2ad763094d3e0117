"""`certify`: everything that can be proven of a strategy before money follows it, as one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from trade_research.errors import PromotionError
from trade_research.live.certificate import Certificate, Gate
from trade_research.live.journal import events
from trade_research.live.records import clipped
from trade_research.live.transport import Rough
from trade_research.report.record import encode
from trade_research.research.backtest import Backtest, backtest
from trade_research.research.books import is_books
from trade_research.research.check import check
from trade_research.research.evaluator import check_heard
from trade_research.research.health import versions
from trade_research.research.replay import Replayed, replay
from trade_research.simulate.accounts import Account
from trade_research.simulate.market import PRICES
from trade_research.store.books import BookStream

if TYPE_CHECKING:
    import polars as pl

    from trade_research.evidence.check import Check
    from trade_research.kernels.jit import F64
    from trade_research.simulate.result import Result
    from trade_research.strategies.strategy import Strategy

# Shares of the rows after which the session is taken up again: each costs all rows before it.
RESTARTS = 0.05, 0.15
SECONDS = 10.0
FIRST_NAMES = 3


def certify(
    strategy: Strategy,
    data: Any,
    *,
    accept: Sequence[str] = (),
    seconds: float = SECONDS,
    seed: int = 0,
    **given: Any,
) -> Certificate:
    """Prove the laws, the replay and the evidence of a strategy on stored bars or books.

    Parameters
    ----------
    strategy : Strategy
    data : Query or BookStream
        Bare frames cannot be certified: nobody could read the same bars again. For order books,
        ``store.book_stream(…)``.
    accept : sequence of str
        What is wrong with the data and known: kinds such as ``"gap"``, or one stretch by name, such
        as ``"gap@2021-04-25T04:01"``.
    seconds : float
        For each stage of the search for leaks, and for each kind of decision taken alone.
    seed : int
        Of the search, and of what happens to the bars on their way in the replay.
    **given
        Costs, account, exits, rebalance, … as for `backtest`, and the strategy's parameters.

    Returns
    -------
    Certificate
        ``passed``; ``missing`` says what is not met and what to do.

    Raises
    ------
    PromotionError
        The data is a bare frame.
    MissingColumnError
        The strategy reads what no session has.
    """
    if isinstance(data, BookStream):
        from trade_research.research.book_certify import certify_books

        return certify_books(strategy, data, accept=accept, seconds=seconds, seed=seed, **given)
    if is_books(data):
        raise PromotionError(
            "bare books cannot be certified: write them to a store and pass store.book_stream(…)"
        )
    check_heard(strategy, Account.of(given.get("account", "spot")).kind)
    run = backtest(strategy, data, **given)
    if run.data.query is None:
        raise PromotionError(
            "a bare frame cannot be certified: write it to a store and pass store.query(…)"
        )
    laws = check(
        strategy,
        run.data,
        setup=run.setup.rules_of_the_game,
        budget_s=seconds,
        seed=seed,
        **run.params,
    )
    vars(run)["check"] = laws  # what the verdict rests on: the longest search, and made once
    rough = Rough(seed, [int(run.data.market.n_bars * share) for share in RESTARTS])
    again = _again(run, rough, seconds / 2.0)  # the laws have taken decisions alone already
    gates = (
        laws_gate(laws),
        _replay(run, again, rough, laws.passed),
        data_gate(run.data.verdicts.select("kind", "open_time"), accept),
        _costs(run),
        _evidence(run),
    )
    return Certificate(_subject(run), gates, _facts(run, laws, again, rough))


def _again(run: Backtest, rough: Rough, seconds: float) -> Replayed | str:
    """The run as a session gives it, or why no session could."""
    try:
        return replay(
            run.strategy,
            run.data,
            portfolio=run.portfolio,
            transport=rough,
            seconds=seconds,
            **run.setup.of_the_account,
            **run.params,
        )
    except Exception as error:  # whatever ends a session, there is no proof of it
        return f"the session ended: {clipped(error)}"


def _subject(run: Backtest) -> dict[str, Any]:
    query = run.data.query
    assert query is not None, "checked before"
    return {
        "strategy": run.strategy.name,
        "source_hash": run.strategy.source_hash,
        "params": dict(run.params),
        "data": {
            "names": list(query.names),
            "interval": run.data.interval.text,
            "calendar": run.data.calendar_name,
            "first": str(run.data.frame["open_time"].min()),
            "last": str(run.data.frame["open_time"].max()),
            "rows": run.data.frame.height,
            "hash": run.data.content_hash,
        },
        "setup": encode(asdict(run.setup), {}),
        "portfolio": encode(run.portfolio, {}),
        "versions": versions(),
        "run_id": run.manifest["run_id"],
    }


def _facts(run: Backtest, laws: Check, again: Replayed | str, rough: Rough) -> dict[str, Any]:
    days = run.evidence
    expectancy = days.estimates.get("expectancy")
    return {
        "check": laws.to_dict(),
        "replay": {
            "rows": 0 if isinstance(again, str) else again.rows,
            "decided_alone": 0 if isinstance(again, str) else again.alone,
            "orders": len(run.result.orders),
            "fills": len(run.result.fills),
            "equity_sha256": sha256(run.result.equity.tobytes()).hexdigest(),
            "transport": dict(rough.counts),
        },
        "trades": run.metrics["trades"],
        "expectancy": None if expectancy is None else asdict(expectancy),
        "luck": asdict(days.luck),
        "break_even_times": run.budget.ratio,
        "daily": _daily(run.result),
    }


def _daily(result: Result) -> dict[str, float | None]:
    """Floor and bound for the drift test: of day returns winsorised at three deviations.

    The floor is the mean less 1.645 standard errors: with 95 % the true one is above it.
    """
    from trade_research.evidence.days import utc_day_rows
    from trade_research.metrics.returns import returns_of

    days: F64 = returns_of(result.equity[utc_day_rows(result.close_time)], result.initial_cash)
    if days.size < 2 or not days.std() > 0.0:
        return {"floor": None, "bound": None}
    bound = 3.0 * float(days.std(ddof=1))
    cut = np.clip(days, -bound, bound)
    floor = float(cut.mean() - 1.645 * cut.std(ddof=1) / np.sqrt(cut.size))
    return {"floor": floor, "bound": bound}


def laws_gate(laws: Check) -> Gate:
    """Whether all three hold."""
    held = [laws.causality.passed, laws.warmup.passed, laws.replay.passed]
    names = [n for n, ok in zip(("causality", "warm-up", "replay"), held, strict=True) if not ok]
    found = f"broken: {', '.join(names)}" if names else laws.causality.guarantee
    return Gate("laws", not names, found, "all three hold", "`check` names the bar.")


def _replay(run: Backtest, again: Replayed | str, rough: Rough, is_lawful: bool) -> Gate:
    todo = "Please report it: it is our error." if is_lawful else "Mend the laws first."
    needed = "the backtest's bits"
    if isinstance(again, str):
        return Gate("replay", False, again, needed, todo)
    names = _different(run.result, again)
    if names:
        found = f"{', '.join(names)} differ from the backtest's"
        return Gate("replay", False, found, needed, todo)
    happened = ", ".join(f"{count:,} {name}" for name, count in rough.counts.items())
    found = (
        f"{again.rows:,} rows through feed, risk, broker and journal gave the backtest's bits, "
        f"{again.alone:,} of them decided on the rows before alone, with bars {happened}"
    )
    return Gate("replay", True, found, needed)


def _different(mine: Result, again: Replayed) -> list[str]:
    """What of a replay is not the backtest's, bit for bit."""
    theirs = again.run.result
    bars, fills = int((~np.isnan(mine.market.close)).sum()), len(mine.fills)
    said = events(again.folder)
    same = {
        "bars": all(
            getattr(mine.market, name).tobytes() == getattr(theirs.market, name).tobytes()
            for name in ("open_time", "close_time", *PRICES)
        ),
        "equity": mine.equity.tobytes() == theirs.equity.tobytes(),
        "orders": mine.orders.tobytes() == theirs.orders.tobytes(),
        "fills": mine.fills.tobytes() == theirs.fills.tobytes(),
        "records": (said["bar_received"], said["fill"]) == (bars, fills)
        and said["signal_generated"] == said["order_intent"] == said["order_placed"],
    }
    return [name for name, is_same in same.items() if not is_same]


def data_gate(flags: pl.DataFrame, accept: Sequence[str]) -> Gate:
    """Whether all flags, ``kind, when``, are accepted."""
    open_ = [
        f"{kind}@{when:%Y-%m-%dT%H:%M}"
        for kind, when in flags.iter_rows()
        if kind not in accept and f"{kind}@{when:%Y-%m-%dT%H:%M}" not in accept
    ]
    flagged = flags.height
    if not open_:
        found = f"{flagged:,} stretches flagged, all accepted" if flagged else "nothing flagged"
        return Gate("data", True, found, "every flag accepted by name")
    kinds = sorted({name.partition("@")[0] for name in open_})
    return Gate(
        "data",
        False,
        f"{len(open_):,} flagged: {', '.join(open_[:FIRST_NAMES])}"
        + (", …" if len(open_) > FIRST_NAMES else ""),
        "every flag accepted by name",
        "Look at them with `data check`, then --accept " + " --accept ".join(kinds) + ".",
    )


def _costs(run: Backtest) -> Gate:
    costs = run.setup.costs
    found = (
        f"fee {costs.fee_bps:g}, spread {costs.spread_bps:g}, slippage {costs.slippage_bps:g} bp"
    )
    is_honest = costs.fee_bps + costs.spread_bps + costs.slippage_bps > 0.0
    if run.setup.fill != "next_open" or run.setup.delay:
        return Gate(
            "costs",
            False,
            f"fills at {run.setup.fill}, delay {run.setup.delay}",
            "next_open without delay",
            "A session decides at a close and fills at the next open.",
        )
    return Gate("costs", is_honest, found, "costs above zero", "Pass costs=….")


def _evidence(run: Backtest) -> Gate:
    trades = run.metrics["trades"]
    found = f"{run.verdict.word}: {run.verdict.sentence}"
    return Gate(
        "evidence",
        run.result.status == "ok" and bool(trades),
        found,
        "a run that trades and survives",
        "`orders` says why nothing was traded.",
    )
