"""A secret shows nowhere; keys come from the environment, the keyring, an owner-only file."""

from __future__ import annotations

import base64
import copy
import dataclasses
import json
import logging
import os
import pickle
import subprocess
from urllib.parse import quote

import keyring
import keyring.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trade_research.errors import ConfigError
from trade_research.settings.keys import find_secret, need_secret, read_env_file
from trade_research.settings.secrets import Secret, quiet_clients, redact

VALUE = "CANARY+key/with=odd&signs0001"


@dataclasses.dataclass
class Account:
    name: str
    key: Secret


@given(st.text(min_size=6, max_size=40).filter(lambda t: "*" not in t))
def test_nothing_prints_a_secret(value):
    secret = Secret(value)
    account = Account("a", secret)
    shown = [
        *(repr(secret), str(secret), f"{secret}", f"{secret!r:>40}", f"{secret:>9}", str([secret])),
        *(repr(account), str(dataclasses.asdict(account)), str([secret]), str({1: secret})),
        *(repr(copy.copy(secret)), repr(copy.deepcopy(account)), json.dumps([1], default=str)),
        json.dumps({"k": secret}, default=str),
    ]
    assert not any(value in text for text in shown)
    for dump in (json.dumps, pickle.dumps, copy.copy(pickle.dumps)):
        with pytest.raises(TypeError):
            dump(secret)
    assert secret.reveal() == value
    assert secret == Secret(value)
    assert secret != Secret(value + "x")


def test_redact_strikes_every_form():
    Secret(VALUE)
    raw = VALUE.encode()
    forms = [
        *(VALUE, quote(VALUE, safe=""), base64.b64encode(raw).decode(), raw.hex()),
        *(json.dumps(VALUE)[1:-1], base64.urlsafe_b64encode(raw).decode()),
    ]
    for form in forms:
        assert form not in redact(f"GET /x?k={form}&b=1 failed")
    text = "https://x/y?symbol=BTC&signature=abcdef0123&timestamp=5 X-MBX-APIKEY: 'qwertz'"
    assert redact(text) == "https://x/y?symbol=BTC&signature=***&timestamp=5 X-MBX-APIKEY: '***'"
    assert (
        redact("an ordinary secretary of a key market") == "an ordinary secretary of a key market"
    )


def test_client_loggers_are_quiet_and_strike_even_when_asked_to_speak(caplog):
    Secret(VALUE)
    quiet_clients()
    logger = logging.getLogger("httpx")
    assert not logger.isEnabledFor(logging.INFO)
    with caplog.at_level(logging.DEBUG, logger="httpx"):
        logger.info("HTTP Request: GET https://x/y?apikey=%s", VALUE)
        try:
            raise ValueError(VALUE)
        except ValueError:
            logger.exception("failed")
    assert "HTTP Request" in caplog.text
    assert VALUE not in caplog.text


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """No key in the environment, none in a keyring, an empty folder."""
    monkeypatch.delenv("SOME_VENUE_KEY", raising=False)
    monkeypatch.setattr(keyring, "get_password", lambda service, name: None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def private(path, text):
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_the_environment_comes_first_then_the_keyring_then_the_file(nowhere, monkeypatch):
    private(nowhere / ".env", "# keys\nexport SOME_VENUE_KEY='from-file'\n")
    assert find_secret("some_venue").reveal() == "from-file"
    asked = []

    def get(service, name):
        asked.append((service, name))
        return "from-keyring"

    monkeypatch.setattr(keyring, "get_password", get)
    assert find_secret("some_venue").reveal() == "from-keyring"
    assert asked == [("trade-research", "some_venue.key")]
    monkeypatch.setenv("SOME_VENUE_KEY", "from-environment")
    assert find_secret("some_venue").reveal() == "from-environment"


def test_a_computer_without_a_keyring_falls_through(nowhere, monkeypatch):
    def none(service, name):
        raise keyring.errors.NoKeyringError

    monkeypatch.setattr(keyring, "get_password", none)
    assert find_secret("some_venue") is None
    with pytest.raises(ConfigError, match="SOME_VENUE_KEY") as caught:
        need_secret("some_venue")
    assert "keyring set trade-research some_venue.key" in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o620, 0o601])
def test_a_file_that_others_may_read_is_refused(nowhere, mode):
    path = private(nowhere / ".env", "SOME_VENUE_KEY=abcdef\n")
    path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        find_secret("some_venue")


def test_a_link_a_pipe_and_a_broken_line_are_refused(nowhere):
    private(nowhere / "real", "SOME_VENUE_KEY=abcdef\n")
    (nowhere / ".env").symlink_to(nowhere / "real")
    with pytest.raises(ConfigError, match="regular file"):
        find_secret("some_venue")
    (nowhere / ".env").unlink()
    private(nowhere / ".env", "SOME_VENUE_KEY=abcdef\nnonsense with CANARY0099\n")
    with pytest.raises(ConfigError, match="line 2") as caught:
        find_secret("some_venue")
    assert "CANARY0099" not in str(caught.value)


def test_a_file_that_git_would_commit_is_refused(nowhere):
    def git(*words):
        subprocess.run(["git", *words], cwd=nowhere, check=True, capture_output=True)

    git("init", "-q")
    path = private(nowhere / ".env", "SOME_VENUE_KEY=abcdef\n")
    with pytest.raises(ConfigError, match="gitignore"):
        read_env_file(path)
    (nowhere / ".gitignore").write_text(".env\n")
    assert read_env_file(path) == {"SOME_VENUE_KEY": "abcdef"}
