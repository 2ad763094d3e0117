"""From a reference on the command line to a strategy, and what each wrong one says."""

from __future__ import annotations

import inspect
import sys

import numpy as np
import pytest

from trade_research.errors import StrategyError
from trade_research.strategies.load import load_strategy, shipped

pytestmark = pytest.mark.fast

MINE = """
from beside import FACTOR
from trade_research import strategy

@strategy
def mine(close):
    return close * FACTOR

@strategy
def other(close):
    return close * 1.0

def plain(close):
    return close
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "beside.py").write_text("FACTOR = 2.0\n")
    (tmp_path / "one.py").write_text(
        "from trade_research import strategy\n@strategy\ndef only(close): return close * 3.0\n"
    )
    (tmp_path / "broken.py").write_text("x = 1\nraise ValueError('no\\nway')\n")
    (tmp_path / "syntax.py").write_text("x = 1\ndef f(:\n")
    (tmp_path / "quits.py").write_text("import sys\nsys.exit(7)\n")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "inner.py").write_text((tmp_path / "one.py").read_text())
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules), list(sys.path)
    yield tmp_path
    assert sys.path == before[1]
    for name in set(sys.modules) - before[0]:
        if getattr(sys.modules[name], "__file__", "") and str(tmp_path) in str(
            sys.modules[name].__file__
        ):
            del sys.modules[name]


def test_shipped_by_name():
    assert {"bollinger", "buy_and_hold", "ma_crossover"} < set(shipped())
    for name, found in shipped().items():
        assert load_strategy(name) is found
        assert found.name == name


def test_files_and_modules(folder):
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(load_strategy("mine.py:mine")(x), x * 2)
    np.testing.assert_array_equal(load_strategy(f"{folder}/mine.py:mine")(x), x * 2)
    np.testing.assert_array_equal(load_strategy("one.py")(x), x * 3)
    np.testing.assert_array_equal(load_strategy("package.inner:only")(x), x * 3)
    np.testing.assert_array_equal(load_strategy("package.inner")(x), x * 3)
    assert not list(folder.glob("__pycache__/*"))


@pytest.mark.parametrize(
    ("ref", "says"),
    [
        ("ma_crosover", "did you mean 'ma_crossover'?"),
        ("", "One of your own is named by its file"),
        ("mine.py:mien", "no strategy 'mien' in 'mine.py'; did you mean 'mine'?"),
        ("mine.py:plain", "is a plain function; put @strategy above it"),
        ("mine.py", "holds 2 strategies; name one: mine.py:mine, mine.py:other"),
        ("beside.py", "holds 0 strategies; name one: decorate a function with @strategy"),
        ("absent.py:mine", "cannot read strategy file 'absent.py': No such file"),
        ("package:mine", "no strategy 'mine' in 'package'; none is known"),
        ("nowhere.at.all:mine", "cannot import 'nowhere.at.all': ModuleNotFoundError"),
        ("broken.py:x", "fails: ValueError: no way (line 2 of broken.py)"),
        ("syntax.py:f", "fails: SyntaxError: invalid syntax (line 2)"),
        ("quits.py:f", "fails: SystemExit: 7 (line 2 of quits.py)"),
        ("mine.py:__import__('os')", "no strategy \"__import__('os')\" in 'mine.py'"),
        ("../x:y", "no strategy '../x:y'"),
        ("a';drop table", 'no strategy "a\';drop table"'),
        ("<script>alert(1)</script>", "no strategy '<script>"),
        ("os.path:join", "'join' in 'os.path' is a plain function"),
        ("\x00.py:f", "cannot read strategy file '\\x00.py'"),
        (".py:f", "cannot read strategy file '.py'"),
    ],
)
def test_wrong_references_are_one_line(folder, ref, says):
    with pytest.raises(StrategyError) as error:
        load_strategy(ref)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_folder_is_no_file(folder):
    (folder / "dir.py").mkdir()
    with pytest.raises(StrategyError, match="Is a directory"):
        load_strategy("dir.py:mine")


def test_presets_of_a_file(folder):
    (folder / "own.py").write_text(
        "from trade_research import strategy\n"
        "@strategy(presets={'quick': {'window': 3}})\n"
        "def mine(close, window: int = 9):\n    return close * 0.0 + window\n"
    )
    assert load_strategy("own.py:mine:quick").bind() == {"window": 3}
    with pytest.raises(StrategyError, match="no preset 'quik'; did you mean 'quick'"):
        load_strategy("own.py:mine:quik")


def test_presets_and_variants():
    golden = load_strategy("ma_crossover:golden_cross")
    plain = shipped()["ma_crossover"]
    assert golden.name == "ma_crossover_golden_cross"
    assert (golden.bind()["fast"], golden.bind()["slow"]) == (50, 200)
    close = np.cumsum(np.random.default_rng(0).normal(0, 1, 900)) + 500
    np.testing.assert_array_equal(golden(close), plain(close, fast=50, slow=200))
    assert golden.source_hash != plain.source_hash
    assert golden.source == (
        "ma_crossover_golden_cross = ma_crossover.variant('ma_crossover_golden_cross', "
        "fast=50, slow=200)\n"
    )
    assert golden.warmup() == 200
    assert plain.params["slow"].default == 100
    with pytest.raises(StrategyError, match="no preset 'golden'; did you mean 'golden_cross'"):
        load_strategy("ma_crossover:golden")
    with pytest.raises(StrategyError, match="has no parameter 'lookback'"):
        plain.variant("mine", lookback=3)
    with pytest.raises(StrategyError, match="cannot be called 'not one'"):
        plain.variant("not one")


@pytest.mark.parametrize("one", shipped().values(), ids=lambda s: s.name)
def test_every_preset_can_be_run(one):
    for name, params in one.presets.items():
        preset = one.preset(name)
        assert preset.warmup() == one.warmup(**params)
        assert preset.bind() == one.bind(**params)


def test_the_text_of_a_strategy_outlives_its_file(folder):
    found = load_strategy("one.py")
    (folder / "one.py").write_text("something = 'else'\n")
    assert inspect.getsource(found.fn) == found.source
    (folder / "one.py").unlink()
    assert inspect.getsource(found.variant("late").fn) == found.source
