"""From a rule to compiled code that finds where the targets of many configurations change.

The code is made for one strategy: a loop over bars around its rule. What it calls to collect the
changes is the same for all. Targets of a tile of bars stay in the cache and are never kept.
"""

from __future__ import annotations

import ast
import math
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np

from trade_research.kernels.bits import WORD, changes, count, lowest, numbers, values_at
from trade_research.kernels.jit import F64, I64, Kernel, bare_kernel, inner_kernel
from trade_research.sweep.parts import Parts
from trade_research.sweep.rule import Rule
from trade_research.sweep.words import NUMBERS

TILE = 1024
"""Bars whose targets are made at a time; a multiple of 64."""

_NONE, _ONE, _TOP = np.uint64(0), np.uint64(1), np.uint64(1 << 63)
_KEEP = -1.7976931348623157e308  # what a latch that is not set holds meanwhile


@dataclass(frozen=True)
class Scanner:
    """Compiled code of one rule, and in which order it takes its inputs.

    Attributes
    ----------
    kernel : Kernel
        ``scan(arrays, index, ints, floats, forced, first, last, before, held, room, at, to,
        begin)``: the changes of target of every signal in the bars [first, last), a tile after the
        other, in each one signal after the other, in `at` and `to` from `begin` on. `arrays` are
        addresses of values, `index` (n_signals, n_arrays) says which of them each signal reads.
    arrays : tuple of str
        Columns and shared values, by column of `index`.
    ints, floats : tuple of str
        Numeric parameters, by column.
    begins : expression or None
        What the latch holds before the first bar.
    """

    kernel: Kernel[None]
    arrays: tuple[str, ...]
    ints: tuple[str, ...]
    floats: tuple[str, ...]
    begins: ast.expr | None

    def begins_of(self, rows: Callable[[int], Mapping[str, Any]], n: int) -> F64:
        """What the latch of each of `n` signals holds before the first bar; `rows` gives params."""
        if self.begins is None:
            return np.zeros(n)
        code = compile(ast.unparse(self.begins), "<begins>", "eval")
        space = {"__builtins__": {}, **NUMBERS}
        if not set(code.co_names) - NUMBERS.keys():
            return np.full(n, float(eval(code, space)))
        return np.array([float(eval(code, space, dict(rows(i)))) for i in range(n)])


