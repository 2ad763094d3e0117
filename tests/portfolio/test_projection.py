"""Caps as a projection: by hand, against SLSQP, and what must hold for every row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from tests.counts import count
from trade_research.errors import ConfigError
from trade_research.portfolio import Caps, project
from trade_research.portfolio.projection import shrunk

NAMES = tuple("ABCDEFG")


def weights(wanted, **caps):
    return project(np.array([wanted]), Caps(**caps), symbols=NAMES[: len(wanted)]).weights[0]


@pytest.mark.parametrize(
    ("wanted", "caps", "expected"),
    [
        ([0.5, 0.1, 0.1], {"max_weight": 0.25}, [0.25, 0.1, 0.1]),
        ([0.5, 0.4, 0.1], {"max_weight": {"B": 0.3}}, [0.5, 0.3, 0.1]),
        # gross 1.2 to 1: each gives a third of 0.2; then one that would cross 0 stops there
        ([0.6, -0.4, 0.2], {"gross": 0.9}, [0.5, -0.3, 0.1]),
        ([0.6, -0.4, 0.05], {"gross": 0.8}, [0.5, -0.3, 0.0]),
        # net 0.6 to 0: each gives 0.2
        ([0.5, 0.1, 0.0], {"net": 0.0, "hedge": True}, [0.3, -0.1, -0.2]),
        ([0.5, 0.1, 0.0], {"net": (-1.0, 0.3), "hedge": True}, [0.4, 0.0, -0.1]),
        ([-0.5, 0.1, -0.2], {"net": (0.0, 1.0), "hedge": True}, [-0.3, 0.3, 0.0]),
        # without hedging the long that is left over gives way, and nothing is opened
        ([0.5, 0.1, 0.0], {"net": (-1.0, 0.3)}, [0.3, 0.0, 0.0]),
        ([0.5, 0.4, -0.2], {"net": 0.3}, [0.3, 0.2, -0.2]),
        ([0.5, 0.1, 0.0], {"net": 0.0}, [0.0, 0.0, 0.0]),
        ([0.5, -0.2], {"shorts": False}, [0.5, 0.0]),
        (
            [0.5, 0.3, 0.4],
            {"class_gross": {"x": 0.6}, "class_of": {"A": "x", "B": "x", "C": "y"}},
            [0.4, 0.2, 0.4],
        ),
        ([0.3, -0.2], {"turnover": 0.3}, [0.2, -0.1]),
        ([0.3, 0.2], {"gross": 0.0}, [0.0, 0.0]),
        # both bind: the box takes A to 0.3, then the gross takes 0.1 from B and C alike
        ([0.9, 0.3, 0.2], {"max_weight": 0.3, "gross": 0.7}, [0.3, 0.25, 0.15]),
    ],
)
def test_by_hand(wanted, caps, expected):
    np.testing.assert_allclose(weights(wanted, **caps), expected, atol=1e-13, rtol=0)


def test_what_keeps_the_caps_stays_to_the_bit():
    wanted = np.array([0.1, -0.2, 0.7])
    found = weights(wanted, max_weight=0.7, gross=1.0, net=0.6, turnover=1.0)
    np.testing.assert_array_equal(found, wanted)
    sixteen = np.full((1, 16), 1 / 16)
    np.testing.assert_array_equal(project(sixteen, Caps(gross=1.0)).weights, sixteen)


finite = st.floats(-2.0, 2.0, allow_subnormal=False)
positive = st.floats(0.0, 1.0, allow_subnormal=False)


@given(a=finite, weight=positive, pull=positive, previous=finite)
def test_shrinking_one_weight_is_the_best_on_a_grid(a, weight, pull, previous):
    def cost(w):
        return 0.5 * (w - a) ** 2 + weight * np.abs(w) + pull * np.abs(w - previous)

    grid = np.concatenate([np.linspace(-4.5, 4.5, 2001), [0.0, a, previous]])
    assert cost(shrunk.py_func(a, weight, pull, previous)) <= cost(grid).min() + 1e-12


def caps_of(rng, n):
    """Random caps, each there or not."""
    classes = {name: "xyz"[rng.integers(3)] for name in NAMES[:n]}
    used = sorted(set(classes.values()))[:2]
    low, high = -rng.uniform(0.0, 0.4), rng.uniform(0.0, 0.4)
    every = {
        "max_weight": rng.uniform(0.05, 0.5),
        "gross": rng.uniform(0.1, 1.5),
        "net": (low, high),
        "turnover": rng.uniform(0.05, 1.0),
        "shorts": bool(rng.integers(2)),
        "hedge": bool(rng.integers(2)),
    }
    chosen = {key: value for key, value in every.items() if rng.random() < 0.6}
    if rng.random() < 0.5:
        chosen |= {"class_of": classes, "class_gross": {c: rng.uniform(0.05, 0.6) for c in used}}
    return Caps(**chosen)


def excesses(w, previous, caps, names):
    """By how much each cap is broken, most first; at most 0 when all are kept."""
    top = np.inf if caps.max_weight is None else caps.max_weight
    low, high = (-np.inf, np.inf) if caps.net is None else caps.net
    found = [
        np.abs(w).max() - top,
        np.abs(w).sum() - (np.inf if caps.gross is None else caps.gross),
        w.sum() - high,
        low - w.sum(),
        np.abs(w - previous).sum() - (np.inf if caps.turnover is None else caps.turnover),
        -np.inf if caps.shorts else -w.min(),
    ]
    for c, cap in caps.class_gross.items():
        inside = [caps.class_of.get(name) == c for name in names]
        found.append(np.abs(w[inside]).sum() - cap)
    return max(found)


def nearest_by_slsqp(v, previous, caps, names):
    """The projection as SLSQP sees it: w = p - m, w - previous = u - d, all four at least 0."""
    n = v.size
    top = np.inf if caps.max_weight is None else caps.max_weight
    low, high = (-9.0, 9.0) if caps.net is None else caps.net
    one, zero = np.ones(n), np.zeros(n)

    def row(p, m, u=zero, d=zero):
        return np.concatenate([p, m, u, d])

    upper = [(row(one, -one), high), (-row(one, -one), -low)]
    if caps.gross is not None:
        upper.append((row(one, one), caps.gross))
    if caps.turnover is not None:
        upper.append((row(zero, zero, one, one), caps.turnover))
    for c, cap in caps.class_gross.items():
        inside = np.array([float(caps.class_of.get(name) == c) for name in names])
        upper.append((row(inside, inside), cap))
    a = np.array([r for r, _ in upper])
    b = np.array([x for _, x in upper])
    link = np.hstack([np.eye(n), -np.eye(n), -np.eye(n), np.eye(n)])
    held = previous if caps.turnover is not None else zero
    longest, shortest = np.full(n, min(top, 9.0)), np.full(n, min(top, 9.0) * caps.shorts)
    if not caps.hedge:
        longest = np.minimum(longest, np.maximum(0.0, np.maximum(v, held)))
        shortest = np.minimum(shortest, np.maximum(0.0, np.maximum(-v, -held)))
    sides = [(0.0, x) for x in (*longest, *shortest)] + [(0.0, 18.0)] * (2 * n)

    def gradient(x):
        off = x[:n] - x[n : 2 * n] - v
        return np.concatenate([off, -off, zero, zero])

    start = row(np.maximum(previous, 0.0), np.maximum(-previous, 0.0))
    found = minimize(
        lambda x: 0.5 * np.sum((x[:n] - x[n : 2 * n] - v) ** 2),
        start,
        jac=gradient,
        method="SLSQP",
        bounds=sides,
        constraints=[
            {"type": "ineq", "fun": lambda x: b - a @ x, "jac": lambda x: -a},
            {"type": "eq", "fun": lambda x: link @ x - previous, "jac": lambda x: link},
        ],
        options={"ftol": 1e-18, "maxiter": 30},
    )
    return found.x[:n] - found.x[n : 2 * n]


def test_against_slsqp():
    """Of 1,800 projections SLSQP finds over 98 in 100 to 1e-8, and none that is nearer."""
    rng, n_kept, n_same = np.random.default_rng(3), 0, 0
    for _ in range(count(600)):
        n = int(rng.integers(1, 8))
        caps, names = caps_of(rng, n), NAMES[:n]
        found = project(rng.normal(size=(3, n)) * 0.4, caps, symbols=names)
        previous = np.zeros(n)
        for v, w in zip(found.wanted, found.weights, strict=True):
            assert excesses(w, previous, caps, names) <= 1e-12
            theirs = nearest_by_slsqp(v, previous, caps, names)
            ours_off, theirs_off = np.sum((w - v) ** 2), np.sum((theirs - v) ** 2)
            if excesses(theirs, previous, caps, names) <= 1e-10:  # else it may be too near
                assert ours_off <= theirs_off + 1e-9
                n_kept += 1
                if theirs_off <= ours_off + 1e-9:  # else SLSQP stopped on the way
                    np.testing.assert_allclose(w, theirs, atol=1e-8, rtol=0)
                    n_same += 1
            previous = w
    assert n_kept > 0.99 * 3 * count(600)
    assert n_same > 0.98 * 3 * count(600)


@settings(max_examples=count(400))
@given(seed=st.integers(0, 10**6), scale=st.sampled_from([1e-9, 0.05, 0.3, 3.0, 1e6]))
def test_caps_hold_and_a_projection_projects_to_itself(seed, scale):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 8))
    caps = caps_of(rng, n)
    wanted = np.round(rng.normal(size=(12, n)), 1) * scale
    found = project(wanted, caps, symbols=NAMES[:n])
    previous = np.zeros(n)
    for w in found.weights:
        assert excesses(w, previous, caps, NAMES[:n]) <= 1e-12
        previous = w
    if caps.turnover is None and not caps.hedge:
        assert (np.abs(found.weights) <= np.abs(wanted)).all()
        assert (found.weights * wanted >= 0.0).all()
    if caps.turnover is None:
        again = project(found.weights, caps, symbols=NAMES[:n]).weights
        np.testing.assert_allclose(again, found.weights, atol=2e-14, rtol=0)


def test_turnover_waits_for_the_next_rows():
    found = project(np.array([[0.6], [0.6], [0.6], [0.6], [0.0]]), Caps(turnover=0.25))
    np.testing.assert_allclose(found.weights[:, 0], [0.25, 0.5, 0.6, 0.6, 0.35], atol=1e-13)


def test_rows_without_an_opinion_stay_without_unless_a_cap_moves_them():
    nan = np.nan
    targets = np.array([[1.0, nan], [nan, 1.0], [nan, nan], [0.0, nan]])
    wanted = np.array([[0.6, nan], [0.6, 0.6], [0.6, 0.6], [0.0, 0.6]])
    found = project(wanted, Caps(gross=1.0), targets=targets)
    expected = [[0.6, nan], [0.5, 0.5], [nan, nan], [0.0, 0.6]]
    np.testing.assert_allclose(found.weights, expected, atol=1e-13)
    np.testing.assert_allclose(found.standing[2], [0.5, 0.5], atol=1e-13)
    np.testing.assert_allclose(found.moved, [0.0, 0.2, 0.2, 0.0], atol=1e-13)


def test_what_the_caps_changed_as_a_frame():
    wanted = np.array([[0.5, 0.1], [0.5, 0.1], [0.2, 0.1], [0.4, 0.1]])
    found = project(wanted, Caps(max_weight={"A": 0.3}), symbols=("A", "B"))
    frame = found.changes(np.arange(4) * 1_000_000)
    assert frame.columns == ["close_time", "symbol", "wanted", "weight", "change"]
    assert frame["symbol"].to_list() == ["A", "A"]
    assert frame["wanted"].to_list() == [0.5, 0.4]
    assert frame["weight"].to_list() == [0.3, 0.3]
    assert [t.second for t in frame["close_time"]] == [0, 3]
    np.testing.assert_allclose(frame["change"], [-0.2, -0.1])
    assert project(wanted, Caps()).changes(np.arange(4)).is_empty()


def test_no_rows_and_no_symbols():
    assert project(np.empty((0, 3)), Caps(gross=1.0)).weights.shape == (0, 3)
    assert project(np.empty((4, 0)), Caps(gross=1.0)).weights.shape == (4, 0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Caps(gross=-1.0), "gross must be"),
        (lambda: Caps(gross=float("nan")), "gross must be"),
        (lambda: Caps(max_weight={"A": -0.1}), "max_weight of 'A'"),
        (lambda: Caps(net=(0.1, 0.5)), "net must hold 0"),
        (lambda: Caps(net=float("nan")), "net must hold 0"),
        (
            lambda: Caps(class_gross={"cryto": 0.5}, class_of={"A": "crypto"}),
            "did you mean 'crypto'",
        ),
        (lambda: weights([0.1, 0.2], max_weight={"Z": 0.1}), "not among the symbols"),
        (lambda: weights([0.1, np.inf], gross=1.0), "infinite"),
        (lambda: project(np.ones(3), Caps()), "(n_bars, n_symbols)"),
        (lambda: project(np.ones((1, 2)), Caps(), symbols="A"), "2 columns"),
    ],
)
def test_errors_are_one_clear_line(make, words):
    with pytest.raises(ConfigError) as error:
        make()
    assert words in str(error.value)
    assert "\n" not in str(error.value)
