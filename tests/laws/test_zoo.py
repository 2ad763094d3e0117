"""Law 1 against a zoo: every leak is caught and its bar named, nobody clean is accused."""

from __future__ import annotations

import numpy as np
import pytest

from tests.evidence.stand_in import Plain, prices
from tests.laws import clean, leaks
from tests.laws.zoo import CLEAN, DATA, LEAKS, columns_of
from trade_research.errors import DataError
from trade_research.evidence import causality
from trade_research.evidence.causality import check_causality
from trade_research.strategies.strategy import strategy


def outputs(one, columns):
    found = one.compute(columns)
    return {"target": found.target, **found.extras}


def test_the_zoo_is_large_enough():
    assert len(LEAKS) >= 30
    assert len(CLEAN) >= 30


@pytest.mark.parametrize("one", LEAKS, ids=lambda s: s.name)
def test_a_leak_is_caught_and_the_bar_is_the_one(one):
    columns = columns_of(one)
    leak = check_causality(one, columns).leak
    assert leak is not None
    assert leak.known
    # By hand: cut the data behind the named bar, one bar later and so on; the value changes.
    values = [
        outputs(one, {k: v[:t] for k, v in columns.items()})[leak.column][leak.bar]
        for t in range(leak.bar + 1, min(leak.bar + leak.ahead + 2, DATA["close"].size + 1))
    ]
    assert any(value != leak.value_full for value in values)
    # The smallest example shows it on its own.
    first, last = leak.example.first_bar, leak.example.first_bar + leak.example.n_rows
    rows = {k: v[first:last] for k, v in columns.items()}
    whole = outputs(one, rows)[leak.column]
    prefixes = [
        outputs(one, {k: v[:t] for k, v in rows.items()})[leak.column][leak.bar - first]
        for t in range(leak.bar - first + 1, last - first)
    ]
    assert any(value != whole[leak.bar - first] for value in prefixes)


@pytest.mark.parametrize("one", CLEAN, ids=lambda s: s.name)
def test_nobody_clean_is_accused(one):
    verdict = check_causality(one, columns_of(one))
    assert verdict.passed, str(verdict.leak)


@pytest.mark.parametrize("one", CLEAN, ids=lambda s: s.name)
def test_nobody_clean_is_accused_by_a_tile(one, monkeypatch):
    """Recursions start anew in every tile, and bar numbers count from its start."""
    monkeypatch.setattr(causality, "FIRST_CUTS", 10)
    verdict = check_causality(one, columns_of(one))
    assert verdict.passed, str(verdict.leak)
    assert verdict.tiled_bars == verdict.n_bars


# What hangs on the end of the data alone shows in the cuts at the start, or in the random ones.
@pytest.mark.parametrize("one", LEAKS, ids=lambda s: s.name)
def test_a_leak_is_caught_without_the_cuts_at_the_start(one, monkeypatch):
    monkeypatch.setattr(causality, "FIRST_CUTS", 1)
    assert check_causality(one, columns_of(one)).leak is not None


def test_one_leak_in_100_000_bars_is_found_by_its_tile():
    data = prices(100_000)
    data["volume"][77_777] = 2e6
    one = strategy(leaks.one_price_in_100_000)
    leak = check_causality(one, columns_of(one, data)).leak
    assert (leak.column, leak.bar, leak.ahead) == ("band", 77_777, 1)
    assert leak.known == "knew the close of bar 77778 (the next bar)"


def test_one_bar_number_in_100_000_is_found_by_its_change_of_target():
    one = strategy(leaks.one_bar_number_in_100_000)
    leak = check_causality(one, columns_of(one, prices(100_000))).leak
    assert (leak.bar, leak.ahead) == (77_777, 1)


def test_compiled_tiles_find_what_tiles_in_python_find(monkeypatch):
    from trade_research.evidence import tiles

    monkeypatch.setattr(causality, "FIRST_CUTS", 1)
    for one in (LEAKS[0], LEAKS[-1]):
        found = []
        for least in (0, 10**9):
            monkeypatch.setattr(tiles, "COMPILED_FROM", least)
            found.append(check_causality(one, columns_of(one)).leak)
        assert found[0] == found[1]


def test_a_leak_that_no_bar_of_the_data_triggers_is_found_by_another_future():
    @strategy
    def fears_a_tenfold(close):
        out = np.ones(close.size)
        for t in range(close.size - 1):
            if close[t + 1] > 10.0 * close[t]:
                out[t] = 0.0
        return out

    leak = check_causality(fears_a_tenfold, {"close": DATA["close"]}).leak
    assert leak.how == "times_1000"
    assert leak.ahead == 1
    assert leak.known.startswith(f"knew the close of bar {leak.bar + 1}")
    assert (leak.example.first_bar, leak.example.n_rows) == (leak.bar, 2)


@pytest.mark.parametrize("n_bars", [1, 2, 3, 31, 513])
def test_short_data_are_no_reason_to_accuse_or_to_fail(n_bars):
    data = prices(n_bars)
    for one in CLEAN[:8]:
        verdict = check_causality(one, columns_of(one, data))
        assert verdict.passed
        assert verdict.cuts == n_bars


def test_no_bars_are_no_evidence():
    with pytest.raises(DataError, match="no bars"):
        check_causality(CLEAN[0], {"close": np.empty(0)})


def test_a_strategy_that_fails_on_its_own_past_is_told():
    class Fails(Plain):
        def compute(self, columns, **params):
            if columns["close"].size == 40:
                raise ValueError("forty")
            return super().compute(columns, **params)

    leak = check_causality(Fails(clean.always_in, warmup=5), {"close": DATA["close"][:90]}).leak
    assert leak.bar == 39
    assert "which raises forty" in str(leak)
    early = Fails(clean.always_in, warmup=50)
    assert check_causality(early, {"close": DATA["close"][:90]}).passed


def test_the_same_seed_gives_the_same_verdict():
    one = CLEAN[3]
    assert check_causality(one, columns_of(one)) == check_causality(one, columns_of(one))


def test_columns_are_left_as_they_were():
    before = {k: v.copy() for k, v in DATA.items()}
    check_causality(CLEAN[0], columns_of(CLEAN[0]))
    for name, values in before.items():
        np.testing.assert_array_equal(DATA[name], values)
