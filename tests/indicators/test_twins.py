"""Indicators that TA-Lib lacks, each against its definition written bar by bar."""

from __future__ import annotations

import numpy as np
import pytest

from tests.indicators.test_table import CHEAP, DEAR, N
from trade_research import indicators as i

MARKETS = pytest.mark.parametrize("m", [DEAR, CHEAP], ids=["dear", "cheap"])


def rolled(rule, window, *columns):
    """`rule` of every window of the columns, NaN before the first."""
    out = np.full(N, np.nan)
    for t in range(window - 1, N):
        out[t] = rule(*(c[t - window + 1 : t + 1] for c in columns))
    return out


def agree(ours, theirs, size=1.0, tolerance=1e-9):
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * size)


@MARKETS
@pytest.mark.parametrize("window", [1, 2, 14, 50])
def test_cutler(m, window):
    def share(x):
        d = np.diff(x)
        both = np.abs(d).sum()
        return 100 * d[d > 0].sum() / both if both else 0.0

    agree(i.rsi_cutler(m["x"], window), rolled(share, window + 1, m["x"]), 100.0)


@MARKETS
def test_signals_of_macd_and_ppo_are_averages_of_their_lines(m):
    lines = i.ppo(m["x"], 5, 9, 1).line
    found = i.ppo(m["x"], 5, 9, 4)
    agree(found.signal, i.ema(lines, 4), 1.0)
    agree(found.histogram, found.line - found.signal, 1.0)


@MARKETS
def test_ichimoku_is_what_was_drawn_before(m):
    def middle(window):
        return rolled(lambda high, low: (high.max() + low.min()) / 2, window, m["high"], m["low"])

    found = i.ichimoku(m["high"], m["low"], 4, 8, 15, 6)
    pad = np.full(6, np.nan)
    for line, wanted in zip(
        found,
        (
            middle(4),
            middle(8),
            np.concatenate([pad, ((middle(4) + middle(8)) / 2)[:-6]]),
            np.concatenate([pad, middle(15)[:-6]]),
        ),
        strict=True,
    ):
        np.testing.assert_array_equal(line, wanted)
