"""`certify` and `promote`: from a tested strategy to one that may trade."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from trade_research.cli.data import Since, Until, utc
from trade_research.cli.evaluate import DataOption, Params, StrategyArg, open_data, parse_params
from trade_research.cli.output import JsonFlag, StoreRoot, emit_json, examples, say, working
from trade_research.cli.sessions import LogsRoot, StagesRoot, folder_of

CERTIFY_EXAMPLES = examples(
    "certify ma_crossover --data index:SP500@1d -p fast=20 -p slow=100 --costs index",
    "certify my_strategy.py:trend --data index:SP500@1d --accept gap --json",
    "certify l2_imbalance --data demo:DEMO/USD@books --account margin",
)
PROMOTE_EXAMPLES = examples(
    "promote reports/certificates/ma_crossover.json --to paper",
    "promote reports/certificates/ma_crossover.json --to live --session trend",
)


def certify(
    strategy: StrategyArg,
    data: DataOption,
    since: Since = None,
    until: Until = None,
    param: Params = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(help="A known fault of the data: gap, or gap@2021-04-25T04:01."),
    ] = None,
    costs_of: Annotated[
        str | None, typer.Option("--costs", help="A venue's costs, e.g. binance.")
    ] = None,
    account: Annotated[str, typer.Option(help="spot, margin or perp.")] = "spot",
    seconds: Annotated[float, typer.Option(help="Longest that each stage may search.")] = 10.0,
    out: Annotated[Path, typer.Option(help="Folder of certificates.")] = Path(
        "reports/certificates"
    ),
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Prove laws, replay, data, costs and evidence on stored bars or books; write the certificate.

    The replay goes through feed, runner, risk, paper broker and journal, with bars late, double,
    swapped and lost and two restarts, and has to give the backtest bit for bit. Exit code 3 when
    something is missing.
    """
    from trade_research.research.certify import certify as prove
    from trade_research.simulate.costs import Costs
    from trade_research.strategies.load import load_strategy

    loaded = load_strategy(strategy)
    with working("proving the laws, replaying every bar"):
        found = prove(
            loaded,
            _data(data, since, until, store),
            accept=accept or (),
            seconds=seconds,
            costs=Costs.venue(costs_of) if costs_of else Costs(),
            account=account,
            **parse_params(param, loaded),
        )
    path = found.save(out)
    if json:
        emit_json(
            "certify",
            {"passed": found.passed, "missing": found.missing, "facts": found.facts},
            ok=found.passed,
            artifacts={"certificate": str(path)},
        )
    else:
        say(repr(found), "", f"certificate: {path}")
        if found.passed:
            say(f"next:        trade-research promote {path} --to paper")
    if not found.passed:
        raise typer.Exit(3)


def _data(names: list[str], since: datetime | None, until: datetime | None, store: Path) -> Any:
    """The bars of the instruments named, or the books of the one whose name ends in @books."""
    if len(names) > 1 or not names[0].endswith("@books"):
        return open_data(names, since, until, store, None)
    from trade_research.store.store import Store

    venue, _, symbol = names[0].removesuffix("@books").partition(":")
    return Store(store).book_stream(symbol, utc(since), utc(until), venue=venue)


def promote(
    certificate: Annotated[Path, typer.Argument(help="File that `certify` wrote.")],
    to: Annotated[str, typer.Option(help="certified, paper or live.")] = "paper",
    session: Annotated[
        str | None, typer.Option("--session", help="For live: the paper session that shows it.")
    ] = None,
    strategy: Annotated[
        str | None, typer.Option(help="Its file, FILE.py:name, if it is not shipped.")
    ] = None,
    logs: LogsRoot = Path("logs"),
    stages: StagesRoot = Path("reports/stages"),
    store: StoreRoot = Path("datasets"),
    json: JsonFlag = False,
) -> None:
    """Lift a certified strategy to the next stage, or say what is missing.

    For live, days, parity with the backtest and drift are computed from the session's journal.
    """
    from trade_research.live.certificate import Certificate
    from trade_research.live.promotion import promote as lift
    from trade_research.live.promotion import stage_of

    found = Certificate.load(certificate)
    if to == "paper" and stage_of(found, stages) == "research":
        lift(found, "certified", stages)
    facts = None
    if session is not None:
        from trade_research.research.relived import paper_facts, read_session

        again = read_session(folder_of(logs, session), strategy=strategy, store=store)
        facts = paper_facts(again, found)
    path = lift(found, to, stages, paper=facts)
    if json:
        emit_json("promote", {"stage": to}, artifacts={"stage": str(path)})
    else:
        say(f"{found.subject['strategy']} is at stage {to}: {path}")
