"""`fingerprints`: what each entry of a run looked like, and how earlier ones like it had ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from trade_research import indicators
from trade_research.errors import ConfigError
from trade_research.evidence.fingerprints import Entries, Skill, compare_entries, nearest_entries
from trade_research.kernels.jit import F64, I64
from trade_research.research.backtest import Backtest
from trade_research.research.track import decided_bars, regime_names

_NEVER = np.iinfo(np.int64).max
_DAY = 86_400_000_000


@dataclass(frozen=True, repr=False)
class Fingerprints:
    """Entries and the past ones most like them.

    Attributes
    ----------
    frame : DataFrame
        One row an entry, in the order decided: `decided`, `symbol`, `side`, `regime`, the features,
        the net `return` (null while open); `neighbours`, their mean `distance`, `similar_rate`
        with Wilson's 90 % interval, `similar_return`; and the `base_rate` of all earlier entries of
        that kind, with its interval: the number to beat.
    skill : Skill
        Whether neighbours have foretold better than the base rate, over the whole run.
    """

    frame: pl.DataFrame
    features: tuple[str, ...]
    skill: Skill
    _entries: Entries
    _count: int

    def like(self, entry: int = -1) -> pl.DataFrame:
        """The past entries most like one (the latest when left out), nearest first."""
        n = self.frame.height
        if not -n <= entry < n:
            raise ConfigError(f"there is no entry {entry}: the run has {n}")
        rows, distance = nearest_entries(self._entries, entry % n, self._count)
        found: pl.DataFrame = self.frame[rows.tolist()]
        return found.with_columns(distance=pl.Series(distance, dtype=pl.Float64))

    @property
    def headline(self) -> str:
        """What likeness is worth here, in a sentence."""
        found = self.skill
        if found.value is None or found.low is None or found.high is None:
            return (
                f"{self.frame.height} entries; too few to say whether likeness foretells anything"
            )
        how = (
            "better than" if found.low > 0 else "worse than" if found.high < 0 else "no better than"
        )
        return (
            f"Over {found.n} entries the {self._count} most alike foretold {how} the base rate "
            f"(Brier skill {found.value:+.3f}, 90% {found.low:+.3f} to {found.high:+.3f})"
        )

    def __repr__(self) -> str:
        return f"{self.headline}\n{self.frame}"

    def _repr_html_(self) -> str:
        return f"<p><b>{self.headline}</b></p>{self.frame._repr_html_()}"


def fingerprints(run: Backtest, *, similar: int = 20, same_regime: bool = True) -> Fingerprints:
    """What each entry looked like, and how the past entries most like it had ended.

    Parameters
    ----------
    run : Backtest
    similar : int
        How many past entries are looked at; there must be twice as many to choose from. The time
        it takes grows with the square of the entries: half a second for a thousand.
    same_regime : bool
        Compare only within one trend of `indicators.regime`; direction must always agree.

    Returns
    -------
    Fingerprints
        Of averages and their slope, RSI, change over 5 bars, range and its rank, relative volume,
        and where it is known the hour and the weekday, all as the deciding bar closed.

    Raises
    ------
    ConfigError

    Examples
    --------
    >>> prints = tr.fingerprints(run)  # doctest: +SKIP
    >>> prints.headline, prints.like()  # doctest: +SKIP
    """
    if similar < 2:
        raise ConfigError(f"similar must be 2 or more, found {similar}")
    parts = [_entries_of(run, which) for which in range(len(run.data.instruments))]
    frame = pl.concat(parts).sort("decided", "symbol", maintain_order=True)
    names = tuple(n for n in frame.columns if n not in _OWN)
    kinds = pl.struct("side", "regime") if same_regime else pl.struct("side")
    table = frame.with_columns(group=kinds.rank("dense").cast(pl.Int64))
    entries = Entries(
        np.ascontiguousarray(table.select(names).to_numpy()),
        table["decided"].to_physical().to_numpy(),
        table["ended"].to_numpy(),
        table["return"].to_numpy(),
        table["group"].to_numpy(),
    )
    rows, worth = compare_entries(entries, similar)
    is_open = pl.col("ended") == _NEVER
    shown = frame.with_columns(pl.when(~is_open).then("return").alias("return")).drop("ended")
    found = pl.DataFrame(rows, schema=_COMPARED)
    return Fingerprints(pl.concat([shown, found], how="horizontal"), names, worth, entries, similar)


_OWN = ("decided", "symbol", "side", "regime", "return", "ended")
_COMPARED = {
    "neighbours": pl.Int64,
    "distance": pl.Float64,
    "similar_rate": pl.Float64,
    "similar_low": pl.Float64,
    "similar_high": pl.Float64,
    "similar_n": pl.Int64,
    "similar_return": pl.Float64,
    "base_rate": pl.Float64,
    "base_low": pl.Float64,
    "base_high": pl.Float64,
    "base_n": pl.Int64,
}


def _entries_of(run: Backtest, which: int) -> pl.DataFrame:
    """The entries on one instrument with their features."""
    market, name = run.result.market, run.data.instruments[which]
    rows = np.flatnonzero(~np.isnan(market.close[:, which]))
    high, low, close, volume = (
        np.ascontiguousarray(side[rows, which])
        for side in (market.high, market.low, market.close, market.volume)
    )
    mine = run.result.trades.rows["symbol"] == which
    own = run.result.trades.rows[mine]
    ended = run.result.trades_frame["exit_time"].to_physical().to_numpy()[mine]
    bars = decided_bars(rows, own["entry_bar"], run.setup.delay, run.setup.fill)
    times = run.result.close_time[rows][bars]
    trends = regime_names(high, low, close, "trend")
    looks = _features(high, low, close, volume, run.result.close_time[rows])
    return pl.DataFrame(
        {
            "decided": pl.Series(times, dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
            "symbol": pl.Series([name] * own.size, dtype=pl.String),
            "side": pl.Series(np.where(own["side"] < 0.0, "short", "long"), dtype=pl.String),
            "regime": pl.Series(trends[bars], dtype=pl.String),
            "return": own["pnl"] / (own["quantity"] * own["entry_price"]),
            "ended": np.where(own["is_open"] != 0, _NEVER, ended),
            **{key: values[bars] for key, values in looks.items()},
        }
    )


def _features(high: F64, low: F64, close: F64, volume: F64, times: I64) -> dict[str, F64]:
    """What the market looked like at each bar, scale-free, (n_bars,) each."""
    short, long = indicators.sma(close, 20), indicators.sma(close, 50)
    reach = indicators.natr(high, low, close, 14)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = {
            "close / sma 20": np.log(close / short),
            "sma 20 / sma 50": np.log(short / long),
            "slope 20": indicators.linear_slope(close, 20) / close,
            "rsi 14": indicators.rsi(close, 14),
            "roc 5": indicators.roc(close, 5),
            "range %": np.log(reach),
            "range rank": indicators.percent_rank(reach, 100),
        }
        if not np.isnan(volume).all():
            found["volume"] = np.log1p(indicators.relative_volume(volume, 20))
    gap = int(np.median(np.diff(times))) if times.size > 1 else _DAY
    if gap < _DAY:
        found |= _circle("hour", (times % _DAY) / _DAY)
    if gap < 7 * _DAY:
        found |= _circle("weekday", ((times - 1) // _DAY % 7) / 7.0)
    return {key: np.where(np.isfinite(values), values, np.nan) for key, values in found.items()}


def _circle(name: str, share: F64) -> dict[str, F64]:
    """A clock as two coordinates, so that its end lies beside its beginning."""
    return {f"{name} sin": np.sin(2.0 * np.pi * share), f"{name} cos": np.cos(2.0 * np.pi * share)}
