"""A running session on the whole screen, when there is one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

Status = dict[str, Any]
WIDTH = 20
NEAR = 0.8
MOST_ROWS = 20


@contextmanager
def watching(*, quiet: bool) -> Iterator[Callable[[Status], None] | None]:
    """What a runner may call with its status: draws it on a terminal, and is None elsewhere."""
    if quiet or not sys.stdout.isatty():
        yield None
        return
    from rich.live import Live

    with Live(screen=True, refresh_per_second=4) as live:
        yield lambda status: live.update(screen(status))


def screen(status: Status) -> Group:
    """A status as panels: the account, its symbols, and how near its limits are."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.text import Text

    title = f"{status['session']}  {'running' if status.get('is_running') else 'ended'}"
    style = "red" if status["latch"] or status["strategy_errors"] else "green"
    panels = [
        Panel(_account(status), title=Text(title), border_style=style),
        Panel(_symbols(status), title="symbols"),
    ]
    if status["limits"]:
        panels.append(Panel(_limits(status["limits"]), title="limits"))
    return Group(*panels)


def _account(status: Status) -> Group:
    """Money, bars and lag, and what keeps the session from trading."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    errors = status["strategy_errors"]
    opened = datetime.fromtimestamp(max(status["last_open_us"], 0) / 1e6, UTC)
    table = Table.grid(padding=(0, 3))
    rows = (
        ("equity", f"{status['equity']:,.2f}", "P&L in all", f"{status['pnl']:+,.2f}"),
        ("cash", f"{status['cash']:,.2f}", "P&L today", f"{status['day_pnl']:+,.2f}"),
        ("bars", f"{status['rows']:,}", "last opened", f"{opened:%Y-%m-%d %H:%M} UTC"),
        ("lag", f"{status['lag_ms']:,.0f} ms", "repeated bars", f"{status['duplicates']:,}"),
        ("orders today", f"{status['orders_today']}", "records", f"{status['records']:,}"),
    )
    for left, value, right, other in rows:
        table.add_row(Text(left, "dim"), Text(value), Text(right, "dim"), _signed(other))
    lines = [
        ("latch", f"{status['latch']}: only reducing orders pass" if status["latch"] else ""),
        ("recheck", status["recheck"]),
        ("errors", f"{errors} of the strategy" if errors else ""),
    ]
    told = [Text(f"{name:15}", "dim").append(text, "bold") for name, text in lines if text]
    return Group(table, *told)


def _symbols(status: Status) -> Table:
    """The last bar of each symbol, what is wanted of it and what is held; those held first."""
    from rich.table import Table
    from rich.text import Text

    held, marks = status["positions"], status["marks"]
    table = Table(box=None, padding=(0, 1), expand=True)
    table.add_column("symbol", ratio=1, no_wrap=True)
    for name in ("open", "high", "low", "close", "target", "units", "P&L"):
        table.add_column(name, justify="right", no_wrap=True)
    names = sorted(status["targets"], key=lambda name: (name not in held, name))
    for name in names[:MOST_ROWS]:
        units, weight = held.get(name), status["targets"][name]
        *prices, close = status["bars"].get(name, [None] * 5)[:4]
        table.add_row(
            Text(name),
            *("" if price is None else f"{price:,.6g}" for price in prices),
            f"{marks[name] if close is None else close:,.6g}" if name in marks else "",
            "" if weight is None else f"{weight:+.1%}",
            "" if units is None else f"{units:,.6g}",
            "" if units is None else _signed(f"{status['open_pnl'][name]:+,.2f}"),
        )
    if len(names) > MOST_ROWS:
        table.add_row(Text(f"and {len(names) - MOST_ROWS} more", "dim"))
    return table


def _limits(limits: Sequence[tuple[str, float, float]]) -> Table:
    """Each limit as a bar that fills up."""
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for name, used, most in limits:
        share = used / most if most > 0.0 else 1.0
        filled = min(round(share * WIDTH), WIDTH)
        style = "red" if share >= 1.0 else "yellow" if share >= NEAR else "green"
        bar = Text("█" * filled, style).append("░" * (WIDTH - filled), "dim")
        percent = Text(f"{share:.0%}", style, justify="right")
        numbers = (f"{x:,}" if isinstance(x, int) else f"{x:,.2f}" for x in (used, most))
        table.add_row(Text(name, "dim"), bar, percent, " of ".join(numbers))
    return table


def _signed(text: str) -> Text:
    """Gains green and losses red; anything else as it is."""
    from rich.text import Text

    return Text(text, {"+": "green", "-": "red"}.get(text[:1], ""))
