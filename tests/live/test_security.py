"""The security list of a live session, item by item: which test holds it, and those at home here.

The numbers are those of the list of threats that the code was written against.
"""

from __future__ import annotations

import ast
import json
import os
import stat
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from tests.live.test_crash import paper
from tests.live.test_runner import Ticking, rig
from trade_research.cli.output import cell, inert
from trade_research.errors import ConfigError, JournalError
from trade_research.live.latch import Latch
from trade_research.live.records import clipped
from trade_research.live.runner import write_status
from trade_research.live.views import VIEWS, connect
from trade_research.settings.secrets import Secret
from trade_research.store.export import export

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "trade_research"

SECRETS, JOURNAL = "settings/test_secrets.py", "live/test_journal.py"
HELD_BY = {
    "S1 keys from environment, keyring, file": (
        f"{SECRETS}::test_the_environment_comes_first_then_the_keyring_then_the_file",
        f"{SECRETS}::test_a_computer_without_a_keyring_falls_through",
        "live/test_security.py::test_no_option_takes_a_key",
    ),
    "S2 owner-only files": (
        f"{SECRETS}::test_a_file_that_others_may_read_is_refused",
        f"{SECRETS}::test_a_link_a_pipe_and_a_broken_line_are_refused",
        f"{SECRETS}::test_a_file_that_git_would_commit_is_refused",
        "live/test_security.py::test_files_of_a_session_are_for_its_owner_only",
    ),
    "S3 a secret shows as ***": (f"{SECRETS}::test_nothing_prints_a_secret",),
    "S4 no secret in any output": (
        f"{SECRETS}::test_redact_strikes_every_form",
        f"{SECRETS}::test_client_loggers_are_quiet_and_strike_even_when_asked_to_speak",
        "sources/test_canary.py::test_no_key_is_ever_shown",
        "live/test_security.py::test_no_key_reaches_the_journal",
    ),
    "S5 keys go to the venue's hosts only": (
        "brokers/test_order_port.py::test_the_venues_own_address_with_tls",
        "brokers/test_order_port.py::test_what_is_unknown_is_found_out",
    ),
    "S6 no key that withdraws, no call that does": (
        "brokers/test_order_port.py::test_keys_that_may_withdraw_are_known_and_nothing_here_can",
        "cli/test_live.py::test_every_refusal_sends_nothing",
    ),
    "S7 inert reports": (
        "report/test_page.py::test_page_is_inert",
        "report/test_page.py::test_names_add_no_element",
        "report/test_page.py::test_policy_allows_the_scripts_of_the_page_only",
    ),
    "S8 inert tables, logs and CSV": (
        "live/test_security.py::test_what_is_printed_moves_no_cursor",
        "live/test_security.py::test_one_event_is_one_line_whatever_is_in_it",
        "live/test_security.py::test_no_cell_of_a_csv_is_a_formula",
    ),
    "S9 values are bound": (
        "store/test_sql.py::test_values_are_bound_not_pasted",
        "live/test_security.py::test_sql_is_made_of_constants",
    ),
    "S10 hardened readers": (
        "store/test_sql.py::test_nothing_outside_the_store_can_be_read",
        "live/test_security.py::test_views_of_a_journal_reach_nothing_else",
    ),
    "S11 names are not paths": (
        "store/test_layout.py::test_nasty_names_come_back_and_are_plain",
        "store/test_layout.py::test_two_names_never_share_a_folder_even_ignoring_case",
        "store/test_write.py::test_hostile_names_are_only_names",
        "live/test_security.py::test_a_session_has_a_plain_name",
    ),
    "S12 nothing is unpickled": (
        "live/test_code.py::test_nothing_from_outside_is_unpickled",
        "live/test_code.py::test_a_cache_that_others_may_write_to_is_not_used",
    ),
    "S13 safe YAML": (
        "settings/test_config.py::test_what_is_refused",
        "settings/test_config.py::test_a_bomb_and_a_book_are_refused",
    ),
    "S14 strategies are code": (
        "live/test_code.py::test_code_is_loaded_from_files_and_its_hash_is_on_record",
        "live/test_code.py::test_code_that_lies_among_data_is_not_run",
        "live/test_restart.py::test_a_session_goes_on_only_as_what_it_began_as",
    ),
    "S15 bounded remote data": (
        "feeds/test_socket.py::test_no_frame_makes_the_listener_deaf",
        "feeds/test_barclock.py::test_impossible_bars_are_not_taken",
        "feeds/test_barclock.py::test_bars_out_of_place_put_no_row_out_of_step",
        "sources/test_faults.py::test_fault",
        "feeds/test_bounded.py::test_an_answer_without_end_is_cut_off",
        "feeds/test_bounded.py::test_a_packed_answer_counts_unpacked",
    ),
    "S16 atomic files, no links followed": (
        "live/test_security.py::test_no_link_is_followed",
        "store/test_commit.py::test_a_full_disk_leaves_the_old_version_and_no_files",
    ),
    "S18 the owner's channel, nobody listens": (
        "live/test_security.py::test_files_of_a_session_are_for_its_owner_only",
        "live/test_security.py::test_a_session_listens_on_no_port",
    ),
    "S19 tampering is seen": (
        f"{JOURNAL}::test_damage_in_the_middle_is_refused_and_named",
        f"{JOURNAL}::test_no_flipped_bit_is_accepted",
        "cli/test_paper.py::test_a_replayed_session_from_start_to_audit",
    ),
    "S20 paper sends no order": (
        "live/test_security.py::test_nothing_here_can_send_an_order",
        "cli/test_live.py::test_only_the_full_set_is_willing",
        "cli/test_live.py::test_every_refusal_sends_nothing",
    ),
}
HOSTILE = "=cmd|' /C calc'!A1\n\x1b[2J\u202eevil\r"


