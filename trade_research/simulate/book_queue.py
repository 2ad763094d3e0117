"""Where a resting order stands in its queue: what is ahead of it, after the literature.

`ahead` is the size before our order. A trade at our price always comes off the front. What a
change of the level's size that no trade explains takes away from before us is the model's guess.
"""

from __future__ import annotations

from trade_research.kernels.jit import inner_kernel

FRONT, BACK, PROPORTIONAL, PROBABILITY = 0, 1, 2, 3
QUEUES = ("front", "back", "proportional", "probability")
"""Nothing is ever ahead; all cancels are behind us; cancels are spread evenly; cancels fall before
us with probability ``f(ahead) / (f(ahead) + f(behind))``, f(x) = x ** power (Rigtorp 2013,
"Estimating order queue position"; 1 is even, larger powers let cancels fall on the longer part)."""


@inner_kernel
def after_cancel(model: int, ahead: float, before: float, now: float, power: float) -> float:
    """What is ahead once a level of `before` holds `now`, by no trade."""
    if model == FRONT or ahead <= 0.0:
        return 0.0
    if now >= before:
        return ahead
    gone = before - now
    if model == PROPORTIONAL:
        ahead *= now / before
    elif model == PROBABILITY:
        behind = max(before - ahead, 0.0)
        share = ahead**power / (ahead**power + behind**power) if behind > 0.0 else 1.0
        ahead -= share * gone
    return min(max(ahead, 0.0), now)
