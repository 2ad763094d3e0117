"""Runs against each other: what differs in data and settings, numbers, and single trades."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from trade_research.errors import ConfigError
from trade_research.metrics.definitions import DEFINITIONS
from trade_research.report.compare import (
    HEADLINE,
    Comparison,
    DataDiff,
    TradeDiff,
    letter,
    write_comparison,
)
from trade_research.research.alike import alike, day_returns, difference

if TYPE_CHECKING:
    from trade_research.report.run import Run
    from trade_research.research.runs import SavedRun

_EXAMPLES = 5
_KEY = ("symbol", "side", "entry_time", "nth")
_COMPARED = ("entry_price", "exit_time", "exit_price")
_UNSAID = (
    *("run_id", "command", "results", "trials"),
    *("strategy.source", "strategy.prelude", "data.hash"),
)


@dataclass(frozen=True)
class RunComparison:
    """What `compare_runs` found: tables for people, a page, plain values for JSON."""

    found: Comparison

    def tables(self) -> Iterator[tuple[str, pl.DataFrame]]:
        """Titled frames, what went in first."""
        found = self.found
        letters = [letter(k) for k in range(len(found.runs))]
        who = ", ".join(f"{a} = {b}" for a, b in zip(letters, found.names, strict=True))
        data = pl.DataFrame({"against A": letters[1:], "data": [str(diff) for diff in found.data]})
        yield who, data
        yield "settings that differ", found.inputs
        yield "numbers", self.numbers()
        for k, diff in enumerate(found.trades, start=1):
            yield f"trades of A against {letter(k)}: {diff}", diff.rows.head(20)
        yield (
            "correlation of day returns with A",
            pl.DataFrame(
                {"run": letters[1:], "correlation": found.correlation, "days": found.days},
                {"run": pl.String, "correlation": pl.Float64, "days": pl.Int64},
            ),
        )

    def numbers(self) -> pl.DataFrame:
        """Headline metrics of each run, and the others' less the base's."""
        runs = self.found.runs
        columns: dict[str, list[Any]] = {"metric": [DEFINITIONS[name].label for name in HEADLINE]}
        for k, run in enumerate(runs):
            columns[letter(k)] = [run.metric(name) for name in HEADLINE]
        for k, run in enumerate(runs[1:], start=1):
            pairs = [(runs[0].metric(name), run.metric(name)) for name in HEADLINE]
            columns[f"{letter(k)} less A"] = [
                None if a is None or b is None else b - a for a, b in pairs
            ]
        return pl.DataFrame(columns)

    def report(self, path: str | Path) -> Path:
        """Write the comparison as one page."""
        return write_comparison(self.found, path)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        found = self.found
        return {
            "runs": list(found.names),
            "settings": found.inputs,
            "data": [
                {
                    "same": diff.same,
                    "revised": diff.revised,
                    "only_base": diff.only_base,
                    "only_other": diff.only_other,
                }
                for diff in found.data
            ],
            "numbers": self.numbers(),
            "trades": [
                {
                    "same": diff.same,
                    "different": diff.different,
                    "only_base": diff.only_base,
                    "only_other": diff.only_other,
                    "rows": diff.rows,
                }
                for diff in found.trades
            ],
            "correlation": list(found.correlation),
        }


def compare_runs(runs: Sequence[SavedRun]) -> RunComparison:
    """Compare saved runs; the first is the base.

    Raises
    ------
    ConfigError
        Fewer than two runs.
    """
    if len(runs) < 2:
        raise ConfigError(f"a comparison needs two runs or more, found {len(runs)}")
    base, others = runs[0], runs[1:]
    days = [day_returns(run.daily, run.page.initial_cash) for run in runs]
    linked = [alike(days[0], theirs) for theirs in days[1:]]
    year = base.manifest["data"].get("sessions_per_year") or 365.0
    return RunComparison(
        Comparison(
            names=tuple(run.name for run in runs),
            runs=tuple(run.page for run in runs),
            inputs=_inputs([run.manifest for run in runs]),
            data=tuple(_data(base, other) for other in others),
            trades=tuple(trade_diff(base.trades, other.trades) for other in others),
            correlation=tuple(value for value, _ in linked),
            days=tuple(n for _, n in linked),
            differences=tuple(difference(days[0], theirs, year) for theirs in days[1:]),
        )
    )


def trade_diff(base: pl.DataFrame, other: pl.DataFrame) -> TradeDiff:
    """Round trips matched by symbol, side and entry time; repeats of a key in order of exit."""
    wanted = [*_KEY, *_COMPARED]
    one, two = (_numbered(frame).select(wanted) for frame in (base, other))
    joined = one.with_columns(in_base=pl.lit(True)).join(
        two.with_columns(in_other=pl.lit(True)),
        on=list(_KEY),
        how="full",
        coalesce=True,
        suffix="_other",
        nulls_equal=True,
    )
    differs = pl.any_horizontal(pl.col(c).ne_missing(pl.col(f"{c}_other")) for c in _COMPARED)
    named = joined.with_columns(
        found=pl.when(pl.col("in_other").is_null())
        .then(pl.lit("only base"))
        .when(pl.col("in_base").is_null())
        .then(pl.lit("only other"))
        .when(differs)
        .then(pl.lit("different"))
        .otherwise(pl.lit("same"))
    )
    counts = dict(named["found"].value_counts().iter_rows())
    rows = named.filter(pl.col("found") != "same").sort("entry_time", "symbol", "side", "nth")
    return TradeDiff(
        same=counts.get("same", 0),
        only_base=counts.get("only base", 0),
        only_other=counts.get("only other", 0),
        different=counts.get("different", 0),
        rows=rows.drop("in_base", "in_other", "nth").select("found", pl.exclude("found")),
    )


def _numbered(trades: pl.DataFrame) -> pl.DataFrame:
    key = ["symbol", "side", "entry_time"]
    return trades.sort("exit_time").with_columns(nth=pl.int_range(pl.len()).over(key))


def _inputs(manifests: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Settings that are not the same in all runs: parameters first, then the rest."""
    flat = [dict(_flat(manifest)) for manifest in manifests]
    names = list(dict.fromkeys(name for one in flat for name in one))
    names = [name for name in names if not name.startswith(_UNSAID)]
    names.sort(key=lambda name: not name.startswith("params."))
    rows = [
        {"what": name} | {letter(k): one.get(name, "-") for k, one in enumerate(flat)}
        for name in names
        if len({one.get(name, "-") for one in flat}) > 1
    ]
    schema = dict.fromkeys(("what", *(letter(k) for k in range(len(flat)))), pl.String)
    return pl.DataFrame(rows, schema)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested mappings as dotted names with their values as text; None is left out, as if absent."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list | tuple):
            yield f"{prefix}{name}", ", ".join(map(str, value))
        elif value is not None:
            yield f"{prefix}{name}", str(value)


