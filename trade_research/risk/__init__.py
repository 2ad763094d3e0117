"""An order in, a verdict out: the limits of an account, as pure functions of order and state."""

from trade_research.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Approved": "check",
        "Limits": "limits",
        "Refused": "check",
        "RiskState": "state",
        "breach": "check",
        "check": "check",
    },
)
