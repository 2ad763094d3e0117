"""backtesting.py 0.6 against us, in an environment of its own.

It is AGPL: the package never imports it.

Two steps, so that neither environment needs the other's packages::

    python -m tests.peers.backtesting_py make cases.json    # where trade_research is installed
    python tests/peers/backtesting_py.py check cases.json   # where backtesting==0.6.* is installed

The first runs random cases through `simulate` and writes bars, orders and results; the second
gives backtesting.py the same integer orders at the same closes and compares equity from bar 1 on
(backtesting.py decides nothing before) and every closed trade, to 1e-9. Bars on which a position
opens beyond its target and later touches its stop are left out: backtesting.py stops there, we
take the target at the open (`semantics.md` 4.2, case C).
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np

N_CASES, N_BARS, CASH, FEE = 500, 150, 1_000_000.0, 0.001
STOP, GOAL = 0.05, 0.06
FAMILIES = {
    "long": ([0.0, 0.5], False),
    "long_short": ([0.0, 0.5, -0.5], False),
    "bracket": ([0.0, 0.5], True),
    "bracket_long_short": ([0.0, 0.5, -0.5], True),
}


def make(path: Path) -> None:
    """Write the cases and what we make of them."""
    from tests.simulate.cases import market_of, random_bars, random_targets
    from trade_research.simulate import Costs, Exits, Rules, simulate

    rng = np.random.default_rng(1)
    cases = []
    for family, (levels, has_bracket) in FAMILIES.items():
        for _ in range(N_CASES):
            bars = random_bars(rng, N_BARS, vol=0.01)
            target = random_targets(rng, N_BARS, levels=levels, turn=0.15)
            target[0] = 0.0
            result = simulate(
                market_of(bars),
                target,
                costs=Costs(fee_bps=FEE * 1e4, spread_bps=0.0, slippage_bps=0.0),
                exits=Exits(stop=STOP, take_profit=GOAL) if has_bracket else None,
                account="margin",
                cash=CASH,
                rules=Rules(lot=1.0),
            )
            signals = result.fills[result.fills["kind"] == 1]
            trades = result.trades.rows[~result.trades.is_open]
            gapped = [
                f
                for f in result.fills
                if f.kind == 4 and f.phase == 0 and touches_stop(f, result.fills, bars)
            ]
            cases.append(
                {
                    "family": family,
                    "bars": [b[:, 0].tolist() for b in bars],
                    "orders": [[int(f.bar), float(f.quantity), bool(f.position)] for f in signals],
                    "bracket": has_bracket,
                    "skip": bool(gapped),
                    "equity": result.equity.tolist(),
                    "trades": sorted(
                        [float(x) for x in (r.entry_bar, r.exit_bar, r.side * r.quantity)]
                        + [float(r.entry_price), float(r.exit_price)]
                        for r in trades
                    ),
                }
            )
    path.write_text(json.dumps(cases))
    print(f"{len(cases)} cases in {path}")  # noqa: T201 # a script


def touches_stop(fill, fills, bars) -> bool:
    """Whether the bar of a target taken at the open also reached the stop of its position."""
    entry = [f for f in fills if f.bar <= fill.bar and f.kind == 1][-1]
    side = 1 if entry.quantity > 0 else -1
    worst = bars[2][fill.bar, 0] if side > 0 else bars[1][fill.bar, 0]
    return bool(side * (worst - entry.price * (1 - side * STOP)) <= 0)


def check(path: Path) -> int:
    """Run the cases through backtesting.py; returns the number that differ."""
    import pandas as pd
    from backtesting import Backtest, Strategy

    warnings.simplefilter("ignore")

    class Given(Strategy):
        case: dict = {}  # noqa: RUF012 # backtesting.py reads parameters from the class

        def init(self):
            self.todo = {}
            for bar, quantity, opens in self.case["orders"]:
                self.todo.setdefault(bar - 1, []).append((quantity, opens))

        def next(self):
            t = len(self.data) - 1
            for quantity, opens in self.todo.get(t, ()):
                if not opens:
                    self.position.close()
                    continue
                fill = self.case["bars"][0][t + 1]  # a bracket is measured from the fill
                side = 1 if quantity > 0 else -1
                bracket = {}
                if self.case["bracket"]:
                    bracket = {"sl": fill * (1 - side * STOP), "tp": fill * (1 + side * GOAL)}
                (self.buy if side > 0 else self.sell)(size=abs(int(quantity)), **bracket)

    totals: dict[str, list[float]] = {}
    for case in json.loads(path.read_text()):
        total = totals.setdefault(case["family"], [0, 0, 0, 0, 0.0])
        total[0] += 1
        if case["skip"]:
            total[1] += 1
            continue
        frame = pd.DataFrame(
            dict(zip(("Open", "High", "Low", "Close", "Volume"), case["bars"], strict=True)),
            index=pd.date_range("2024-01-01", periods=len(case["equity"]), freq="1h"),
        )
        Given.case = case
        stats = Backtest(frame, Given, cash=CASH, commission=FEE, margin=0.05).run()
        theirs, ours = stats["_equity_curve"]["Equity"].to_numpy()[1:], np.array(case["equity"])[1:]
        error = float(np.max(np.abs(theirs - ours) / np.maximum(1.0, np.abs(theirs))))
        columns = ["EntryBar", "ExitBar", "Size", "EntryPrice", "ExitPrice"]
        trades = np.array(sorted(stats["_trades"][columns].to_numpy().tolist())).reshape(-1, 5)
        mine = np.array(case["trades"]).reshape(-1, 5)
        same = trades.shape == mine.shape and np.allclose(trades, mine, rtol=1e-9, atol=0)
        total[2] += len(mine)
        total[3] += error > 1e-9 or not same
        total[4] = max(total[4], error)
    for family, (n, skipped, n_trades, bad, error) in totals.items():
        print(  # noqa: T201 # a script
            f"{family:20} {n} cases, {skipped} left out (case C), {n_trades} trades, "
            f"{bad} differ, largest relative difference of equity {error:.1e}"
        )
    return int(sum(total[3] for total in totals.values()))


if __name__ == "__main__":
    step, file = sys.argv[1], Path(sys.argv[2])
    sys.exit(make(file) if step == "make" else min(check(file), 1))