def _data(base: SavedRun, other: SavedRun) -> DataDiff:
    """Bars that are revised, or there in one of the runs only."""
    if base.manifest["data"]["hash"] == other.manifest["data"]["hash"]:
        return DataDiff(0, 0, 0, True)
    one, two = _prices(base.page), _prices(other.page)
    key = ["symbol", "open_time"]
    both = one.join(two, on=key, suffix="_other")
    columns = ("open", "high", "low", "close")
    revised = both.filter(
        pl.any_horizontal(pl.col(c).ne_missing(pl.col(f"{c}_other")) for c in columns)
    ).sort("open_time", "symbol")
    lonely = [a.join(b, on=key, how="anti").height for a, b in ((one, two), (two, one))]
    examples = [
        (row["symbol"], f"{row['open_time']:%Y-%m-%d %H:%M}", c, f"{row[c]} → {row[f'{c}_other']}")
        for row in revised.head(_EXAMPLES).iter_rows(named=True)
        for c in columns
        if row[c] != row[f"{c}_other"]
    ]
    return DataDiff(revised.height, lonely[0], lonely[1], False, tuple(examples))


def _prices(run: Run) -> pl.DataFrame:
    frame = run.prices
    if "symbol" not in frame.columns:
        frame = frame.with_columns(symbol=pl.lit(run.instruments[0] if run.instruments else ""))
    return frame.select("symbol", "open_time", "open", "high", "low", "close")
