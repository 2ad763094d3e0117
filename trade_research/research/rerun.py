"""Run again what a page or a run folder says was run or swept, and compare the hashes."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trade_research.errors import ConfigError, StrategyError, TradeResearchError
from trade_research.report.embed import result_hashes
from trade_research.report.record import Kept, decode
from trade_research.report.sweep_block import sweep_hashes
from trade_research.research.backtest import Backtest, backtest
from trade_research.research.source import module_of
from trade_research.research.sweep import sweep
from trade_research.research.sweep_worth import evidence_of
from trade_research.research.swept import Sweep
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits
from trade_research.store.ledger import Trials
from trade_research.strategies.declare import Span

if TYPE_CHECKING:
    from collections.abc import Callable

    from trade_research.store.query import Query
    from trade_research.strategies.strategy import Strategy


@dataclass(frozen=True)
class Again:
    """A run or sweep repeated: each hash as it was and as it is now; `ok` when all are equal."""

    run: Backtest | Sweep
    hashes: Mapping[str, tuple[str, str]]

    @property
    def ok(self) -> bool:
        return all(was == now for was, now in self.hashes.values())


def run_again(
    manifest: Mapping[str, Any],
    store: Path,
    *,
    strategy: str | None = None,
    data: Any = None,
    say: Callable[[str], None] = lambda text: None,
) -> Again:
    """Repeat the run or sweep of a manifest: same data, strategy, values, costs and account.

    The evidence on a sweep discounts as many trials as there were then.

    Parameters
    ----------
    manifest : mapping
        Of a run folder or a page.
    store : Path
        Root of the store that the data are read from, in the version that was read.
    strategy : str, optional
        Where the strategy is, as `load_strategy` takes it. By default a shipped strategy of that
        name if it is the same, else the source in the manifest, **which is then executed**.
    data : Query or DataFrame, optional
        Instead of the store's: for runs on bare frames.
    say : callable
        Is told, before it happens, that the manifest's source is executed.

    Raises
    ------
    ConfigError
        The manifest lacks something, or the run was not on a store's data and `data` is missing.
    StrategyError
        The strategy cannot be loaded.
    """
    try:
        facts, was = manifest["data"], dict(manifest["results"])
        was |= {"source": manifest["strategy"]["source_hash"], "data": facts["hash"]}
        setup = _setup(manifest["setup"])
        values = dict(manifest["params"]) if "params" in manifest else _space(manifest["space"])
        counted = None if manifest.get("trials") is None else Trials(**manifest["trials"])
        loaded = _strategy(manifest["strategy"], strategy, say)
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"the manifest cannot be run again: {error!r} in it.") from error
    bars = _query(manifest, store) if data is None else data
    setup["calendar"] = facts["calendar"] if data is not None else None
    if isinstance(facts["funding"], float):  # else it is the store's
        setup["funding"] = facts["funding"]
    run: Backtest | Sweep
    if "params" in manifest:
        run = backtest(loaded, bars, **setup, **values)
        now = {"data": run.data.content_hash, **result_hashes(run.equity, run.trades)}
    else:
        run = sweep(loaded, bars, **{**setup, **values})
        found = evidence_of(run, counted)
        now = {
            "data": run.scorer.data.content_hash,
            **sweep_hashes(run.parts.scan().collect(), found),
        }
    now["source"] = loaded.source_hash
    return Again(run, {name: (str(was.get(name)), now[name]) for name in now})


def _setup(setup: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a run or sweep from what its manifest says of them."""
    known: dict[str, Any] = {
        "costs": Costs(**setup["costs"]),
        "account": Account(**setup["account"]),
        "exits": None if setup["exits"] is None else Exits(**setup["exits"]),
        "rules": None if setup["rules"] is None else Rules(**setup["rules"]),
        "portfolio": decode(setup["portfolio"], {}),
    }
    if isinstance(known["portfolio"], Kept):
        raise ConfigError(f"a portfolio of your own cannot be made again: {known['portfolio']}")
    return dict(setup) | known


def _space(space: Mapping[str, Any]) -> dict[str, Any]:
    """Axes, constraint and method of a sweep from what its manifest says of them."""
    axes = {
        name: Span(**axis) if isinstance(axis, Mapping) else axis
        for name, axis in space["axes"].items()
    }
    return {name: value for name, value in space.items() if name != "axes"} | axes


def _strategy(facts: Mapping[str, Any], ref: str | None, say: Callable[[str], None]) -> Strategy:
    """As asked for; shipped, if it is the same; else from its text."""
    from trade_research.strategies.load import is_shipped, load_strategy

    name = facts["name"]
    if ref is not None:
        return load_strategy(ref)
    if is_shipped(name) and (own := load_strategy(name)).source_hash == facts["source_hash"]:
        return own
    if not facts["source"]:
        raise StrategyError(
            f"the text of {name} was not kept; name its file: --strategy FILE.py:{name}"
        )
    say(f"executing the embedded source of {name}: run again only what you trust")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"embedded_{name}.py"
        text = module_of(facts.get("prelude", ""), facts["source"])
        file.write_text(text, encoding="utf-8")
        try:
            return load_strategy(f"{file}:{name}")
        except TradeResearchError as error:
            raise StrategyError(
                f"the embedded source of {name} does not stand alone ({error}); "
                f"name its file: --strategy FILE.py:{name}"
            ) from error


def _query(manifest: Mapping[str, Any], store: Path) -> Query:
    """The query of the manifest, in the versions that were read where they are still there."""
    from trade_research.store.store import Store

    facts = manifest["data"]
    if not facts["stored"]:
        raise ConfigError("the run read bars that were not from a store: name them with --data")
    span = [
        None if facts[k] is None else datetime.fromisoformat(facts[k]) for k in ("start", "end")
    ]
    query = Store(store).query(list(facts["names"]), *span, adjust=facts["adjust"])
    versions = manifest.get("versions_of_data") or [source.version for source in query.sources]
    if len(versions) != len(query.sources):
        return query
    sources = [_as_of(store, name, v) for name, v in zip(facts["names"], versions, strict=True)]
    return dataclasses.replace(query, sources=tuple(sources))


def _as_of(store: Path, name: str, version: int) -> Any:
    """One instrument's source in a version; the newest where that version never was here."""
    from trade_research.store.store import Store

    opened = Store(store)
    newest = opened.query(name).sources[0]
    if not 1 <= version <= newest.version:
        return newest
    return opened.query(name, as_of=version).sources[0]
