"""A store in object storage, read through copies on this computer.

What is committed never changes but for the small file that names the newest version, so a copy is
brought up to date by fetching what is missing: data first, that file last.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trade_research.errors import ConfigError, MissingDataError, StoreError
from trade_research.store.layout import instrument_folder, split_name
from trade_research.store.store import Store
from trade_research.store.times import Moment

if TYPE_CHECKING:
    import polars as pl

    from trade_research.store.query import Query

_ORIGIN = "origin"
_KINDS = ("bars", "actions", "funding")
_NEWEST = "CURRENT"


class RemoteStore:
    """Bars of a store that lies at an address, such as ``s3://bucket/datasets``.

    Parameters
    ----------
    url : str
        Any address that fsspec knows; S3-compatible ones need the extra ``scale``.
    cache : path, optional
        Where copies are kept; the user's cache folder when left out.
    options : mapping, optional
        What fsspec needs to open it, such as ``{"endpoint_url": "http://…"}``. Keys and secrets
        are better left to the environment.

    Examples
    --------
    >>> bars = tr.RemoteStore("s3://desk/datasets").query("binance:BTC/USDT@1h")  # doctest: +SKIP
    """

    def __init__(
        self,
        url: str,
        cache: str | os.PathLike[str] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        if "://" not in url:
            raise ConfigError(f"{url!r} is no address such as 's3://bucket/datasets'; for a folder "
                              "of this computer use tr.Store")  # fmt: skip
        self.url, self.options = url.rstrip("/"), dict(options or {})
        name = hashlib.sha256(self.url.encode()).hexdigest()[:16]
        self.local = Store(Path(_cache() if cache is None else cache) / name)

    def __repr__(self) -> str:
        return f"RemoteStore({self.url!r})"

    def query(
        self,
        names: str | Sequence[str],
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        as_of: int | Moment | None = None,
        adjust: str | None = None,
    ) -> Query:
        """As `Store.query`, after the instruments' files were fetched; names with their venue.

        Raises
        ------
        MissingDataError
            Nothing is stored under a name.
        StoreError
            The address cannot be read.
        """
        for name in [names] if isinstance(names, str) else names:
            self._pull(name)
        return self.local.query(names, start, end, as_of=as_of, adjust=adjust)

    def bars(
        self, name: str, start: Moment | None = None, end: Moment | None = None
    ) -> pl.DataFrame:
        """Bars of one instrument by its name: ``query(…).frame()``."""
        return self.query(name, start, end).frame()

    def _pull(self, name: str) -> None:
        """Bring the copy of one instrument up to date."""
        venue, symbol, _ = split_name(name)
        if venue is None:
            raise ConfigError(f"{name!r}: say the venue too, as in binance:BTC/USDT@1h")
        system, prefix = self._open()
        is_there = False
        for kind in _KINDS:
            folder = instrument_folder(self.local.root, kind, venue, symbol)
            place = f"{prefix}/{folder.relative_to(self.local.root).as_posix()}"
            try:
                found = system.find(place, detail=True)
            except FileNotFoundError:
                found = {}
            except Exception as error:  # each system has errors of its own
                raise StoreError(f"cannot read {self.url!r}: {error}") from error
            is_there |= bool(found)
            for path in sorted(found, key=lambda p: p.endswith(_NEWEST)):
                local = folder / path[len(place) :].lstrip("/")
                if local.name == _NEWEST or not local.exists():
                    self._fetch(system, path, local)
        if not is_there:
            raise MissingDataError(f"nothing is stored under {name!r} at {self.url}")
        _whole(self.local.root / _ORIGIN, self.url.encode())

    def _open(self) -> tuple[Any, str]:
        """The file system of the address, and the store's folder in it."""
        try:
            import fsspec

            system, prefix = fsspec.core.url_to_fs(self.url, **self.options)
            system.invalidate_cache()
        except ImportError as error:
            raise ConfigError(
                f"{self.url!r} needs a package that is missing: pip install trade-research[scale]"
            ) from error
        except Exception as error:
            raise StoreError(f"cannot open {self.url!r}: {error}") from error
        return system, str(prefix).rstrip("/")

    def _fetch(self, system: Any, path: str, local: Path) -> None:
        try:
            content = system.cat_file(path)
        except Exception as error:
            raise StoreError(f"cannot read {path!r} of {self.url}: {error}") from error
        _whole(local, content)


def origin_of(root: str | os.PathLike[str]) -> str | None:
    """The address that a folder is a copy of; None for a store of its own."""
    sheet = Path(root) / _ORIGIN
    return sheet.read_text(encoding="utf-8") if sheet.is_file() else None


def _whole(target: Path, content: bytes) -> None:
    """Write beside and rename: several processes may keep one copy."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=target.parent, prefix=".fetching-")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    Path(beside).replace(target)


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "trade-research" / "stores"
