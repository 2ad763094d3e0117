"""Slow twins of resample and align, in plain Python loops."""

from __future__ import annotations

import math


def resample(rows, us, anchor=0, complete_only=True):
    """Bars of `us` microseconds from (open_us, close_us, o, h, l, c, volume) rows, oldest first."""
    made = []
    for open_us, close_us, o, h, low, c, volume in rows:
        start = anchor + math.floor((open_us - anchor) / us) * us
        if not made or made[-1]["start"] != start:
            made.append({"start": start, "o": o, "h": h, "l": low, "v": 0.0, "n": 0})
        bar = made[-1]
        bar["h"], bar["l"] = max(bar["h"], h), min(bar["l"], low)
        bar["c"], bar["known"] = c, close_us
        bar["v"], bar["n"] = bar["v"] + volume, bar["n"] + 1
    if complete_only and made and made[-1]["known"] < made[-1]["start"] + us:
        made.pop()
    return made


def align(base, other):
    """For each base close, the value of the last other row with close <= it, else None."""
    out = []
    for close in base:
        best = None
        for known, value in other:
            if known <= close and (best is None or known >= best[0]):
                best = (known, value)
        out.append(best[1] if best else None)
    return out
