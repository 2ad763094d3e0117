"""A sweep on a dask cluster: workers get query and strategy's text, and read the bars themselves.

A part is one task under a name of its own: a worker that is lost has its parts done by others, a
part that comes twice is the same, and what is kept is kept once.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trade_research.errors import ConfigError, StrategyError
from trade_research.research.data import Data, funded, read_data
from trade_research.research.source import module_of, prelude_of
from trade_research.research.sweep_scorer import Scorer, table_of
from trade_research.store.remote import RemoteStore, origin_of
from trade_research.store.store import Store
from trade_research.strategies.load import SHIPPED, load_strategy

if TYPE_CHECKING:
    from trade_research.research.progress import Bar
    from trade_research.research.sweep_parts import Parts
    from trade_research.research.sweep_run import Count, Plan
    from trade_research.strategies.strategy import Strategy
    from trade_research.sweep.scores import Scores
    from trade_research.sweep.space import Configurations

_AHEAD = 4  # parts waiting for each thread of the cluster
_RETRIES = 10  # times a part may lose its worker


@dataclass(frozen=True)
class Job:
    """All that a worker needs to score any part: small, and the same for every part."""

    key: str
    name: str
    source_hash: str
    text: str
    place: str
    names: tuple[str, ...]
    start: Any
    end: Any
    versions: tuple[int, ...]
    adjust: str | None
    data_hash: str
    funding: Any
    rules: Mapping[str, Any]


def job_of(plan: Plan) -> Job:
    """The job of a plan.

    Raises
    ------
    ConfigError
        The bars are not a store's, so nobody else can read them.
    """
    scorer, data = plan.scorer, plan.scorer.data
    if data.query is None:
        raise ConfigError(
            "a cluster reads the bars itself, and these are not from a store: pass store.query(…)"
        )
    query, strategy = data.query, scorer.strategy
    is_shipped = strategy.name in SHIPPED and (
        load_strategy(strategy.name).source_hash == strategy.source_hash
    )
    identity = json.dumps(plan.identity, sort_keys=True, default=str)
    return Job(
        key=hashlib.sha256(identity.encode()).hexdigest()[:24],
        name=strategy.name,
        source_hash=strategy.source_hash,
        text="" if is_shipped else module_of(prelude_of(strategy), strategy.source),
        place=origin_of(query.root) or str(Path(query.root).absolute()),
        names=query.names,
        start=query.start,
        end=query.end,
        versions=tuple(source.version for source in query.sources),
        adjust=query.adjust,
        data_hash=data.content_hash,
        funding=data.funding,
        rules={
            "setup": scorer.setup,
            "start": scorer.start,
            "risk_free": scorer.risk_free,
            "portfolio": scorer.portfolio,
            "instruments": scorer.instruments,
        },
    )


def score_part(job: Job, found: Configurations) -> Scores:
    """The results of some configurations, on a worker; what the sender has is not sent back."""
    with _making:
        if job.key not in _scorers:
            _scorers.clear()  # a worker holds the bars of one sweep
            _scorers[job.key] = _scorer(job)
        scorer = _scorers[job.key]
    scores = scorer.score(found, threads=1)
    return dataclasses.replace(scores, configurations=found[:0], blocks=scores.blocks[:0])


_scorers: dict[str, Scorer] = {}
_making = threading.Lock()


def _scorer(job: Job) -> Scorer:
    strategy = _strategy(job)
    kind = job.rules["setup"].account.kind
    data = funded(_data(job), job.funding, account=kind, reads=strategy.reads)
    return Scorer(strategy=strategy, data=data, **job.rules)


def _strategy(job: Job) -> Strategy:
    """The strategy, which must be the one that was swept."""
    if not job.text:
        found = load_strategy(job.name)
    else:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"swept_{job.name}.py"
            file.write_text(job.text, encoding="utf-8")
            found = load_strategy(f"{file}:{job.name}")
    if found.source_hash != job.source_hash:
        raise StrategyError(
            f"{job.name} is another strategy on this worker: its text does not stand alone, or the "
            "worker has another version of this package"
        )
    return found


def _data(job: Job) -> Data:
    """The bars, which must be those that were swept."""
    store = RemoteStore(job.place) if "://" in job.place else Store(job.place)
    query = store.query(list(job.names), job.start, job.end, adjust=job.adjust)
    if tuple(source.version for source in query.sources) != job.versions:
        each = [store.query(n, as_of=v) for n, v in zip(job.names, job.versions, strict=True)]
        query = dataclasses.replace(query, sources=tuple(one.sources[0] for one in each))
    data = read_data(query)
    if data.content_hash != job.data_hash:
        raise ConfigError(f"{job.place}: a worker reads other bars there than were swept")
    return data


def on_cluster(plan: Plan, parts: Parts, count: Count, line: Bar, client: Any) -> None:
    """Part after part on the workers of a `dask.distributed.Client`."""
    if not hasattr(client, "submit") or not hasattr(client, "ncores"):
        raise ConfigError(f"executor={client!r} is neither 'threads' nor a dask.distributed.Client")
    from distributed import as_completed

    from trade_research.research.sweep_run import keep

    job = job_of(plan)
    waiting = _todo(plan, parts, line)
    running: Any = as_completed()  # type: ignore[no-untyped-call]
    doing: dict[Any, tuple[int, Configurations]] = {}

    def fill() -> None:
        most = _AHEAD * max(sum(client.ncores().values()), 1)
        while len(doing) < most:
            item = next(waiting, None)
            if item is None:
                return
            number, found = item
            task = client.submit(
                score_part, job, found, key=f"sweep-{job.key}-{number}", retries=_RETRIES
            )
            doing[task] = item
            running.add(task)

    try:
        fill()
        for task in running:
            number, found = doing.pop(task)
            keep(parts, count, number, found, table_of(task.result(), found))
            line.advance(plan.numbers(number))
            fill()
    finally:
        if doing:
            client.cancel(list(doing))


def _todo(plan: Plan, parts: Parts, line: Bar) -> Iterator[tuple[int, Configurations]]:
    """Parts that are not there yet and hold anything."""
    for number in range(plan.n_parts):
        found = plan.part(number)
        if number in parts or not len(found):
            line.advance(plan.numbers(number))
        else:
            yield number, found
