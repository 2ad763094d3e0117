import pytest

from trade_research.errors import ConfigError
from trade_research.frames.intervals import STANDARD, Interval, parse_interval


@pytest.mark.parametrize(
    ("text", "canonical", "us"),
    [
        ("1s", "1s", 1_000_000),
        ("90s", "90s", 90_000_000),
        ("1m", "1m", 60_000_000),
        ("60m", "1h", 3_600_000_000),
        ("24h", "1d", 86_400_000_000),
        ("7d", "1w", 604_800_000_000),
        ("36h", "36h", 129_600_000_000),
    ],
)
def test_interval_has_one_spelling_per_length(text, canonical, us):
    assert parse_interval(text) == Interval(canonical, us)
    assert str(parse_interval(text)) == canonical


def test_standard_intervals_are_canonical():
    assert [parse_interval(text).text for text in STANDARD] == list(STANDARD)
    assert parse_interval(parse_interval("4h")).text == "4h"


@pytest.mark.parametrize("text", ["", "m", "1", "0m", "-1h", "1M", "1H", "1y", "1.5h", " 1h", 5])
def test_anything_else_is_refused_in_one_line(text):
    with pytest.raises(ConfigError, match="not an interval") as caught:
        parse_interval(text)
    assert "\n" not in str(caught.value)


def test_the_nearest_spelling_is_offered():
    with pytest.raises(ConfigError, match="did you mean '1h'"):
        parse_interval("1H")
