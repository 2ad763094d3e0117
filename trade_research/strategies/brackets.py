"""From entries to targets: hold until a stop, a goal, an opposite entry or the end of patience."""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, kernel


@kernel
def hold_in_brackets(side: F64, close: F64, stop: F64, goal: F64, most: int, cooldown: int) -> F64:
    """Targets of a rule that says only when to enter.

    Levels are tested on closes, the only prices the rule has seen: an exit inside the bar is the
    business of `Exits`.

    Parameters
    ----------
    side : float64 array of shape (n_bars,)
        1 to go long, −1 to go short, 0 to do nothing, NaN where the rule does not know.
    close : float64 array of shape (n_bars,)
    stop, goal : float64 arrays of shape (n_bars,)
        How far the close may go against the position, and how far with it, in units of price, as
        they are at the entry.
    most : int
        Bars after which the position ends.
    cooldown : int
        Bars after an end in which no entry is taken.

    Returns
    -------
    float64 array of shape (n_bars,)
        1, 0 or −1; NaN where `side` is, and flat behind it. An opposite entry turns the position at
        once, one of the same side changes nothing.
    """
    out = np.empty(close.size)
    held, entry, loss, gain, since, free = 0.0, 0.0, 0.0, 0.0, 0, 0
    for t in range(close.size):
        now = side[t]
        if now != now or close[t] != close[t]:
            out[t], held, free = np.nan, 0.0, t + 1
            continue
        if held != 0.0:
            moved = held * (close[t] - entry)
            if moved <= -loss or moved >= gain or t - since >= most:
                held, free = 0.0, t + cooldown
        if now != 0.0 and now != held and (held != 0.0 or t >= free):
            held, entry, loss, gain, since = now, close[t], stop[t], goal[t], t
        out[t] = held
    return out
