"""Configuration: strict types, unknown keys named, hostile YAML harmless, presets good."""

from __future__ import annotations

import pytest

from trade_research.errors import ConfigError
from trade_research.settings.config import (
    PRESETS,
    config_hash,
    load_config,
    show_config,
    write_preset,
)
from trade_research.settings.schema import Config


def load(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    return load_config(path)


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_good_and_written_once(tmp_path, preset):
    path = write_preset(preset, tmp_path / preset)
    config = load_config(path)
    assert config.mode in path.name or preset == "poc_test.yaml"
    with pytest.raises(ConfigError, match="already"):
        write_preset(preset, path)


def test_what_is_shown_loads_as_the_same(tmp_path):
    config = load(tmp_path, "symbols: [A, B]\nstrategy: {name: x, params: {fast: 3, slow: true}}\n")
    again = load(tmp_path, show_config(config))
    assert again == config
    assert config_hash(again) == config_hash(config) != config_hash(Config())


def test_the_hash_is_of_the_values_not_of_the_text(tmp_path):
    one = load(tmp_path, "cash: 5.0\nseed: 1\n")
    two = load(tmp_path, "# words\nseed: 1\nmode: research\ncash: 5.0\n")
    assert config_hash(one) == config_hash(two)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("symbol: [X]", "'symbol': did you mean 'symbols'"),
        ("risk: {max_ordr_usd: 1.0}", "'risk.max_ordr_usd': did you mean 'max_order_usd'"),
        ("cash: '100'", "'cash'"),
        ("cash: 1e3", "'cash'"),  # YAML 1.1 reads a text
        ("venue: NO", "'venue'"),  # … and False
        ("interval: 12:30:00", "'interval'"),  # … and 45000
        ("cash: -1.0", "greater than 0"),
        ("seed: true", "'seed'"),
        ("mode: lve", "'mode'"),
        ("symbols: BTC", "'symbols'"),
        ("- a\n- b", "not keys and values"),
        ("a: [", "no plain YAML"),
        ("cash: !!python/object/apply:os.system ['true']", "no plain YAML"),
        ("api_key: CANARY77", "never from a configuration"),
        ("risk: {secret: CANARY77}", "never from a configuration"),
        ("cash: .nan", "'cash'"),
    ],
)
def test_what_is_refused(tmp_path, text, told):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert told in str(caught.value)
    assert "CANARY" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bomb_and_a_book_are_refused(tmp_path):
    lines = ["a: &a [x, x]"] + [
        f"{c}: &{c} [{', '.join(['*' + p] * 60)}]" for p, c in zip("ab", "bc", strict=True)
    ]
    with pytest.raises(ConfigError, match="aliases"):
        load(tmp_path, "\n".join(lines))
    with pytest.raises(ConfigError, match="1 MB"):
        load(tmp_path, "#" * (1 << 20) + "\ncash: 1.0")


def test_an_empty_file_is_the_defaults_and_none_is_an_error(tmp_path):
    assert load(tmp_path, "") == Config()
    with pytest.raises(ConfigError, match="config init"):
        load_config(tmp_path / "none.yaml")
