"""Names become folders and come back; nothing climbs out, nothing collides."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trade_research.errors import ConfigError, StoreError, TradeResearchError
from trade_research.store.layout import decode_part, encode_part, local_root, split_name

NASTY = ["BTC/USDT:USDT", "..", ".", "...", "../x", "a';drop", "<script>", "* ? [ ]", "CON", "nul"]
NASTY += [
    "com1.txt",
    "a\\b",
    "C:\\x",
    "%2F",
    "%",
    "a.",
    " a",
    "aapl",
    "AAPL",
    "ÄÖ",
    "Å",
    "Å",
    "人民币",
    "~",
]


def test_spelling_of_a_symbol_is_url_encoding():
    assert encode_part("BTC/USDT:USDT", what="symbol") == "BTC%2FUSDT%3AUSDT"
    assert encode_part("binance", what="venue", case="lower") == "binance"
    assert encode_part("..", what="symbol") == "%2E%2E"
    assert encode_part("CON", what="symbol") == "%43ON"


@pytest.mark.parametrize("text", NASTY)
def test_nasty_names_come_back_and_are_plain(text):
    part = encode_part(text, what="symbol")
    assert decode_part(part) == text
    assert not set(part) & set('/\\:*?"<>|[] \x00')
    assert Path(part).name == part
    assert part not in (".", "..")
    assert not part.endswith(".")


names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)


@given(names, names, st.sampled_from(["upper", "lower"]))
def test_two_names_never_share_a_folder_even_ignoring_case(a, b, case):
    parts = [encode_part(text, what="symbol", case=case) for text in (a, b)]
    assert [decode_part(part, case) for part in parts] == [a, b]
    assert (parts[0].lower() == parts[1].lower()) == (a == b)


@pytest.mark.parametrize("text", ["", "a\x00b", "a\nb", "x" * 10_000, "\x7f", "a\ud800"])
def test_impossible_names_are_refused_in_one_line(text):
    with pytest.raises(ConfigError) as error:
        encode_part(text, what="symbol")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 250


@pytest.mark.parametrize("part", ["%zz", "%F", "%FF"])
def test_folders_of_others_are_not_names(part):
    assert decode_part(part) is None


def test_names_are_taken_apart_at_the_first_colon_and_the_last_at():
    venue, symbol, interval = split_name("binance:BTC/USDT:USDT@1h")
    assert (venue, symbol, interval.text) == ("binance", "BTC/USDT:USDT", "1h")
    assert split_name("A@B@1d")[:2] == (None, "A@B")
    assert split_name("x:y@60m")[2].text == "1h"


@pytest.mark.parametrize("text", ["", "BTC", "binance:@1h", ":X@1h", "@1h", "a:b@", "a:b@1x"])
def test_what_is_no_name_is_refused(text):
    with pytest.raises(ConfigError):
        split_name(text)


def test_addresses_and_files_are_no_roots(tmp_path):
    with pytest.raises(ConfigError, match="address"):
        local_root("s3://bucket/data")
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(StoreError, match="file, not a folder"):
        local_root(file)
    assert issubclass(StoreError, TradeResearchError)
