"""`paper`, `kill`, `audit`, `certify`, `promote`: five commands from the demo to a session."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.cli.test_runs import call, data
from trade_research.cli.paper import _checks
from trade_research.errors import ConfigError, JournalError, PromotionError, SessionError
from trade_research.live.certificate import sealed
from trade_research.research.demo import fill
from trade_research.store.store import Store


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("desk")
    fill(Store(made / "datasets"))
    return made


def words(root: Path, *more: str) -> list[str]:
    return ["--store", str(root / "datasets"), *more]


def test_a_replayed_session_from_start_to_audit(root: Path) -> None:
    logs = ("--logs", str(root / "logs"))
    given = words(root, "--replay", "-p", "fast=20", "-p", "slow=100", *logs, "--json")
    code, out = call("paper", "run", "ma_crossover", *given)
    ended = data(out)["data"]
    assert (code, ended["ended"]) == (0, "stopped")
    assert ended["status"]["rows"] == 754  # sessions of 2016 to 2018 in New York

    code, out = call("paper", "status", *logs, "--json")
    assert data(out)["data"]["equity"] == ended["status"]["equity"]

    code, out = call("audit", "show", *logs, "--json")
    counts = {row["event"]: row["records"] for row in data(out)["data"]}
    assert counts["bar_received"] == 754
    assert counts["fill"] == counts["order_intent"] == counts["order_placed"]

    code, out = call("audit", "tail", "-n", "3", "--event", "fill", *logs, "--json")
    rows = data(out)["data"]
    assert [row["event"] for row in rows] == ["fill"] * 3
    assert json.loads(rows[-1]["record"])["position"] == 0.0

    code, out = call("audit", "verify", *logs, "--json")
    assert (code, data(out)["data"]["head"]) == (0, ended["status"]["head"])

    for what in ("fills", "signals", "orders", "refusals", "bars", "pnl"):
        code, out = call("audit", "show", what, *logs, "--json")
        assert code == 0
    assert data(out)["data"][0]["position"] == 0.0

    path = root / "fills.csv"
    code, out = call("audit", "export", str(path), *logs)
    assert code == 0
    assert len(path.read_text().splitlines()) == counts["fill"] + 1

    page = root / "p.html"
    code, out = call("paper", "report", *words(root, "-o", str(page), *logs, "--json"))
    assert (code, data(out)["data"]["errors"]) == (0, 0)
    assert "ma_crossover" in page.read_text()

    journal = next((root / "logs").glob("audit_*.jsonl"))
    journal.write_bytes(journal.read_bytes().replace(b'"side":"buy"', b'"side":"bay"', 1))
    code, out = call("audit", "verify", *logs)
    assert code == 3
    assert "its hash does not follow" in out


def test_a_killed_session_stays_killed(root: Path) -> None:
    given = words(root, "--replay", "--session", "dead", "--logs", str(root / "logs"))
    assert call("paper", "run", "buy_and_hold", *given)[0] == 0
    kill = ("kill", "--session", "dead", "--logs", str(root / "logs"), "--reason", "enough")
    assert "is set" in call(*kill)[1]
    assert "set already" in call(*kill)[1]
    with pytest.raises(SessionError, match="was killed by"):
        call("paper", "run", "buy_and_hold", *given)


def test_certify_promote_and_only_then_a_live_feed(root: Path) -> None:
    name = "index:SP500@1d"
    stages = ("--stages", str(root / "stages"))
    live = ("paper", "run", "ma_crossover", "--data", name, *words(root, *stages))
    live = (*live, "--logs", str(root / "live"), "-p", "fast=20", "-p", "slow=100")
    with pytest.raises(SessionError, match="was not promoted to paper"):
        call(*live)
    given = ["-p", "fast=20", "-p", "slow=100", "--since", "2010-01-01", "--seconds", "0.5"]
    given += ["--out", str(root / "certificates"), "--costs", "index", "--json"]
    code, out = call("certify", "ma_crossover", "--data", name, *words(root, *given))
    assert code == 0, data(out)["data"]["missing"]
    path = data(out)["artifacts"]["certificate"]
    code, out = call("promote", path, "--to", "paper", *stages, "--json")
    assert (code, data(out)["data"]["stage"]) == (0, "paper")
    with pytest.raises(PromotionError, match="paper days: 0, needed 60"):
        call("promote", path, "--to", "live", *stages)
    with pytest.raises(ConfigError, match="index"):
        call(*live)  # promoted now; but an index is no venue that can be asked for bars

    replayed = ("paper", "run", "ma_crossover", "--data", name, "-p", "fast=20", "-p", "slow=100")
    logs = ("--logs", str(root / "logs"), "--session", "checked")
    span = ("--since", "2016-01-01", "--costs", "index", "--replay")
    assert call(*replayed, *words(root, *span, *logs))[0] == 0
    code, out = call("paper", "check", path, *words(root, *stages, *logs, "--json"))
    found = data(out)["data"]
    assert (code, found["demoted"], found["is_equal"]) == (0, "", True)

    # As a running session asks: the same command, in a process of its own.
    made = SimpleNamespace(name="checked", folder=root / "logs" / "checked")
    given = ("ma_crossover", root / "stages", root / "datasets")
    body = json.loads(Path(path).read_text())
    body["facts"]["daily"] = {"floor": 0.01, "bound": 0.02}  # more than anybody makes
    del body["hash"]
    better = root / "better.json"
    better.write_text(json.dumps(sealed(body)))
    reason = _checks(made, better, *given)()  # type: ignore[arg-type]  # its name and folder
    assert "below the certified 1.0000%" in reason
    none = SimpleNamespace(name="none", folder=root / "logs" / "none")
    with pytest.raises(SessionError, match="error: no paper session began in"):
        _checks(none, better, *given)()  # type: ignore[arg-type]


def test_a_latch_is_released_by_hand(root: Path) -> None:
    logs = ("--logs", str(root / "logs"), "--session", "latched")
    given = words(root, "--replay", "--limit", "max_drawdown=100", *logs)
    assert call("paper", "run", "buy_and_hold", *given, "--until", "2016-06-01")[0] == 0
    assert "latch: drawdown: only reducing orders pass" in call("paper", "status", *logs)[1]
    code, out = call("paper", "release", *logs)
    assert (code, "drawdown of session 'latched' is released" in out) == (0, True)
    assert call("paper", "run", "buy_and_hold", *given)[0] == 0  # on to the end of the data
    code, out = call("audit", "tail", "--event", "risk_release", *logs, "--json")
    assert len(data(out)["data"]) == 1
    calm = ("--logs", str(root / "logs"), "--session", "calm")
    span = ("--since", "2017-01-01", "--until", "2017-03-01")
    assert call("paper", "run", "buy_and_hold", *words(root, "--replay", *calm), *span)[0] == 0
    with pytest.raises(SessionError, match="has no latch to release: none"):
        call("paper", "release", *calm)


def test_what_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    logs = ("--logs", str(tmp_path))
    with pytest.raises(SessionError, match="no session has run"):
        call("paper", "status", *logs)
    with pytest.raises(JournalError, match="there is no journal"):
        call("audit", "show", *logs)
    with pytest.raises(SessionError, match="there is no session"):
        call("kill", "--session", "none", *logs)
    with pytest.raises(ConfigError, match="use letters, digits"):
        call("paper", "status", "--session", "../etc", *logs)
    with pytest.raises(ConfigError, match="is not name=value"):
        call("paper", "run", "--replay", "--limit", "max_order", *logs)
