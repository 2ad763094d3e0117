"""Law 3: bars fed one at a time through the fill step give the backtest, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from trade_research.evidence.decisions import Decisions, decide
from trade_research.evidence.leak import utc
from trade_research.evidence.probe import Probe, StrategyLike, first_difference
from trade_research.evidence.rebuilt import probes_of
from trade_research.kernels.jit import F64
from trade_research.simulate.funding import fundings_of
from trade_research.simulate.market import PRICES, Market
from trade_research.simulate.run import simulate
from trade_research.simulate.simulator import Simulator

if TYPE_CHECKING:
    import polars as pl

    from trade_research.simulate.records import Records
    from trade_research.simulate.result import Result


FROM_PYTHON = 20_000


@dataclass(frozen=True)
class ReplayVerdict:
    """Whether the replay gave the backtest's targets, orders, fills and equity.

    `alone` of `n_bars` decisions were taken on the bars up to them and nothing else, among them
    `at_changes` of `changes` changes of target and `sampled` others drawn at random; the rest were
    released row by row from `blocks` evaluations. `difference` says what was not equal.
    """

    passed: bool
    n_bars: int
    alone: int
    at_changes: int
    changes: int
    sampled: int
    blocks: int
    orders: int
    fills: int
    difference: str | None

    def __str__(self) -> str:
        decided = f"{self.alone:,} of {self.n_bars:,} decided bar by bar"
        if self.alone < self.n_bars:
            decided += (
                f" ({self.at_changes:,} of {self.changes:,} changes of target, {self.sampled:,} "
                f"drawn at random), the rest in {self.blocks:,} blocks"
            )
        if self.difference is not None:
            return f"{self.difference}; {decided}"
        return (
            f"{self.n_bars:,} bars fed one at a time gave the backtest's targets, {self.orders:,} "
            f"orders, {self.fills:,} fills and equity, bit for bit; {decided}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "passed": self.passed,
            "n_bars": self.n_bars,
            "alone": self.alone,
            "at_changes": self.at_changes,
            "changes": self.changes,
            "sampled": self.sampled,
            "blocks": self.blocks,
            "orders": self.orders,
            "fills": self.fills,
            "difference": self.difference,
        }


def check_replay(
    strategy: StrategyLike,
    frame: pl.DataFrame,
    params: Mapping[str, Any] | None = None,
    *,
    setup: Mapping[str, Any] | None = None,
    calendar: str = "24/7",
    budget_s: float = 10.0,
    seed: int = 0,
) -> ReplayVerdict:
    """Feed the bars one at a time to a `Simulator` and compare with `simulate` over all of them.

    Parameters
    ----------
    strategy : Strategy
    frame : DataFrame
        Bars, of one or several symbols.
    params : mapping, the strategy's parameters
    setup : mapping, optional
        Arguments of `simulate`: costs, exits, account, cash, fill, delay, rebalance, rules.
    calendar : str
        Of the bars, for inputs of longer intervals.
    budget_s : float
        Seconds for each kind of decision that is taken bar by bar.
    seed : int
        Of the sample.
    """
    probes = probes_of(strategy, frame, params or {}, calendar=calendar, seed=seed)
    market = Market.from_frame(frame)
    return examine_replay(probes, market, setup or {}, budget_s, changes_s=budget_s)


def examine_replay(
    probes: list[Probe],
    market: Market,
    setup: Mapping[str, Any],
    budget_s: float,
    changes_s: float,
) -> ReplayVerdict:
    """`check_replay` of probes, one a symbol; decisions they have taken already are used."""
    share = len(probes)
    decided = [decide(probe, budget_s / share, changes_s / share) for probe in probes]
    wanted = _matrix(market, probes, [probe.wanted(probe.full()) for probe in probes])
    given = _matrix(market, probes, [one.target for one in decided])
    backtest = simulate(market, wanted, **setup)
    replay = _fed(market, given, setup)
    difference = _targets(market, wanted, given) or _results(market, backtest, replay)
    return _verdict(market, decided, backtest, difference)


def _verdict(
    market: Market, decided: list[Decisions], backtest: Result, difference: str | None
) -> ReplayVerdict:
    return ReplayVerdict(
        passed=difference is None,
        n_bars=sum(len(one.target) for one in decided),
        alone=sum(one.alone for one in decided),
        at_changes=sum(one.at_changes for one in decided),
        changes=sum(one.changes for one in decided),
        sampled=sum(one.sampled for one in decided),
        blocks=sum(one.blocks for one in decided),
        orders=len(backtest.orders),
        fills=len(backtest.fills),
        difference=difference,
    )


def _matrix(market: Market, probes: list[Probe], targets: list[F64]) -> F64:
    """Targets on the rows of the market, (n_bars, n_symbols), an equal share each, else NaN.

    Those of a panel strategy are on these rows, and fractions of all of the equity, already.
    """
    if probes[0].across:
        return targets[0]
    out = np.full((market.n_bars, market.n_symbols), np.nan)
    for probe, target in zip(probes, targets, strict=True):
        column = 0 if probe.symbol is None else market.symbols.index(probe.symbol)
        assert probe.times is not None, "a market has close times"
        out[np.searchsorted(market.close_time, probe.times), column] = target / len(probes)
    return out


def _fed(market: Market, target: F64, setup: Mapping[str, Any]) -> Result:
    """The run of a simulator that is given one bar after the other.

    The first bars come from Python, as in a live session; the rest in a compiled loop that enters
    the step anew for each.
    """
    account = Simulator(market.symbols, **setup)
    bars = np.stack([getattr(market, name) for name in PRICES], axis=1)
    sessions = market.session_days().tolist()
    times = zip(market.open_time.tolist(), market.close_time.tolist(), sessions, strict=True)
    due = fundings_of(market)
    for t, (opened, closed, session) in enumerate(islice(times, FROM_PYTHON)):
        account.advance(opened, closed, bars[t], target[t], session=session, funding=due.get(t, ()))
    if market.n_bars > FROM_PYTHON:
        account.extend(market.since(FROM_PYTHON), target[FROM_PYTHON:])
    return account.result()


def _targets(market: Market, wanted: F64, given: F64) -> str | None:
    flat = first_difference(wanted.ravel(), given.ravel())
    if flat < 0:
        return None
    bar, s = divmod(flat, market.n_symbols)
    return (
        f"the target{_whose(market, s)} at bar {bar} ({_when(market, bar)}) is {wanted[bar, s]:g} "
        f"in the backtest and {given[bar, s]:g} when decided as its bar closed"
    )


def _results(market: Market, backtest: Result, replay: Result) -> str | None:
    for name in ("orders", "fills"):
        found = _records(getattr(backtest, name), getattr(replay, name))
        if found is not None:
            return f"{name} differ at {found}"
    bar = first_difference(backtest.equity, replay.equity)
    if bar < 0:
        return None
    return (
        f"equity at bar {bar} ({_when(market, bar)}) is {backtest.equity[bar]!r} in the backtest "
        f"and {replay.equity[bar]!r} in the replay"
    )


def _records(a: Records, b: Records) -> str | None:
    """Where two journals differ first: row, field and both values."""
    if len(a) != len(b):
        return f"their number: {len(a)} in the backtest, {len(b)} in the replay"
    for name in a.dtype.names or ():
        row = first_difference(a[name].astype(np.float64), b[name].astype(np.float64))
        if row >= 0:
            return f"row {row}, {name}: {a[name][row]!r} in the backtest, {b[name][row]!r} replayed"
    return None


def _whose(market: Market, s: int) -> str:
    return f" of {market.symbols[s]}" if market.n_symbols > 1 else ""


def _when(market: Market, bar: int) -> str:
    return f"{utc(int(market.close_time[bar])):%Y-%m-%d %H:%M}"
