"""Machine instructions for `kernels.bits`: one comparison of 64 numbers makes a word."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import carray
from numba.core import types as _types
from numba.extending import intrinsic, overload
from numba.np.arrayobj import make_array

from trade_research.kernels import bits

types: Any = _types  # its names are made at run time
_WORD = ir.IntType(64)
_FIRST = ir.Constant(ir.IntType(32), 0)


def _lanes(context: Any, builder: Any, array_type: Any, array: Any, first: Any) -> Any:
    """The 64 numbers of an array from `first` on."""
    data = make_array(array_type)(context, builder, array).data
    lanes = ir.VectorType(data.type.pointee, bits.WORD)
    found = builder.load(builder.bitcast(builder.gep(data, [first]), lanes.as_pointer()))
    found.align = array_type.dtype.bitwidth // 8
    return found


def _splat(builder: Any, value: Any) -> Any:
    """A number in every one of 64 lanes."""
    none = ir.Constant(ir.VectorType(value.type, bits.WORD), ir.Undefined)
    every = ir.Constant(ir.VectorType(ir.IntType(32), bits.WORD), None)
    return builder.shuffle_vector(builder.insert_element(none, value, _FIRST), none, every)


@intrinsic  # type: ignore[untyped-decorator]  # numba has no types
def _changes(typing: Any, x: Any, first: Any) -> Any:
    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        before = builder.sub(args[1], ir.Constant(args[1].type, 1))
        now = _lanes(context, builder, sig.args[0], args[0], args[1])
        then = _lanes(context, builder, sig.args[0], args[0], before)
        is_set = builder.and_(
            builder.fcmp_unordered("!=", now, then), builder.fcmp_ordered("ord", now, now)
        )
        return builder.bitcast(is_set, _WORD)

    return types.uint64(x, types.intp), code


@intrinsic  # type: ignore[untyped-decorator]
def _numbers(typing: Any, x: Any, first: Any) -> Any:
    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        now = _lanes(context, builder, sig.args[0], args[0], args[1])
        return builder.bitcast(builder.fcmp_ordered("ord", now, now), _WORD)

    return types.uint64(x, types.intp), code


def _compared(sign: str) -> Any:
    """An instruction that compares 64 numbers of an array with one of the same width."""

    def compare(typing: Any, x: Any, first: Any, value: Any) -> Any:
        def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            now = _lanes(context, builder, sig.args[0], args[0], args[1])
            return builder.bitcast(builder.fcmp_ordered(sign, now, _splat(builder, args[2])), _WORD)

        return types.uint64(x, types.intp, x.dtype), code

    return intrinsic(compare)


@intrinsic  # type: ignore[untyped-decorator]
def _lowest(typing: Any, word: Any) -> Any:
    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), code


@intrinsic  # type: ignore[untyped-decorator]
def _count(typing: Any, word: Any) -> Any:
    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.uint64), code


@intrinsic  # type: ignore[untyped-decorator]
def _log2(typing: Any, size: Any) -> Any:
    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        zeros = builder.ctlz(args[0], ir.Constant(ir.IntType(1), 0))
        return builder.sub(ir.Constant(_WORD, bits.WORD - 1), zeros)

    return types.int64(types.int64), code


@intrinsic  # type: ignore[untyped-decorator]
def _pointer(typing: Any, address: Any) -> Any:
    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], context.get_value_type(sig.return_type))

    return types.CPointer(types.float64)(types.int64), code


@overload(bits.values_at)
def _values_at(address, n):  # type: ignore[no-untyped-def]  # its names must be bare
    return lambda address, n: carray(_pointer(address), n)


def _stands_for(plain: Any, code: Any, arguments: str) -> None:
    """Compiled code that calls `plain` gets `code`."""
    text = f"lambda {arguments}: lambda {arguments}: code({arguments})"
    overload(plain)(eval(text, {"code": code}))


_stands_for(bits.changes, _changes, "x, first")
_stands_for(bits.numbers, _numbers, "x, first")
_stands_for(bits.below, _compared("<"), "x, first, value")
_stands_for(bits.equal, _compared("=="), "x, first, value")
_stands_for(bits.lowest, _lowest, "word")
_stands_for(bits.count, _count, "word")
_stands_for(bits.log2, _log2, "size")
