"""The compile cache: found again by the next process, never after anything has changed."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from trade_research.errors import StrategyError
from trade_research.kernels import jit
from trade_research.strategies.load import load_strategy
from trade_research.strategies.strategy import strategy

X = np.arange(1.0, 6.0)
HELPER = """
from trade_research import kernel
SCALE = {scale}
@kernel
def half(x):
    return x * SCALE
"""
MINE = """
from helper import half
from trade_research import strategy
@strategy
def mine(close):
    return half(close)
"""
RUN = """
import numpy as np, sys
from trade_research.strategies.load import load_strategy
found = load_strategy("mine.py:mine")
value = found.compute({"close": np.ones(3)}).target[0]
stats = found.compiled()[0].dispatcher.stats
print(value, sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A compile cache of the test's own."""
    monkeypatch.setenv("TRADE_RESEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "compiled"


def fresh(folder, code=RUN, **env):
    """What `code` prints in a process of its own, run in `folder`."""
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()


def entries(cache):
    return sorted(p.name for p in cache.iterdir()) if cache.exists() else []


def test_the_next_process_loads_and_an_edited_helper_is_seen(tmp_path, cache):
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "helper.py").write_text(HELPER.format(scale=0.5))
    assert fresh(tmp_path) == ["0.5", "0", "1"]
    kept = entries(cache)
    assert len(kept) == 2
    assert fresh(tmp_path) == ["0.5", "1", "0"]
    assert entries(cache) == kept
    (tmp_path / "helper.py").write_text(HELPER.format(scale=0.7))
    assert fresh(tmp_path) == ["0.7", "0", "1"]
    (tmp_path / "helper.py").write_text(HELPER.format(scale=0.5))
    assert fresh(tmp_path) == ["0.5", "1", "0"]


def test_loading_again_in_one_process_sees_the_edit(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    for scale in (0.5, 0.7, 0.9):
        (tmp_path / "helper.py").write_text(HELPER.format(scale=scale))
        found = load_strategy(f"{tmp_path / 'mine.py'}:mine")
        np.testing.assert_array_equal(found.compute({"close": X}).target, X * scale)


def test_a_helper_compiled_by_numba_with_numbas_own_cache(tmp_path):
    """Numba keys its cache by the file: `half` would keep the old `other` of another file."""
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "helper.py").write_text(
        "from numba import njit\nfrom other import K, inner\n@njit(cache=True)\n"
        "def half(x):\n    return inner(x) * K\n"
    )
    other = (
        "from numba import njit\nK = {k}\n@njit(cache=True)\ndef inner(x):\n    return x + {add}\n"
    )
    for k, add in ((1.0, 0.0), (2.0, 0.0), (2.0, 5.0)):
        (tmp_path / "other.py").write_text(other.format(k=k, add=add))
        assert float(fresh(tmp_path)[0]) == (1.0 + add) * k


NOTEBOOK = """
from numba import njit
from trade_research import strategy
from trade_research.kernels.jit import kernel
import numpy as np
"""


def cells(*sources):
    """A namespace in which the sources have run, one after the other, as notebook cells do."""
    space = {"__name__": "__main__"}
    for number, source in enumerate((NOTEBOOK, *sources)):
        exec(compile(source, f"<ipython-input-{number}>", "exec"), space)
    return space


def again(space, source):
    exec(compile(source, "<ipython-input-9>", "exec"), space)


def values(space):
    return space["mine"].compute({"close": X}).target


@pytest.mark.parametrize("decorator", ["@kernel", "@njit"])
def test_a_helper_redefined_in_a_cell_counts_at_once(decorator):
    helper = decorator + "\ndef helper(x): return x * {}"
    space = cells(helper.format(2.0), "@strategy\ndef mine(close): return helper(close)")
    np.testing.assert_array_equal(values(space), X * 2)
    again(space, helper.format(3.0))
    np.testing.assert_array_equal(values(space), X * 3)


@pytest.mark.parametrize("inner", ["@kernel", "@njit"])
@pytest.mark.parametrize("outer", ["@kernel", "@njit"])
def test_a_helper_of_a_helper_redefined_in_a_cell(inner, outer):
    """The outer helper has run with the old inner one, and Numba would not look again."""
    source = inner + "\ndef inner(x): return x * {}"
    space = cells(
        source.format(2.0),
        outer + "\ndef outer(x): return inner(x) + 1.0",
        "@strategy\ndef mine(close): return outer(close)",
    )
    space["outer"](X)
    np.testing.assert_array_equal(values(space), X * 2 + 1)
    again(space, source.format(3.0))
    np.testing.assert_array_equal(values(space), X * 3 + 1)
    again(space, "@strategy\ndef mine(close): return outer(close) * 1.0")
    np.testing.assert_array_equal(values(space), X * 3 + 1)


def test_a_helper_that_ran_before_its_own_helper_changed():
    space = cells("@njit\ndef inner(x): return x * 2.0", "@njit\ndef outer(x): return inner(x)")
    space["outer"](X.view())
    locked = X.copy()
    locked.flags.writeable = False
    space["outer"](locked)
    again(space, "@njit\ndef inner(x): return x * 5.0")
    again(space, "@strategy\ndef mine(close): return outer(close)")
    np.testing.assert_array_equal(values(space), X * 5)


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ("K = 2.0", "K = 4.0", X * 4),
        ("K = np.array([2.0])", "K[0] = 7.0", X * 7),
        ("K = (2.0, 1.0)[0]", "K = 6", X * 6),
    ],
)
def test_a_changed_constant_counts_at_once(before, after, wanted):
    take = "K[0]" if "array" in before else "K"
    space = cells(before, f"@strategy\ndef mine(close): return close * {take}")
    np.testing.assert_array_equal(values(space), X * 2)
    again(space, after)
    np.testing.assert_array_equal(values(space), wanted)


