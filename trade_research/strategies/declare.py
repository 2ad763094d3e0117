"""What a strategy's signature declares: the columns it reads and the parameters it takes."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

from trade_research.errors import ParameterError, StrategyError, nearest
from trade_research.kernels.jit import F64

RESERVED = frozenset(
    (
        "costs",
        "exits",
        "account",
        "cash",
        "delay",
        "rebalance",
        "fill",
        "portfolio",
        "data",
        "rules",
        "trades",
        "latency",
    )
) | {"report", "calendar", "benchmark", "finalize", "start", "funding", "risk_free"}
RESERVED |= frozenset(
    ("where", "method", "samples", "seed", "by", "folds", "store", "resume", "executor", "threads")
)
RESERVED |= {"progress", "train", "test", "anchored", "metric", "min_trades"}
"""Argument names of `backtest` and its kin, which a strategy may not use for its own."""

_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Span:
    """The range in which a search looks for a parameter, both ends included.

    Parameters
    ----------
    lo, hi : float
        Ends of the range. A value outside may still be passed: the span is where to search.
    step : float, optional
        Distance of neighbouring values; None leaves it to the search.
    log : bool
        Search evenly in the logarithm.
    """

    lo: float
    hi: float
    step: float | None = None
    log: bool = False

    def __post_init__(self) -> None:
        if not self.lo <= self.hi:
            raise StrategyError(f"Span({self.lo:g}, {self.hi:g}): the first must not be the larger")
        if self.step is not None and not self.step > 0:
            raise StrategyError(f"Span step {self.step:g}: must be above 0")
        if self.log and not self.lo > 0:
            raise StrategyError(f"Span({self.lo:g}, {self.hi:g}, log=True): must start above 0")


@dataclass(frozen=True)
class Col:
    """A column that is not simply the base frame's column of the argument's name.

    Parameters
    ----------
    name : str
        Column of the frame, such as ``"close"``.
    interval : str, optional
        Bars of this longer interval, resampled from the base bars; known from their close on.
    symbol : str, optional
        Bars of another instrument in the same frame.
    lag : str or timedelta, optional
        How long after its close the value becomes known, such as ``"1h"``.
    panel : bool
        Values of all symbols at once, (n_bars, n_symbols): what annotating `Panel` sets.
    """

    name: str
    interval: str | None = None
    symbol: str | None = None
    lag: str | timedelta | None = None
    panel: bool = False

    @property
    def plain(self) -> bool:
        """Whether it is the base frame's own column, as it stands."""
        return self.interval is None and self.symbol is None and self.lag is None


@dataclass(frozen=True)
class Across:
    """The mark of a `Panel`."""


Panel: TypeAlias = Annotated[F64, Across()]
"""A column of all symbols at once, (n_bars, n_symbols), NaN where a symbol has no bar.

A strategy with such an argument is a panel strategy: it is asked once about all symbols, whose set
is fixed for the whole run, and returns targets (n_bars, n_symbols) as fractions of equity."""

TIMES = ("open_time", "close_time")
"""Columns that all symbols share: a panel strategy reads them as (n_bars,), µs since 1970."""


@dataclass(frozen=True)
class Param:
    """A parameter: its type, default, the span to search, and the choices of a `Literal`."""

    name: str
    type: type
    default: Any
    span: Span | None = None
    choices: tuple[Any, ...] | None = None

    @property
    def type_name(self) -> str:
        """``int``, ``float``, ``bool`` or ``choice``."""
        return "choice" if self.choices is not None else self.type.__name__

    @property
    def range_text(self) -> str:
        """Where a search looks, for people: ``2 to 200``, ``sma · ema``; empty when unbounded."""
        if self.choices is not None:
            return " · ".join(map(str, self.choices))
        return "" if self.span is None else f"{self.span.lo:g} to {self.span.hi:g}"

    def normalise(self, value: Any, strategy: str) -> Any:
        """`value` as the declared type.

        Raises
        ------
        ParameterError
            It is of another type, not finite, not one of the choices, or beyond 64 bits.
        """
        if self.choices is not None:
            if value in self.choices and type(value) in (self.type, type(self.default)):
                return value
            known = ", ".join(map(repr, self.choices))
            raise self._refused(strategy, f"one of {known}", value)
        item = value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
        if self.type is bool:
            if isinstance(item, bool):
                return item
            raise self._refused(strategy, "True or False", value)
        if isinstance(item, bool) or not isinstance(item, int | float) or not math.isfinite(item):
            raise self._refused(strategy, "a number", value)
        if self.type is float:
            return float(item)
        if item != int(item) or int(item) not in _INT64:
            raise self._refused(strategy, "a whole number", value)
        return int(item)

    def parse(self, text: str, strategy: str) -> Any:
        """The value that `text` from a command line stands for."""
        word = text.strip()
        if self.choices is not None:
            return self.normalise({str(c): c for c in self.choices}.get(word, word), strategy)
        if self.type is bool:
            truth = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
            return self.normalise(truth.get(word.lower(), word), strategy)
        for kind in (int, float):
            try:
                return self.normalise(kind(word), strategy)
            except ValueError:
                continue
        return self.normalise(word, strategy)

    def _refused(self, strategy: str, wanted: str, found: Any) -> ParameterError:
        shown = repr(found) if len(repr(found)) <= 60 else repr(found)[:57] + "…"
        return ParameterError(
            f"{strategy}: {self.name} must be {wanted}, found {shown}; "
            f"its default is {self.default!r}"
        )


