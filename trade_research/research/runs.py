"""Run folders: what was run, what came out, and all that a report shows, kept to be read again.

A run lies in ``<root>/<first 12 digits of its id>/``: manifest.json, metrics.json, evidence.json,
and Parquet files of its frames. The folder appears whole or not at all; equal inputs have the same
id, so saving twice changes nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from trade_research.errors import AmbiguousNameError, MissingDataError, StoreError
from trade_research.report.embed import daily_of
from trade_research.report.record import decode, encode, parquet_bytes
from trade_research.report.run import Run
from trade_research.report.verdict import Verdict, judge
from trade_research.research.shown import Shown
from trade_research.store.durable import flush_folder, make_folder, write_durably, writing

if TYPE_CHECKING:
    from trade_research.research.backtest import Backtest

ROOT = Path("reports/runs")
SCHEMA = "trade-research/run-folder/1"
DIGITS = 12
_NEWEST = "latest"


@dataclass(frozen=True)
class SavedRun(Shown):
    """A run read from its folder: nothing is simulated again.

    Attributes
    ----------
    id : str
        SHA-256 of what it was made of.
    manifest, metrics : mapping
        As of `Backtest`.
    verdict : mapping
        ``word`` and ``sentence``.
    """

    folder: Path
    manifest: Mapping[str, Any]
    metrics: Mapping[str, float | int | None]
    verdict: Mapping[str, str]

    @property
    def id(self) -> str:
        return str(self.manifest["run_id"])

    @property
    def name(self) -> str:
        """The id as people write it: its first digits."""
        return self.id[:DIGITS]

    @property
    def saved(self) -> datetime:
        """When it was saved last."""
        return datetime.fromtimestamp(self.folder.stat().st_mtime, UTC)

    @cached_property
    def page(self) -> Run:
        """All that a report shows."""
        about = _read_json(self.folder / "evidence.json")
        frames = _Files(self.folder, about["files"])
        run = decode(about["run"], frames)
        if not isinstance(run, Run):
            raise StoreError(f"{self.folder} holds no run. Remove it and save the run again.")
        return replace(run, manifest=dict(self.manifest))

    @property
    def equity(self) -> pl.DataFrame:
        return self.page.equity

    @property
    def trades(self) -> pl.DataFrame:
        return self.page.trades

    @property
    def fills(self) -> pl.DataFrame:
        return self.page.fills

    @property
    def orders(self) -> pl.DataFrame:
        return self.page.orders

    @property
    def daily(self) -> pl.DataFrame:
        """The run at the last close of each session."""
        daily = self.page.daily
        return daily_of(self.page) if daily is None else daily

    def judged(self) -> Verdict:
        """The verdict with its gates."""
        return judge(self.page)

    def _shown(self) -> Run:
        from trade_research.research.alike import with_others

        return with_others(self)

    def __repr__(self) -> str:
        return f"<run {self.name} {describe(self.manifest)}: {self.verdict['word']}>"


def save(run: Backtest, root: str | Path = ROOT) -> SavedRun:
    """Write the run's folder below `root`, evidence included; see `Backtest.save`."""
    folder = Path(root) / str(run.manifest["run_id"])[:DIGITS]
    if _is_saved(folder, run.manifest):
        with writing(folder):
            os.utime(folder)
        return _open(folder)
    frames: dict[str, pl.DataFrame] = {}
    page = encode(replace(run.page, manifest={}), frames, "run")
    verdict = run.verdict
    files = {name: _file_of(name, n) for n, name in enumerate(frames)}
    documents = {
        "manifest.json": run.manifest,
        "metrics.json": {
            "metrics": dict(run.metrics),
            "benchmark_metrics": dict(run.benchmark_metrics),
        },
        "evidence.json": {
            "schema": SCHEMA,
            "verdict": {"word": verdict.word, "sentence": verdict.sentence},
            "files": {name: file for name, file in files.items() if frames[name].width},
            "run": page,
        },
    }
    content = {name: _dump(body) for name, body in documents.items()}
    for name, file in files.items():
        if frames[name].width:
            content[file] = parquet_bytes(frames[name])
    _publish(folder, content)
    return _open(folder)


def load_run(name: str, root: str | Path = ROOT) -> SavedRun:
    """A saved run.

    Parameters
    ----------
    name : str
        Its id, the first digits of it, a path of its folder, ``latest``, or ``latest~2`` for the
        third newest.
    root : path
        Folder of the runs.

    Raises
    ------
    MissingDataError, AmbiguousNameError
        None, or several, have such an id.
    StoreError
        The folder is damaged.
    """
    folder = Path(root)
    if (Path(name) / "manifest.json").is_file():
        return _open(Path(name))
    found = {place.name: place for place in _folders(folder)}
    if name.partition("~")[0] == _NEWEST:
        return _open(_nth(list(found.values()), name, folder))
    fitting = [place for own, place in found.items() if own.startswith(name[:DIGITS])]
    fitting = [f for f in fitting if len(name) <= DIGITS or _open(f).id.startswith(name)]
    if not fitting or not name:
        raise MissingDataError(
            f"no run {name!r} in {folder}: `trade-research runs list` shows what is saved."
        )
    if len(fitting) > 1:
        names = ", ".join(sorted(place.name for place in fitting))
        raise AmbiguousNameError(f"{name!r} fits several runs: {names}. Give more digits.")
    return _open(fitting[0])


