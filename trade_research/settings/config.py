"""Configuration from YAML: safe, bounded, typed; an unknown key names the nearest known one."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from trade_research.errors import ConfigError, nearest
from trade_research.settings.schema import Config
from trade_research.settings.secrets import redact

PRESETS = ("research.yaml", "paper.yaml", "poc_test.yaml", "live.yaml.template")
_MOST_BYTES = 1 << 20
_MOST_ALIASES = 100
_KEYS = re.compile(r"(?i)^(.*_)?(api_?)?(key|secret|token|password|passphrase)$")


def load_config(path: Path) -> Config:
    """The configuration in a YAML file, with every default filled in.

    Raises
    ------
    ConfigError
        No such file, over 1 MB, no plain YAML, an unknown key (the nearest known one is named), a
        value of another type (nothing is converted: ``NO`` is not Norway and ``"1e3"`` no number),
        or a key or password, which has no place in a configuration.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}. Make one: config init"
        ) from None
    if len(text) > _MOST_BYTES:
        raise ConfigError(f"{path} is over 1 MB: that is no configuration")
    found = _plain(text, path)
    for name in _names(found):
        if _KEYS.match(name.rpartition(".")[2]):
            raise ConfigError(
                f"{path} holds {name!r}: keys come from the environment, the keyring or an "
                "owner-only .env file, never from a configuration"
            )
    try:
        return Config.model_validate(found)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_explain(error)}") from None


def config_hash(config: Config) -> str:
    """SHA-256 of the effective configuration, the same however it was written."""
    text = json.dumps(config.model_dump(mode="json"), sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def show_config(config: Config) -> str:
    """The effective configuration as YAML, each key with what it means."""
    return "\n".join([*_lines(config, 0), f"# hash: {config_hash(config)}"]) + "\n"


def write_preset(preset: str, path: Path) -> Path:
    """Write a preset to a new file; ConfigError where there is one already."""
    if preset not in PRESETS:
        raise ConfigError(f"no preset is called {preset!r}: {nearest(preset, PRESETS)}")
    text = (files("trade_research.settings") / "presets" / preset).read_text(encoding="utf-8")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(f"{path} is there already: name another file") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
    return path


def _plain(text: bytes, path: Path) -> dict[str, Any]:
    try:
        aliases = sum(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text))
        if aliases > _MOST_ALIASES:
            raise ConfigError(f"{path} holds {aliases} aliases: write the values out")
        found = yaml.safe_load(text)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        words = redact(" ".join(str(error).split()))[:160]
        raise ConfigError(f"{path} is no plain YAML: {words}") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ConfigError(f"{path} holds a {type(found).__name__}, not keys and values")
    return found


def _names(node: Any, before: str = "") -> Iterator[str]:
    """Every key, with those above it."""
    if isinstance(node, dict):
        for key, value in node.items():
            name = f"{before}.{key}" if before else str(key)
            yield name
            yield from _names(value, name)


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=True)[0]
    where = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        part: Any = Config
        for step in first["loc"][:-1]:
            part = part.model_fields[str(step)].annotation
        return f"there is no key {where!r}: {nearest(str(first['loc'][-1]), part.model_fields)}"
    shown = redact(repr(first.get("input")))[:60]
    more = len(error.errors()) - 1
    others = f" (and {more} more)" if more else ""
    return f"{where!r} is {shown}: {first['msg'].lower()}{others}. Correct it"


def _lines(part: BaseModel, depth: int) -> Iterator[str]:
    pad = "  " * depth
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            yield f"{pad}{name}:"
            yield from _lines(value, depth + 1)
        else:
            text = yaml.safe_dump(value, default_flow_style=True, width=10_000)
            plain = text.removesuffix("...\n").strip()
            yield f"{pad}{name}: {plain}  # {field.description}"