def test_closures_are_told_apart():
    def scaled(k):
        @strategy
        def mine(close):
            return close * k

        return mine

    for k in (2.0, 3.0, 2.0):
        np.testing.assert_array_equal(scaled(k).compute({"close": X}).target, X * k)


def test_named_tuples_survive_the_cache(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from typing import NamedTuple\nimport numpy as np\nfrom trade_research import strategy\n"
        "class Out(NamedTuple):\n    target: np.ndarray\n    line: np.ndarray\n"
        "@strategy\ndef mine(close):\n    return Out(close * 2.0, close * 3.0)\n"
    )
    code = RUN.replace("print(value", "print(found.outputs[1], value")
    assert fresh(tmp_path, code) == ["line", "2.0", "0", "1"]
    assert fresh(tmp_path, code) == ["line", "2.0", "1", "0"]


def test_bounds_checks_are_on_when_asked_for_and_kept_apart(tmp_path):
    (tmp_path / "mine.py").write_text(
        "import numpy as np\nfrom trade_research import strategy\n@strategy\ndef mine(close):\n"
        "    out = np.empty(close.size)\n    for t in range(close.size):\n"
        "        out[t] = close[t + 1] * 0.0 + 1.0\n    return out\n"
    )
    shown = RUN.replace("found =", "import trade_research.errors as e\nfound =").replace(
        "value = found",
        "try:\n    found.compute({'close': np.ones(3)})\nexcept e.StrategyError as x:\n"
        "    print('refused', 'out of bounds' in str(x))\n    sys.exit()\nvalue = found",
    )
    assert fresh(tmp_path, shown)[0] in ("1.0", "nan")
    assert fresh(tmp_path, shown, NUMBA_BOUNDSCHECK="1") == ["refused", "True"]
    assert fresh(tmp_path, shown)[0] in ("1.0", "nan")


