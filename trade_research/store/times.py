"""Moments users type, as microseconds since 1970 UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from trade_research.errors import ConfigError

Moment = str | date | datetime
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_moment(value: Moment, what: str) -> datetime:
    """`value` as an aware UTC datetime; ISO text, dates and datetimes, naive ones taken as UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ConfigError(
                f"{what} {value!r} is not a time. Write it as 2021-01-31 or 2021-01-31T12:00:00Z."
            ) from None
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise ConfigError(f"{what} is a {type(value).__name__}. Give text, a date or a datetime.")


def micros(moment: datetime) -> int:
    """Microseconds since 1970 UTC of an aware datetime, exactly."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(us: int) -> datetime:
    """The aware UTC datetime `us` microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=us)


def parse_span(start: Moment | None, end: Moment | None) -> tuple[datetime | None, datetime | None]:
    """Both ends of a span ``[start, end)``; a span that ends before it starts is refused."""
    first = None if start is None else parse_moment(start, "start")
    last = None if end is None else parse_moment(end, "end")
    if first is not None and last is not None and last < first:
        raise ConfigError(
            f"the span ends ({last:%Y-%m-%d %H:%M}) before it starts ({first:%Y-%m-%d %H:%M})."
        )
    return first, last
