"""`screen`: one rule over every instrument of a store, as of any date, with nothing from later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.errors import MissingDataError, nearest
from trade_research.frames.columns import columns
from trade_research.research.rules import Asked, Rules, asked_of
from trade_research.store.query import Query
from trade_research.store.store import Store
from trade_research.store.times import Moment, parse_moment

if TYPE_CHECKING:
    from trade_research.strategies.strategy import Strategy

_OK, _ENDED, _LATER, _OTHER = "ok", "ended", "not yet", "other bars"
_WEEKEND = timedelta(days=4)


@dataclass(frozen=True, repr=False)
class Screen:
    """What a rule found.

    Attributes
    ----------
    frame : DataFrame
        One row an instrument: `instrument`, `close_time` and `close` of its last bar, `status` (ok,
        ended, not yet, other bars), `match`, how many conditions it `passed`, and a column for each
        condition and each expression shown. Null is not known: too few bars.
    as_of : datetime
        Nothing that closed later was read.
    rules : mapping of str to str
    at_least : int
        How many of them make a match.
    notes : tuple of str
        What it was chosen from, and what is missing there.
    """

    frame: pl.DataFrame
    as_of: datetime
    interval: str
    rules: Mapping[str, str]
    at_least: int
    notes: tuple[str, ...]

    @property
    def matches(self) -> pl.DataFrame:
        """The rows that match, best first."""
        return self.frame.filter(pl.col("match"))

    @property
    def instruments(self) -> list[str]:
        """Names of the matches, for `store.query`."""
        return self.matches["instrument"].to_list()

    def __len__(self) -> int:
        return self.matches.height

    @property
    def headline(self) -> str:
        """What was found, as a sentence."""
        seen = self.frame.filter(pl.col("status") == _OK).height
        return f"{len(self)} of {seen} instruments match at {self.as_of:%Y-%m-%d %H:%M} UTC"

    def __repr__(self) -> str:
        return "\n".join([self.headline, str(self.matches), *self.notes])

    def _repr_html_(self) -> str:
        from html import escape

        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return f"<p><b>{escape(self.headline)}</b></p>{self.matches._repr_html_()}{notes}"


def screen(
    store: Store | str,
    where: Rules | None = None,
    *,
    preset: str | None = None,
    as_of: Moment | None = None,
    interval: str = "1d",
    at_least: int | None = None,
    rank: str | None = None,
    show: Sequence[str] | Mapping[str, str] = (),
    instruments: Sequence[str] | None = None,
    strategy: Strategy | None = None,
    params: Mapping[str, Any] | None = None,
    bars: int = 2_000,
    adjust: str | None = "splits",
    on_done: Callable[[str], None] | None = None,
) -> Screen:
    """Instruments of a store for which a rule holds at their last bar.

    Parameters
    ----------
    store : Store or path
    where : str, sequence or mapping of str
        Conditions as text (see `indicators.expressions.parse`), e.g. ``"rsi(close, 14) < 30 and
        close > sma(close, 200)"``; several, perhaps named, of which `at_least` must hold (all when
        left out).
    preset : str, optional
        ``"breakout"`` (seven conditions of a stock on its way up, four make a match) or
        ``"tradable"`` (turnover, spread and, with a strategy, how often it acts).
    as_of : str, date or datetime, optional
        Only bars that had closed by then are read, whatever is stored; the latest close of all
        when left out. Never the clock.
    interval : str
        Made from finer bars where it is not stored itself.
    rank : str, optional
        An expression; the largest comes first.
    show : sequence or mapping of str
        Expressions whose values become columns.
    instruments : sequence of str, optional
        ``venue:SYMBOL``; all that are stored when left out.
    strategy : Strategy, optional
        Its `target` and other outputs become columns for the rules; `params` are its parameters.
    bars : int
        How many before `as_of` are read. Averages that never forget differ from those over all bars
        by what is that old.
    adjust : {"splits", "all", None}
        With the actions known by the last bar read.
    on_done : callable, optional
        Told the name of each instrument when it is done.

    Returns
    -------
    Screen

    Raises
    ------
    ExpressionError, ConfigError, MissingDataError, MissingColumnError

    Examples
    --------
    >>> tr.screen(store, where="rsi(close, 14) < 30", as_of="2021-05-20")  # doctest: +SKIP
    """
    opened = store if isinstance(store, Store) else Store(store)
    asked = asked_of(where, preset, at_least, rank, show, strategy)
    queries = _queries(opened, instruments, interval)
    known = [query.sources[0].known_until for query in queries.values() if query is not None]
    moment = max(known) if as_of is None else parse_moment(as_of, "as_of")
    reader = _Reader(moment, bars, adjust, strategy, dict(params or {}))
    rows = []
    for name, query in queries.items():
        found = {"status": _OTHER} if query is None else reader.row(query, asked)
        rows.append({"instrument": name} | found)
        if on_done is not None:
            on_done(name)
    frame = pl.DataFrame(rows, schema=_schema(asked))
    ordered = ["match", "rank_", "instrument"] if asked.rank else ["match", "passed", "instrument"]
    frame = frame.sort(ordered, descending=[True, True, False], nulls_last=True).drop("rank_")
    notes = _notes(frame, interval, asked)
    return Screen(frame, moment, interval, asked.texts, asked.at_least, notes)


def _queries(store: Store, wanted: Sequence[str] | None, interval: str) -> dict[str, Query | None]:
    """All bars of each ``venue:SYMBOL``; None where there are none of that interval."""
    catalog = store.catalog()
    if catalog.is_empty():
        raise MissingDataError(
            f"no bars are stored in {store.root}. Import some first: `data import`."
        )
    known = sorted(set(catalog.select(pl.format("{}:{}", "venue", "symbol")).to_series()))
    found: dict[str, Query | None] = {}
    for name in known if wanted is None else dict.fromkeys(wanted):
        if name not in known:
            raise MissingDataError(f"no bars of {name!r} are stored; {nearest(name, known)}")
        try:
            found[name] = store.query(f"{name}@{interval}")
        except MissingDataError:
            found[name] = None
    if all(query is None for query in found.values()):
        stored = ", ".join(sorted(set(catalog["interval"])))
        raise MissingDataError(f"nothing has bars of {interval}; stored are {stored}")
    return found


@dataclass(frozen=True)
class _Reader:
    """Reads one instrument after the other and says what holds at its last bar."""

    as_of: datetime
    bars: int
    adjust: str | None
    strategy: Strategy | None
    params: dict[str, Any]

    def row(self, whole: Query, asked: Asked) -> dict[str, Any]:
        """What is known of one instrument."""
        frame = self._read(whole)
        if frame.is_empty():
            return {"status": _LATER}
        last = frame.row(-1, named=True)
        row = {"close_time": last["close_time"], "close": last["close"], "status": _OK}
        rest = timedelta(0) if whole.calendar.continuous else _WEEKEND
        if self.as_of - last["close_time"] > 3 * timedelta(microseconds=whole.interval.us) + rest:
            return row | {"status": _ENDED}
        values = self._columns(frame, whole)
        for key, rule in {**asked.rules, **asked.show}.items():
            row[key] = _last(rule(values), rule.is_condition)
        if asked.rank is not None:
            row["rank_"] = _last(asked.rank(values), False)
        found = [row[key] for key in asked.rules]
        passed, unknown = found.count(True), found.count(None)
        is_open = passed < asked.at_least <= passed + unknown
        return row | {"passed": passed, "match": None if is_open else passed >= asked.at_least}

    def _read(self, whole: Query) -> pl.DataFrame:
        """The last bars that had closed, in prices as they were then."""
        span = timedelta(days=366 * self.bars / whole.calendar.periods_per_year(whole.interval))
        start = min(self.as_of, whole.sources[0].known_until) - span - 4 * _WEEKEND
        frame = replace(whole, start=start, end=self.as_of).frame()
        frame = frame.filter(pl.col("close_time") <= self.as_of)
        if self.adjust is not None and frame.height and whole.sources[0].actions_version:
            # Adjusted as of the last bar that is asked for, so ask for none that closed later.
            end = frame["open_time"][-1] + timedelta(microseconds=1)
            frame = replace(whole, start=start, end=end, adjust=self.adjust).frame()
        return frame.tail(self.bars)

    def _columns(self, frame: pl.DataFrame, whole: Query) -> dict[str, Any]:
        """Columns by name, those of the strategy too, and the numbers that expressions know."""
        numeric = [name for name, kind in frame.schema.items() if kind.is_numeric()]
        values: dict[str, Any] = dict(columns(frame, numeric))
        if self.strategy is not None:
            made = self.strategy.targets(frame, calendar=whole.calendar.name, **self.params)
            values |= columns(made, [n for n, kind in made.schema.items() if kind.is_numeric()])
        a_year = whole.calendar.periods_per_year(whole.interval)
        values["bars_per_day"] = max(1.0, round(a_year / whole.calendar.sessions_per_year))
        return values


def _last(values: Any, is_condition: bool) -> bool | float | None:
    """The last value; None where it is not known."""
    found = float(values[-1])
    if np.isnan(found):
        return None
    return found == 1.0 if is_condition else found


def _schema(asked: Asked) -> dict[str, Any]:
    base: dict[str, Any] = {
        "instrument": pl.String,
        "close_time": pl.Datetime("us", "UTC"),
        "close": pl.Float64,
        "status": pl.String,
        "match": pl.Boolean,
        "passed": pl.Int64,
    }
    kinds = {n: pl.Boolean if e.is_condition else pl.Float64 for n, e in asked.show.items()}
    return base | dict.fromkeys(asked.rules, pl.Boolean) | kinds | {"rank_": pl.Float64}


def _notes(frame: pl.DataFrame, interval: str, asked: Asked) -> tuple[str, ...]:
    """What was looked at, and what cannot be there."""
    held = frame["status"].value_counts()
    number = dict(zip(held["status"], held["count"], strict=True))
    unknown = frame.filter((pl.col("status") == _OK) & pl.col("match").is_null()).height
    parts = [
        f"{number.get(_OK, 0)} of {frame.height} stored instruments had {interval} bars then",
        f"{number.get(_LATER, 0)} began later",
        f"{number.get(_ENDED, 0)} had ended",
        *([f"{number[_OTHER]} have no {interval} bars"] if _OTHER in number else []),
        *([f"{unknown} have too few bars to tell"] if unknown else []),
    ]
    survivors = (
        "Survivorship: only what somebody stored is looked at. What was delisted before that, or "
        "never stored because it failed, is not here, so a test of this rule on its matches looks "
        "better than it would have been."
    )
    return tuple(note for note in ("; ".join(parts) + ".", survivors, asked.about) if note)
