"""What a valid table is: schemas, intervals, calendars, resample, align, adjust, audit."""

from trade_research.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "ACTION_SCHEMA": "adjust",
        "BAR_COLUMNS": "bars",
        "Calendar": "calendars",
        "Interval": "intervals",
        "KINDS": "verdicts",
        "VERDICT_SCHEMA": "verdicts",
        "adjust_bars": "adjust",
        "align": "align",
        "audit": "verdicts",
        "check_actions": "adjust",
        "check_bars": "bars",
        "columns": "columns",
        "get_calendar": "calendars",
        "interval_of": "bars",
        "parse_interval": "intervals",
        "resample": "resample",
        "resample_flagged": "resample",
        "to_bars": "bars",
    },
)
