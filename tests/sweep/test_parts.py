"""Strategies taken apart: what is shared, what is left, what runs tile by tile, and why not."""

from __future__ import annotations

import numpy as np
import pytest

import trade_research as tr
from tests.simulate.cases import market_of, random_bars
from tests.sweep import zoo
from trade_research.indicators import bollinger_bands, ema, sma
from trade_research.kernels.digest import digest
from trade_research.strategies.load import shipped
from trade_research.sweep import Space, pool, score
from trade_research.sweep.parts import parts_of
from trade_research.sweep.rule import rule_of
from trade_research.sweep.signals import cut_of
from trade_research.sweep.source import WholeError
from trade_research.sweep.words import NotPointwiseError

_LEVEL = 0.5


def taken(strategy, **chosen):
    return parts_of(strategy, chosen)


def shared_of(strategy, **chosen):
    """Names of the indicators shared, with the field taken of each."""
    calls = taken(strategy, **chosen).shared.values()
    return sorted((call.kernel.__name__, call.field) for call in calls)


def why_whole(strategy, **chosen):
    """Why it does not run tile by tile; None if it does."""
    try:
        rule_of(taken(strategy, **chosen), strategy.columns)
    except NotPointwiseError as error:
        return str(error)
    return None


def test_indicators_of_columns_and_parameters_are_shared():
    assert shared_of(zoo.crossing) == [("sma", None), ("sma", None)]
    assert shared_of(zoo.latched, mode="out") == [
        ("bollinger_bands", "middle"),
        ("bollinger_bands", "upper"),
    ]
    assert shared_of(zoo.latched, mode="in") == [
        ("bollinger_bands", "lower"),
        ("bollinger_bands", "middle"),
    ]


@tr.strategy
def nested(close, window: int = 10, half: float = 0.5):
    short = window // 2
    inner = ema(sma(close, short), max(window - 1, 2))
    top, _middle, _bottom = bollinger_bands(close, window, 2 * half)
    return np.where((inner > close) & (close < top), 1.0, 0.0)


def test_arguments_may_be_worked_out_and_calls_may_lie_in_calls():
    assert shared_of(nested) == [("bollinger_bands", 0), ("ema", None)]
    assert why_whole(nested) is None


@tr.strategy
def conditional(close, window: int = 10):
    if window > 20:  # noqa: SIM108 -- the statement is what is tested
        line = sma(close, window)
    else:
        line = ema(close, window)
    return np.where(close > line, 1.0, 0.0)


@tr.strategy
def reassigned(close, window: int = 10):
    line = sma(close, window)
    line = line * 2.0
    return np.where(close > line, 1.0, 0.0)


@tr.strategy
def powers(close, window: int = 10):
    return np.where(close**2 > sma(close, window), 1.0, 0.0)


@tr.strategy
def looks_back(close, window: int = 10):
    out, line = np.zeros(close.size), sma(close, window)
    for t in range(close.size):
        out[t] = 1.0 if t > 0 and line[t] > line[t - 1] else 0.0
    return out


@tr.strategy
def whole_numbers(close, window: int = 10):
    return np.where(close > sma(close, window), 1, 0) * 1.0


@tr.strategy
def looked_at(close, window: int = 10):
    out, line, held = np.zeros(close.size), sma(close, window), 0.0
    for t in range(close.size):
        if close[t] > line[t]:
            held = 1.0
        elif held > 0.0 and close[t] < _LEVEL * line[t]:
            held = 0.0
        out[t] = held
    return out


@pytest.mark.parametrize(
    ("strategy", "why"),
    [
        (conditional, "it holds 'if window > 20:'"),
        (powers, "it computes 'close ** 2'"),
        (looks_back, "[t - 1]"),
        (whole_numbers, "np.where"),
        (looked_at, "looks at 'held'"),
        (zoo.machine, "looks at 'held'"),
    ],
)
def test_what_cannot_run_tile_by_tile_says_why(strategy, why):
    assert why in why_whole(strategy)


@pytest.mark.parametrize("strategy", [zoo.crossing, zoo.with_opinions, zoo.looped, zoo.fractional])
def test_what_looks_at_one_bar_runs_tile_by_tile(strategy):
    assert why_whole(strategy) is None


def test_a_latch_is_carried_on():
    rule = rule_of(taken(zoo.latched, mode="out"), ("close",))
    assert rule.latch == "held"
    assert rule_of(taken(zoo.crossing), ("close",)).latch is None


def test_a_name_assigned_again_is_left_whole():
    with pytest.raises(WholeError, match="line is assigned again"):
        taken(reassigned)


@pytest.mark.parametrize("name", sorted(shipped()))
def test_what_is_left_of_a_shipped_strategy_is_the_strategy(name):
    """The body on shared values gives the strategy's own targets, bit for bit."""
    strategy = shipped()[name]
    if strategy.is_panel or not set(strategy.columns) <= {"open", "high", "low", "close", "volume"}:
        pytest.skip("reads more than bars")
    market = market_of(random_bars(np.random.default_rng(1), 700))
    columns = {c: np.ascontiguousarray(getattr(market, c)[:, 0]) for c in strategy.columns}
    fixed = {n: p.default for n, p in strategy.params.items() if p.type in (str, bool)}
    try:
        cut = cut_of(strategy, fixed, strategy.columns, ())
    except WholeError:
        pytest.skip("is left whole")
    params = strategy.bind()
    from trade_research.sweep.shared import key_of

    held = pool.Pool(columns, market.n_bars)
    keys = [key_of(call, params) for call in cut.parts.shared.values()]
    held.load(keys, lambda work, items: [work(item) for item in items])
    given = [pool.read_only(columns[c]) for c in cut.parts.columns]
    numbers = [params[n] for n in cut.parts.numbers]
    found = cut.body(*given, *(held.array(key) for key in keys), *numbers)
    found = found[0] if isinstance(found, tuple) else found
    np.testing.assert_array_equal(found, strategy.raw(columns).target)


def test_every_indicator_is_worked_out_once(monkeypatch):
    calls, result = [], pool.Pool._result

    def counted(self, call, inner):
        calls.append(call)
        return result(self, call, inner)

    monkeypatch.setattr(pool.Pool, "_result", counted)
    market = market_of(random_bars(np.random.default_rng(0), 500))
    space = Space({"fast": range(3, 13), "slow": range(20, 40), "stop": [None, 0.1]})
    score(zoo.crossing, market, {"close": market.close[:, 0]}, space.grid(), threads=2)
    assert len(calls) == 30


@pytest.mark.parametrize("name", ["ma_crossover", "rsi_reversion"])
def test_the_code_made_for_a_sweep_is_kept_between_processes(name):
    strategy = getattr(tr.strategies, name)
    fixed = {n: p.default for n, p in strategy.params.items() if p.type in (str, bool)}
    cut = cut_of(strategy, fixed, strategy.columns, ())
    assert (cut.scanner is None) == (name == "rsi_reversion")
    assert cut.scanner is None or digest(cut.scanner.kernel.py_func).opaque == ()
    assert digest(cut.body.py_func).opaque == ()


def test_a_helper_that_changed_is_seen(monkeypatch):
    fixed = cut_of(looked_at, {}, ("close",), ())
    assert cut_of(looked_at, {}, ("close",), ()) is fixed
    monkeypatch.setitem(globals(), "_LEVEL", 0.6)
    assert cut_of(looked_at, {}, ("close",), ()) is not fixed
