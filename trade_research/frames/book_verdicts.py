"""What is wrong with recorded books: gaps, crossed and one-sided books, silence, skewed clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from trade_research.frames.books import NANO, level_names

if TYPE_CHECKING:
    from trade_research.kernels.jit import B8, I64

BOOK_KINDS: dict[str, tuple[bool, str]] = {
    "gap": (True, "messages are missing: the book is unknown up to the next snapshot"),
    "crossed": (True, "the best bid is not below the best ask"),
    "one_sided": (True, "a side has no level"),
    "stale": (True, "nothing was heard of the book for longer than the deadline"),
    "clock_skew": (True, "the receiver's clock runs behind the exchange's"),
    "unseen": (True, "levels beyond the snapshot's depth are known only where they changed since"),
    "not_finite": (True, "a message held a price or size that is no number"),
}
"""Kind to (causal, explanation). Causal: known when the row is, live as well."""

BOOK_VERDICT_SCHEMA = pl.Schema(
    {
        "kind": pl.String(),
        "causal": pl.Boolean(),
        "time": NANO,
        "end_time": NANO,
        "rows": pl.Int64(),
        "detail": pl.String(),
    }
)
BROKEN = ("crossed", "one_sided", "gap", "not_finite", "stale")
"""Kinds whose spans a strategy must not see."""

DEADLINE_NS = 5_000_000_000


def audit_books(
    books: pl.DataFrame, lost: pl.DataFrame | None = None, *, deadline_ns: int = DEADLINE_NS
) -> pl.DataFrame:
    """List what is wrong with books, one row a stretch; nothing is changed.

    Parameters
    ----------
    books : polars.DataFrame
        In the wide layout.
    lost : polars.DataFrame, optional
        Verdicts of rebuilding the books from messages: gaps, and how far the clocks are apart.
    deadline_ns : int
        Silence beyond this is ``stale``.

    Returns
    -------
    polars.DataFrame
        ``kind, causal, time, end_time, rows, detail``, by time. A stretch runs from its first row
        to the first row behind it; a gap from the message that showed it to the first book after.
    """
    frames = [pl.DataFrame(schema=BOOK_VERDICT_SCHEMA)]
    if lost is not None:
        frames.append(lost)
    if books.height:
        time = books["time"].to_physical().to_numpy()
        bid, ask = (books[n].to_numpy() for n in level_names(1, ("bid_price", "ask_price")))
        with np.errstate(invalid="ignore"):
            marks = {
                "crossed": (bid >= ask, "best bid at or above best ask"),
                "one_sided": (np.isnan(bid) | np.isnan(ask), "a side is empty"),
            }
        frames += [stretches(kind, mark, time, what) for kind, (mark, what) in marks.items()]
        frames.append(_silence(time, lost, deadline_ns))
        if lost is None and "recv_time" in books.columns:
            frames.append(skew(time, books["recv_time"].to_physical().to_numpy()))
    return pl.concat(frames).sort("time", "kind", maintain_order=True)


def verdict_rows(kind: str, start: I64, end: I64, rows: I64, detail: list[str]) -> pl.DataFrame:
    """Verdicts of one kind; times int64 nanoseconds."""
    frame = pl.DataFrame(
        {"time": start, "end_time": end, "rows": rows, "detail": detail},
        schema={"time": pl.Int64, "end_time": pl.Int64, "rows": pl.Int64, "detail": pl.String},
    )
    return frame.select(
        kind=pl.lit(kind),
        causal=pl.lit(BOOK_KINDS[kind][0]),
        time=pl.col("time").cast(NANO),
        end_time=pl.col("end_time").cast(NANO),
        rows="rows",
        detail="detail",
    )


def mask_books(books: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    """Books whose levels are null wherever a causal verdict says that they cannot be trusted."""
    broken = verdicts.filter(pl.col("kind").is_in(BROKEN), pl.col("causal"))
    if not broken.height or not books.height:
        return books
    time = books["time"].to_physical().to_numpy()
    bad = np.zeros(time.size, bool)
    spans = zip(broken["time"].to_physical(), broken["end_time"].to_physical(), strict=True)
    for start, end in spans:
        bad[np.searchsorted(time, start) : np.searchsorted(time, end)] = True
    if not bad.any():
        return books
    levels = [name for name in books.columns if name not in ("time", "recv_time")]
    seen = pl.Series(~bad)
    return books.with_columns(pl.when(seen).then(pl.col(levels)))


def stretches(kind: str, mark: B8, time: I64, what: str) -> pl.DataFrame:
    """Verdicts of one kind on each run of rows that `mark` holds for."""
    if not mark.any():
        return pl.DataFrame(schema=BOOK_VERDICT_SCHEMA)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mark, [False]]).astype(np.int8)))
    first, behind = edges[::2], edges[1::2]
    after = np.append(time, time[-1] + 1)
    return verdict_rows(kind, time[first], after[behind], behind - first, [what] * first.size)


def _silence(time: I64, lost: pl.DataFrame | None, deadline_ns: int) -> pl.DataFrame:
    """Steps longer than the deadline that no gap explains."""
    at = np.flatnonzero(np.diff(time) > deadline_ns)
    if lost is not None and lost.height:
        ends = lost.filter(pl.col("kind") == "gap")["end_time"].to_physical().to_numpy()
        at = at[[not ((ends > time[i]) & (ends <= time[i + 1])).any() for i in at]]
    detail = [f"{(time[i + 1] - time[i]) / 1e9:.1f} s of silence" for i in at]
    return verdict_rows("stale", time[at] + deadline_ns, time[at + 1], np.ones_like(at), detail)


def skew(time: I64, recv: I64) -> pl.DataFrame:
    """Stretches that were received before they were sent."""
    behind = time - recv
    mark = behind > 0
    found = stretches("clock_skew", mark, time, "")
    usual = np.median(behind[mark]) / 1e9 if mark.any() else 0.0
    return found.with_columns(detail=pl.lit(f"the receiver's clock is {usual:.2f} s behind"))
