"""The errors raised on purpose: one tree; each message says what, where, found and what to do."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path

_LIBRARIES = (str(Path(__file__).parent) + os.sep, "site-packages", "dist-packages")


class TradeResearchError(Exception):
    """Root of every error this package raises on purpose; caught only at the edges."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows (IPython asks for it): the reader's own lines, and the message.

        The frames of libraries and of this package are left out; ``%debug`` walks all of them.
        """
        steps = traceback.extract_tb(self.__traceback__)
        own = [step for step in steps if not any(place in step.filename for place in _LIBRARIES)]
        return [*traceback.format_list(own), f"{type(self).__name__}: {self}"]


class ConfigError(TradeResearchError):
    """A setting, option or argument that cannot be used."""


class ExpressionError(ConfigError):
    """A text that is no expression over columns and indicators."""


class DataError(TradeResearchError):
    """Market data that is not what it should be."""


class SchemaError(DataError):
    """A table lacks a column, or a column has the wrong type or impossible values."""


class BarGridError(DataError):
    """Bars of several symbols that open together must close together."""

    def __init__(self, symbol: str, row: int) -> None:
        self.symbol, self.row = symbol, row
        super().__init__(
            f"bars that open together close at different times (row {row}, {symbol!r}). "
            "Bring all symbols to one interval and calendar first."
        )


class BarOrderError(DataError):
    """Bar times must strictly increase within a symbol."""

    def __init__(self, symbol: str, row: int, previous: datetime, found: datetime) -> None:
        self.symbol, self.row, self.previous, self.found = symbol, row, previous, found
        what = "repeat a time" if found == previous else "are out of order"
        of = f" of {symbol!r}" if symbol else ""
        super().__init__(
            f"bars{of} {what} at row {row}: {found:%Y-%m-%d %H:%M:%S} follows "
            f"{previous:%Y-%m-%d %H:%M:%S}. Sort by 'open_time' and drop repeats before writing."
        )


class FormatError(DataError):
    """A file is not in a format we read."""


class MissingDataError(DataError):
    """Nothing is stored under that name, or the interval cannot be made from what is stored."""


class AmbiguousNameError(DataError):
    """A name fits several stored instruments."""


class SourceError(TradeResearchError):
    """A source outside did not answer, or not with what was asked; asking again may help."""


class SourceBusyError(SourceError):
    """A source asks to wait: `wait_s` seconds, by its `Retry-After`."""

    def __init__(self, message: str, wait_s: float) -> None:
        self.wait_s = wait_s
        super().__init__(message)


class SourceRefusedError(SourceError):
    """A source will not give this, however often it is asked: an unknown symbol, a missing key."""


class SourceGoneError(SourceRefusedError):
    """A source no longer has the instrument: delisted, renamed, dead."""


class StoreError(TradeResearchError):
    """The store on disk cannot be read, written or trusted."""


class QueryError(TradeResearchError):
    """SQL that the store will not run."""


class StrategyError(TradeResearchError):
    """A strategy function that breaks the contract."""


class StrategyCompileError(StrategyError):
    """Numba cannot compile the strategy; the message names the line and what to write instead."""


class StrategyOutputError(StrategyError):
    """A strategy returned something other than targets of the right shape."""


class ParameterError(StrategyError):
    """An unknown parameter, or a value of the wrong type or range."""


class MissingColumnError(StrategyError):
    """The frame lacks a column that the strategy declares."""


class SimulationError(TradeResearchError):
    """Arguments that the simulator cannot run."""


class RiskError(TradeResearchError):
    """Limits that are not set, or that cannot hold together."""


class JournalError(TradeResearchError):
    """The audit journal cannot be written, or what is written cannot be trusted."""


class SessionError(TradeResearchError):
    """A trading session that cannot start or go on as it was configured."""


class BrokerError(TradeResearchError):
    """A venue that does not do what it was asked; `code` is its own number, 0 without one."""

    def __init__(self, message: str, code: int = 0) -> None:
        self.code = code
        super().__init__(message)


class NotFlatError(BrokerError):
    """An account that was to be closed, and is not, for all we know."""


class PromotionError(TradeResearchError):
    """A stage was asked for whose certificate is missing or does not hold."""


def nearest(name: str, options: Iterable[str]) -> str:
    """Sentence part that names the nearest valid spelling, or the choices when none is near."""
    known = sorted(options)
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(known)}" if known else "none is known"
