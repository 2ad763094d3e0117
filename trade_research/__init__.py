"""Research and backtesting: one strategy function, written once, from notebook to market.

>>> import trade_research as tr
>>> bars = tr.Store("datasets").bars("SP500", "1d")                         # doctest: +SKIP
>>> run = tr.backtest(tr.strategies.ma_crossover, bars, fast=20, slow=100)  # doctest: +SKIP
>>> run.metrics["sharpe"], run.report("reports/ma.html")                    # doctest: +SKIP

Importing this package loads nothing heavy: each name is imported when it is first used.
"""

from typing import TYPE_CHECKING

from trade_research.lazy import attach

__version__ = "0.1.0"

if TYPE_CHECKING:
    from trade_research import frames, indicators, portfolio, sources, strategies
    from trade_research.errors import TradeResearchError
    from trade_research.frames.calendars import Calendar
    from trade_research.kernels.jit import kernel
    from trade_research.portfolio.blend import blend
    from trade_research.portfolio.caps import Caps
    from trade_research.portfolio.optimise import MeanVariance, RiskParity
    from trade_research.portfolio.sizing import EqualWeight, InverseVolatility
    from trade_research.portfolio.volatility import VolatilityTarget
    from trade_research.research.ablation import ablation
    from trade_research.research.backtest import Backtest, backtest
    from trade_research.research.book_quoter import backtest_quoter
    from trade_research.research.book_replay import paper_books
    from trade_research.research.certify import certify
    from trade_research.research.check import check
    from trade_research.research.fingerprints import fingerprints
    from trade_research.research.noise import noise_test
    from trade_research.research.record import record_books
    from trade_research.research.replay import replay
    from trade_research.research.runs import load_run
    from trade_research.research.screen import screen
    from trade_research.research.sweep import sweep
    from trade_research.research.swept import Sweep
    from trade_research.research.track import track
    from trade_research.research.walked import WalkForward
    from trade_research.research.walkforward import walk_forward
    from trade_research.risk.limits import Limits
    from trade_research.simulate.accounts import Account, Rules
    from trade_research.simulate.costs import Costs
    from trade_research.simulate.exits import Exits
    from trade_research.sources.books import read_books
    from trade_research.sources.files import read_bars
    from trade_research.store.remote import RemoteStore
    from trade_research.store.store import Store
    from trade_research.strategies.confirm import confirm
    from trade_research.strategies.load import load_strategy
    from trade_research.strategies.quoter import quoter
    from trade_research.strategies.regime import only_in_regime
    from trade_research.strategies.strategy import Col, Panel, Span, Strategy, strategy
    from trade_research.strategies.vote import vote

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Account": "simulate.accounts",
        "Backtest": "research.backtest",
        "Calendar": "frames.calendars",
        "Caps": "portfolio.caps",
        "Col": "strategies.strategy",
        "Costs": "simulate.costs",
        "EqualWeight": "portfolio.sizing",
        "Exits": "simulate.exits",
        "InverseVolatility": "portfolio.sizing",
        "Limits": "risk.limits",
        "MeanVariance": "portfolio.optimise",
        "Panel": "strategies.strategy",
        "RiskParity": "portfolio.optimise",
        "Rules": "simulate.accounts",
        "Span": "strategies.strategy",
        "RemoteStore": "store.remote",
        "Store": "store.store",
        "Strategy": "strategies.strategy",
        "TradeResearchError": "errors",
        "VolatilityTarget": "portfolio.volatility",
        "WalkForward": "research.walked",
        "ablation": "research.ablation",
        "backtest": "research.backtest",
        "backtest_quoter": "research.book_quoter",
        "blend": "portfolio.blend",
        "certify": "research.certify",
        "check": "research.check",
        "confirm": "strategies.confirm",
        "fingerprints": "research.fingerprints",
        "frames": "",
        "indicators": "",
        "kernel": "kernels.jit",
        "load_run": "research.runs",
        "noise_test": "research.noise",
        "load_strategy": "strategies.load",
        "only_in_regime": "strategies.regime",
        "read_bars": "sources.files",
        "read_books": "sources.books",
        "record_books": "research.record",
        "replay": "research.replay",
        "paper_books": "research.book_replay",
        "portfolio": "",
        "quoter": "strategies.quoter",
        "screen": "research.screen",
        "sources": "",
        "strategies": "",
        "strategy": "strategies.strategy",
        "Sweep": "research.swept",
        "sweep": "research.sweep",
        "track": "research.track",
        "vote": "strategies.vote",
        "walk_forward": "research.walkforward",
    },
)
