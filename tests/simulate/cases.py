"""Random bars and targets for the tests of the simulator: gaps, limit days, holes, dry bars."""

from __future__ import annotations

import numpy as np

from tests.peers.twin import Twin
from trade_research.simulate import Account, Costs, Exits, Market, Rules, simulate
from trade_research.simulate.codes import KINDS

HOUR_US = 3_600_000_000


def random_bars(rng, n, n_symbols=1, *, holes=0.0, dry=0.0, vol=0.01):
    """Five (n, n_symbols) arrays: open, high, low, close, volume."""
    close = rng.uniform(5, 500, n_symbols) * np.exp(
        np.cumsum(rng.normal(0, vol, (n, n_symbols)), axis=0)
    )
    open_ = np.vstack([close[:1], close[:-1]])
    gap = rng.random((n, n_symbols)) < 0.3
    open_ = np.where(gap, open_ * np.exp(rng.normal(0, vol, (n, n_symbols))), open_)
    top, bottom = np.maximum(open_, close), np.minimum(open_, close)
    high = top * (1 + np.abs(rng.normal(0, vol / 2, (n, n_symbols))))
    low = bottom * (1 - np.abs(rng.normal(0, vol / 2, (n, n_symbols))))
    flat = rng.random((n, n_symbols)) < 0.05
    high, low = np.where(flat, top, high), np.where(flat, bottom, low)
    volume = rng.uniform(1, 1e4, (n, n_symbols))
    volume[rng.random((n, n_symbols)) < dry] = 0.0
    volume[rng.random((n, n_symbols)) < dry] = np.nan
    hole = rng.random((n, n_symbols)) < holes
    for x in (open_, high, low, close, volume):
        x[hole] = np.nan
    return open_, high, low, close, volume


def random_targets(rng, n, n_symbols=1, levels=(0.0, 1.0), turn=0.1, silent=0.0):
    """Piecewise constant targets out of `levels`, with NaN on a share of the rows."""
    out = np.zeros((n, n_symbols))
    for s in range(n_symbols):
        x = 0.0
        for t in range(n):
            if rng.random() < turn:
                x = float(rng.choice(levels))
            out[t, s] = np.nan if rng.random() < silent else x
    return out


def market_of(bars, **more):
    """A Market of hourly bars."""
    n, n_symbols = bars[0].shape
    opened = np.arange(n, dtype=np.int64) * HOUR_US
    names = tuple(f"S{s}" for s in range(n_symbols))
    return Market(opened, opened + HOUR_US, *bars, symbols=names, **more)


FAMILIES = {
    "plain": {},
    "costs": {"costs": True},
    "exits": {"exits": True, "costs": True},
    "margin": {"margin": True, "costs": True},
    "margin_exits": {"margin": True, "exits": True, "costs": True},
    "fills": {"exits": True, "fill": True},
    "holes": {"holes": True, "exits": True},
    "many": {"many": True, "costs": True},
    "many_margin": {"many": True, "margin": True, "exits": True, "holes": True, "costs": True},
    "lots": {"many": True, "lots": True, "costs": True},
}


