"""Strategies made of strategies: votes, confirmations, regimes; by hand and by brute force."""

from __future__ import annotations

import itertools
from typing import Literal, NamedTuple

import numpy as np
import pytest

from tests.counts import count
from trade_research.errors import ParameterError, StrategyCompileError, StrategyError
from trade_research.indicators import regime
from trade_research.kernels.jit import F64
from trade_research.strategies import confirm, ma_crossover, macd, only_in_regime, vote
from trade_research.strategies.cross_momentum import cross_momentum
from trade_research.strategies.strategy import strategy

NAN = np.nan
RNG = np.random.default_rng(7)


class Lines(NamedTuple):
    target: F64
    line: F64


@strategy(warmup=lambda wait: wait)
def a(x: F64, wait: int = 0) -> F64:
    """Wants what its column says."""
    return x * 1.0


@strategy(warmup=3)
def b(y: F64, factor: float = 1.0, side: Literal["same", "other"] = "same") -> Lines:
    """Wants what its column says, or the opposite."""
    if side == "other":
        return Lines(-factor * y, y)
    return Lines(factor * y, y)


@strategy
def c(z: F64, z_age: F64) -> F64:
    """Wants what its column says while it is fresh."""
    return np.where(z_age > 9.0, 0.0, z)


def columns(n, seed=0, holes=True):
    rng = np.random.default_rng(seed)
    values = [-1.0, 0.0, 1.0, 1.0, NAN] if holes else [-1.0, 0.0, 1.0, 1.0]
    found = {name: rng.choice(values, n) for name in "xyz"}
    return found | {"z_age": rng.integers(0, 12, n).astype(float)}


def alone(cols):
    """What each of the three wants on its own, before any warm-up is flattened."""
    return {one.name: one.raw({k: cols[k] for k in one.columns}).target for one in (a, b, c)}


def naive_vote(wants, weights, veto, k):
    """The rule of `vote`, a bar at a time."""
    up = sum(weights[n] for n, w in wants.items() if w > 0)
    down = sum(weights[n] for n, w in wants.items() if w < 0)
    quiet = sum(weights[n] for n, w in wants.items() if np.isnan(w))
    side = (up >= k and up > down) - (down >= k and down > up)
    if side == 0:
        return NAN if quiet and max(up, down) + quiet >= k else 0.0
    for name in veto:
        if wants[name] == wants[name] and np.sign(wants[name]) != side:
            return 0.0
    if any(np.isnan(wants[name]) for name in veto):
        return NAN
    own = {n: w for n, w in wants.items() if np.sign(w) == side}
    return sum(weights[n] * w for n, w in own.items()) / sum(weights[n] for n in own)


@pytest.mark.parametrize(
    ("k", "weights", "veto"),
    [(1, {}, []), (2, {}, []), (3, {}, []), (2.5, {"a": 2.0, "c": 0.5}, []), (1, {}, ["b"])],
)
def test_a_vote_is_the_rule_at_every_bar(k, weights, veto):
    cols = columns(400)
    both = vote([a, b, c], k=k, weights=weights, veto=veto)
    found = both.compute(cols)
    wants = alone(cols)
    heavy = {name: weights.get(name, 1.0) for name in wants}
    wanted = [naive_vote({n: w[t] for n, w in wants.items()}, heavy, veto, k) for t in range(400)]
    assert both.warmup() == 3
    assert not found.target[:3].any()
    np.testing.assert_array_equal(found.target[3:], wanted[3:])
    for name, want in wants.items():
        np.testing.assert_array_equal(found.extras[f"{name}_vote"], want)
    np.testing.assert_array_equal(found.extras["z_age"], cols["z_age"])


def test_order_plays_no_part():
    cols = columns(500)
    weights = {"a": 0.3, "b": 0.1}
    first = vote([a, b, c], k=1.2, weights=weights)
    wanted = first.compute(cols)
    for order in itertools.permutations([a, b, c]):
        other = vote(order, k=1.2, weights=dict(reversed(weights.items())))
        found = other.compute(cols)
        assert other.source_hash == first.source_hash
        assert (other.columns, list(other.params)) == (first.columns, list(first.params))
        np.testing.assert_array_equal(found.target, wanted.target)
        assert list(found.extras) == list(wanted.extras)
    one = confirm(a, by=[b, c], confidence=0.7)
    other = confirm(a, by={"c": c, "b": b}, confidence=0.7)
    assert one.source_hash == other.source_hash
    np.testing.assert_array_equal(one.compute(cols).target, other.compute(cols).target)


def naive_confirm(primary, votes, required, confidence, boost, penalty, within):
    """The rule of `confirm`, a bar at a time."""
    targets, before, factor, asked = [], None, 0.0, None
    for t, wants in enumerate(primary):
        if np.isnan(wants):
            targets.append(NAN)
            continue
        side = np.sign(wants)
        if side != before:
            asked = None if before is None else t
            before, factor = side, 0.0
        if side and factor == 0.0 and asked is not None and t - asked <= within:
            says = {name: side * v[t] for name, v in votes.items()}
            if all(says[name] > 0 for name in required):
                yes, no = (sum(s * sign > 0 for s in says.values()) for sign in (1, -1))
                factor = min(1.0, confidence * boost**yes * penalty**no)
        targets.append(wants * factor)
    return targets


