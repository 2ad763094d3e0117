"""`Certificate`: what was proven of a strategy on data, as a file that cannot be changed unseen."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from trade_research.errors import PromotionError

SCHEMA = "trade-research/certificate/1"


@dataclass(frozen=True)
class Gate:
    """One condition: what was found, what is needed, and what to do when it is not met."""

    name: str
    passed: bool
    found: str
    needed: str
    todo: str = ""


@dataclass(frozen=True, repr=False)
class Certificate:
    """The proof that one strategy, with these parameters, on these bars, is what it was tested as.

    Attributes
    ----------
    subject : mapping
        Strategy, source hash, parameters, data with its content hash, set-up, versions.
    gates : tuple of Gate
    facts : mapping
        Counts of the checks and figures of the run.
    """

    subject: Mapping[str, Any]
    gates: tuple[Gate, ...]
    facts: Mapping[str, Any]

    @property
    def passed(self) -> bool:
        """Whether every gate is."""
        return all(gate.passed for gate in self.gates)

    @property
    def missing(self) -> list[str]:
        """What is not met, a line each, with what to do."""
        return [
            f"{gate.name}: {gate.found}, needed {gate.needed}. {gate.todo}".rstrip()
            for gate in self.gates
            if not gate.passed
        ]

    @property
    def hash(self) -> str:
        """SHA-256 of all of it."""
        return _hash(self._body())

    def save(self, folder: Path) -> Path:
        """Write it as ``<strategy>-<hash>.json``; returns the path."""
        path = folder / f"{self.subject['strategy']}-{self.hash[:12]}.json"
        self.write(path)
        return path

    def write(self, path: Path) -> None:
        """Write it to a file of that name."""
        write_once(path, sealed(self._body()))

    @classmethod
    def load(cls, path: Path) -> Certificate:
        """Read one.

        Raises
        ------
        PromotionError
            It is no certificate, or was changed after it was written.
        """
        body = read_sealed(path, SCHEMA)
        gates = tuple(Gate(**gate) for gate in body["gates"])
        return cls(body["subject"], gates, body["facts"])

    def __repr__(self) -> str:
        subject = self.subject
        given = ", ".join(f"{k}={v!r}" for k, v in subject["params"].items())
        lines = [
            f"{subject['strategy']}({given}) on {', '.join(subject['data']['names'])}: "
            f"{'CERTIFIED' if self.passed else 'not certified'}"
        ]
        lines += [
            f"  {'ok  ' if gate.passed else 'FAIL'} {gate.name:12}  {gate.found}"
            + ("" if gate.passed else f" (needed: {gate.needed}) {gate.todo}")
            for gate in self.gates
        ]
        return "\n".join(lines)

    def _body(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "subject": dict(self.subject),
            "gates": [asdict(gate) for gate in self.gates],
            "facts": dict(self.facts),
        }


def gates_text(gates: Sequence[Gate]) -> str:
    """Unmet gates in one line."""
    return "; ".join(f"{g.name}: {g.found}, needed {g.needed}" for g in gates if not g.passed)


def write_once(path: Path, body: Mapping[str, Any]) -> None:
    """Write a sealed file beside, then put it in place: there is never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(beside, flags, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(body, file, indent=1, sort_keys=True, allow_nan=False)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def sealed(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body with its own hash in it."""
    return dict(body) | {"hash": _hash(body)}


def read_sealed(path: Path, schema: str) -> dict[str, Any]:
    """The body of a sealed file of that schema, whose hash holds."""
    try:
        body: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        raise PromotionError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:
        raise PromotionError(f"{path} cannot be read: {error}") from error
    if not isinstance(body, dict) or body.get("schema") != schema:
        raise PromotionError(f"{path} is no {schema} file")
    claimed = body.pop("hash", "")
    if claimed != _hash(body):
        raise PromotionError(f"{path} was changed after it was written: its hash does not hold")
    return body


def _hash(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return sha256(text.encode()).hexdigest()
