"""Where keys come from: the environment, the system's keyring, an owner-only .env file."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

from trade_research.errors import ConfigError
from trade_research.settings.secrets import Secret

SERVICE = "trade-research"
_LINE = re.compile(r"(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=\s*(.*)")
_MOST_BYTES = 1 << 16


def find_secret(venue: str, what: str = "key", *, env_file: Path | None = None) -> Secret | None:
    """A venue's key, from the first place that has it; None where none has.

    Parameters
    ----------
    venue : str
        A source or venue, e.g. ``"alpha_vantage"``.
    what : str
        ``"key"`` or ``"secret"``.
    env_file : Path, optional
        By default the file that TRADE_RESEARCH_ENV_FILE names, else ``.env`` here.

    Notes
    -----
    In this order: the environment variable (``ALPHA_VANTAGE_KEY``); the system's keyring, service
    ``trade-research``, name ``alpha_vantage.key``; the line ``ALPHA_VANTAGE_KEY=…`` of the file,
    which only its owner may be able to read. Never the command line, never a configuration.

    Raises
    ------
    ConfigError
        The file may be read by others, is a link, or would be committed by git.
    """
    name = variable(venue, what)
    text = os.environ.get(name) or _from_keyring(venue, what)
    if not text:
        file = env_file or Path(os.environ.get("TRADE_RESEARCH_ENV_FILE", ".env"))
        text = read_env_file(file).get(name) if file.exists() or file.is_symlink() else None
    return Secret(text) if text else None


def need_secret(venue: str, what: str = "key") -> Secret:
    """As `find_secret`; ConfigError that says where to put it where there is none."""
    found = find_secret(venue, what)
    if found is None:
        raise ConfigError(
            f"{venue} needs a {what}: set the environment variable {variable(venue, what)}, or "
            f"`keyring set {SERVICE} {venue}.{what}`, or a line in an owner-only .env file"
        )
    return found


def variable(venue: str, what: str) -> str:
    """Name of the environment variable of a venue's key."""
    return re.sub(r"\W", "_", f"{venue}_{what}").upper()


def read_env_file(path: Path) -> dict[str, str]:
    """Names and values of an owner-only ``.env`` file."""
    _check_private(path)
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(handle, encoding="utf-8") as file:
        text = file.read(_MOST_BYTES)
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        match = _LINE.fullmatch(bare)
        if match is None:
            raise ConfigError(f"{path} line {number} is not NAME=value: correct it")
        value = match[2].strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        found[match[1]] = value
    return found


def _check_private(path: Path) -> None:
    state = path.lstat()
    if not stat.S_ISREG(state.st_mode):
        raise ConfigError(f"{path} is not a regular file: keys are read from no link or pipe")
    if os.name == "posix":
        if state.st_uid != os.geteuid():
            raise ConfigError(f"{path} belongs to another user: keys are read from your own files")
        if state.st_mode & 0o077:
            raise ConfigError(
                f"{path} can be read by others (mode {state.st_mode & 0o777:03o}): chmod 600 {path}"
            )
    if _would_be_committed(path):
        raise ConfigError(f"git does not ignore {path}: add it to .gitignore before keys go in")


def _would_be_committed(path: Path) -> bool:
    """Whether the file lies in a git work tree that does not ignore it."""
    folder, git = path.absolute().parent, shutil.which("git")
    if git is None or not any((up / ".git").exists() for up in (folder, *folder.parents)):
        return False
    asked = subprocess.run(
        [git, "check-ignore", "-q", path.name], cwd=folder, capture_output=True, check=False
    )
    return asked.returncode == 1


def _from_keyring(venue: str, what: str) -> str | None:
    """The keyring's value; None where there is no keyring, or no package for it."""
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return None
    try:
        return keyring.get_password(SERVICE, f"{venue}.{what}")
    except keyring.errors.KeyringError:
        return None
