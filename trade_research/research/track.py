"""`track`: how the signals of one run or many have fared, by strategy, asset class and regime."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.errors import ConfigError
from trade_research.evidence.tracker import Record, track_records
from trade_research.indicators.regime import regime
from trade_research.kernels.jit import F64, I64
from trade_research.research.backtest import Backtest
from trade_research.store.times import Moment, micros, parse_moment

if TYPE_CHECKING:
    from trade_research.report.run import Run
    from trade_research.report.section import Section

_NEVER = np.iinfo(np.int64).max
_TRENDS = np.array(["trend down", "range", "trend up"])
_SWINGS = np.array(["calm", "normal", "wild"])
_ROWS = {
    "strategy": pl.String,
    "asset_class": pl.String,
    "regime": pl.String,
    "trades": pl.Int64,
    "pending": pl.Int64,
    "hit_rate": pl.Float64,
    "hit_low": pl.Float64,
    "hit_high": pl.Float64,
    "hit_shrunk": pl.Float64,
    "expectancy_bp": pl.Float64,
    "expectancy_low": pl.Float64,
    "expectancy_high": pl.Float64,
    "expectancy_shrunk": pl.Float64,
    "weight": pl.Float64,
    "cost_bp": pl.Float64,
    "false_alarms": pl.Float64,
    "streak": pl.Int64,
    "longest_wins": pl.Int64,
    "longest_losses": pl.Int64,
    "losses_by_luck": pl.Float64,
}
_DECAY = {
    "strategy": pl.String,
    "asset_class": pl.String,
    "regime": pl.String,
    "horizon": pl.Int64,
    "ic": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "n": pl.Int64,
}


@dataclass(frozen=True, repr=False)
class Track:
    """The record of signals; `frame` and `decay` hold the numbers, `section` shows them.

    Attributes
    ----------
    frame : DataFrame
        One row for each strategy, asset class and regime ("all" first): round trips that had
        `trades` ended and `pending` ones; `hit_rate` with Wilson's 90 % interval; net
        `expectancy_bp` a trade with its bootstrap interval; both shrunk towards what the strategies
        of the class share, and the `weight` a strategy's own expectancy keeps; `cost_bp` of a round
        trip; `false_alarms`, the share that never earned its costs, not even for a moment; the
        current `streak` (losses negative), the longest ones, and the longest run of losses that
        luck alone would bring.
    decay : DataFrame
        Information coefficient by `horizon` in bars: the correlation of the signal with the log
        return from the next open on, with a 90 % interval that allows for overlap.
    as_of : datetime
    """

    frame: pl.DataFrame
    decay: pl.DataFrame
    as_of: datetime

    def section(self, run: Run) -> Section:
        """A section for any report: ``run.report(path, extra=[tr.track(run).section])``."""
        from trade_research.report.sections.tracker import tracker

        return tracker(self.frame, self.decay, self.as_of)

    def __repr__(self) -> str:
        return f"signals as of {self.as_of:%Y-%m-%d %H:%M} UTC\n{self.frame}\n{self.decay}"

    def _repr_html_(self) -> str:
        when = f"{self.as_of:%Y-%m-%d %H:%M}"
        return f"<p><b>Signals as of {when} UTC</b></p>{self.frame._repr_html_()}"


def track(
    runs: Backtest | Sequence[Backtest],
    *,
    horizons: Sequence[int] = (1, 5, 20),
    by: str = "trend",
    asset_class: str | Mapping[str, str] | None = None,
    as_of: Moment | None = None,
    seed: int = 0,
) -> Track:
    """How signals have fared, by strategy × asset class × regime, as of any past time.

    Parameters
    ----------
    runs : Backtest or sequence of Backtest
    horizons : sequence of int
        Bars ahead over which the information in the signal is measured.
    by : {"trend", "volatility"}
        Which side of `indicators.regime` tells markets apart; as the deciding bar closed.
    asset_class : str or mapping of str to str, optional
        Of all instruments, or by instrument; from the venue or the calendar when left out.
    as_of : str, date or datetime, optional
        What ended, or was known, later does not count. The last close when left out: never the
        clock.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Track

    Raises
    ------
    ConfigError

    Examples
    --------
    >>> tr.track([fast, slow], horizons=(1, 5, 20, 60)).frame  # doctest: +SKIP
    """
    given = [runs] if isinstance(runs, Backtest) else list(runs)
    if not given:
        raise ConfigError("track needs at least one backtest")
    if by not in ("trend", "volatility"):
        raise ConfigError(f"by is 'trend' or 'volatility', found {by!r}")
    ahead = sorted(set(horizons))
    if not ahead or any(not isinstance(h, int) or h < 1 for h in ahead):
        raise ConfigError(f"horizons are whole numbers of bars from 1 on, found {horizons!r}")
    last = max(int(run.result.close_time[-1]) for run in given)
    moment = last if as_of is None else micros(parse_moment(as_of, "as_of"))
    records = [
        record
        for run, name in zip(given, _names(given), strict=True)
        for record in _records(run, name, by, asset_class)
    ]
    rows, decay = track_records(records, moment, ahead, seed)
    return Track(
        pl.DataFrame(rows, schema=_ROWS),
        pl.DataFrame(decay, schema=_DECAY),
        parse_moment(np.datetime64(min(moment, last), "us").item(), "as_of"),
    )


def _names(runs: Sequence[Backtest]) -> list[str]:
    """Names of the strategies, with their parameters where one ran with several sets of them."""
    sets: dict[str, set[str]] = {}
    texts = [", ".join(f"{name}={value}" for name, value in run.params.items()) for run in runs]
    for run, text in zip(runs, texts, strict=True):
        sets.setdefault(run.strategy.name, set()).add(text)
    return [
        f"{run.strategy.name}({text})" if len(sets[run.strategy.name]) > 1 else run.strategy.name
        for run, text in zip(runs, texts, strict=True)
    ]


def _records(
    run: Backtest, strategy: str, by: str, kinds: str | Mapping[str, str] | None
) -> Iterator[Record]:
    """One record an instrument, on the bars it has."""
    market, trades = run.result.market, run.result.trades.rows
    moments = run.result.trades_frame["exit_time"].to_physical().to_numpy()
    for which, name in enumerate(run.data.instruments):
        rows = np.flatnonzero(~np.isnan(market.close[:, which]))
        high, low, close = (
            np.ascontiguousarray(side[rows, which])
            for side in (market.high, market.low, market.close)
        )
        mine = trades["symbol"] == which
        own = trades[mine]
        money = own["quantity"] * own["entry_price"]
        yield Record(
            strategy=strategy,
            asset_class=_class_of(run, name, kinds),
            instrument=name,
            signal=_held(run.target[rows, which]),
            open=np.ascontiguousarray(market.open[rows, which]),
            close_time=run.result.close_time[rows],
            regime=regime_names(high, low, close, by),
            decided=decided_bars(rows, own["entry_bar"], run.setup.delay, run.setup.fill),
            ended=np.where(own["is_open"] != 0, _NEVER, moments[mine]),
            returns=own["pnl"] / money,
            cost=own["costs"] / money,
            best=own["mfe"],
        )


def decided_bars(rows: I64, entry: I64, delay: int, fill: str) -> I64:
    """Which of the instrument's own bars decided each entry."""
    back = delay if fill == "this_close" else delay + 1
    out: I64 = np.maximum(np.searchsorted(rows, entry) - back, 0)
    return out


