"""The report's sections, one idea a file, in page order."""

from trade_research.report.section import SectionFunction
from trade_research.report.sections.calendar import calendar
from trade_research.report.sections.costs import costs
from trade_research.report.sections.data import data
from trade_research.report.sections.definitions import definitions
from trade_research.report.sections.drawdowns import drawdowns
from trade_research.report.sections.equity import equity
from trade_research.report.sections.exposure import exposure
from trade_research.report.sections.headline import headline
from trade_research.report.sections.manifest import manifest
from trade_research.report.sections.orders import orders
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
    "trades": trades,
    "orders": orders,
    "data": data,
    "manifest": manifest,
    "definitions": definitions,
}