def random_case(
    rng, *, costs=False, exits=False, margin=False, fill=False, holes=False, many=False, lots=False
):
    """Bars, targets and settings of one case."""
    n = int(rng.integers(2, 120))
    n_symbols = int(rng.integers(2, 6)) if many else 1
    vol = float(rng.choice([0.002, 0.01, 0.05]))
    hole = 0.2 if holes else 0.0
    bars = random_bars(rng, n, n_symbols, holes=hole, dry=hole / 2, vol=vol)
    levels = [0.0, 1.0, 0.5, 0.3] if not many else [0.0, 0.2, 0.5, 1.0 / n_symbols]
    set_: dict = {"cash": float(rng.choice([1_000.0, 1e6]))}
    if margin:
        levels += [-1.0, -0.4, 1.5]
        set_ |= {"margin": True, "leverage": float(rng.choice([1.0, 2.0, 3.0]))}
        set_["maintenance"] = float(rng.choice([0.0, 0.1, 0.25]))
    elif rng.random() < 0.2:
        levels += [-0.5]
    if costs:
        set_ |= {"fee": float(rng.choice([0.0, 0.001])), "slip": float(rng.choice([0.0, 0.0005]))}
        extra = rng.choice(["", "fixed", "least", "per_unit", "tax", "impact", "maker"])
        size = {"fixed": 1.0, "least": 2.0, "per_unit": 0.01, "tax": 0.002, "impact": 0.01}
        if extra:
            set_[str(extra)] = size.get(str(extra), -0.0001)
    if exits:
        for name, low, high in (("stop", 0.5, 4), ("take_profit", 0.5, 4), ("trailing", 0.5, 5)):
            if rng.random() < 0.6:
                set_[name] = float(rng.uniform(low, high)) * vol
        if rng.random() < 0.3:
            set_["max_hold"] = int(rng.integers(1, 12))
        set_["cooldown"] = int(rng.choice([0, 0, 1, 3]))
        set_["optimistic"] = False
    if fill:
        set_["fill"] = str(rng.choice(["next_open", "next_close", "this_close"]))
        set_["delay"] = int(rng.integers(0, 3))
        set_["start"] = int(rng.integers(0, 5))
    if rng.random() < 0.2:
        set_["every"] = int(rng.choice([1, 5]))
    if lots:
        set_ |= {"lot": float(rng.choice([0.1, 1.0])), "min_notional": 50.0}
    silent = float(rng.choice([0.0, 0.0, 0.3, 0.8]))
    target = random_targets(rng, n, n_symbols, levels, float(rng.uniform(0.05, 0.6)), silent)
    return bars, target, set_


def settings_of(t):
    """The arguments of `simulate` that mean what the settings of the twin mean."""
    return {
        "costs": Costs(
            fee_bps=t.fee * 1e4,
            spread_bps=0.0,
            slippage_bps=t.slip * 1e4,
            maker_fee_bps=None if t.maker is None else t.maker * 1e4,
            fixed_fee=t.fixed,
            min_fee=t.least,
            fee_per_unit=t.per_unit,
            sell_tax_bps=t.tax * 1e4,
            impact_bps=t.impact * 1e4,
        ),
        "exits": Exits(t.stop, t.take_profit, t.trailing, t.max_hold, t.cooldown),
        "account": Account("margin", t.leverage, t.maintenance) if t.margin else "spot",
        "cash": t.cash,
        "fill": t.fill,
        "delay": t.delay,
        "rebalance": t.every or None,
        "rules": Rules(lot=t.lot, min_notional=t.min_notional),
        "start": t.start,
    }


def both(bars, target, **settings):
    """The same case through `simulate` and through the twin, from the twin's settings."""
    twin = Twin(**settings)
    result = simulate(market_of(bars), target, **settings_of(twin))
    return result, twin.run([b.tolist() for b in bars], target.tolist())


def assert_same(result, twin, tol=1e-9, least=1.0):
    """Same fills for the same reasons; equity to `tol` of itself, or of `least` money."""
    ours = result.fills
    theirs = twin.fills
    got = [(int(f.bar), int(f.symbol), KINDS[f.kind]) for f in ours]
    assert got == [(t, s, kind) for t, s, _, _, _, kind in theirs]
    price = np.array([f[3] for f in theirs])
    np.testing.assert_allclose(ours["price"], price, rtol=tol, atol=1e-12)
    want = np.array([f[2] for f in theirs])
    room = np.maximum(1e-12, tol * (least - 1.0) / price) + tol * np.abs(want)
    assert np.all(np.abs(ours["quantity"] - want) <= room)
    want = np.array([f[4] for f in theirs])
    np.testing.assert_allclose(ours["fee"] + ours["tax"], want, rtol=tol, atol=1e-9)
    equity = np.array(twin.equity)
    scale = np.maximum(least, np.abs(equity))
    assert np.max(np.abs(result.equity - equity) / scale, initial=0.0) <= tol
    assert result.ambiguous == twin.ambiguous