def list_runs(root: str | Path = ROOT) -> pl.DataFrame:
    """One row a run, the newest first: what it was, its verdict, and every metric."""
    from trade_research.metrics.definitions import DEFINITIONS

    rows = [
        {
            "run": run.name,
            "strategy": run.manifest["strategy"]["name"],
            "params": ", ".join(f"{k}={v}" for k, v in run.manifest["params"].items()),
            "data": ", ".join(run.manifest["data"]["names"]),
            "from": str(run.manifest["data"]["first"])[:10],
            "to": str(run.manifest["data"]["last"])[:10],
            "verdict": run.verdict["word"],
            **{name: run.metrics.get(name) for name in DEFINITIONS},
            "saved": run.saved,
        }
        for run in saved_runs(root)
    ]
    words = dict.fromkeys(("run", "strategy", "params", "data", "from", "to", "verdict"), pl.String)
    numbers = dict.fromkeys(DEFINITIONS, pl.Float64)
    return pl.DataFrame(rows, {**words, **numbers, "saved": pl.Datetime("us", "UTC")})


def saved_runs(root: str | Path = ROOT) -> list[SavedRun]:
    """The runs of a folder, the newest first."""
    return [_open(folder) for folder in _folders(Path(root))]


def remove_run(name: str, root: str | Path = ROOT) -> Path:
    """Remove a run's folder; gone at once for readers."""
    folder = load_run(name, root).folder
    with writing(folder):
        away = folder.with_name(f".old-{uuid.uuid4().hex}")
        folder.rename(away)
        shutil.rmtree(away)
    return folder


def describe(manifest: Mapping[str, Any]) -> str:
    """Strategy with parameters and its data in a few words."""
    params = ", ".join(f"{name}={value}" for name, value in manifest["params"].items())
    data = manifest["data"]
    names = " ".join(name for name in data["names"] if name) or f"bars of {data['interval']}"
    return f"{manifest['strategy']['name']}({params}) on {names}"


class _Files(dict[str, pl.DataFrame]):
    """Frames of a folder, read when asked for; those without columns were not written."""

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        super().__init__()
        self._folder, self._files = folder, files

    def __missing__(self, name: str) -> pl.DataFrame:
        if name not in self._files:
            return pl.DataFrame()
        path = self._folder / Path(self._files[name]).name
        try:
            self[name] = pl.read_parquet(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise StoreError(f"{path} cannot be read ({error}). Save the run again.") from error
        return self[name]


def _open(folder: Path) -> SavedRun:
    """The folder's small documents; frames wait until they are asked for."""
    manifest = _read_json(folder / "manifest.json")
    metrics = _read_json(folder / "metrics.json")
    evidence = _read_json(folder / "evidence.json")
    try:
        if evidence["schema"] != SCHEMA:
            raise StoreError(
                f"{folder} was written by another version ({evidence['schema']}). "
                "Run it again to save it anew."
            )
        return SavedRun(folder, manifest, metrics["metrics"], evidence["verdict"])
    except (KeyError, TypeError) as error:
        raise StoreError(f"{folder} is damaged: {error!r} is missing. Remove it.") from error


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise StoreError(f"{path} is damaged: {error}. Remove the run's folder.") from error


def _dump(body: Any) -> bytes:
    """NaN never gets here: numbers that JSON lacks are encoded before."""
    return json.dumps(body, indent=1, default=str, allow_nan=False).encode()


def _file_of(name: str, number: int) -> str:
    plain = name.removeprefix("run.")
    return f"{plain if plain.isidentifier() else f'frame-{number}'}.parquet"


def _is_saved(folder: Path, manifest: Mapping[str, Any]) -> bool:
    """Whether the folder holds this run with these results, in the present form."""
    try:
        kept = _open(folder).manifest
    except StoreError:
        return False
    names = ("run_id", "results", "trials")
    return [kept.get(name) for name in names] == [manifest.get(name) for name in names]


def _publish(folder: Path, content: Mapping[str, bytes]) -> None:
    """Write the files beside and give the whole folder its name in one step."""
    make_folder(folder.parent)
    beside = folder.with_name(f".new-{uuid.uuid4().hex}")
    with writing(folder.parent):
        try:
            beside.mkdir()
            for name, data in content.items():
                write_durably(beside / name, data)
            flush_folder(beside)
            if folder.exists():
                away = folder.with_name(f".old-{uuid.uuid4().hex}")
                folder.rename(away)
                beside.rename(folder)
                shutil.rmtree(away)
            else:
                beside.rename(folder)
            flush_folder(folder.parent)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _folders(root: Path) -> Iterator[Path]:
    """Run folders, the newest first."""
    if not root.is_dir():
        return
    places = [p for p in root.iterdir() if p.name[0] != "." and (p / "manifest.json").is_file()]
    yield from sorted(places, key=lambda p: (-p.stat().st_mtime_ns, p.name))


def _nth(folders: Sequence[Path], name: str, root: Path) -> Path:
    """The run that ``latest`` or ``latest~n`` means."""
    back = name.partition("~")[2] or "0"
    if not back.isdecimal() or int(back) >= len(folders):
        raise MissingDataError(f"{name!r}: {len(folders)} runs are saved in {root}.")
    return folders[int(back)]
