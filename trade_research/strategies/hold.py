"""Buy on the first bar and hold: what every other strategy has to beat."""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64
from trade_research.strategies.strategy import strategy


@strategy
def buy_and_hold(close: F64) -> F64:
    """All in from the first bar on.

    Rule: target 1 on every bar. No parameters, no warm-up. Market: anything that pays to be owned
    (shares, indices). Cost to trade: one purchase.
    """
    return np.ones(close.size)
