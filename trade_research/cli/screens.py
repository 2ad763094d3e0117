"""A running session on the whole screen, when there is one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Group


@contextmanager
def watching(*, quiet: bool) -> Iterator[Callable[[dict[str, Any]], None] | None]:
    """What a runner may call with its status: draws it on a terminal, and is None elsewhere."""
    if quiet or not sys.stdout.isatty():
        yield None
        return
    from rich.live import Live

    with Live(screen=True, refresh_per_second=4) as live:
        yield lambda status: live.update(screen(status))


def screen(status: dict[str, Any]) -> Group:
    """A status as tables: the account, what it holds, and how near its limits are."""
    from rich.console import Group
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    opened = datetime.fromtimestamp(max(status["last_open_us"], 0) / 1e6, UTC)
    account = Table.grid(padding=(0, 3))
    rows = (
        ("equity", f"{status['equity']:,.2f}", "today", f"{status['day_pnl']:+,.2f}"),
        ("cash", f"{status['cash']:,.2f}", "under the peak", f"{status['drawdown']:,.2f}"),
        ("bars", f"{status['rows']:,}", "last opened", f"{opened:%Y-%m-%d %H:%M} UTC"),
        ("orders today", f"{status['orders_today']}", "lag", f"{status['lag_ms']:,.0f} ms"),
        (
            "repeated bars",
            f"{status['duplicates']}",
            "strategy errors",
            f"{status['strategy_errors']}",
        ),
        ("latch", status["latch"] or "none", "records", f"{status['records']:,}"),
    )
    for row in rows:
        account.add_row(*(Text(text) for text in row))
    held = Table("symbol", "units", "last", "value", box=None, padding=(0, 2))
    for symbol, units in sorted(status["positions"].items()):
        mark = status["marks"].get(symbol, float("nan"))
        held.add_row(Text(symbol), f"{units:,.6g}", f"{mark:,.6g}", f"{units * mark:,.2f}")
    title = f"{status['session']}  {'running' if status.get('is_running') else 'ended'}"
    return Group(Panel(account, title=Text(title)), Panel(held, title="positions"))
