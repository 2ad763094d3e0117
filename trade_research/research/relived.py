"""A paper session read from its journal: its account as a run, and what promotion asks of it.

The journal's bars happen again to the strategy's code, and every record has to follow from them;
so a session that can be read is one whose decisions, refusals, fills and money are those of the
code on those bars.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.brokers.paper import PaperBroker
from trade_research.errors import PromotionError, SessionError, SimulationError, StrategyError
from trade_research.evidence.days import utc_day_rows
from trade_research.frames.calendars import get_calendar
from trade_research.frames.intervals import parse_interval
from trade_research.live.deciders import History
from trade_research.live.drift import drift
from trade_research.live.journal import scan
from trade_research.live.promotion import recheck
from trade_research.live.recovery import fundings_told, rows_of
from trade_research.metrics.returns import returns_of
from trade_research.report.record import decode
from trade_research.research.backtest import Backtest
from trade_research.research.data import Data, funded
from trade_research.research.evaluator import frame_of
from trade_research.research.history import history_of, rates_before
from trade_research.research.paper import Paper
from trade_research.research.setup import Setup
from trade_research.risk.limits import Limits
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits
from trade_research.strategies.load import load_strategy

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64
    from trade_research.live.certificate import Certificate


@dataclass(frozen=True, repr=False)
class PaperSession:
    """A session as its journal has it.

    Attributes
    ----------
    name : str
    run : Backtest
        The session's account over the session's bars: the same metrics, plots and report.
    is_live : bool
        False for replays of stored bars.
    refusals, errors : int
        Orders that risk refused; failures of the strategy.
    difference : str
        Where a backtest of the same bars without limits goes another way; empty where nowhere.
    """

    name: str
    run: Backtest
    is_live: bool
    refusals: int
    errors: int
    difference: str

    @property
    def daily_returns(self) -> F64:
        """Return of every UTC day, as fractions."""
        result = self.run.result
        days = utc_day_rows(result.close_time)
        found: F64 = returns_of(result.equity[days], result.initial_cash)
        return found


def read_session(
    folder: str | Path, *, strategy: str | None = None, store: str | Path = "datasets"
) -> PaperSession:
    """Make a paper session again from its journal, comparing every record on the way.

    Parameters
    ----------
    folder : str or Path
        Where the journal lies.
    strategy : str, optional
        Reference of the strategy, where it is not shipped: ``"mine.py:trend"``.
    store : str or Path
        Has the bars before a live session, from which its strategy saw on.

    Raises
    ------
    SessionError
        No paper session began there, or its records do not follow from its bars.
    StrategyError
        The strategy is not the one of the session.
    """
    records = list(scan(Path(folder), []))
    if not records or records[0].get("mode") != "paper" or "setup" not in records[0]:
        raise SessionError(f"no paper session began in {folder}")
    start = decode(records[0], {})
    loaded = load_strategy(strategy or start["strategy"])
    if loaded.source_hash != start["source_hash"]:
        raise StrategyError(
            f"{loaded.name} is not the code of the session; name its file: "
            f"--strategy FILE.py:{start['strategy']}"
        )
    past = history_of(start, Path(store))
    made = Paper(
        name=start["sid"],
        folder=Path(folder),
        strategy=loaded,
        params=start["params"],
        data=_data(start, past, records),
        setup=_setup(start["setup"]),
        limits=Limits(**start["limits"]),
        portfolio=start["portfolio"],
    )
    if "funding_rate" in loaded.reads:
        made.heard.begin(rates_before(start, Path(store), past))
    return _session(made, start, records, past)


def paper_facts(session: PaperSession, certificate: Certificate) -> Mapping[str, Any]:
    """What a paper session says about a certificate, as `promote` wants it.

    Only days of a live feed count. Where limits refused orders, parity is with the code under the
    same limits, which reading the session has proven; elsewhere with the plain backtest.

    Raises
    ------
    PromotionError
        The session traded something else than was certified.
    """
    run, subject = session.run, certificate.subject
    traded = run.strategy.source_hash, dict(run.params)
    if traded != (subject["source_hash"], dict(subject["params"])):
        raise PromotionError(f"session {session.name!r} is not of what was certified")
    returns = session.daily_returns
    daily = certificate.facts["daily"]
    known = daily["floor"] is not None
    found = drift(returns, floor=daily["floor"], bound=daily["bound"]) if known else None
    is_equal = not session.errors and (not session.difference or session.refusals > 0)
    return {
        "days": returns.size if session.is_live else 0,
        "is_equal": is_equal,
        "difference": None if is_equal else session.difference or f"{session.errors} errors",
        "refusals": session.refusals,
        "drifted": found is None or found.drifted,
        "drift": "the certificate has no floor" if found is None else str(found),
    }


def recheck_session(
    folder: Path,
    certificate: Certificate,
    stages: Path,
    *,
    strategy: str | None = None,
    store: str | Path = "datasets",
) -> tuple[Mapping[str, Any], str]:
    """`paper_facts` of a session as its journal has it now, and why it was demoted, if it was.

    Once a day: by a session that runs, of itself, and by whoever types `paper check`.
    """
    facts = paper_facts(read_session(folder, strategy=strategy, store=store), certificate)
    return facts, recheck(certificate, stages, facts)


def _session(
    made: Paper, start: Mapping[str, Any], records: list[dict[str, Any]], past: History
) -> PaperSession:
    before = past.n_rows
    session, target, extras = made.relived(records, past)
    assert isinstance(session.broker, PaperBroker)
    run = Backtest(
        made.strategy,
        made.params,
        made.data,
        made.setup,
        session.broker.result(),
        target[before:],
        {name: x[before:] for name, x in extras.items()},
        0.0,
        made.portfolio,
    )
    events = [record["event"] for record in records]
    return PaperSession(
        name=made.name,
        run=run,
        is_live=bool(start["is_live"]),
        refusals=events.count("risk_block"),
        errors=events.count("strategy_error"),
        difference=_difference(run),
    )


def _data(start: Mapping[str, Any], past: History, records: list[dict[str, Any]]) -> Data:
    """The session's own bars, with the fundings that it heard of."""
    own = History(past.symbols)
    for row in rows_of(records, own.symbols):
        own.add(row)
    calendar = None if start["calendar"] is None else get_calendar(start["calendar"])
    data = Data(frame_of(own), parse_interval(start["interval"]), calendar, own.symbols)
    told = [due for row in fundings_told(records)[0].values() for due in row]
    if not told:
        return data
    rates = pl.DataFrame(
        told, schema=["symbol", "time", "funding_rate", "mark_price"], orient="row"
    )
    rates = rates.with_columns(
        pl.col("time").cast(pl.Datetime("us", "UTC")), pl.col("mark_price").cast(pl.Float64)
    )
    paid = funded(data, rates if len(own.symbols) > 1 else rates.drop("symbol"), account="perp")
    try:
        return paid if paid.market.n_bars else data
    except SimulationError:
        return data  # bars so long that the last has fundings nobody has heard of yet


def _setup(told: Mapping[str, Any]) -> Setup:
    made = {
        "costs": Costs(**told["costs"]),
        "account": Account(**told["account"]),
        "exits": None if told["exits"] is None else Exits(**told["exits"]),
        "rules": None if told["rules"] is None else Rules(**told["rules"]),
    }
    return Setup(**dict(told) | made)


def _difference(run: Backtest) -> str:
    """Where the simulator, given the same targets, goes another way than the session did.

    Of perpetuals whose last fundings are not known yet, what reading the journal has proven stands.
    """
    if run.setup.account.kind == "perp" and run.data.funding is None:
        return ""
    plain = run.setup.run(run.data, run.target)
    mine, theirs = run.result, plain
    if mine.fills.tobytes() != theirs.fills.tobytes():
        n = min(len(mine.fills), len(theirs.fills))
        apart = [i for i in range(n) if mine.fills[i].tobytes() != theirs.fills[i].tobytes()]
        first = apart[0] if apart else n
        return f"fill {first} of {len(mine.fills)} here and {len(theirs.fills)} in the backtest"
    rows = np.flatnonzero(mine.equity.view(np.int64) != theirs.equity.view(np.int64))
    return f"equity of row {rows[0]}" if rows.size else ""