@pytest.mark.parametrize("item", HELD_BY)
def test_every_item_has_its_tests(item: str) -> None:
    for name in HELD_BY[item]:
        file, _, function = name.partition("::")
        tree = ast.parse((ROOT / "tests" / file).read_text())
        assert function in {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}, name


@cache
def calls() -> list[tuple[str, str, ast.Call]]:
    """Every call in the package: file, name of what is called, the call."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                found.append((path.relative_to(PACKAGE).as_posix(), name, node))
    return found


def test_no_option_takes_a_key() -> None:
    from typer.main import get_command

    from trade_research.cli.app import app

    def options(command: Any) -> Iterator[str]:
        for one in getattr(command, "commands", {}).values():
            yield from options(one)
        yield from (text for p in command.params for text in p.opts)

    names = set(options(get_command(app)))
    assert "--json" in names
    assert not [n for n in names if any(w in n for w in ("key", "secret", "token", "password"))]


def test_files_of_a_session_are_for_its_owner_only(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        folder = tmp_path / "s"
        paper(folder).replay()
        Latch(folder).set("tester", "done")
    finally:
        os.umask(old)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()}
    assert {"KILL", "lock", "status.json"} < set(modes)
    assert set(modes.values()) == {0o600}


def test_no_key_reaches_the_journal(tmp_path: Path) -> None:
    key = Secret("CANARY/journal+0123456789").reveal()

    class Leaky(Ticking):
        def troubles(self) -> list[str]:
            return [f"GET https://x/y?signature=deadbeef01&k={key} failed"]

    def leaky(n: int) -> float:
        raise ValueError(f"X-MBX-APIKEY: {key}")

    rig(tmp_path, leaky, Leaky(3))[0].run()
    text = "".join(p.read_text() for p in tmp_path.glob("audit_*"))
    assert "failed" in text
    assert "ValueError" in text
    assert key not in text
    assert "deadbeef01" not in text


def test_what_is_printed_moves_no_cursor() -> None:
    shown = inert(HOSTILE) + cell(HOSTILE)
    assert not set(shown) & set("\x1b\u202e\r")
    assert inert("größe\t∑ − 数\n") == "größe\t∑ − 数\n"


def test_one_event_is_one_line_whatever_is_in_it(tmp_path: Path) -> None:
    runner, _ = rig(tmp_path, lambda n: 1.0, Ticking(2))
    runner._journal.append("feed_trouble", reason=HOSTILE)
    runner._session.kill(HOSTILE, HOSTILE)
    runner._journal.close()
    lines = (next(tmp_path.glob("audit_*"))).read_text().split("\n")
    assert len(lines) - 1 == len([json.loads(line) for line in lines[:-1]])
    assert not set("".join(lines)) & set("\x1b\u202e\r")
    assert "\n" not in clipped(ValueError(HOSTILE))


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_of_a_csv_is_a_formula(tmp_path: Path, first: str) -> None:
    frame = pl.DataFrame({"symbol": [first + "1+1", "BTC"], "x": [-1.0, 2.0]})
    path = export(frame, tmp_path / "x.csv")
    back = pl.read_csv(path)
    assert back["symbol"].to_list() == ["'" + first + "1+1", "BTC"]
    assert back["x"].to_list() == [-1.0, 2.0]


def test_sql_is_made_of_constants() -> None:
    """No text is pasted into SQL, but names of our own views and quoted paths of the store."""
    pasted = {
        (file, ast.unparse(call.args[0]))
        for file, name, call in calls()
        if name.rpartition(".")[2] in ("execute", "sql") and call.args
        if isinstance(call.args[0], ast.JoinedStr | ast.BinOp)
    }
    known = {
        "live/views.py": 1,  # names and texts of VIEWS
        "store/sql.py": 3,  # `quoted` paths, and views of fixed names
        "cli/audit.py": 1,  # a name that was found in VIEWS
    }
    assert {file for file, _ in pasted} <= set(known), pasted
    assert all(sum(f == file for f, _ in pasted) <= n for file, n in known.items()), pasted
    assert all(name.isidentifier() for name in VIEWS)


@pytest.mark.parametrize(
    "text",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from read_text('/etc/passwd')",
        "copy (select 1) to '/tmp/out.csv'",
        "attach '/tmp/x.db'",
        "install httpfs",
        "set enable_external_access=true",
        "set lock_configuration=false",
    ],
)
def test_views_of_a_journal_reach_nothing_else(tmp_path: Path, text: str) -> None:
    rig(tmp_path, lambda n: 1.0, Ticking(2))[0].run()
    with connect(tmp_path) as db, pytest.raises(duckdb.Error):
        db.execute(text)


@pytest.mark.parametrize(
    "name", ["", "../x", "/abs", "a/b", "a\0b", "größe", "-rf", "x" * 65, 'a"b', "a b", "..", "%2e"]
)
def test_a_session_has_a_plain_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="use letters, digits"):
        paper(tmp_path, name=name)


def test_no_link_is_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("mine")
    for name in ("lock", "audit_2024-01-01.jsonl"):
        folder = tmp_path / name.partition(".")[0]
        folder.mkdir()
        (folder / name).symlink_to(target)
        with pytest.raises(JournalError):
            paper(folder).replay()
    folder = tmp_path / "status"
    folder.mkdir()
    (folder / f".status-{os.getpid()}").symlink_to(target)
    write_status(folder, {"a": 1})
    (folder / "KILL").symlink_to(target)
    assert not Latch(folder).set("tester", "x")  # a link counts as set: nothing is traded
    assert target.read_text() == "mine"


def listening() -> set[str]:
    """Sockets of this process that wait for connections."""
    links = set()
    for handle in os.listdir("/proc/self/fd"):
        try:
            links.add(os.readlink(f"/proc/self/fd/{handle}"))
        except OSError:
            continue
    rows = [line.split() for kind in ("tcp", "tcp6")
            for line in Path(f"/proc/self/net/{kind}").read_text().splitlines()[1:]]  # fmt: skip
    return {row[9] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in links}


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="needs Linux's /proc")
def test_a_session_listens_on_no_port(tmp_path: Path) -> None:
    before, seen = listening(), set()

    class Looking(Ticking):
        def poll(self, seconds: float) -> Any:
            seen.update(listening() - before)
            return super().poll(seconds)

    rig(tmp_path, lambda n: 1.0, Looking(3))[0].run()
    assert seen == set()


def test_nothing_here_can_send_an_order() -> None:
    """One place sends orders, nothing changes or withdraws at a venue, brokers find no key."""
    verbs = ("create_order", "createOrder", "withdraw", "transfer", "private_post", "edit_order")
    # A paper order that has not been filled is taken back.
    ours = {"self.broker.withdraw", "self._sim.withdraw", "self.withdraw"}
    named = {(file, name) for file, name, _ in calls() if name not in ours}
    found = {one for one in named if one[1].rpartition(".")[2].startswith(verbs)}
    assert found == {("brokers/order_port.py", "self._exchange.create_order")}
    trading = ("brokers/", "live/", "risk/", "feeds/", "orders")
    keys = {file for file, name, _ in calls() if name.endswith(("find_secret", "need_secret"))}
    assert not [file for file in keys if file.startswith(trading)]
