"""What does not ask a venue leaves ccxt, aiohttp, yfinance and their like unimported."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

HEAVY = ("ccxt", "aiohttp", "yfinance", "curl_cffi", "httpx", "requests", "keyring")
CODE = """
import sys, json, contextlib, io
with contextlib.redirect_stdout(io.StringIO()):
    {body}
print(json.dumps([m for m in {heavy} if m in sys.modules]))
"""
RUN = """
    from typer.testing import CliRunner
    from trade_research.cli.app import app
    CliRunner().invoke(app, {words})
"""


def loaded(body, tmp_path):
    code = CODE.format(body=body.strip(), heavy=HEAVY)
    env = os.environ | {"PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_the_package_and_its_rooms(tmp_path):
    body = (
        "import trade_research, trade_research.sources, trade_research.settings, trade_research.cli"
    )
    assert loaded(body, tmp_path) == []


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["data", "fetch", "--help"],
        ["data", "list"],
        ["data", "quality", "--help"],
        ["config", "init"],
        ["demo"],
        ["doctor"],
    ],
    ids=" ".join,
)
def test_commands_that_ask_nobody(words, tmp_path):
    assert loaded(RUN.format(words=words), tmp_path) == []