@inner_kernel
def collect(row: F64, size: int, t0: int, forced: I64, at: I64, to: F64, n: int) -> int:
    """Append where the targets ``row[1 : 1 + size]`` of bars from `t0` on change; returns how many.

    `row[0]` is the target before them. NaN is no target. Where `forced` has a bit, a target is
    noted though it did not change: such a row is written as ``~row``.
    """
    for w in range(0, size, WORD):
        new, asked = changes(row, w + 1), np.uint64(forced[(t0 + w) // WORD])
        word = new
        if asked != _NONE:
            word |= asked & numbers(row, w + 1)
        if size - w < WORD:
            word &= (_ONE << np.uint64(size - w)) - _ONE
        found = count(word)
        i = lowest(word | _TOP)
        at[n], to[n] = t0 + w + i, row[1 + w + i]
        rest = word & (word - _ONE)
        i = lowest(rest | _TOP)
        at[n + 1], to[n + 1] = t0 + w + i, row[1 + w + i]
        for more in range(2, found):
            rest &= rest - _ONE
            i = lowest(rest)
            at[n + more], to[n + more] = t0 + w + i, row[1 + w + i]
        if asked != _NONE:
            mark_forced(new, t0 + w, found, at, n)
        n += found
    return n


@inner_kernel
def mark_forced(new: np.uint64, first: int, found: int, at: I64, n: int) -> None:
    """Write rows of a word as ``~row`` whose target did not change."""
    for k in range(n, n + found):
        if (new >> np.uint64(at[k] - first)) & _ONE == _NONE:
            at[k] = ~at[k]


@inner_kernel
def collect_held(
    row: F64,
    size: int,
    t0: int,
    forced: I64,
    held: float,
    before: float,
    at: I64,
    to: F64,
    n: int,
) -> int:
    """As `collect`, of a latch, which holds `held` before these bars; `_KEEP` leaves it so.

    `before` is the target before them. 0 where a bar has NaN: its target is not what the latch
    holds. The first bar is always noted.
    """
    for w in range(0, size, WORD):
        inside = ~_NONE
        if size - w < WORD:
            inside = (_ONE << np.uint64(size - w)) - _ONE
        if numbers(row, w + 1) & inside != inside:
            return 0
        word = changes(row, w + 1) | np.uint64(forced[(t0 + w) // WORD])
        if w == 0:
            word |= _ONE
        word &= inside
        while word != _NONE:
            i = lowest(word)
            word &= word - _ONE
            held = row[1 + w + i] if row[1 + w + i] != _KEEP else held
            at[n] = t0 + w + i if held != before else ~(t0 + w + i)
            to[n] = before = held
            n += 1
    return n


@bare_kernel
def collect_all(targets: F64, forced: I64, room: F64, at: I64, to: F64, begin: I64) -> None:
    """The changes of whole targets, (n_signals, n_bars, 1), one signal after the other."""
    n = 0
    for j in range(targets.shape[0]):
        begin[0, j], room[0] = n, np.nan
        for t0 in range(0, targets.shape[1], TILE):
            size = min(TILE, targets.shape[1] - t0)
            for i in range(size):
                room[1 + i] = targets[j, t0 + i, 0]
            n = collect(room, size, t0, forced, at, to, n)
            room[0] = room[size]
    begin[0, targets.shape[0]] = n


_HEAD = """
def scan(
    arrays_, index_, ints_, floats_, forced_, first_, last_, before_, held_, room_, at_, to_, begin_
):
    n_ = 0
    for q_ in range(begin_.shape[0]):
        t0_ = first_ + q_ * TILE_
        size_ = min(TILE_, last_ - t0_)
        out_ = room_[1 : 1 + size_]
        for j_ in range(index_.shape[0]):
            begin_[q_, j_] = n_
"""
_FOOT = """
        begin_[q_, index_.shape[0]] = n_
"""
_POINTWISE = """
room_[0] = before_[j_]
for i_ in range(size_):
    {load}
    {rule}
    out_[i_] = target_
before_[j_] = room_[size_]
n_ = collect_(room_, size_, t0_, forced_, at_, to_, n_)
"""
_LATCHED = """
room_[0] = before_[j_]
for i_ in range(size_):
    {load}
    {latch} = keep_
    {rule}
    out_[i_] = {latch} if target_ == {latch} else nan_
more_ = collect_held_(
    room_, size_, t0_, forced_, held_[j_], before_[j_], at_, to_, n_
)
if more_ > 0:
    n_ = more_
    held_[j_] = before_[j_] = to_[more_ - 1]
else:
    {latch} = held_[j_]
    for i_ in range(size_):
        {load}
        {rule}
        out_[i_] = target_
    held_[j_], before_[j_] = {latch}, room_[size_]
    n_ = collect_(room_, size_, t0_, forced_, at_, to_, n_)
"""


def scanner_of(parts: Parts, rule: Rule, kinds: dict[str, type], holes: tuple[str, ...]) -> Scanner:
    """Write and wrap the code for one rule; it compiles when it is first called.

    Parameters
    ----------
    kinds : dict of str to type
        int or float of each numeric parameter.
    holes : tuple of str
        Columns that hold NaN: there is no opinion there.
    """
    read = {n.id for s in rule.statements for n in ast.walk(s) if isinstance(n, ast.Name)} | set(
        holes
    )
    arrays = tuple(name for name in (*parts.columns, *parts.shared) if name in read)
    used = [name for name in parts.numbers if name in read]
    ints = tuple(name for name in used if kinds[name] is int)
    floats = tuple(name for name in used if kinds[name] is float)
    setup = [
        f"array_{k} = values_at_(arrays_[index_[j_, {k}]] + 8 * t0_, size_)"
        for k in range(len(arrays))
    ]
    setup += [f"{name} = ints_[j_, {k}]" for k, name in enumerate(ints)]
    setup += [f"{name} = floats_[j_, {k}]" for k, name in enumerate(floats)]
    load = [f"{name} = array_{k}[i_]" for k, name in enumerate(arrays)]
    load += ["bar_ = t0_ + i_"] if "bar_" in read else []
    text = [*map(ast.unparse, rule.statements)]
    text += [f"target_ = nan_ if {name} != {name} else target_" for name in holes]
    body = _POINTWISE if rule.latch is None else _LATCHED
    inner = _filled(body, load="\n".join(load), rule="\n".join(text), latch=rule.latch or "")
    source = _HEAD + textwrap.indent("\n".join([*setup, inner]), " " * 12) + _FOOT
    space = (
        parts.space
        | NUMBERS
        | {
            "TILE_": TILE,
            "keep_": _KEEP,
            "values_at_": values_at,
            "collect_": collect,
            "collect_held_": collect_held,
        }
    )
    made: dict[str, Any] = {}
    exec(compile(source, "<scan of a sweep>", "exec"), space, made)
    fn = FunctionType(made["scan"].__code__, space, "scan")
    fn.__module__ = __name__
    return Scanner(Kernel(fn), arrays, ints, floats, rule.begins)


def _filled(template: str, **parts: str) -> str:
    """A template whose lines `{name}` are blocks of text, indented as the line is."""
    out = []
    for line in template.strip().splitlines():
        word = line.strip()
        if word in ("{load}", "{rule}"):
            out.append(textwrap.indent(parts[word[1:-1]], line[: len(line) - len(word)]))
        else:
            out.append(line.format(**parts))
    return "\n".join(part for part in out if part.strip())


assert math.isfinite(_KEEP)
