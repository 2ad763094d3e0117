"""The words that rules are made of: what is allowed for one bar, and pieces of text."""

from __future__ import annotations

import ast
import math
from typing import Any

import numpy as np


class NotPointwiseError(Exception):
    """The body looks at more than the bar it decides; the text says where."""


ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div)
COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
TO_FLOAT: set[Any] = {np.abs, np.absolute, np.fabs, np.sqrt, np.sign, np.negative}
OF_TWO = {np.minimum, np.maximum}
TO_BOOL = {np.isnan, np.isfinite, np.isinf, np.logical_not}
NUMBERS = {"nan_": math.nan, "inf_": math.inf}
"""Names that a rule uses for what has no literal."""


def is_one_of(value: Any, known: Any) -> bool:
    """Whether a value, which need not be hashable, is among some."""
    try:
        return value in known
    except TypeError:
        return False


def assigned(name: str, value: ast.expr) -> ast.stmt:
    """``name = value``."""
    return ast.Assign([ast.Name(name, ast.Store())], value)


def float_of(value: float) -> ast.expr:
    """A float as an expression."""
    if math.isnan(value):
        return ast.Name("nan_", ast.Load())
    if math.isinf(value):
        name = ast.Name("inf_", ast.Load())
        return name if value > 0.0 else ast.UnaryOp(ast.USub(), name)
    return ast.Constant(value)
