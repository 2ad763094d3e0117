"""Names and paths inside SQL texts."""

from __future__ import annotations


def quoted(text: str) -> str:
    """`text` as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def escape_glob(path: str) -> str:
    """`path` so that DuckDB, which globs even explicit lists of files, takes it literally."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in path)
