"""A configuration in force: defaults of commands, the watch-list, its hash in what was made."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner

from tests.data import needs_data
from tests.standins.binance import binance, hourly
from trade_research.cli.app import app
from trade_research.cli.defaults import TAKES, _values
from trade_research.research.demo import fill
from trade_research.settings.config import config_hash, load_config
from trade_research.settings.in_force import config_in_force, use_config
from trade_research.settings.schema import Config
from trade_research.store.store import Store

DAYS = {
    "venue": "index",
    "symbols": ["SP500"],
    "interval": "1d",
    "cash": 5000.0,
    "strategy": {"name": "ma_crossover", "params": {"fast": 7, "slow": 21, "short": True}},
    "costs": {"fee_bps": 3.0, "spread_bps": 1.0, "slippage_bps": 0.5},
    "data": {"store": "mine"},
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in; no configuration is in force afterwards."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    use_config(None)


def run(*words, code=0):
    found = CliRunner().invoke(app, [*words], catch_exceptions=False)
    assert found.exit_code == code, found.output
    return found.stdout


def written(folder, config, name="trade_research.yaml"):
    (folder / name).write_text(yaml.safe_dump(config))
    return folder / name


def manifest(*words):
    return json.loads(run(*words, "--until", "2006-01-01", "--json"))["data"]["manifest"]


def test_a_backtest_takes_its_values_and_keeps_its_hash(here, monkeypatch):
    fill(Store("mine"))
    path = written(here, DAYS)
    made = manifest("backtest")
    assert made["config"] == config_hash(load_config(path))
    assert made["params"] | {"fast": 7, "slow": 21, "short": True} == made["params"]
    assert (made["setup"]["cash"], made["setup"]["costs"]["fee_bps"]) == (5000.0, 3.0)
    other = manifest("backtest", "bollinger", "--cash", "70", "--fee-bps", "1")
    assert (other["setup"]["cash"], other["setup"]["costs"]["fee_bps"]) == (70.0, 1.0)
    assert "fast" not in other["params"]

    path.rename(here / "elsewhere.yaml")
    same = manifest("--config", "elsewhere.yaml", "backtest")
    assert (same["run_id"], same["config"]) == (made["run_id"], made["config"])
    monkeypatch.setenv("TRADE_RESEARCH_STORE", "mine")
    bare = manifest(
        *(
            "backtest",
            "ma_crossover",
            "-p",
            "fast=7",
            "-p",
            "slow=21",
            "-p",
            "short=true",
            "--data",
            "index:SP500@1d",
        ),
        *("--fee-bps", "3", "--spread-bps", "1", "--slippage-bps", "0.5", "--cash", "5000"),
    )
    assert "config" not in bare
    assert bare["run_id"] == made["run_id"]


@needs_data
def test_update_brings_in_what_is_watched_in_one_go(here, monkeypatch):
    watch = ["binance:BTC/USDT@1h", "binance:ETH/USDT@1h since 2025-08-20"]
    written(here, {"data": {"watch": watch}})
    with binance({("BTCUSDT", "1h"): hourly(), ("ETHUSDT", "1h"): hourly()}) as server:
        monkeypatch.setenv("TRADE_RESEARCH_STAND_IN", server.at)
        done = json.loads(run("data", "update", "--until", "2025-08-30", "--json"))["data"]
        assert [one["added"] for one in done] == [29 * 24, 10 * 24]
        written(here, {"data": {"watch": watch[:1]}})
        done = json.loads(run("data", "update", "--until", "2025-09-01", "--json"))["data"]
        assert {one["name"]: one["added"] for one in done} == {
            "binance:BTC/USDT@1h": 48,
            "binance:ETH/USDT@1h": 48,
        }
    first = Store("datasets").catalog().filter(symbol="BTC/USDT")["start"][0]
    assert first == datetime(2025, 8, 1, tzinfo=UTC)
    written(here, {"data": {"watch": ["binance:BTC/USDT@1h since soon"]}})
    with pytest.raises(Exception, match="watch entry 1"):
        run("data", "update")


def test_paper_trades_within_its_limits(here):
    fill(Store("mine"))
    written(here, DAYS | {"risk": {"max_order_usd": 77.0, "max_drawdown": 0.5}})
    span = ("--since", "2018-06-01", "--until", "2018-07-01")
    run("paper", "run", "--replay", "--limit", "max_position=50", *span)
    [first] = [r for r in journal(here) if r["event"] == "session_start"]
    told = json.dumps(first["limits"])
    for part in ('"max_order": 77.0', '"max_position": 50.0', '"max_drawdown": 2500.0'):
        assert part in told
    assert '"fee_bps": 3.0' in json.dumps(first["setup"])
    assert first["config"] == config_hash(load_config(here / "trade_research.yaml"))


def journal(folder):
    files = sorted((folder / "logs").rglob("audit*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def test_every_option_that_a_configuration_fills_in_exists():
    values = {"store", *_values(Config())}
    for path, names in TAKES.items():
        command = get_command(app)
        for word in path.split():
            command = command.commands[word]
        have = {p.name for p in command.params}
        assert "store" in have
        assert have & set(names), path
        assert set(names) <= values


def test_none_is_in_force_without_a_file(here):
    run("data", "sources")
    assert config_in_force() is None
    written(here, {"jobs": 3})
    with pytest.raises(Exception, match="there is no key 'jobs'"):
        run("data", "sources")
