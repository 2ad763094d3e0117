"""Words of a person to a session, as files that whoever owns it may set: kill, and release."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from trade_research.errors import SessionError
from trade_research.live.journal import sync_folder

KILL, RELEASE = "KILL", "RELEASE"


class Latch:
    """A latch of a session's folder, by default the kill latch; looking costs a microsecond."""

    def __init__(self, folder: Path, name: str = KILL) -> None:
        self.path = folder / name

    @property
    def is_set(self) -> bool:
        """Whether it is set; a folder that cannot be read counts as set."""
        try:
            os.stat(self.path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    def set(self, by: str, reason: str) -> bool:
        """Set it, on the disk when this returns; whether it was not set before.

        The file is the latch; what it says may be missing where a disk is full.

        Raises
        ------
        SessionError
            There can be no such file.
        """
        text = json.dumps({"by": by, "reason": reason, "ts": f"{datetime.now(UTC):%FT%TZ}"})
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            handle = os.open(self.path, flags, 0o600)
        except FileExistsError:
            return False
        except OSError as error:
            raise SessionError(f"the latch {self.path} cannot be set: {error}") from error
        with suppress(OSError), os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
        with suppress(OSError):
            sync_folder(self.path.parent)
        return True

    def read(self) -> tuple[str, str]:
        """Who set it and why."""
        try:
            said = json.loads(self.path.read_text()[:4_096])
            return str(said["by"]), str(said["reason"])
        except (OSError, ValueError, KeyError, TypeError):
            return "somebody", "the file does not say"

    def clear(self) -> None:
        """Take it off."""
        self.path.unlink(missing_ok=True)