def test_damaged_entries_are_compiled_anew(tmp_path, cache):
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "helper.py").write_text(HELPER.format(scale=0.5))
    fresh(tmp_path)
    for entry, harm in zip(sorted(cache.iterdir()), (b"", b"x" * 200), strict=True):
        entry.write_bytes(harm)
    assert fresh(tmp_path) == ["0.5", "0", "1"]
    assert fresh(tmp_path) == ["0.5", "1", "0"]
    whole = next(p for p in cache.iterdir() if p.name.startswith("mine"))
    blob = bytearray(whole.read_bytes())
    blob[len(blob) // 2] ^= 1
    whole.write_bytes(blob)
    assert fresh(tmp_path) == ["0.5", "0", "1"]


def test_what_cannot_be_seen_into_is_not_kept(tmp_path, cache):
    (tmp_path / "mine.py").write_text(
        "from numba import njit, cfunc\nfrom trade_research import strategy\n"
        "@cfunc('float64(float64)')\ndef twice(x):\n    return x * 2.0\n"
        "@strategy\ndef mine(close):\n    out = close.copy()\n    for t in range(out.size):\n"
        "        out[t] = twice(out[t])\n    return out\n"
    )
    for _ in range(2):
        assert fresh(tmp_path) == ["2.0", "0", "1"]
    assert entries(cache) == []


def test_a_folder_that_cannot_be_written_to(tmp_path):
    """A file where the folder should be: nobody, root included, can write there."""
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "helper.py").write_text(HELPER.format(scale=0.5))
    (tmp_path / "file").write_text("")
    spare = tmp_path / "tmp"
    spare.mkdir()
    env = {"TRADE_RESEARCH_CACHE": str(tmp_path / "file" / "cache"), "TMPDIR": str(spare)}
    assert fresh(tmp_path, **env) == ["0.5", "0", "1"]
    assert fresh(tmp_path, **env) == ["0.5", "1", "0"]
    assert [p.name for p in spare.iterdir()] == [f"trade-research-{os.getuid()}"]
    none = {**env, "TRADE_RESEARCH_CACHE": "off"}
    assert fresh(tmp_path, **none) == ["0.5", "0", "1"]


@pytest.mark.skipif(os.name != "posix", reason="folder modes are of POSIX")
def test_a_folder_others_may_write_to_is_not_trusted(tmp_path, monkeypatch):
    monkeypatch.setattr(jit.tempfile, "gettempdir", lambda: str(tmp_path / "spare"))
    jit._cache_folder.cache_clear()
    shared = tmp_path / "shared"
    (shared / "compiled").mkdir(parents=True)
    (shared / "compiled").chmod(0o777)
    monkeypatch.setenv("TRADE_RESEARCH_CACHE", str(shared))
    assert jit.cache_folder().is_relative_to(tmp_path / "spare")
    (shared / "compiled").chmod(0o700)
    jit._cache_folder.cache_clear()
    assert jit.cache_folder() == shared / "compiled"
    monkeypatch.setenv("TRADE_RESEARCH_CACHE", "off")
    assert jit.cache_folder() is None


def test_a_folder_removed_meanwhile_is_made_again(cache):
    @strategy
    def mine(close):
        return close * 2.0

    jit.cache_folder()
    for entry in cache.iterdir():
        entry.unlink()
    cache.rmdir()
    np.testing.assert_array_equal(mine.compute({"close": X}).target, X * 2)
    assert len(entries(cache)) == 1


def test_old_entries_are_dropped_when_they_pile_up(cache, monkeypatch):
    from trade_research.kernels import cache as room

    cache.mkdir(parents=True, mode=0o700)
    for n in range(30):
        (cache / f"old-{n}.bin").write_bytes(b"")
        os.utime(cache / f"old-{n}.bin", (n, n))
    monkeypatch.setattr(room, "_MOST_ENTRIES", 20)

    @strategy
    def mine(close):
        return close * 11.0

    mine.compute({"close": X})
    left = entries(cache)
    assert len(left) == 16
    assert "old-29.bin" in left
    assert "old-0.bin" not in left


def test_an_error_inside_is_one_line(cache):
    @strategy
    def mine(close, n: int = 3):
        if n > 2:
            raise ValueError("no such thing")
        return close * 1.0

    with pytest.raises(StrategyError, match=r"^mine raised ValueError: no such thing \(with n=3"):
        mine.compute({"close": X})
