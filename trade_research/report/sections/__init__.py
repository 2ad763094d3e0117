"""The report's sections, one idea a file, in page order."""

from trade_research.report.section import SectionFunction
from trade_research.report.sections.benchmark import benchmark
from trade_research.report.sections.calendar import calendar
from trade_research.report.sections.contribution import contribution
from trade_research.report.sections.costs import costs
from trade_research.report.sections.data import data
from trade_research.report.sections.definitions import definitions
from trade_research.report.sections.drawdowns import drawdowns
from trade_research.report.sections.equity import equity
from trade_research.report.sections.exposure import exposure
from trade_research.report.sections.headline import headline
from trade_research.report.sections.luck import luck
from trade_research.report.sections.manifest import manifest
from trade_research.report.sections.orders import orders
from trade_research.report.sections.signals import signals
from trade_research.report.sections.stability import stability
from trade_research.report.sections.tails import tails
from trade_research.report.sections.tracker import record
from trade_research.report.sections.trades import trades
from trade_research.report.sections.verdict import verdict

SECTIONS: dict[str, SectionFunction] = {
    "verdict": verdict,
    "headline": headline,
    "equity": equity,
    "calendar": calendar,
    "drawdowns": drawdowns,
    "costs": costs,
    "exposure": exposure,
    "contribution": contribution,
    "trades": trades,
    "signals": signals,
    "record": record,
    "stability": stability,
    "luck": luck,
    "tails": tails,
    "benchmark": benchmark,
    "orders": orders,
    "data": data,
    "manifest": manifest,
    "definitions": definitions,
}
