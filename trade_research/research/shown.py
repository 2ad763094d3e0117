"""What has a report: a run just made, or one read from its folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trade_research.report.run import Run
    from trade_research.report.section import Section


class Shown:
    """Writes the report of what `_shown` gives."""

    def _shown(self) -> Run:
        raise NotImplementedError

    def report(
        self,
        path: str | Path,
        *,
        sections: Sequence[str] | None = None,
        extra: Sequence[Callable[[Run], Section | None]] = (),
        full_print: bool = False,
    ) -> Path:
        """Write one self-contained HTML page.

        Parameters
        ----------
        path : str or Path
            Folders in between are made.
        sections : sequence of str, optional
            Only these, in this order; all when left out.
        extra : sequence of callables
            Your own sections, ``run -> Section``, after ours.
        full_print : bool
            Print the folded sections too.

        Returns
        -------
        Path
            Where the page lies. Read again from its folder, a run gives the same bytes, but for
            what is said of the other runs beside it.
        """
        from trade_research.report.page import write

        return write(self._shown(), path, sections=sections, extra=extra, full_print=full_print)
