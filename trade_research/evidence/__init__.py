"""Is it real? The three laws checked on data, how much cost an edge survives, how sure one is."""

from trade_research.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "CausalityVerdict": "causality",
        "Check": "check",
        "Leak": "leak",
        "CostLevel": "budget",
        "EdgeBudget": "budget",
        "ReplayVerdict": "replay",
        "WarmupVerdict": "warmup",
        "Estimate": "estimates",
        "Evidence": "statistics",
        "Overfit": "overfit",
        "Plateau": "plateau",
        "Superiority": "superior",
        "SweepEvidence": "sweep_facts",
        "gather": "statistics",
        "minimum_track_record": "luck",
        "pbo": "overfit",
        "plateau": "plateau",
        "superior": "superior",
        "sweep_evidence": "sweeps",
        "check": "check",
        "check_books": "books",
        "check_causality": "causality",
        "check_replay": "replay",
        "check_warmup": "warmup",
        "edge_budget": "budget",
    },
)
