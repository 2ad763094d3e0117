"""Settings: typed configuration from YAML, and keys that nothing prints."""

from trade_research.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Config": "schema",
        "Secret": "secrets",
        "config_in_force": "in_force",
        "find_secret": "keys",
        "load_config": "config",
        "quiet_clients": "secrets",
        "redact": "secrets",
        "use_config": "in_force",
        "write_preset": "config",
    },
)
