"""Words of 64 bits, one a bar: where values change or are low; the lowest bit; arrays by address.

As written they run in Python; in compiled code `kernels.bits_code` puts machine instructions in
their place.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trade_research.kernels.jit import F64

WORD = 64
Floats = npt.NDArray[np.float64] | npt.NDArray[np.float32]


def changes(x: F64, first: int) -> np.uint64:
    """Bit i is set where ``x[first + i]`` is a number and not equal to the value before it.

    Parameters
    ----------
    x : float64 array
        Read from `first` - 1 to `first` + 63, all inside.
    """
    now, before = x[first : first + WORD], x[first - 1 : first + WORD - 1]
    is_set = (now != before) & (now == now)
    return np.uint64(sum(1 << int(i) for i in np.flatnonzero(is_set)))


def numbers(x: F64, first: int) -> np.uint64:
    """Bit i is set where ``x[first + i]`` is a number, not NaN; 64 values are read."""
    now = x[first : first + WORD]
    return np.uint64(sum(1 << int(i) for i in np.flatnonzero(now == now)))


def below(x: Floats, first: int, value: float | np.float32) -> np.uint64:
    """Bit i is set where ``x[first + i]`` is below `value`, of the same width; 64 are read."""
    now = x[first : first + WORD]
    return np.uint64(sum(1 << int(i) for i in np.flatnonzero(now < value)))


def equal(x: Floats, first: int, value: float | np.float32) -> np.uint64:
    """Bit i is set where ``x[first + i]`` is `value`, of the same width; 64 are read."""
    now = x[first : first + WORD]
    return np.uint64(sum(1 << int(i) for i in np.flatnonzero(now == value)))


def lowest(word: np.uint64) -> int:
    """Position of the lowest bit set; 64 for an empty word."""
    value = int(word)
    return (value & -value).bit_length() - 1 if value else WORD


def count(word: np.uint64) -> int:
    """How many bits are set."""
    return int(word).bit_count()


def log2(size: int) -> int:
    """Position of the highest bit of a positive number: the floor of its logarithm."""
    return int(size).bit_length() - 1


def values_at(address: int, n: int) -> F64:
    """The `n` float64 values that lie at an address; who calls keeps them alive."""
    import ctypes  # here, where no digest of compiled code meets it

    pointer = ctypes.cast(int(address), ctypes.POINTER(ctypes.c_double))
    return np.ctypeslib.as_array(pointer, (int(n),))
