"""Mutations of bars on their way in, and of the decisions on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.live.mutations import MUTATIONS, Patch, around, mutation
from trade_research.feeds.barclock import BarClock
from trade_research.feeds.bars import Row
from trade_research.live.deciders import Growing, History
from trade_research.research.rig import Rig

OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)


# --- bars on their way in --------------------------------------------------------------------


def on_bars(name: str, change: Callable[[np.ndarray], None]) -> None:
    """A mutation of what every released row holds."""

    def apply(patch: Patch) -> None:
        def release(before: Any, clock: BarClock, *args: Any) -> Row:
            row = before(clock, *args)
            change(row.bars)
            return row

        around(patch, BarClock, "_release", release)

    MUTATIONS[name] = apply


def put(field: int, value: Callable[[np.ndarray], Any]) -> Callable[[np.ndarray], None]:
    def change(bars: np.ndarray) -> None:
        bars[field] = value(bars)

    return change


def on_rows(name: str, change: Callable[[Row], Row]) -> None:
    """A mutation of the released row."""

    def apply(patch: Patch) -> None:
        around(patch, BarClock, "_release", lambda before, *args: change(before(*args)))

    MUTATIONS[name] = apply


def swapped(bars: np.ndarray) -> None:
    bars[[HIGH, LOW]] = bars[[LOW, HIGH]]


def mixed_up(bars: np.ndarray) -> None:
    bars[:] = bars[:, ::-1].copy()


on_bars("prices_cast_to_float32", put(CLOSE, lambda b: b[CLOSE].astype(np.float32)))
on_bars("prices_rounded_to_cents", put(CLOSE, lambda b: np.round(b[CLOSE], 2)))
on_bars("prices_adjusted_that_should_be_raw", put(OPEN, lambda b: b[OPEN] * 0.999))
on_bars("fills_at_the_close_instead_of_the_open", put(OPEN, lambda b: b[CLOSE]))
on_bars("a_forming_bar_taken_as_closed", put(CLOSE, lambda b: b[OPEN]))
on_bars("volume_lost", put(VOLUME, lambda b: np.nan))
on_bars("high_and_low_swapped", swapped)
on_bars("symbols_mixed_up", mixed_up)
on_rows("open_times_shifted_by_a_millisecond", lambda r: r._replace(open_time=r.open_time + 1_000))
on_rows(
    "close_times_shifted_by_a_millisecond", lambda r: r._replace(close_time=r.close_time + 1_000)
)


@mutation
def a_bar_dropped_silently(patch: Patch) -> None:
    def rows(before: Any, clock: BarClock, now: int) -> Any:
        for item in before(clock, now):
            if not (isinstance(item, Row) and item.open_time % 97 == 0):
                yield item

    around(patch, BarClock, "rows", rows)


@mutation
def bars_reordered(patch: Patch) -> None:
    kept: list[Any] = []

    def rows(before: Any, clock: BarClock, now: int) -> Any:
        for item in before(clock, now):
            kept.append(item)
            if len(kept) == 2:
                yield from reversed(kept)
                kept.clear()

    around(patch, BarClock, "rows", rows)


@mutation
def a_repeated_bar_handed_on_twice(patch: Patch) -> None:
    def rows(before: Any, clock: BarClock, now: int) -> Any:
        for item in before(clock, now):
            yield item
            if isinstance(item, Row) and item.open_time % 7 == 0:
                yield item

    around(patch, BarClock, "rows", rows)


@mutation
def lost_bars_not_asked_for(patch: Patch) -> None:
    around(patch, BarClock, "_fetch", lambda before, *args: False)


@mutation
def a_gap_filled_with_invented_bars(patch: Patch) -> None:
    last: list[Row] = []

    def release(before: Any, clock: BarClock, *args: Any) -> Row:
        row = before(clock, *args)
        last[:] = [row]
        return row

    def rows(before: Any, clock: BarClock, now: int) -> Any:
        for item in before(clock, now):
            if not isinstance(item, Row) and not item.symbol and last:
                close = item.open_time + last[0].close_time - last[0].open_time
                yield last[0]._replace(open_time=item.open_time, close_time=close)
            yield item

    around(patch, BarClock, "_release", release)
    around(patch, BarClock, "rows", rows)


@mutation
def an_absent_symbol_filled_forward(patch: Patch) -> None:
    seen: list[np.ndarray] = []

    def release(before: Any, clock: BarClock, *args: Any) -> Row:
        row = before(clock, *args)
        if seen:
            row.bars[:] = np.where(np.isnan(row.bars), seen[0], row.bars)
        seen[:] = [np.nan_to_num(row.bars, nan=100.0)]
        return row

    around(patch, BarClock, "_release", release)


# --- decisions -------------------------------------------------------------------------------


def on_target(name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """A mutation of the targets (n_rows, n_symbols) that a live evaluation gives."""

    def apply(patch: Patch) -> None:
        def decide(before: Any, growing: Growing, row: Row) -> Any:
            target, _extras = growing._evaluate(growing.history)
            return change(target.copy())[-1], {}

        around(patch, Growing, "decide", decide)

    MUTATIONS[name] = apply


def one_row_more(target: np.ndarray) -> np.ndarray:
    first = int(np.flatnonzero(np.nan_to_num(target).any(axis=1))[:1].sum())
    target[: first + 1] = 0.0
    return target


on_target("a_stale_target", lambda x: np.roll(x, 1, axis=0))
on_target("the_sign_of_a_position_turned", lambda x: -x)
on_target("no_opinion_taken_for_flat", np.nan_to_num)
on_target("a_share_of_equity_for_each_symbol_forgotten", lambda x: 2.0 * x)
on_target("targets_cast_to_float32", lambda x: x.astype(np.float32).astype(np.float64))
on_target("a_warm_up_one_row_longer", one_row_more)
on_target("one_bit_of_a_target", lambda x: np.nextafter(x, 9.0))


@mutation
def fastmath_sums_in_another_order(patch: Patch) -> None:
    def decide(before: Any, growing: Growing, row: Row) -> Any:
        target, extras = before(growing, row)
        close = growing.history.column(CLOSE, 0)[-9:]
        if close.size == 9 and not np.isnan(close).any():
            mean = (((close[0] + close[8]) + (close[1] + close[7])) + close[2:7].sum()) / 9.0
            exact = sum(close.tolist()) / 9.0
            target = target * (mean / exact)
        return target, extras

    around(patch, Growing, "decide", decide)


@mutation
def a_trailing_window_instead_of_all_since_the_anchor(patch: Patch) -> None:
    def decide(before: Any, growing: Growing, row: Row) -> Any:
        whole, n = growing.history, min(growing.history.n_rows, 60)
        window = History(whole.symbols)
        for i in range(whole.n_rows - n, whole.n_rows):
            window.add(Row(whole._opened[i], whole._closed[i], 0, whole._bars[:, :, i]))
        target, _extras = growing._evaluate(window)
        return target[-1], {}

    around(patch, Growing, "decide", decide)


@mutation
def an_evaluation_kept_for_two_rows(patch: Patch) -> None:
    kept: dict[int, Any] = {}

    def decide(before: Any, growing: Growing, row: Row) -> Any:
        at = growing.history.n_rows // 2
        if at not in kept:
            kept[at] = before(growing, row)
        return kept[at]

    around(patch, Growing, "decide", decide)


@mutation
def other_parameters(patch: Patch) -> None:
    before = Rig.__init__

    def made(self: Rig, name: str, data: Any, *args: Any) -> None:
        *rest, _, seconds = args
        other = rig_evaluator(data, slow=11)
        before(self, name, data, *rest, other, seconds)

    patch.setattr(Rig, "__init__", made)


def rig_evaluator(data: Any, **params: Any) -> Any:
    from tests.live.test_mutations import leaning
    from trade_research.research.evaluator import evaluator

    bound = leaning.bind(**params)
    return evaluator(leaning, bound, interval=data.interval, calendar=data.calendar)