@pytest.mark.parametrize("required", [True, False, ["c"]])
@pytest.mark.parametrize("within", [0, 2])
def test_a_confirmation_is_the_rule_at_every_bar(required, within):
    cols = columns(600, seed=3)
    both = confirm(a, by=[b, c], required=required, confidence=0.7, within=within)
    found = both.compute(cols)
    wants = alone(cols)
    primary = wants.pop("a")
    needed = {True: ["b", "c"], False: []}[required] if isinstance(required, bool) else required
    wanted = naive_confirm(primary, wants, needed, 0.7, 1.2, 0.7, within)
    np.testing.assert_allclose(found.target[3:], wanted[3:], rtol=1e-12)
    assert set(found.extras) == {"confidence", "a_vote", "b_vote", "c_vote", "z_age"}


def test_a_confirmation_by_hand():
    """Signals at bars 1 and 4. The first is confirmed once, the second met by a conflict."""
    cols = {
        "x": np.array([0.0, 1.0, 1.0, 0.0, -1.0, -1.0]),
        "y": np.array([0.0, 1.0, -1.0, 0.0, 1.0, -1.0]),
    }
    plain = b.variant("plain")
    found = confirm(a, by=plain, required=False, confidence=0.5, boost=1.5, penalty=0.1).raw(cols)
    np.testing.assert_allclose(found.target, [0, 0.75, 0.75, 0, -0.05, -0.05])
    np.testing.assert_array_equal(confirm(a, by=plain).raw(cols).target, [0, 1, 1, 0, 0, 0])
    np.testing.assert_array_equal(
        confirm(a, by=plain, within=1).raw(cols).target, [0, 1, 1, 0, 0, -1]
    )


def test_what_was_on_before_the_data_began_is_no_signal():
    cols = {"x": np.array([NAN, 1.0, 1.0, 0.0, 1.0]), "y": np.ones(5)}
    found = confirm(a, by=b.variant("plain"), within=9).raw(cols).target
    np.testing.assert_array_equal(found, [NAN, 0, 0, 0, 1])


def test_a_stale_or_missing_confirmation_is_none():
    cols = {"x": np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0]), "z": np.array([1, 1, 1, 1, 1, NAN])}
    cols["z_age"] = np.array([0.0, 9.0, 0.0, 10.0, 0.0, 0.0])
    found = confirm(a, by=c).compute(cols)
    np.testing.assert_array_equal(found.target, [0, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(found.extras["z_age"], cols["z_age"])
    found = confirm(a, by=c, required=False, confidence=0.5, boost=2.0).compute(cols)
    np.testing.assert_array_equal(found.target, [0, 1, 0, 0.5, 0, 0.5])


def test_parameters_are_those_of_the_parts():
    both = vote([a, b], k=1)
    assert list(both.params) == ["k", "a__wait", "b__factor", "b__side"]
    assert both.warmup() == 3
    assert both.warmup(a__wait=7) == 7
    assert both.params["b__side"].choices == ("same", "other")
    cols = columns(50, holes=False)
    x, y = cols["x"], cols["y"]
    found = vote([a, b], k=1).raw(cols, b__side="other", b__factor=0.5).extras["b_vote"]
    np.testing.assert_array_equal(found, -0.5 * y)
    np.testing.assert_array_equal(vote([a], k=1).raw(cols).target, x)
    with pytest.raises(ParameterError, match="no parameter 'a__wai'; did you mean 'a__wait'"):
        both.bind(a__wai=1)


def test_two_of_one_rule_by_mapping_and_by_variant():
    close = 100 + np.cumsum(RNG.normal(0, 1, 300))
    quick = ma_crossover.variant("quick", fast=3, slow=9)
    one = vote([quick, ma_crossover], k=2).compute({"close": close})
    other = vote({"quick": ma_crossover, "slow": ma_crossover}, k=2).compute(
        {"close": close}, quick__fast=3, quick__slow=9
    )
    np.testing.assert_array_equal(one.target, other.target)
    assert list(other.extras) == ["quick_vote", "slow_vote"]


def test_compositions_of_compositions():
    cols = columns(200)
    inner = vote([a, b], k=1, name="inner")
    outer = vote([inner, c], k=2)
    wanted = vote([inner.variant("flat"), c], k=2).compute(cols).target
    np.testing.assert_array_equal(outer.compute(cols).target, wanted)
    assert "inner__b__side" in outer.params
    assert inner.variant("flat").doc == inner.doc != ""
    other = outer.compute(cols, inner__b__side="other").extras["inner_vote"]
    np.testing.assert_array_equal(other, inner.raw(cols, b__side="other").target)


def test_the_hash_knows_every_part_and_every_number():
    hashes = [
        one.source_hash
        for one in (
            vote([a, b], k=1),
            vote([a, b], k=2),
            vote([a, c], k=1),
            vote([a, b], k=1, weights={"a": 2.0}),
            vote([a, b], k=1, veto=["a"]),
            vote([a, b.variant("b", factor=2.0)], k=1),
            confirm(a, by=b),
            confirm(a, by=b, required=False),
            only_in_regime(macd, "range"),
            only_in_regime(macd, "trend_up"),
        )
    ]
    assert len(set(hashes)) == len(hashes)


def market(n=1_500, seed=0):
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0.001 * np.sin(np.arange(n) / 100), 0.01)))
    return {"high": close * 1.005, "low": close * 0.995, "close": close}


