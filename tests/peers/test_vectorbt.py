"""vectorbt 1.2, fed our targets, equals the twin under vectorbt's rules; where rules agree, us.

Signals are our changes of target, one bar later, at the open (`semantics.md` 4.10). All cases of a
family run as columns of one call.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from tests.counts import count
from tests.peers.twin import Twin
from tests.simulate.cases import both, random_bars

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    vbt = pytest.importorskip("vectorbt")

N_BARS = 120
LONG, LONG_SHORT = [0.0, 1.0], [0.0, 1.0, -1.0]
FAMILIES = {
    "long": (LONG, ()),
    "long_short": (LONG_SHORT, ()),
    "stop_and_target": (LONG, ("stop", "take_profit")),
    "stop_and_target_long_short": (LONG_SHORT, ("stop", "take_profit")),
    "trailing": (LONG, ("trailing",)),
    "trailing_long_short": (LONG_SHORT, ("trailing", "take_profit")),
}


def cases(name, levels, exits, n_cases):
    """Bars of `n_cases` instruments as columns, their targets, and the settings of each."""
    rng = np.random.default_rng(sum(map(ord, name)))
    bars = random_bars(rng, N_BARS, n_cases, vol=0.01)
    target = np.zeros((N_BARS, n_cases))
    settings = []
    for s in range(n_cases):
        x, turn = 0.0, rng.uniform(0.05, 0.5)
        for t in range(N_BARS):
            if rng.random() < turn:
                x = float(rng.choice(levels))
            target[t, s] = x
        one = {"cash": 100_000.0, "fee": float(rng.choice([0.0, 0.001]))}
        one["slip"] = float(rng.choice([0.0, 0.0005]))
        one |= {exit_: float(rng.uniform(0.005, 0.05)) for exit_ in exits}
        if min(levels) < 0:  # vectorbt has no margin call and lends without limit
            one |= {"margin": True, "maintenance": 0.0}
        elif not exits:
            one["fixed"] = float(rng.choice([0.0, 1.0]))
        settings.append(one)
    return bars, target, settings


def changes(target, level):
    """Rows after which the target becomes `level`, moved to the bar that trades them."""
    before = np.vstack([np.zeros((1, target.shape[1])), target[:-1]])
    signal = (target == level) & (before != level)
    return np.vstack([np.zeros((1, target.shape[1]), dtype=bool), signal[:-1]])


def column(settings, name):
    """One setting of every case as a row; NaN switches a stop of vectorbt off."""
    return np.array([[s.get(name, np.nan) for s in settings]])


def run_signals(bars, target, settings):
    """vectorbt's portfolio of all cases."""
    open_, high, low, close, _ = bars
    is_flat = changes(target, 0.0)
    stop = column(settings, "trailing" if "trailing" in settings[0] else "stop")
    return vbt.Portfolio.from_signals(
        close,
        entries=changes(target, 1.0),
        exits=is_flat,
        short_entries=changes(target, -1.0),
        short_exits=is_flat,
        price=open_,
        open=open_,
        high=high,
        low=low,
        fees=np.nan_to_num(column(settings, "fee")),
        fixed_fees=np.nan_to_num(column(settings, "fixed")),
        slippage=np.nan_to_num(column(settings, "slip")),
        sl_stop=stop,
        sl_trail="trailing" in settings[0],
        tp_stop=column(settings, "take_profit"),
        stop_entry_price="fillprice",
        stop_exit_price="stopmarket",
        upon_opposite_entry="reverse",
        accumulate=False,
        init_cash=settings[0]["cash"],
        freq="1h",
    )


def merged(fills):
    """The twin's fills as vectorbt books them: a reversal is one order."""
    out: list[list[float]] = []
    for t, s, units, price, fee, _ in fills:
        last = out[-1] if out else None
        if last and last[0] == t and last[1] == s and last[2] * units > 0:
            last[2] += units
            last[4] += fee
        else:
            out.append([t, s, units, price, fee])
    return np.array(out).reshape(-1, 5)


