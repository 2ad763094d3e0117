"""Answers of an exchange by REST that may not be larger than memory can bear."""

from __future__ import annotations

import aiohttp

MOST_BYTES = 64 << 20  # of an answer, unpacked; exchanges' lists of markets have up to 20 MB


class Bounded(aiohttp.ClientResponse):
    """An answer that is read in pieces, and given up once they are too many."""

    async def read(self) -> bytes:
        """The body; aiohttp's own `read` would take whatever comes.

        Raises
        ------
        aiohttp.ClientPayloadError
            There is more of it than `MOST_BYTES`, unpacked.
        """
        if self._body is None:
            parts, size = [], 0
            async for part in self.content.iter_any():
                parts.append(part)
                size += len(part)
                if size > MOST_BYTES:
                    self.close()
                    raise aiohttp.ClientPayloadError(f"an answer of over {MOST_BYTES >> 20} MB")
            self._body = b"".join(parts)
        return await super().read()
