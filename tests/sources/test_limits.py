"""Buckets, retries and Retry-After, on a clock of the test's own."""

from __future__ import annotations

import pytest

from trade_research.errors import SourceBusyError, SourceError, SourceRefusedError
from trade_research.sources.http import Retry
from trade_research.sources.limits import Bucket


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        assert seconds > 0
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


def test_a_bucket_lets_through_its_rate_and_no_more(clock):
    bucket = Bucket(600, clock=clock, sleep=clock.sleep)
    times = []
    for _ in range(1000):
        bucket.take()
        times.append(clock.now)
    # Ten a second: one token at first, then one each 0.1 s.
    assert times[-1] - times[0] == pytest.approx(99.9)
    per_minute = [sum(1 for t in times if s <= t < s + 60) for s in times[::50]]
    assert max(per_minute) <= 601


def test_a_rested_bucket_holds_six_seconds_worth(clock):
    bucket = Bucket(600, clock=clock, sleep=clock.sleep)
    clock.now += 3600
    start = clock.now
    for _ in range(60):
        bucket.take()
    assert clock.now == start
    bucket.take()
    assert clock.now == pytest.approx(start + 0.1)


def test_weights_count(clock):
    bucket = Bucket(60, clock=clock, sleep=clock.sleep)
    bucket.take(10)
    bucket.take(10)
    assert clock.now == pytest.approx(1019.0)


def test_nobody_asks_while_the_venue_says_wait(clock):
    bucket = Bucket(6000, clock=clock, sleep=clock.sleep)
    bucket.take()
    bucket.hold(42)
    bucket.hold(1)
    bucket.take()
    assert clock.now == pytest.approx(1042)


def failing(*errors):
    left = list(errors)

    def ask():
        if left:
            raise left.pop(0)
        return "answer"

    return ask, left


def test_pauses_double_and_retry_after_is_obeyed(clock):
    ask, _ = failing(SourceError("a"), SourceError("b"), SourceBusyError("c", 30.0))
    slept = []
    retry = Retry(tries=4, first_s=1.0, most_s=60.0)
    assert retry.run(ask, slept.append) == "answer"
    assert 0.5 <= slept[0] <= 1.0 <= slept[1] <= 2.0
    assert slept[2] == 30.0


def test_a_wait_beyond_patience_ends_it_at_once():
    ask, _ = failing(SourceBusyError("wait", 86_400.0))
    with pytest.raises(SourceBusyError):
        Retry(patience_s=300).run(ask, lambda s: pytest.fail("slept"))


def test_a_refusal_is_not_repeated_and_failures_end():
    ask, left = failing(SourceRefusedError("no"), SourceError("never reached"))
    with pytest.raises(SourceRefusedError):
        Retry().run(ask, lambda s: None)
    assert len(left) == 1
    ask, left = failing(*(SourceError(str(i)) for i in range(9)))
    with pytest.raises(SourceError, match="3"):
        Retry(tries=4).run(ask, lambda s: None)
    assert len(left) == 5
