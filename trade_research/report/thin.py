"""Fewer points, same picture: what a chart draws of a long series, extremes kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_POINTS = 2_000


def thin(values: NDArray[np.float64], points: int = MOST_POINTS) -> NDArray[np.int64]:
    """Indices of at most `points` rows that draw like all of them (MinMaxLTTB), oldest first.

    Parameters
    ----------
    values : float64 array of shape (n,)
        Evenly weighted in time; NaN rows are never chosen.
    points : int
        Most indices returned; all finite rows where there are no more than that.

    References
    ----------
    Van Der Donckt et al. (2023), MinMaxLTTB, IEEE VIS short paper.
    """
    finite = np.flatnonzero(np.isfinite(values))
    if finite.size <= points:
        return finite
    from tsdownsample import MinMaxLTTBDownsampler

    # Its buckets need an even count of a fair size; a few rows are not worth a special case.
    chosen = MinMaxLTTBDownsampler().downsample(
        np.ascontiguousarray(values[finite]), n_out=max(4, points - points % 2)
    )
    rows: NDArray[np.int64] = finite[chosen.astype(np.int64)]
    return rows
