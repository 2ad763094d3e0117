"""Stages: research → certified → paper → live. Each is a file that names the one before by hash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trade_research.errors import PromotionError
from trade_research.live.certificate import (
    Certificate,
    Gate,
    gates_text,
    read_sealed,
    sealed,
    write_once,
)

STAGES = ("certified", "paper", "live")
CERTIFICATE = "certificate.json"  # beside the stages that it led to
SCHEMA = "trade-research/stage/1"


@dataclass(frozen=True)
class Thresholds:
    """What it takes to go from paper to live; each may be set otherwise, none can be left out.

    Win rate is no gate: with costs it says nothing without the payoff. The expectancy net of costs
    with its confidence bound is.
    """

    paper_days: int = 60
    trades: int = 100
    deflated_sharpe: float = 0.95
    break_even_times: float = 2.0
    expectancy_low: float = 0.0


def stage_path(root: Path, certificate: Certificate, stage: str) -> Path:
    """Where a stage of what a certificate is about lies."""
    return folder_of(root, certificate.subject["strategy"], certificate.hash) / f"{stage}.json"


def folder_of(root: Path, strategy: str, certificate: str) -> Path:
    """Where the stages lie that a certificate, named by its hash, led a strategy to."""
    return root / f"{strategy}-{certificate[:12]}"


def promote(
    certificate: Certificate,
    to: str,
    root: Path,
    *,
    paper: Mapping[str, Any] | None = None,
    thresholds: Thresholds | None = None,
) -> Path:
    """Write the file of a stage, if everything that it needs is there.

    Parameters
    ----------
    certificate : Certificate
    to : {"certified", "paper", "live"}
    root : Path
        Folder of the stages.
    paper : mapping, optional
        `paper_facts` of the paper session, for live.
    thresholds : Thresholds, optional

    Raises
    ------
    PromotionError
        Something is missing; the message says what.
    """
    if to not in STAGES:
        raise PromotionError(f"no stage {to!r}: {', '.join(STAGES)}")
    if not certificate.passed:
        raise PromotionError(f"the certificate does not hold: {gates_text(certificate.gates)}")
    at = STAGES.index(to)
    before = ""
    if at:
        lower = stage_path(root, certificate, STAGES[at - 1])
        if not lower.exists():
            raise PromotionError(f"{to} comes after {STAGES[at - 1]}; promote to that first")
        before = sealed(read_sealed(lower, SCHEMA))["hash"]
    gates = gates_to_live(certificate, paper, thresholds or Thresholds()) if to == "live" else ()
    if any(not gate.passed for gate in gates):
        raise PromotionError(f"not yet live: {gates_text(gates)}")
    path = stage_path(root, certificate, to)
    certificate.write(path.with_name(CERTIFICATE))
    body = {
        "schema": SCHEMA,
        "stage": to,
        "certificate": certificate.hash,
        "before": before,
        "source_hash": certificate.subject["source_hash"],
        "params": certificate.subject["params"],
    }
    write_once(path, sealed(body))
    return path


def demote(certificate: Certificate, root: Path, reason: str) -> Path:
    """Take the paper and live stages back, and leave the reason in their place."""
    for stage in ("live", "paper"):
        stage_path(root, certificate, stage).unlink(missing_ok=True)
    path = stage_path(root, certificate, "demoted")
    body = {
        "schema": SCHEMA,
        "stage": "demoted",
        "certificate": certificate.hash,
        "reason": reason,
    }
    write_once(path, sealed(body))
    return path


def recheck(certificate: Certificate, root: Path, paper: Mapping[str, Any]) -> str:
    """Demote what drifted or left the backtest's path; the reason, empty when all is well."""
    parts = []
    if not paper["is_equal"]:
        parts.append(f"parity: {paper['difference']}")
    if paper["drifted"]:
        parts.append(f"drift: {paper['drift']}")
    if parts:
        demote(certificate, root, "; ".join(parts))
    return "; ".join(parts)


def stage_of(certificate: Certificate, root: Path) -> str:
    """The highest stage whose file is there and holds: "research" when there is none."""
    for stage in reversed(STAGES):
        path = stage_path(root, certificate, stage)
        if path.exists() and read_sealed(path, SCHEMA)["certificate"] == certificate.hash:
            return stage
    return "research"


def standing(root: Path, stage: str, source_hash: str, params: Mapping[str, Any]) -> Path | None:
    """The certificate that led a strategy with these parameters to a stage; the newest of several.

    None where none has, whatever it was certified on.
    """
    asked = {"source_hash": source_hash, "params": dict(params)}
    found = [
        path
        for path in root.glob(f"*/{stage}.json")
        if asked.items() <= read_sealed(path, SCHEMA).items()
    ]
    if not found:
        return None
    return max(found, key=lambda path: path.stat().st_mtime_ns).with_name(CERTIFICATE)


def gates_to_live(
    certificate: Certificate, paper: Mapping[str, Any] | None, needed: Thresholds
) -> Sequence[Gate]:
    """The gates between paper and live, each with what was found."""
    facts = certificate.facts
    luck, expectancy = facts["luck"], facts["expectancy"] or {}
    low, times = expectancy.get("low"), facts["break_even_times"]
    deflated = luck["dsr"]
    trades = facts["trades"] or 0
    days = 0 if paper is None else int(paper["days"])
    return (
        Gate("paper days", days >= needed.paper_days, f"{days}", f"{needed.paper_days}"),
        Gate(
            "parity",
            paper is not None and bool(paper["is_equal"]),
            "no paper session" if paper is None else str(paper["difference"] or "equal"),
            "paper gave the backtest's bits",
        ),
        Gate(
            "drift",
            paper is not None and not paper["drifted"],
            "no paper session" if paper is None else str(paper["drift"]),
            "no drift",
        ),
        Gate("trades", trades >= needed.trades, f"{trades}", f"{needed.trades}"),
        _above("expectancy", low, needed.expectancy_low, "lower bound"),
        _above("deflated Sharpe", deflated, needed.deflated_sharpe, ""),
        _above("break-even", times, needed.break_even_times, "times the assumed costs"),
    )


def _above(name: str, found: float | None, needed: float, of: str) -> Gate:
    text = "unknown" if found is None else f"{found:.3g} {of}".strip()
    return Gate(name, found is not None and found >= needed, text, f"{needed:g} {of}".strip())
