"""The machine instruction for `kernels.ahead`."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils
from numba.core import types as _types
from numba.extending import intrinsic, overload
from numba.np.arrayobj import make_array

from trade_research.kernels import ahead

types: Any = _types  # its names are made at run time
_INT = ir.IntType(32)
_READ, _NEAREST, _DATA = (ir.Constant(_INT, n) for n in (0, 3, 1))


@intrinsic  # type: ignore[untyped-decorator]  # numba has no types
def _fetch(typing: Any, table: Any, row: Any) -> Any:
    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        array = make_array(sig.args[0])(context, builder, args[0])
        width = cgutils.unpack_tuple(builder, array.shape, 2)[1]
        place = builder.gep(array.data, [builder.mul(args[1], width)])
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte, _INT, _INT, _INT])
        call = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(call, [builder.bitcast(place, byte), _READ, _NEAREST, _DATA])
        return context.get_dummy_value()

    return types.void(table, types.intp), code


@overload(ahead.fetch)
def _fetch_row(table, row):  # type: ignore[no-untyped-def]  # its names must be bare
    return lambda table, row: _fetch(table, row)