def _held(target: F64) -> F64:
    """Targets with no opinion replaced by the last one."""
    has = ~np.isnan(target)
    at = np.maximum.accumulate(np.where(has, np.arange(target.size), 0)) if target.size else has
    out: F64 = target[at]
    return out


def regime_names(high: F64, low: F64, close: F64, by: str) -> Any:
    """Name of the regime as each bar closed; "" where it is not known."""
    found = regime(high, low, close)
    values = found.direction + 1.0 if by == "trend" else found.volatility
    names = _TRENDS if by == "trend" else _SWINGS
    known = ~np.isnan(values)
    return np.where(known, names[np.where(known, values, 0.0).astype(np.int64)], "")


def _class_of(run: Backtest, name: str, kinds: str | Mapping[str, str] | None) -> str:
    if isinstance(kinds, str):
        return kinds
    if kinds is not None:
        if name not in kinds:
            raise ConfigError(f"asset_class does not say what {name!r} is")
        return kinds[name]
    from trade_research.portfolio.asset_classes import asset_class_of

    venues = run.data.query.venues if run.data.query is not None else ()
    if venues:
        try:
            return asset_class_of(venues[run.data.instruments.index(name)]).name
        except ConfigError:
            pass  # a venue of the user's own
    return {"24/7": "crypto", "24/5": "fx"}.get(run.data.calendar_name, "equity")
