"""What the best of a sweep is worth: the evidence, from what its scorer gives."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from trade_research.evidence.sweeps import sweep_evidence
from trade_research.evidence.tried import rows_to_test
from trade_research.metrics.returns import returns_of
from trade_research.research.setup import Hold
from trade_research.research.sweep_scorer import MOMENTS
from trade_research.sweep.scores import block_edges
from trade_research.sweep.space import Configurations, columns_of, varied

if TYPE_CHECKING:
    from trade_research.evidence.luck import TrialCount
    from trade_research.evidence.sweep_facts import SweepEvidence
    from trade_research.kernels.jit import F64, I64
    from trade_research.research.swept import Sweep


def evidence_of(sweep: Sweep, trials: TrialCount | None) -> SweepEvidence:
    """All evidence on a sweep, with the trials that the ledger counts; None: nobody knows."""
    table = sweep.parts.scan().select(*sweep.axes, *MOMENTS).collect()
    moments = table.select(MOMENTS).to_numpy()
    axes = columns_of(table.select(sweep.axes))
    rows = rows_to_test(moments)

    def some(which: I64) -> Configurations:
        return Configurations({name: column[which] for name, column in axes.items()}, which)

    ground = next(iter(sweep.scorer.grounds.values()))
    return sweep_evidence(
        moments=moments,
        blocks=lambda which: sweep.scorer.score(some(which)).blocks,
        block_days=np.diff(block_edges(len(np.unique(ground.sessions)))),
        day_returns=sweep.scorer.day_returns(some(rows)),
        rows=rows,
        axes=varied(axes),
        per_year=sweep.scorer.data.sessions_per_year,
        trials=trials,
        benchmark=_held(sweep),
    )


def _held(sweep: Sweep) -> F64 | None:
    """Day returns of buying and holding; None where the instrument is an axis."""
    scorer = sweep.scorer
    if scorer.instruments:
        return None
    ground, setup = scorer.grounds[""], replace(scorer.setup, start=sweep.start)
    last = np.flatnonzero(np.append(np.diff(ground.sessions) != 0, True))
    return returns_of(Hold(ground.data, setup).result.equity[last], setup.cash)