def assert_orders(records, fills):
    """vectorbt's order records of one case equal the twin's fills to 1e-9."""
    want = merged(fills)
    units = np.where(records["side"] == 0, 1, -1) * records["size"]
    got = np.column_stack([records["idx"], records["price"], units, records["fees"]])
    assert len(got) == len(want)
    scale = np.maximum(1.0, np.abs(want[:, [0, 3, 2, 4]]))
    assert np.all(np.abs(got - want[:, [0, 3, 2, 4]]) <= 1e-9 * scale)


def assert_close(ours, theirs):
    scale = np.maximum(1.0, np.abs(theirs))
    assert np.max(np.abs(ours - theirs) / scale) <= 1e-9


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.filterwarnings("ignore")
def test_vectorbt_from_signals_equals_the_twin(family):
    levels, exits = FAMILIES[family]
    n_cases = count(500)
    bars, target, settings = cases(family, levels, exits, n_cases)
    portfolio = run_signals(bars, target, settings)
    records, value = portfolio.orders.records, portfolio.value().to_numpy()
    for s in range(n_cases):
        one = [b[:, s : s + 1] for b in bars]
        twin = Twin(rules="vectorbt", **settings[s])
        twin.run([b.tolist() for b in one], target[:, s : s + 1].tolist())
        assert_orders(records[records["col"] == s], twin.fills)
        assert_close(np.array(twin.equity), value[:, s])
        # Where the rules agree, so must we. A short of ours is the weight asked for; all in, a
        # sale below the reference carries a little more, unless the fee is larger.
        if not exits and (min(levels) == 0 or settings[s]["fee"] >= settings[s]["slip"]):
            result, _ = both(one, target[:, s : s + 1], **settings[s])
            assert_close(result.equity, value[:, s])


@pytest.mark.parametrize("is_rebalanced", [True, False])
@pytest.mark.filterwarnings("ignore")
def test_vectorbt_target_percent_with_shared_cash_equals_the_twin_and_us(is_rebalanced):
    rng = np.random.default_rng(7 + is_rebalanced)
    n_cases, n_symbols = count(500), 3
    bars = random_bars(rng, N_BARS, n_cases * n_symbols)
    target = np.zeros((N_BARS, n_cases * n_symbols))
    for first in range(0, target.shape[1], n_symbols):
        weights = np.zeros(n_symbols)
        for t in range(1, N_BARS):
            if rng.random() < 0.2:
                weights = rng.dirichlet(np.ones(n_symbols)) * rng.uniform(0.5, 1.1)
                weights[rng.random(n_symbols) < 0.3] = 0.0
            target[t, first : first + n_symbols] = weights
    before = np.vstack([np.zeros((1, target.shape[1])), target[:-1]])
    size = target if is_rebalanced else np.where(target != before, target, np.nan)
    size = np.vstack([np.full((1, target.shape[1]), np.nan), size[:-1]])
    portfolio = vbt.Portfolio.from_orders(
        bars[3],
        size=size,
        size_type="targetpercent",
        price=bars[0],
        fees=0.001,
        slippage=0.0005,
        init_cash=100_000.0,
        group_by=np.repeat(np.arange(n_cases), n_symbols),
        cash_sharing=True,
        call_seq="auto",
        freq="1h",
    )
    records, value = portfolio.orders.records, portfolio.value().to_numpy()
    settings = {"fee": 0.001, "slip": 0.0005, "every": int(is_rebalanced)}
    for case in range(n_cases):
        mine = slice(case * n_symbols, (case + 1) * n_symbols)
        result, twin = both([b[:, mine] for b in bars], target[:, mine], **settings)
        assert_close(np.array(twin.equity), value[:, case])
        assert_close(result.equity, value[:, case])
        theirs = records[records["col"] // n_symbols == case]
        for s in range(n_symbols):
            wanted = [f for f in twin.fills if f[1] == s]
            assert_orders(theirs[theirs["col"] % n_symbols == s], wanted)
