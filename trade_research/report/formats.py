"""Numbers as text: fixed formats, ASCII minus, "–" for what is undefined. One format a unit."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime

NONE = "–"


def _known(value: float | int | None) -> bool:
    return value is not None and math.isfinite(value)


def percent(value: float | None, digits: int = 1, *, signed: bool = False) -> str:
    """0.1234 as "12.3%", a million per cent and more as "3.4e+09%"; infinite, NaN, None as "–"."""
    if value is None or not math.isfinite(value):
        return NONE
    if abs(value) >= 1e4:
        return f"{100 * value:{'+' if signed else ''}.2g}%"
    value = value if round(abs(value) * 100, digits) else 0.0
    return f"{100 * value:{'+' if signed and value else ''},.{digits}f}%"


def made(gain: float | None) -> str:
    """A return in words: "made 3.0%", "lost 12.1%"."""
    if gain is None:
        return f"made {NONE}"
    return f"{'lost' if gain < 0 else 'made'} {percent(abs(gain))}"


def ratio(value: float | None, digits: int = 2) -> str:
    """A dimensionless number; "inf" stays "inf" because a profit factor without losses is one."""
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return f"{value if round(abs(value), digits) else 0.0:,.{digits}f}"


def money(value: float | None) -> str:
    """Whole units from 1,000 on, cents below; thousands separated."""
    if value is None or not math.isfinite(value):
        return NONE
    digits = 0 if abs(value) >= 1000 else 2
    return f"{value if round(abs(value), digits) else 0.0:,.{digits}f}"


def short_money(value: float, digits: int = 4) -> str:
    """Labels in charts, to so many digits: 1.2M, 250k, 80."""
    if not math.isfinite(value):
        return NONE
    value = value or 0.0  # no "-0"
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.{digits}g}{unit}"
    return f"{value:.{digits}g}"


def basis_points(value: float | None, digits: int = 1) -> str:
    """A number of basis points, "14.2 bp"."""
    if value is None or not math.isfinite(value):
        return NONE
    return f"{value if round(abs(value), digits) else 0.0:,.{digits}f} bp"


def count(value: float | int | None) -> str:
    """A whole number with thousands separated."""
    if value is None or not math.isfinite(value):
        return NONE
    return f"{round(value):,d}"


def axis(value: float) -> str:
    """Axis labels of ratios: as many digits as a round number has."""
    return f"{value or 0.0:,g}"


def whole(value: float) -> str:
    """Axis labels of counts: nothing at half a trade."""
    return count(value) if value == int(value) else ""


def plural(number: int, noun: str, many: str = "") -> str:
    """ "1 trade", "2 trades", "no trades"."""
    word = noun if number == 1 else many or noun + "s"
    return f"{'no' if number == 0 else f'{number:,d}'} {word}"


def day(moment: datetime | date | None) -> str:
    """UTC date, ISO."""
    if moment is None:
        return NONE
    return f"{moment:%Y-%m-%d}"


def minute(moment: datetime | None) -> str:
    """UTC date, and the time of day where it is not midnight."""
    if moment is None:
        return NONE
    moment = moment.astimezone(UTC) if moment.tzinfo else moment
    at_midnight = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return f"{moment:%Y-%m-%d}" if at_midnight else f"{moment:%Y-%m-%d %H:%M}"


def price(value: float | None) -> str:
    """Six significant digits, never in exponent form for ordinary prices."""
    if value is None or not math.isfinite(value):
        return NONE
    if value == 0:
        return "0"
    digits = max(0, min(8, 5 - math.floor(math.log10(abs(value)))))
    return f"{value:,.{digits}f}"


def short(text: str, limit: int = 80) -> str:
    """Names as long as a page are cut in the middle, with how much was left out."""
    if len(text) <= limit:
        return text
    keep = limit // 2
    return f"{text[:keep]}…{text[-(keep // 2) :]} ({len(text):,d} characters)"


def by_unit(value: float | int | None, unit: str) -> str:
    """A metric in its definition's unit: fraction, ratio, count, money, bars, time or bp."""
    if value is None or not math.isfinite(value):
        return NONE
    if unit == "bars":
        return ratio(value, 1) if value % 1 else count(value)
    if unit == "time":
        return f"{value:,.1f} d" if value < 10 and value % 1 else f"{value:,.0f} d"
    forms = {
        "fraction": lambda v: percent(v, 2),
        "count": count,
        "money": money,
        "bp": basis_points,
    }
    return forms.get(unit, ratio)(value)
