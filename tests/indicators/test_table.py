"""The table of indicators is true: arguments, first values, prefix law, holes, edges."""

from __future__ import annotations

import inspect
from functools import cache

import numpy as np
import pytest

from trade_research import indicators
from trade_research.indicators.table import HOLES, INDICATORS, Entry

N = 420
NAMES = sorted(INDICATORS)


def market(level, tick, seed=0, n=N):
    """Columns of a random market, every name that the table knows."""
    rng = np.random.default_rng(seed)
    close = level + tick * np.cumsum(rng.integers(-4, 5, n))
    opened = np.concatenate([close[:1], close[:-1]]) + tick * rng.integers(-1, 2, n)
    high = np.maximum(opened, close) + tick * rng.integers(1, 4, n)
    low = np.minimum(opened, close) - tick * rng.integers(1, 4, n)
    return {
        "x": close,
        "y": level + tick * np.cumsum(rng.integers(-4, 5, n)),
        "open": opened,
        "high": high,
        "low": low,
        "close": close,
        "volume": np.round(rng.random(n) * 1e3, 3) + 1.0,
        "day": np.arange(n) // 30 + 20_000.0,
    }


DEAR, CHEAP = market(60_000.0, 0.01), market(1e-6, 1e-10)


def values(name, columns):
    """Outputs of an indicator by field, as bits cannot differ between one array and a tuple."""
    row = INDICATORS[name]
    given = getattr(indicators, name)(*(columns[c] for c in row.columns), **row.parameters)
    assert getattr(given, "_fields", ()) == row.outputs
    return dict(zip(row.outputs, given, strict=True)) if row.outputs else {"": given}


@cache
def whole(name):
    return values(name, DEAR)


def same_bits(ours, theirs):
    for field, line in ours.items():
        known = ~np.isnan(line)
        np.testing.assert_array_equal(known, ~np.isnan(theirs[field]))
        other = theirs[field][known]
        np.testing.assert_array_equal(line[known].view(np.int64), other.view(np.int64))


@pytest.mark.parametrize("name", NAMES)
def test_arguments_and_words(name):
    row = INDICATORS[name]
    assert isinstance(row, Entry)
    assert row.holes in HOLES
    assert row.source
    assert row.units
    wanted = [*row.columns, *row.parameters]
    assert list(inspect.signature(getattr(indicators, name)).parameters) == wanted
    assert len(getattr(indicators, name).__doc__) > 40


def test_every_public_indicator_has_a_row():
    of_books = {"book", "flow"}  # modules of functions of order books and trades, not of bars
    public = {n for n in indicators.__all__ if n[0].islower()} - of_books
    assert public == set(INDICATORS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("columns", [DEAR, CHEAP], ids=["dear", "cheap"])
def test_the_first_value_comes_when_the_table_says(name, columns):
    row = INDICATORS[name]
    lines = values(name, columns).values()
    first = np.broadcast_to(row.first(**row.parameters), len(lines))
    for line, wanted in zip(lines, first, strict=True):
        assert line.shape == (N,)
        assert line.dtype == np.float64
        assert not np.isinf(line).any()
        began = np.flatnonzero(~np.isnan(line))[0]
        assert began >= wanted if row.holes == "event" else began == wanted


@pytest.mark.parametrize("name", NAMES)
def test_a_prefix_gives_the_prefix_bit_for_bit(name):
    for t in range(1, N):
        part = values(name, {c: v[:t].copy() for c, v in DEAR.items()})
        same_bits(part, {f: line[:t] for f, line in whole(name).items()})


@pytest.mark.parametrize("name", NAMES)
def test_no_value_inside_a_hole_and_a_new_start_behind_it(name):
    row = INDICATORS[name]
    # Holes of whole bars; the second begins where a session does, so sessions start anew too.
    holed = {c: v.copy() for c, v in DEAR.items()}
    for c in row.columns:
        if c != "day":
            holed[c][100:103], holed[c][118:120] = np.nan, np.nan
    found = values(name, holed)
    fresh = values(name, {c: v[120:] for c, v in DEAR.items()})
    for field, line in found.items():
        assert np.isnan(line[[100, 101, 102, 118, 119]]).all()
        known = ~np.isnan(fresh[field]) if row.holes == "reads" else slice(None)
        np.testing.assert_array_equal(line[120:][known], fresh[field][known])
    for c in row.columns:  # one input alone is missing
        alone = {k: v.copy() for k, v in DEAR.items()}
        alone[c][200:203] = np.nan
        late = 1 if name == "true_range" and c == "close" else 0  # it reads the close before
        for line in values(name, alone).values():
            assert np.isnan(line[200 + late : 203]).all()


@pytest.mark.parametrize("name", NAMES)
def test_no_bars_one_bar_and_nothing_but_holes(name):
    row = INDICATORS[name]
    for n in (0, 1):
        for line in values(name, {c: v[:n] for c, v in DEAR.items()}).values():
            assert line.shape == (n,)
            assert np.isnan(line).all() or row.first(**row.parameters) == 0
    empty = {c: np.full(N, np.nan) for c in DEAR}
    assert all(np.isnan(line).all() for line in values(name, empty).values())


@pytest.mark.parametrize("name", NAMES)
def test_flat_prices_and_no_volume_give_no_infinity(name):
    flat = {c: np.full(N, 0.1) for c in DEAR} | {"day": DEAR["day"]}
    still = DEAR | {"volume": np.zeros(N)}
    for columns in (flat, still, flat | {"volume": np.zeros(N)}):
        for line in values(name, columns).values():
            assert not np.isinf(line).any()


@pytest.mark.parametrize("name", NAMES)
def test_inputs_are_left_alone_and_windows_that_cannot_be_give_nan(name):
    row = INDICATORS[name]
    before = {c: v.copy() for c, v in DEAR.items()}
    fn, given = getattr(indicators, name), [DEAR[c] for c in row.columns]
    for window in (0, -1, N + 1, 2**62):
        if "window" in row.parameters:
            found = fn(*given, **row.parameters | {"window": window})
            assert np.isnan(np.array(found)).all()
    for c, v in before.items():
        np.testing.assert_array_equal(DEAR[c], v)


@pytest.mark.parametrize("name", NAMES)
def test_a_hole_in_any_one_input_never_gives_a_plausible_number(name):
    """What is given behind it is what the bars behind it give alone, or what it gives without it.

    The second where the output reads single bars of which none has the hole, or another column.
    """
    row = INDICATORS[name]
    fresh = values(name, {c: v[201:] for c, v in DEAR.items()})
    for c in set(row.columns) - {"day"}:
        holed = {k: v.copy() for k, v in DEAR.items()}
        holed[c][200] = np.nan
        for field, line in values(name, holed).items():
            same_bits({field: line[:200]}, {field: whole(name)[field][:200]})
            behind, alone, without = line[201:], fresh[field], whole(name)[field][201:]
            if row.holes == "session":  # the next session, the same as without the hole
                alone = np.where(DEAR["day"][201:] > DEAR["day"][200], without, np.nan)
                without = np.full(without.size, np.nan)
            near = {"rtol": 1e-9, "atol": 1e-12}
            right = np.isclose(behind, alone, **near) | np.isclose(behind, without, **near)
            assert (np.isnan(behind) | right).all()
