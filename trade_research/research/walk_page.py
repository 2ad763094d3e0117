"""A walk forward as what a report shows."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from trade_research.report.run import StrategyInfo
from trade_research.report.walkforward import WalkView
from trade_research.settings.in_force import hash_in_force

if TYPE_CHECKING:
    from trade_research.research.walked import WalkForward


def view_of(found: WalkForward) -> WalkView:
    """Everything a report shows of a walk forward."""
    rule, walked = found.strategy, found.walk
    return WalkView(
        title=f"{rule.name} walked forward",
        strategy=StrategyInfo(rule.name, rule.doc, rule.source, rule.source_hash),
        instruments=tuple(name or "bars" for name in found.data.instruments),
        interval=found.data.interval.text,
        word=found.word,
        verdict=found.verdict,
        folds=found.folds,
        equity=found.equity,
        axes=tuple(walked.configurations.values),
        metric=walked.metric,
        train=found.train,
        test=found.test,
        anchored=found.anchored,
        configurations=len(walked.configurations),
        initial_cash=walked.initial_cash,
        efficiency=found.efficiency,
        stability=found.stability,
        luck=found.evidence,
        max_drawdown=found.metrics["max_drawdown"],
        trials=None if found.trials is None else found.trials.n,
        notes=tuple(found.warnings),
        manifest={
            "data": ", ".join(found.data.query.names) if found.data.query else "bars of a frame",
            "data hash": found.data.content_hash,
            "train": found.train,
            "test": found.test,
            "anchored": found.anchored,
            "space": {name: len(values) for name, values in found.space.levels.items()},
            "where": found.space.where,
            "costs": asdict(found.setup.costs),
            "account": found.setup.account.kind,
            **hash_in_force(),
        },
    )
