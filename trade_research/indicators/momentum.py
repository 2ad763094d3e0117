"""How strongly the price has moved."""

from __future__ import annotations

from trade_research.kernels.jit import F64, indicator
from trade_research.kernels.smooth import wilder_rsi


@indicator
def rsi(x: F64, window: int = 14) -> F64:
    """Relative strength index: the share of rises in Wilder's average of all changes, 0 to 100.

    ``100 * up / (up + down)``, where `up` and `down` are Wilder's averages of the rises and of the
    falls from bar to bar, seeded with the mean of the first `window` changes.

    Parameters
    ----------
    x : float64 array of shape (n_bars,)
    window : int
        Wilder's period in bars. Below 1 or from n_bars on, all values are NaN.

    Returns
    -------
    float64 array of shape (n_bars,)
        First value at bar `window`. 0 when the price has not moved at all since the run began, as
        in TA-Lib. A NaN gives NaN, and starts the index anew behind it.

    References
    ----------
    Wilder (1978), New Concepts in Technical Trading Systems. Equal to TA-Lib's ``RSI``.
    """
    return wilder_rsi(x, window)
