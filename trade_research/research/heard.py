"""Funding rates as a session comes to know them, for strategies that read them."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from trade_research.simulate.funding import Funding


class Heard:
    """Rates that were known when a session began, and those it heard of since.

    Parameters
    ----------
    symbols : sequence of str
    """

    def __init__(self, symbols: Sequence[str]) -> None:
        self._is_one = len(symbols) == 1
        self._before: pl.DataFrame | float | None = None
        self._since: list[tuple[str, int, float]] = []

    def begin(self, known: pl.DataFrame | float | None) -> None:
        """Know these rates and no other."""
        self._before, self._since = known, []

    def hear(self, funding: Sequence[Funding], closed: int) -> Sequence[Funding]:
        """Rates that came after the row that closed then: none was known at its close."""
        self._since += [(due.symbol, max(due.time, closed), due.rate) for due in funding]
        return funding

    @property
    def table(self) -> pl.DataFrame | float | None:
        """All of them, as `funded` takes them."""
        if not self._since or isinstance(self._before, float):
            return self._before
        rows = rates_table(self._since, self._is_one)
        return (
            rows if self._before is None else pl.concat([self._before.select(rows.columns), rows])
        )


def rates_table(rates: Sequence[tuple[str, int, float]], is_one: bool) -> pl.DataFrame:
    """Symbols, times in µs and rates as a table; of a single instrument without its symbol."""
    schema = {"symbol": pl.String(), "time": pl.Int64(), "funding_rate": pl.Float64()}
    rows = pl.DataFrame(rates, schema=schema, orient="row")
    rows = rows.with_columns(pl.col("time").cast(pl.Datetime("us", "UTC")))
    return rows.drop("symbol") if is_one else rows
