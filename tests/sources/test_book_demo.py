"""The made-up market has the habits of real ones, and its seed decides every bit."""

from __future__ import annotations

import numpy as np
import pytest

from tests.counts import count
from trade_research.frames.recording import Recording
from trade_research.sources.book_demo import demo_books


@pytest.fixture(scope="module", params=range(1, 1 + count(20)))
def made(request: pytest.FixtureRequest) -> Recording:
    return demo_books(40, seed=request.param)


def correlation(x: np.ndarray, lag: int) -> float:
    return float(np.corrcoef(x[:-lag], x[lag:])[0, 1])


def test_the_seed_decides_every_bit() -> None:
    again, other, longer = demo_books(2, seed=3), demo_books(2, seed=4), demo_books(3, seed=3)
    assert again.books.equals(longer.books[: again.books.height])
    assert not other.books.equals(again.books)


def test_books_are_whole_and_near_one_tick_wide(made: Recording) -> None:
    assert made.verdicts.height == 0
    ticks = ((made.books["ask_price_1"] - made.books["bid_price_1"]) / 0.1).round().to_numpy()
    assert np.median(ticks) == 1
    assert 1.0 < ticks.mean() < 4.0
    assert ticks.max() > 3


def test_depth_grows_away_from_the_best_price(made: Recording) -> None:
    """Smith et al. (2003): the average profile rises before it falls."""
    sizes = [made.books[f"bid_size_{k}"].mean() for k in (1, 5, 10)]
    assert sizes[0] < sizes[1]
    assert sizes[0] < sizes[2]


def test_signs_of_trades_persist(made: Recording) -> None:
    """Lillo and Farmer (2004): autocorrelated over many trades, decaying."""
    sign = made.trades["side"].to_numpy().astype(float)
    near, far = correlation(sign, 1), correlation(sign, 10)
    assert near > 0.5
    assert near > far > 0.1


def test_trades_come_in_bursts(made: Recording) -> None:
    """A self-exciting flow: waits are autocorrelated and vary more than those of a Poisson flow."""
    wait = np.diff(made.trades["time"].to_physical().to_numpy()).astype(float)
    assert correlation(wait, 1) > 0.1
    assert wait.std() / wait.mean() > 1.2


def test_volatility_clusters_and_returns_do_not(made: Recording) -> None:
    mid = ((made.books["bid_price_1"] + made.books["ask_price_1"]) / 2).to_numpy()[::10]
    step = np.diff(np.log(mid))
    assert correlation(np.abs(step), 1) > 0.1
    assert correlation(np.abs(step), 5) > 0.05
    assert abs(correlation(step, 5)) < 0.1
    kurtosis = float(((step - step.mean()) ** 4).mean() / step.var() ** 2)
    assert kurtosis > 4.0, "fat tails"
