"""Every strategy that ships, with options and in compositions, and bars with all that they read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from hypothesis import strategies as st

from tests.indicators.naive import prices
from trade_research.strategies import confirm, only_in_regime, vote
from trade_research.strategies.load import shipped

S = shipped()
OPTIONS = [
    ("ma_crossover", {"fast": 12, "slow": 5, "kind": "ema", "short": True}),
    ("ma_crossover", {"fast": 3, "slow": 10, "band": 0.002}),
    ("ma_crossover", {"fast": 4, "slow": 9, "kind": "hma"}),
    ("ma_crossover", {"fast": 4, "slow": 9, "kind": "kama"}),
    ("bollinger", {"window": 6, "width": 1.0, "short": True, "until": "band"}),
    ("bollinger", {"window": 5, "width": 1.5, "mode": "reversion", "lag": 1}),
    ("bollinger", {"window": 5, "width": 1.0, "squeeze": 40.0}),
    ("macd", {"fast": 3, "slow": 7, "signal": 3, "trigger": "histogram", "short": True}),
    ("macd", {"fast": 3, "slow": 7, "signal": 3, "trigger": "zero", "zero": True}),
    ("rsi_reversion", {"window": 5, "kind": "cutler", "short": True}),
    (
        "rsi_divergence",
        {"window": 4, "left": 2, "right": 1, "form": "both", "kind": "cutler", "short": True},
    ),
    ("donchian", {"entry": 8, "leave": 4, "risk": 0.01, "skip": True, "short": True}),
    ("time_series_momentum", {"lookback": 20, "gap": 3, "risk": 0.01, "window": 10, "short": True}),
    ("rvol", {"window": 5, "ratio": 1.3, "move": 0.0, "span": 3, "hold": 5, "short": True}),
    ("oi_funding", {"interest": 1.0, "move": 0.2, "moderate": 0.0}),
]
"""Shipped names with parameters that take the branches the defaults leave out."""
COMPOSED = [
    vote([S["macd"], S["donchian"], S["rsi_reversion"]], k=2, veto=["donchian"], name="voted"),
    confirm(
        S["bollinger"], by=[S["rvol"], S["put_call"]], required=["rvol"], within=3, name="sure"
    ),
    only_in_regime(S["ma_crossover"], "trend_up", "normal", "calm", name="rising"),
    vote(
        [
            only_in_regime(S["donchian"], "trend", name="trending"),
            confirm(S["macd"], by=S["book_pressure"], required=False, name="booked"),
        ],
        k=1,
        name="nested",
    ),
]
CASES = [(one, {}) for one in S.values()] + [(S[n], p) for n, p in OPTIONS]
CASES += [(one, {}) for one in COMPOSED]
IDS = [
    one.name + "".join(f",{k}={v}" for k, v in params.items() if k not in ("fast", "slow"))
    for one, params in CASES
]
LEVELS = 3
START = datetime(2024, 1, 1, tzinfo=UTC)


def with_the_rest(frame: pl.DataFrame, rng, holes: bool = False) -> pl.DataFrame:
    """The frame with what it lacks: volume, open interest, funding, options, books."""
    n = frame.height
    made = {
        "volume": np.round(rng.lognormal(3, 1, n), 3),
        "open_interest": 1e6 * np.exp(np.cumsum(rng.normal(0, 0.02, n))),
        "funding_rate": rng.normal(0, 5e-4, n),
        "put_call_ratio": rng.lognormal(0, 0.4, n),
        "put_call_age": rng.uniform(0, 1e5, n),
        "book_age": rng.uniform(0, 90, n),
        **{
            f"{side}_size_{i}": rng.lognormal(0, 1, n)
            for side in ("bid", "ask")
            for i in range(1, LEVELS + 1)
        },
    }
    for name, values in made.items():
        if holes and n and "size" not in name:
            values[rng.random(n) < 0.03] = np.nan
        if name not in frame.columns:
            frame = frame.with_columns(pl.Series(name, values))
    return frame


@st.composite
def frames(draw, most=400):
    """Bars near 60,000 in cents or near 1e-6, with gaps, holes, equal prices; one bar or none."""
    close = draw(prices(most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    tick = 1e-10 if np.nanmax(close, initial=0.0) < 1e-3 else 0.01
    reach = tick * rng.integers(0, 4, (2, close.size))
    opens = [START + timedelta(minutes=int(m)) for m in np.cumsum(rng.integers(1, 4, close.size))]
    frame = pl.DataFrame(
        {
            "open_time": pl.Series(opens, dtype=pl.Datetime("us", "UTC")),
            "high": close + reach[0],
            "low": close - reach[1],
            "close": close,
        }
    ).with_columns(close_time=pl.col("open_time") + timedelta(minutes=1))
    frame = with_the_rest(frame, rng, holes=draw(st.booleans()))
    return frame.with_columns(pl.col("close").fill_nan(None)) if draw(st.booleans()) else frame
