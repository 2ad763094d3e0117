"""Vector instructions for `kernels.lanes`: eight returns at a time."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.core import types as _types
from numba.extending import intrinsic, overload
from numba.np.arrayobj import make_array

from trade_research.kernels import lanes

types: Any = _types  # its names are made at run time
_SIZE = lanes.LANES
_LANES = ir.VectorType(ir.DoubleType(), _SIZE)
_COUNT = ir.VectorType(ir.IntType(64), _SIZE)
_ZERO = ir.Constant(_LANES, [0.0] * _SIZE)


@intrinsic  # type: ignore[untyped-decorator]  # numba has no types
def _growth_sums(
    typing: Any, price: Any, first: Any, n: Any, money: Any, units: Any, floor: Any, out: Any
) -> Any:
    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = make_array(sig.args[0])(context, builder, args[0]).data
        target = make_array(sig.args[6])(context, builder, args[6]).data
        money, units, floor = (_splat(builder, args[k]) for k in (3, 4, 5))
        one = ir.Constant(_LANES, [1.0] * _SIZE)
        sums = [cgutils.alloca_once_value(builder, _ZERO) for _ in range(3)]
        whole = ir.Constant(args[2].type, _SIZE - 1)
        rounds = builder.ashr(builder.add(args[2], whole), ir.Constant(args[2].type, 3))
        with cgutils.for_range(builder, rounds) as loop:
            done = builder.mul(loop.index, ir.Constant(loop.index.type, _SIZE))
            at = builder.add(args[1], done)
            before = builder.sub(at, ir.Constant(at.type, 1))
            worth, was = (
                builder.fadd(money, builder.fmul(units, _load(builder, data, place)))
                for place in (at, before)
            )
            r = builder.fsub(builder.fdiv(worth, was), one)
            left = _splat(builder, builder.sub(args[2], done), _COUNT)
            numbers = ir.Constant(_COUNT, list(range(_SIZE)))
            inside = builder.icmp_signed("<", numbers, left)
            r = builder.select(inside, r, _ZERO)
            short = builder.fsub(r, floor)
            is_short = builder.and_(inside, builder.fcmp_ordered("<", short, _ZERO))
            short = builder.select(is_short, short, _ZERO)
            for place, value in zip(
                sums, (r, builder.fmul(r, r), builder.fmul(short, short)), strict=True
            ):
                builder.store(builder.fadd(builder.load(place), value), place)
        for k, place in enumerate(sums):
            offset = ir.Constant(ir.IntType(64), k * _SIZE)
            pointer = builder.bitcast(builder.gep(target, [offset]), _LANES.as_pointer())
            builder.store(builder.load(place), pointer).align = 8
        return context.get_dummy_value()

    real = types.float64
    return types.void(price, types.int64, types.int64, real, real, real, out), code


def _splat(builder: Any, value: Any, kind: Any = _LANES) -> Any:
    """A value in every lane."""
    out = ir.Constant(kind, ir.Undefined)
    for k in range(_SIZE):
        out = builder.insert_element(out, value, ir.Constant(ir.IntType(32), k))
    return out


def _load(builder: Any, data: Any, at: Any) -> Any:
    """Eight values from a place on."""
    found = builder.load(builder.bitcast(builder.gep(data, [at]), _LANES.as_pointer()))
    found.align = 8
    return found


@overload(lanes.growth_sums)
def _of_growth_sums(price, first, n, money, units, floor, lanes):  # type: ignore[no-untyped-def]
    def code(price, first, n, money, units, floor, lanes):  # type: ignore[no-untyped-def]
        _growth_sums(price, first, n, money, units, floor, lanes)

    return code
