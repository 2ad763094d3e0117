"""A limit order book in arrays: sorted levels of both sides, best last, so that changes are cheap.

Row 0 of `price` and `size` is the bid side, ascending; row 1 the ask side, with prices negated, so
that it ascends too: one piece of code serves both, and the best level is the last. Nearly all
changes are near the best, where a search from the end is short and few levels have to move.
"""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, I8, I64, bare_kernel, inner_kernel, kernel

LOAD, APPLY, BREAK = 0, 1, 2
"""What `rebuild` does with a message: replace the book, change it, or lose it."""

OK, CROSSED, NOT_FINITE = 0, 1, 2
"""What `rebuild` says of the book after a message."""

_FAR = 32  # levels from the best that are searched one by one


@inner_kernel
def find_level(price: F64, n: int, key: float) -> int:
    """Index of the first of the `n` ascending prices that is not below `key`."""
    at = n
    stop = n - _FAR
    while at > 0 and at > stop and price[at - 1] >= key:
        at -= 1
    if at > stop or at == 0:
        return at
    low, high = 0, at
    while low < high:
        middle = (low + high) >> 1
        if price[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


@inner_kernel
def set_level(price: F64, size: F64, n: int, key: float, quantity: float) -> int:
    """Set one level to an absolute `quantity`, 0 removes it; returns the number of levels.

    `price` and `size` must have room for one more level.
    """
    at = find_level(price, n, key)
    if at < n and price[at] == key:
        if quantity > 0.0:
            size[at] = quantity
            return n
        for i in range(at, n - 1):
            price[i], size[i] = price[i + 1], size[i + 1]
        return n - 1
    if not quantity > 0.0:
        return n
    for i in range(n, at, -1):
        price[i], size[i] = price[i - 1], size[i - 1]
    price[at], size[at] = key, quantity
    return n + 1


@inner_kernel
def apply_levels(
    book_price: F64,
    book_size: F64,
    count: I64,
    side: I8,
    price: F64,
    size: F64,
    first: int,
    last: int,
) -> int:
    """Apply the levels ``[first, last)`` of one message; returns OK, CROSSED or NOT_FINITE."""
    for i in range(first, last):
        if not (price[i] > 0.0 and price[i] < np.inf and size[i] >= 0.0 and size[i] < np.inf):
            return NOT_FINITE
        row = 0 if side[i] > 0 else 1
        key = price[i] if side[i] > 0 else -price[i]
        count[row] = set_level(book_price[row], book_size[row], count[row], key, size[i])
    if count[0] and count[1] and book_price[0, count[0] - 1] >= -book_price[1, count[1] - 1]:
        return CROSSED
    return OK


@inner_kernel
def load_levels(
    book_price: F64,
    book_size: F64,
    count: I64,
    side: I8,
    price: F64,
    size: F64,
    first: int,
    last: int,
) -> int:
    """Replace the book by a snapshot, worst level first so that each lands at the end."""
    count[:] = 0
    for i in range(first, last):
        if not (price[i] > 0.0 and price[i] < np.inf and size[i] >= 0.0 and size[i] < np.inf):
            return NOT_FINITE
    for i in range(last - 1, first - 1, -1):
        row = 0 if side[i] > 0 else 1
        key = price[i] if side[i] > 0 else -price[i]
        count[row] = set_level(book_price[row], book_size[row], count[row], key, size[i])
    if count[0] and count[1] and book_price[0, count[0] - 1] >= -book_price[1, count[1] - 1]:
        return CROSSED
    return OK


@bare_kernel
def change_book(
    load: bool, book_price: F64, book_size: F64, count: I64, side: I8, price: F64, size: F64
) -> int:
    """Replace (`load`) or change a book by one message; returns OK, CROSSED or NOT_FINITE.

    `book_price` and `book_size` have room for all levels of the message beside those there are.
    """
    if load:
        return load_levels(book_price, book_size, count, side, price, size, 0, price.size)
    return apply_levels(book_price, book_size, count, side, price, size, 0, price.size)


@inner_kernel
def copy_top(book_price: F64, book_size: F64, count: I64, edge: F64, out: F64, t: int) -> int:
    """Best levels into ``out[:, t]`` (bid price, bid size, ask price, ask size); NaN where none.

    Returns how many levels of both sides were seen: what lies beyond `edge`, the worst key of the
    snapshot, may lack levels that have not changed since.
    """
    depth: int = out.shape[2]
    seen = depth
    for row in range(2):
        n, sign = count[row], 1.0 - 2.0 * row
        for k in range(depth):
            at = n - 1 - k
            if at >= 0:
                out[2 * row, t, k] = sign * book_price[row, at]
                out[2 * row + 1, t, k] = book_size[row, at]
                if book_price[row, at] < edge[row]:
                    seen = min(seen, k)
            else:
                out[2 * row, t, k] = np.nan
                out[2 * row + 1, t, k] = np.nan
                if edge[row] > -np.inf:
                    seen = min(seen, k)
    return seen


@bare_kernel
def top_of(book_price: F64, book_size: F64, count: I64, edge: F64, out: F64) -> int:
    """`copy_top` of one book into ``out[:, 0]``, for callers in Python."""
    seen: int = copy_top(book_price, book_size, count, edge, out, 0)
    return seen


@kernel
def capacity(ops: I8, message: I64, start: I64, side: I8, size: F64) -> int:
    """Levels that a side can have at most while the operations run, and one to spare."""
    here, most = np.zeros(2, np.int64), 0
    for o in range(ops.size):
        if ops[o] == LOAD:
            here[:] = 0
        if ops[o] == BREAK:
            continue
        for i in range(start[message[o]], start[message[o] + 1]):
            if size[i] > 0.0:
                here[0 if side[i] > 0 else 1] += 1
        most = max(most, here[0], here[1])
    return most + 2


@kernel
def rebuild(
    ops: I8,
    message: I64,
    start: I64,
    side: I8,
    price: F64,
    size: F64,
    time: I64,
    limit: int,
    crosses: bool,
    aside: bool,
    grid: int,
    room: int,
    out: F64,
    row_time: I64,
    row_message: I64,
    row_seen: I64,
    state: I8,
) -> int:
    """Run book operations and copy the best levels out; returns the number of rows.

    Parameters
    ----------
    ops, message : int arrays, (n_ops,)
        LOAD, APPLY or BREAK, and the message it is done with.
    start : int64 array, (n_messages + 1,)
        Where each message's levels begin in `side`, `price`, `size`.
    time : int64 array, (n_ops,)
        When the operation counts, nanoseconds, not decreasing.
    limit : int
        Levels a side that snapshots are cut at: what lies beyond the worst one of such a snapshot
        is unknown. 0: snapshots are whole.
    crosses : bool
        A crossed book is no fault: orders are listed before they are matched.
    aside : bool
        Snapshots come by another way and may be ahead of the messages: rows on the grid begin with
        the first message that joins on to one.
    grid : int
        Nanoseconds between rows, each the book after everything up to and including its time;
        0 gives a row after each operation. Rows are made when the next operation proves that
        nothing is missing: up to a BREAK there are none.
    room : int
        Of `capacity`.
    out : float64 array, (4, n_rows, depth)
    row_time, row_message, row_seen : int64 arrays, (n_rows,)
        Time of each row, the last message in it, and how many of its levels were all seen.
    state : int8 array, (n_ops,)
        Set to OK, CROSSED or NOT_FINITE after each operation. From a book that is not OK up to
        the next LOAD no rows are made.
    """
    book_price, book_size = np.empty((2, room)), np.empty((2, room))
    count, edge = np.zeros(2, np.int64), np.full(2, -np.inf)
    valid, timed, rows, last, due = False, False, 0, 0, 0
    for o in range(ops.size):
        if grid and valid and timed and ops[o] != BREAK:
            while due < time[o] and rows < row_time.size:
                row_seen[rows] = copy_top(book_price, book_size, count, edge, out, rows)
                row_time[rows], row_message[rows] = due, last
                rows, due = rows + 1, due + grid
        first, end = start[message[o]], start[message[o] + 1]
        state[o] = OK
        if ops[o] == BREAK:
            valid = False
            continue
        if ops[o] == LOAD:
            state[o] = load_levels(book_price, book_size, count, side, price, size, first, end)
            valid = state[o] == OK
            for row in range(2):
                edge[row] = book_price[row, 0] if 0 < limit <= count[row] else -np.inf
            timed = False
        elif valid:
            state[o] = apply_levels(book_price, book_size, count, side, price, size, first, end)
            if crosses and state[o] == CROSSED:
                state[o] = OK
            valid = state[o] == OK
        if grid and valid and not timed and not (aside and ops[o] == LOAD):
            timed, due = True, (time[o] + grid - 1) // grid * grid
        last = message[o]
        if not grid and valid and rows < row_time.size:
            row_seen[rows] = copy_top(book_price, book_size, count, edge, out, rows)
            row_time[rows], row_message[rows] = time[o], last
            rows += 1
    if grid and valid and timed and rows < row_time.size and due == time[-1]:
        row_seen[rows] = copy_top(book_price, book_size, count, edge, out, rows)
        row_time[rows], row_message[rows] = due, last
        rows += 1
    return rows
