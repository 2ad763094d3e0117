"""Run again what a page or a run folder says was run, and compare the hashes."""

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
from trade_research.research.backtest import Backtest, backtest
from trade_research.research.source import module_of
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits

if TYPE_CHECKING:
    from collections.abc import Callable

    from trade_research.store.query import Query
    from trade_research.strategies.strategy import Strategy


@dataclass(frozen=True)
class Again:
    """A run repeated: each hash as it was and as it is now; `ok` when all are equal."""

    run: Backtest
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
    """Repeat the run of a manifest: same data, strategy, parameters, costs and account.

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
        setup, params = dict(manifest["setup"]), dict(manifest["params"])
        results = manifest["results"]
        known: dict[str, Any] = {
            "costs": Costs(**setup["costs"]),
            "account": Account(**setup["account"]),
            "exits": None if setup["exits"] is None else Exits(**setup["exits"]),
            "rules": None if setup["rules"] is None else Rules(**setup["rules"]),
            "portfolio": decode(setup["portfolio"], {}),
        }
        if isinstance(known["portfolio"], Kept):
            raise ConfigError(f"a portfolio of your own cannot be made again: {known['portfolio']}")
        rest = {k: v for k, v in setup.items() if k not in known}
        facts = manifest["data"]
        loaded = _strategy(manifest["strategy"], strategy, say)
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"the manifest cannot be run again: {error!r} in it.") from error
    bars = _query(manifest, store) if data is None else data
    calendar = facts["calendar"] if data is not None else None
    run = backtest(loaded, bars, calendar=calendar, **known, **rest, **params)
    now = result_hashes(run.equity, run.trades)
    return Again(
        run,
        {
            "source": (manifest["strategy"]["source_hash"], loaded.source_hash),
            "data": (facts["hash"], run.data.content_hash),
            "equity": (results["equity"], now["equity"]),
            "trades": (results["trades"], now["trades"]),
        },
    )


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
