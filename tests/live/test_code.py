"""Strategies are code: what may be run, and that nothing else from outside ever is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import trade_research as tr
from tests.live.test_crash import paper
from tests.live.test_security import calls
from trade_research.errors import StrategyError
from trade_research.live.journal import scan


def test_nothing_from_outside_is_unpickled() -> None:
    """Pickles are read in one place, the compile cache, whose folder is the owner's alone."""
    banned = {"pickle.load", "pickle.loads", "pickle.Unpickler", "joblib.load", "torch.load"}
    banned |= {"yaml.load", "yaml.unsafe_load", "yaml.full_load", "shelve.open", "marshal.loads"}
    found = {file for file, name, _ in calls() if name in banned}
    assert found <= {"kernels/cache.py"}
    loads = [c for _, name, c in calls() if name == "np.load"]
    assert all("allow_pickle=False" in ast.unparse(c) for c in loads)


def test_a_cache_that_others_may_write_to_is_not_used(tmp_path: Path) -> None:
    from trade_research.kernels.jit import _is_private

    folder = tmp_path / "cache"
    assert _is_private(folder)
    folder.chmod(0o777)
    assert not _is_private(folder)


def test_code_is_loaded_from_files_and_its_hash_is_on_record(tmp_path: Path) -> None:
    for place in ("http://127.0.0.1/s.py:trend", "file:///tmp/s.py:trend"):
        with pytest.raises(StrategyError):
            tr.load_strategy(place)
    paper(tmp_path).replay()
    start = next(scan(tmp_path))
    assert start["source_hash"] == tr.strategies.ma_crossover.source_hash


@pytest.mark.parametrize(
    "place", ["store", "store/bars/venue=binance", "store/new", "archive/data/spot/daily/klines/X"]
)
@pytest.mark.parametrize("how", ["file", "link to it", "link in it", "module", "package"])
def test_code_that_lies_among_data_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, how: str
) -> None:
    ran = tmp_path / "ran"
    (tmp_path / "store" / "bars" / "venue=binance").mkdir(parents=True)
    text = f"open({str(ran)!r}, 'w').close()\n"
    folder = tmp_path / place / ("planted" if how == "package" else "")
    folder.mkdir(parents=True, exist_ok=True)
    code = folder / ("__init__.py" if how == "package" else "planted.py")
    ref = f"{code}:trend"
    if how == "link in it":
        (tmp_path / "real.py").write_text(text)
        code.symlink_to(tmp_path / "real.py")
    else:
        code.write_text(text)
    if how == "link to it":
        (tmp_path / "link.py").symlink_to(code)
        ref = f"{tmp_path / 'link.py'}:trend"
    if how in ("module", "package"):
        monkeypatch.chdir(tmp_path / place)
        ref = "planted:trend" if how == "module" else "planted.inner:trend"
    with pytest.raises(StrategyError, match=r"lies in .*: data is never run; move it out") as error:
        tr.load_strategy(ref)
    assert "\n" not in str(error.value)
    assert not ran.exists()
