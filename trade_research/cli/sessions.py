"""A paper session that runs, stands still or is over: look at it, and tell it something."""

from __future__ import annotations

import json as json_text
import os
import signal
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from trade_research.cli.output import JsonFlag, StoreRoot, emit_json, say
from trade_research.errors import ConfigError, SessionError

SessionOption = Annotated[
    str, typer.Option("--session", help="Name of the session; its journal lies in LOGS/NAME.")
]
LogsRoot = Annotated[
    Path, typer.Option("--logs", envvar="TRADE_RESEARCH_LOGS", help="Folder of the journals.")
]
StagesRoot = Annotated[Path, typer.Option("--stages", help="Folder of the stages.")]
DEFAULT = "paper"


def folder_of(logs: Path, session: str) -> Path:
    """Where a session's journal lies: the first's in the folder itself, others' below it."""
    if not session or not all(c.isalnum() or c in "-_" for c in session) or len(session) > 64:
        raise ConfigError(f"--session {session!r}: use letters, digits, - and _, 64 at most")
    return logs if session == DEFAULT else logs / session


def status(
    session: SessionOption = DEFAULT,
    logs: LogsRoot = Path("logs"),
    watch: Annotated[bool, typer.Option("--watch", help="Until Ctrl-C, once a second.")] = False,
    json: JsonFlag = False,
) -> None:
    """What a session holds, has made and is doing."""
    from trade_research.cli.screens import screen

    folder = folder_of(logs, session)
    if watch and not json:
        from rich.live import Live

        with Live(screen(read_status(folder)), screen=True, refresh_per_second=2) as live:
            while True:
                time.sleep(1.0)
                live.update(screen(read_status(folder)))
    found = read_status(folder)
    if json:
        emit_json("paper-status", found)
    else:
        say(*summary(found))


def stop(session: SessionOption = DEFAULT, logs: LogsRoot = Path("logs")) -> None:
    """Ask a session to end after the bar it is at; positions stay as they are."""
    found = read_status(folder_of(logs, session))
    if not is_alive(found):
        raise SessionError(f"session {session!r} is not running")
    os.kill(found["pid"], signal.SIGTERM)
    say(f"session {session!r} was asked to stop")


def release(session: SessionOption = DEFAULT, logs: LogsRoot = Path("logs")) -> None:
    """Let a session take new risk again that a loss limit or a demotion keeps from it.

    Your word is on record. Losses are counted anew from here; a demotion comes again with the next
    day's check unless what it found is over. Nothing takes the kill latch off.
    """
    from trade_research.live.latch import RELEASE, Latch

    folder = folder_of(logs, session)
    latch = read_status(folder)["latch"]
    if latch in ("", "kill"):
        raise SessionError(f"session {session!r} has no latch to release: {latch or 'none'}")
    Latch(folder, RELEASE).set(os.environ.get("USER") or "somebody", "by hand")
    say(f"{latch} of session {session!r} is released, at once if it runs, else at its start")


StrategyFile = Annotated[
    str | None, typer.Option("--strategy", help="Its file, FILE.py:name, if it is not shipped.")
]


def report(
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the page goes.")],
    session: SessionOption = DEFAULT,
    strategy: StrategyFile = None,
    logs: LogsRoot = Path("logs"),
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """The page of a session, as of a backtest: its money, trades and evidence, from its journal."""
    from trade_research.research.book_relived import is_over_books, read_book_session
    from trade_research.research.relived import read_session

    folder = folder_of(logs, session)
    read = read_book_session if is_over_books(folder) else read_session
    found = read(folder, strategy=strategy, store=store)
    path = found.run.report(out)
    if json:
        told = {"refusals": found.refusals, "errors": found.errors, "difference": found.difference}
        emit_json("paper-report", told, artifacts={"report": str(path)})
        return
    same = found.difference and f"differs from a backtest without limits: {found.difference}"
    say(
        f"{len(found.run.fills):,} fills; {same or 'equal to the backtest of the same data'}",
        f"refused by risk: {found.refusals:,}; failures of the strategy: {found.errors:,}",
        f"report: {path}",
    )


def check(
    certificate: Annotated[Path, typer.Argument(help="What the session was promoted with.")],
    session: SessionOption = DEFAULT,
    strategy: StrategyFile = None,
    logs: LogsRoot = Path("logs"),
    stages: StagesRoot = Path("reports/stages"),
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Is a session still what was certified? Exit code 3 and demoted when it is not.

    A session on a venue's bars asks itself when each day begins.
    """
    from trade_research.live.certificate import Certificate
    from trade_research.research.relived import recheck_session

    folder, found = folder_of(logs, session), Certificate.load(certificate)
    facts, reason = recheck_session(folder, found, stages, strategy=strategy, store=store)
    if json:
        emit_json("paper-check", dict(facts) | {"demoted": reason}, ok=not reason)
    else:
        say(
            f"days: {facts['days']}; parity: {facts['difference'] or 'equal'}",
            f"drift: {facts['drift']}",
            f"demoted: {reason}" if reason else "it stays where it is",
        )
    if reason:
        raise typer.Exit(3)


def kill(
    session: SessionOption = DEFAULT,
    reason: Annotated[str, typer.Option(help="For the record.")] = "by hand",
    logs: LogsRoot = Path("logs"),
) -> None:
    """Set a session's kill latch: nothing new is ordered, everything is closed, for good.

    The latch is on the disk when this returns, whether the session runs, hangs or is stopped.
    """
    from trade_research.live.latch import Latch

    folder = folder_of(logs, session)
    if not folder.is_dir():
        raise SessionError(f"there is no session {session!r} in {logs}")
    by = os.environ.get("USER") or "somebody"
    first = Latch(folder).set(by, reason[:400])
    say(f"the kill latch of {session!r} is {'set' if first else 'set already'}")


def read_status(folder: Path) -> dict[str, Any]:
    """The last status a session wrote."""
    try:
        found: dict[str, Any] = json_text.loads((folder / "status.json").read_text())
    except FileNotFoundError:
        raise SessionError(f"no session has run in {folder}; start one: `paper run`") from None
    except (OSError, ValueError) as error:
        raise SessionError(f"the status in {folder} cannot be read: {error}") from error
    return found


def is_alive(found: dict[str, Any]) -> bool:
    """Whether the process that wrote a status still runs."""
    if not found.get("is_running"):
        return False
    try:
        os.kill(found["pid"], 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def summary(found: dict[str, Any]) -> list[str]:
    """A status in a few lines."""
    held = ", ".join(f"{symbol} {units:g}" for symbol, units in found["positions"].items())
    latch = f"{found['latch']}: only reducing orders pass" if found["latch"] else "none"
    last = datetime.fromtimestamp(max(found["last_open_us"], 0) / 1e6).astimezone()
    lines = [
        f"session {found['session']}: {'running' if is_alive(found) else 'not running'}",
        f"  bars      {found['rows']:,}, the last opened {last:%Y-%m-%d %H:%M %Z}",
        f"  equity    {found['equity']:,.2f}  ({found['pnl']:+,.2f} in all, "
        f"{found['day_pnl']:+,.2f} today, {found['drawdown']:,.2f} under the peak)",
        f"  holds     {held or 'nothing'}",
        f"  orders    {found['orders_today']} today; latch: {latch}",
        f"  recheck   {found['recheck'] or 'none yet'}",
        f"  records   {found['records']:,}, head {found['head']}",
    ]
    if found["strategy_errors"]:
        lines.append(f"  errors    {found['strategy_errors']} of the strategy: `audit show`")
    return lines
