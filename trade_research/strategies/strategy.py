"""What a strategy is: a plain function from columns to targets, compiled, with its declarations.

Arguments without a default are columns of the frame, those with one are parameters. The function
returns the exposure wanted after each row, as a fraction of equity; or a named tuple whose first
field is `target` and whose others become columns beside it.
"""

from __future__ import annotations

import importlib
import inspect
import math
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from trade_research.errors import ParameterError, StrategyError, nearest
from trade_research.kernels.jit import F64, Kernel
from trade_research.strategies.declare import (
    Col,
    Declaration,
    Panel,
    Param,
    Span,
    declaration_of,
)
from trade_research.strategies.declare import warmup_names as _warmup_names
from trade_research.strategies.evaluate import Program, Targets

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Col", "Panel", "Param", "Span", "Strategy", "Targets", "strategy"]


@dataclass(frozen=True, eq=False, repr=False)
class Strategy:
    """A strategy function and what it declares; made by `strategy`, called by everything else.

    Attributes
    ----------
    fn : callable
        The function as written.
    inputs : mapping of str to Col
        Argument name to the column it reads.
    params : mapping of str to Param
        Parameter name to type, default, span to search and choices.
    source : str
        The function's text when it was defined; empty when it has none (`exec`).
    presets : mapping of str to mapping
        Named sets of parameters, such as those of the rule's author.
    """

    fn: Callable[..., Any]
    inputs: Mapping[str, Col]
    params: Mapping[str, Param]
    source: str
    _warmup: Callable[..., Any] | int | None
    _warmup_names: tuple[str, ...]
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    _program: Program = field(init=False)

    def __post_init__(self) -> None:
        for preset in self.presets.values():
            self.bind(**preset)
        panels = frozenset(name for name, col in self.inputs.items() if col.panel)
        program = Program(self.fn, tuple(self.inputs), self.params, panels)
        object.__setattr__(self, "_program", program)

    @property
    def name(self) -> str:
        """The function's name."""
        return self.fn.__name__

    @property
    def doc(self) -> str:
        """The function's docstring, without indentation."""
        return inspect.getdoc(self.fn) or ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the arguments that are columns, in order."""
        return tuple(self.inputs)

    @property
    def is_panel(self) -> bool:
        """Whether it is asked about all symbols at once and returns (n_bars, n_symbols)."""
        return any(col.panel for col in self.inputs.values())

    @property
    def reads(self) -> tuple[str, ...]:
        """Names of the columns of the bars that its arguments are made of."""
        return tuple(dict.fromkeys(col.name for col in self.inputs.values()))

    @property
    def outputs(self) -> tuple[str, ...] | None:
        """Names of what it returns, `target` first; None until it has run once."""
        return self._program.outputs

    @property
    def source_hash(self) -> str:
        """Digest of everything the result depends on besides data and parameters."""
        return self._program.source_hash

    @property
    def space(self) -> dict[str, Span | tuple[Any, ...]]:
        """Where a search looks: parameter name to its span or its choices."""
        found: dict[str, Span | tuple[Any, ...]] = {}
        for name, param in self.params.items():
            if param.choices is not None:
                found[name] = param.choices
            elif param.type is bool:
                found[name] = (False, True)
            elif param.span is not None:
                found[name] = param.span
        return found

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.fn)

    def bind(self, **params: Any) -> dict[str, Any]:
        """All parameters, those given normalised to their declared type, the others by default.

        Raises
        ------
        ParameterError
            A name the strategy does not have, or a value of the wrong type.
        """
        for name in params:
            if name not in self.params:
                raise ParameterError(
                    f"{self.name} has no parameter {name!r}; {nearest(name, self.params)}"
                )
        return {
            name: param.normalise(params[name], self.name) if name in params else param.default
            for name, param in self.params.items()
        }

    def warmup(self, **params: Any) -> int:
        """Bars at the start whose targets are 0, under these parameters."""
        values = self.bind(**params)
        if not callable(self._warmup):
            return self._warmup or 0
        given = {name: values[name] for name in self._warmup_names}
        try:
            bars: int = math.ceil(self._warmup(**given))
        except (TypeError, ValueError, ArithmeticError) as error:
            shown = ", ".join(f"{k}={v!r}" for k, v in given.items())
            raise StrategyError(f"{self.name}: its warm-up fails for {shown}: {error}") from error
        return max(bars, 0)

    def variant(self, name: str, **defaults: Any) -> Strategy:
        """The same rule under another name and with other defaults.

        Examples
        --------
        >>> quick = ma_crossover.variant("quick", fast=5, slow=20)  # doctest: +SKIP

        Raises
        ------
        ParameterError
            As `bind`.
        StrategyError
            The name cannot be that of a function.
        """
        from trade_research.strategies.variant import variant

        return variant(self, name, defaults, sys._getframe(1).f_globals.get("__name__", ""))

    def preset(self, name: str) -> Strategy:
        """The variant with the parameters of one of its presets."""
        if name not in self.presets:
            raise StrategyError(
                f"{self.name} has no preset {name!r}; {nearest(name, self.presets)}"
            )
        return self.variant(f"{self.name}_{name}", **self.presets[name])

    @property
    def warmup_names(self) -> tuple[str, ...]:
        """Parameters that the warm-up depends on."""
        return self._warmup_names

    @property
    def warmup_rule(self) -> Callable[..., Any] | int | None:
        """The warm-up as it was declared: a number of bars, or a function of `warmup_names`."""
        return self._warmup

    def compute(self, columns: Mapping[str, F64], **params: Any) -> Targets:
        """Targets from arrays: those before the warm-up are 0.

        Parameters
        ----------
        columns : mapping of str to float64 array
            Argument name to values, (n_bars,), or (n_bars, n_levels) of a book side, or
            (n_bars, n_symbols) of a `Panel`, all of one length.
        **params
            Parameters by name; the others keep their default.

        Returns
        -------
        Targets
            `target` of shape (n_bars,), of a panel strategy (n_bars, n_symbols), NaN where the
            strategy has no opinion or a scalar column or panel is NaN; `extras`, the other fields
            of a named tuple. No memory is shared with `columns`.

        Raises
        ------
        ParameterError, StrategyCompileError, StrategyOutputError, StrategyError
        """
        targets = self.raw(columns, **params)
        targets.target[: self.warmup(**params)] = 0.0
        return targets

    def raw(self, columns: Mapping[str, F64], **params: Any) -> Targets:
        """As `compute`, but targets before the warm-up are left as the function gave them."""
        return self._program.run(columns, self.bind(**params))

    def compiled(self, **params: Any) -> tuple[Kernel[Any], tuple[Any, ...]]:
        """The compiled function itself, for compiled loops around it; nothing is checked.

        Returns
        -------
        kernel : Kernel
            Called as ``kernel(*columns, *values)`` with read-only, C-contiguous float64 arrays.
        values : tuple
            The numeric parameters in order. Text parameters are compiled in where they come last.
        """
        return self._program.entry(self.bind(**params))

    def columns_of(
        self, frame: pl.DataFrame, *, calendar: str = "24/7", whole: pl.DataFrame | None = None
    ) -> dict[str, F64]:
        """The declared columns of a bar frame, as arrays.

        Parameters
        ----------
        frame : DataFrame
            Bars of one symbol; of all for a panel strategy.
        whole : DataFrame, optional
            Bars of all symbols, where it reads another instrument (``Col(symbol=…)``).

        Raises
        ------
        MissingColumnError
            The frame lacks one; the message names the nearest that it has.
        """
        if self.is_panel:
            from trade_research.strategies.panel import panel_arrays

            return panel_arrays(self.inputs, frame, calendar)[0]
        from trade_research.strategies.frame import arrays_of

        return arrays_of(self.inputs, frame, frame if whole is None else whole, calendar)

    def targets(
        self, frame: pl.DataFrame, *, calendar: str = "24/7", **params: Any
    ) -> pl.DataFrame:
        """Targets of a bar frame, row by row: times, `symbol` if there is one, `target`, extras.

        Each symbol of a long frame is evaluated on its own rows alone; a panel strategy on all.
        """
        if self.is_panel:
            from trade_research.strategies.panel import panel_targets

            return panel_targets(self, frame, calendar, self.bind(**params))
        from trade_research.strategies.frame import targets_of

        return targets_of(self, frame, calendar, self.bind(**params))

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        """A strategy of a module travels by its name; one of a notebook as pickle finds it."""
        if getattr(sys.modules.get(self.fn.__module__), self.name, None) is self:
            return _of_module, (self.fn.__module__, self.name)
        return super().__reduce_ex__(protocol)

    def __call__(self, *columns: F64, **params: Any) -> F64:
        """Targets from arrays in the order of the signature: `compute` without the names."""
        if len(columns) != len(self.inputs):
            raise StrategyError(
                f"{self.name} reads {len(self.inputs)} columns ({', '.join(self.columns)}), "
                f"found {len(columns)}; parameters are passed by name"
            )
        return self.compute(dict(zip(self.inputs, columns, strict=True)), **params).target

    def __repr__(self) -> str:
        shown = [*self.columns, *(f"{n}={p.default!r}" for n, p in self.params.items())]
        return f"<strategy {self.name}({', '.join(shown)})>"

    def _repr_html_(self) -> str:
        from trade_research.strategies.page import card

        return card(self)


@overload
def strategy(fn: Callable[..., Any], /) -> Strategy: ...
@overload
def strategy(
    *,
    warmup: Callable[..., Any] | int | None = None,
    presets: Mapping[str, Mapping[str, Any]] | None = None,
) -> Callable[[Callable[..., Any]], Strategy]: ...
def strategy(
    fn: Callable[..., Any] | None = None,
    /,
    *,
    warmup: Callable[..., Any] | int | None = None,
    presets: Mapping[str, Mapping[str, Any]] | None = None,
) -> Strategy | Callable[[Callable[..., Any]], Strategy]:
    """Make a strategy of a function; nothing is compiled before its first run.

    Parameters
    ----------
    warmup : callable, int or None
        Bars before the first opinion: a number, or a function of some of the parameters, by name.
    presets : mapping of str to mapping, optional
        Named sets of parameters; ``my_strategy.preset("classic")`` is the strategy with one.

    Raises
    ------
    StrategyError
        The signature breaks the contract.

    Examples
    --------
    >>> @strategy(warmup=lambda slow: slow)
    ... def trend(close, slow: Annotated[int, Span(5, 500)] = 30):
    ...     return np.where(close > sma(close, slow), 1.0, 0.0)
    """
    if fn is None:
        return lambda function: _declare(function, warmup, presets or {})
    return _declare(fn, None, {})


def _declare(
    fn: Callable[..., Any],
    warmup: Callable[..., Any] | int | None,
    presets: Mapping[str, Mapping[str, Any]],
) -> Strategy:
    if (
        not inspect.isfunction(fn)
        or inspect.iscoroutinefunction(fn)
        or inspect.isgeneratorfunction(fn)
    ):
        raise StrategyError(f"@strategy needs a plain function, found {fn!r}")
    known: Declaration = declaration_of(fn)
    if isinstance(warmup, bool) or not (
        warmup is None or callable(warmup) or isinstance(warmup, int)
    ):
        raise StrategyError(f"strategy {fn.__name__}: warm-up {warmup!r} is no number of bars")
    if isinstance(warmup, int) and warmup < 0:
        raise StrategyError(f"strategy {fn.__name__}: warm-up {warmup} must not be negative")
    names = _warmup_names(fn.__name__, warmup, known.params)
    return Strategy(fn, known.inputs, known.params, _source_of(fn), warmup, names, presets)


def _of_module(module: str, name: str) -> Strategy:
    found: Strategy = getattr(importlib.import_module(module), name)
    return found


def _source_of(fn: Callable[..., Any]) -> str:
    """Text of `fn`, without indentation; empty where Python does not have it."""
    try:
        return textwrap.dedent(inspect.getsource(fn))
    except (OSError, TypeError):
        return ""
