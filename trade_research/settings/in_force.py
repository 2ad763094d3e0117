"""The configuration in force in this process: what runs and journals say they were made under."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trade_research.settings.schema import Config

_in_force: Config | None = None


def use_config(path: Path | None) -> Config | None:
    """Put the configuration of a file in force; None puts none in force.

    From then on the manifest of each run and the journal of each session hold its hash. What a
    call is given stays as it is: only the command line takes values from the configuration.

    Raises
    ------
    ConfigError
        As of `load_config`.
    """
    global _in_force
    if path is None:
        _in_force = None
    else:
        from trade_research.settings.config import load_config

        _in_force = load_config(path)
    return _in_force


def config_in_force() -> Config | None:
    """The configuration that `use_config` put in force."""
    return _in_force


def hash_in_force() -> dict[str, str]:
    """``{"config": hash}`` of the configuration in force, nothing where there is none."""
    if _in_force is None:
        return {}
    from trade_research.settings.config import config_hash

    return {"config": config_hash(_in_force)}