@dataclass(frozen=True)
class Declaration:
    """A signature taken apart: argument name to column, and parameter name to `Param`."""

    inputs: Mapping[str, Col]
    params: Mapping[str, Param]


def declaration_of(fn: Callable[..., Any]) -> Declaration:
    """Take the signature of `fn` apart.

    Raises
    ------
    StrategyError
        It has no column, a reserved or starred argument, or a default that is no parameter.
    """
    inputs: dict[str, Col] = {}
    params: dict[str, Param] = {}
    for name, arg in inspect.signature(fn).parameters.items():
        if arg.kind not in (arg.POSITIONAL_OR_KEYWORD, arg.POSITIONAL_ONLY):
            raise StrategyError(
                f"strategy {fn.__name__}: {arg} cannot be compiled; name each column and parameter"
            )
        if name in RESERVED:
            raise StrategyError(
                f"strategy {fn.__name__}: {name!r} is an argument of backtest(); "
                f"call the strategy's own {name}_ or something more telling"
            )
        hint, marks = _annotation(fn, name)
        if arg.default is arg.empty:
            inputs[name] = _input(fn.__name__, name, marks)
        else:
            params[name] = _param(fn.__name__, name, arg.default, hint, marks)
    if not inputs:
        raise StrategyError(
            f"strategy {fn.__name__}: reads no column; arguments without a default are columns, "
            f"such as def {fn.__name__}(close, …)"
        )
    if any(col.panel for col in inputs.values()):
        for name, col in inputs.items():
            if not (col.panel or col.symbol or col.name in TIMES):
                raise StrategyError(
                    f"strategy {fn.__name__}: reads panels, so {name!r} must be one too ({name}: "
                    f"Panel), or name its instrument: {name}: Annotated[F64, "
                    f"Col({col.name!r}, symbol=…)]"
                )
    return Declaration(inputs, params)


def _input(owner: str, name: str, marks: tuple[Any, ...]) -> Col:
    """The column that an argument without a default declares."""
    col = next((m for m in marks if isinstance(m, Col)), Col(name))
    if not any(isinstance(m, Across) for m in marks):
        return col
    if col.symbol is not None:
        raise StrategyError(
            f"strategy {owner}: {name!r} is a panel of all symbols, and one symbol's: leave out "
            f"Panel or symbol={col.symbol!r}"
        )
    return replace(col, panel=True)


def _annotation(fn: Callable[..., Any], name: str) -> tuple[Any, tuple[Any, ...]]:
    """Type and marks of an argument's annotation; (None, ()) where it cannot be resolved."""
    if name not in fn.__annotations__:
        return None, ()
    cells = zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=False)
    scope = {**getattr(fn, "__globals__", {})}
    for variable, cell in cells:
        try:
            scope[variable] = cell.cell_contents
        except ValueError:  # not assigned yet: the annotation cannot mean it
            continue
    holder = SimpleNamespace(__annotations__={name: fn.__annotations__[name]})
    try:
        hint = get_type_hints(holder, globalns=scope, include_extras=True)[name]
    except (NameError, TypeError, AttributeError, SyntaxError):
        return None, ()  # a name known to type checkers alone: the default says the type
    if hasattr(hint, "__metadata__"):
        return get_args(hint)[0], tuple(hint.__metadata__)
    return hint, ()


def _param(owner: str, name: str, default: Any, hint: Any, marks: tuple[Any, ...]) -> Param:
    """The parameter that an argument with a default declares."""
    span = next((m for m in marks if isinstance(m, Span)), None)
    if get_origin(hint) is Literal:
        choices = get_args(hint)
        if default not in choices:
            raise StrategyError(f"strategy {owner}: default {default!r} of {name} is not in {hint}")
        return Param(name, type(default), default, None, choices)
    kind = hint if hint in (int, float, bool) else type(default)
    if kind is str:
        raise StrategyError(
            f"strategy {owner}: {name}={default!r} is text; say which are allowed: "
            f"{name}: Literal[{default!r}, …] = {default!r}"
        )
    if kind not in (int, float, bool):
        raise StrategyError(
            f"strategy {owner}: {name}={default!r} is of type {type(default).__name__}; "
            f"parameters are int, float, bool or Literal"
        )
    bare = Param(name, kind, default, span)
    return Param(name, kind, bare.normalise(default, f"strategy {owner}"), span)


def warmup_names(owner: str, warmup: Any, params: Mapping[str, Param]) -> tuple[str, ...]:
    """Names of the parameters that a warm-up function asks for, checked."""
    if not callable(warmup):
        return ()
    names = tuple(inspect.signature(warmup).parameters)
    for name in names:
        if name not in params:
            raise StrategyError(
                f"strategy {owner}: its warm-up asks for {name!r}, which is no parameter; "
                f"{nearest(name, params)}"
            )
    return names