@pytest.mark.parametrize(
    ("names", "holds"),
    [
        (["trend_up"], lambda r: r.direction > 0),
        (["strong_down", "weak_up"], lambda r: np.isin(r.direction * r.strength, [-2, 1])),
        (["range", "normal"], lambda r: (r.direction == 0) & (r.volatility == 1)),
        (["calm", "wild"], lambda r: r.volatility != 1),
    ],
)
def test_only_in_regime(names, holds):
    cols = market()
    one = only_in_regime(macd, *names, name="one")
    found = one.compute(cols, regime__calm=0.9, regime__wild=1.2)
    state = regime(*cols.values(), calm=0.9, wild=1.2)
    wanted = np.where(holds(state), macd.compute({"close": cols["close"]}).target, 0.0)
    late = one.warmup()
    assert late == 143
    np.testing.assert_array_equal(found.target[late:], wanted[late:])
    assert 0 < np.count_nonzero(wanted[late:]) < np.count_nonzero(found.extras["macd_vote"][late:])
    np.testing.assert_array_equal(found.extras["strength"], state.strength)


def test_without_a_part():
    three = vote([a, b, c], k=3, weights={"c": 2.0}, veto=["c"])
    two = three.without("c")
    assert list(two.parts) == ["a", "b"]
    assert two.params["k"].default == 2.0
    assert confirm(a, by=[b, c]).without("b").removable == ("c",)
    assert confirm(a, by=b).without("b") is a
    assert only_in_regime(macd, "range").without("regime") is macd


@strategy
def cannot(close: F64) -> F64:
    return close.rolling(5)


@strategy
def too_few(x: F64) -> F64:
    return x[1:]


def test_what_is_refused():
    for make, says in (
        (lambda: vote([]), "no strategy to ask"),
        (lambda: vote([a, a]), "two parts are called 'a'"),
        (lambda: vote([a, len]), "is no strategy; put @tr.strategy above"),
        (lambda: vote([a, b], k=3), "k=3 can never be reached"),
        (lambda: vote([a, b], k=0), "can never be reached"),
        (lambda: vote([a, b], weights={"d": 1.0}), "no voter 'd'"),
        (lambda: vote([a, b], weights={"a": 0.0}), "weight of a must be above 0"),
        (lambda: vote([a, b], veto=["q"]), "no voter 'q'"),
        (lambda: vote({"not one": a}), "cannot be the name"),
        (lambda: vote([a], k=1, name="1st"), "cannot be called '1st'"),
        (lambda: vote([a, cross_momentum]), "asks about all symbols at once"),
        (lambda: confirm(a, by=a), "cannot confirm itself"),
        (lambda: confirm(a, by=b, required=["d"]), "nobody is called 'd'"),
        (lambda: confirm(a, by=b, boost=0.5), "boost at least 1"),
        (lambda: only_in_regime(a), "no regime ''"),
        (lambda: only_in_regime(a, "trend_upp"), "did you mean 'trend_up'"),
    ):
        with pytest.raises(StrategyError, match=says):
            make()


def test_the_part_to_blame_is_named():
    with pytest.raises(StrategyCompileError, match=r"^cannot does not compile: line \d+ of test_"):
        vote([macd, cannot], k=1).compute({"close": np.ones(9)})
    with pytest.raises(StrategyError, match="another number of targets than there are bars"):
        vote([a, too_few], k=1).compute({"x": np.ones(9)})


@pytest.mark.parametrize("n", [0, 1, 2])
def test_hardly_any_bars(n):
    cols = {name: values[:n] for name, values in columns(5).items()}
    for one in (vote([a, b, c]), confirm(a, by=[b, c])):
        found = one.compute(cols)
        assert found.target.shape == (n,)
        assert all(v.shape == (n,) for v in found.extras.values())


def test_the_prefix_law_on_random_opinions():
    made = [
        vote([a, b, c], k=2, veto=["b"]),
        confirm(a, by=[b, c], required=["b"], within=2, confidence=0.7),
    ]
    for seed in range(count(400)):
        cols = columns(60, seed)
        t = int(np.random.default_rng(seed).integers(0, 61))
        cut = {name: values[:t] for name, values in cols.items()}
        for one in made:
            whole, part = one.compute(cols), one.compute(cut)
            np.testing.assert_array_equal(whole.target[:t], part.target)
            for name, values in part.extras.items():
                np.testing.assert_array_equal(whole.extras[name][:t], values)
