"""Sizes and prices in a venue's steps, to the last digit."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal


def floored(units: float, step: float) -> float:
    """The largest multiple of `step` that is not over `units`, toward zero; any, where step is 0.

    Computed in decimals, for a venue refuses what is off by the last bit: 0.3 is three steps of
    0.1, and 0.1 + 0.2 too.
    """
    if step == 0.0:
        return units
    size = Decimal(repr(step))
    # A sum of fills is short of a step by rounding only.
    steps = (Decimal(repr(abs(units))) / size + Decimal("1e-9")).to_integral_value(ROUND_FLOOR)
    return float((steps * size).copy_sign(Decimal(repr(units))))
