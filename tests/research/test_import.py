"""Importing the package is light: nothing heavy is loaded before it is used."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = (
    *("numba", "polars", "duckdb", "pyarrow", "matplotlib", "scipy", "scipy.stats"),
    *("ccxt", "dask", "pandas"),
)


def loaded_by(code: str) -> set[str]:
    """Which heavy packages a fresh process has loaded after `code`."""
    show = f"; import sys, json; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    out = subprocess.run(
        [sys.executable, "-c", code + show], capture_output=True, text=True, check=True
    )
    return set(json.loads(out.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import trade_research",
        "import trade_research as tr; tr.strategies.ma_crossover; tr.indicators.sma; tr.Costs()",
        "import trade_research.cli.app",
    ],
)
def test_nothing_heavy_is_loaded(code):
    assert loaded_by(code) == set()


def test_a_strategy_can_be_defined_without_numba(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from trade_research import strategy\n@strategy\ndef f(close):\n    return close * 0\n"
    )
    assert loaded_by(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import mine") == set()


def test_a_backtest_loads_no_pandas_and_no_scipy(tmp_path):
    code = (
        "import trade_research as tr, polars as pl, numpy as np; "
        "t = pl.datetime_range(pl.date(2024, 1, 1), pl.date(2024, 3, 1), '1d', eager=True); "
        "bars = tr.frames.to_bars(pl.DataFrame({'open_time': t}).with_columns("
        "**{c: pl.lit(9.0) for c in ('open', 'high', 'low', 'close', 'volume')}), '1d'); "
        "run = tr.backtest(tr.strategies.buy_and_hold, bars, calendar='24/7'); "
        f"run.report({str(tmp_path / 'r.html')!r})"
    )
    assert not loaded_by(code) & {"ccxt", "dask", "duckdb", "pandas", "scipy.stats"}


def test_every_public_name_is_there():
    import trade_research as tr

    for name in tr.__all__:
        assert getattr(tr, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tr.nothing  # noqa: B018 -- the access is the test
