"""Show me that it does what I think: six trades from close by, and the price to explore."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from trade_research.report.arrays import I64, floats, micros
from trade_research.report.charts import Chart, Plot
from trade_research.report.formats import count, minute, money, percent, plural, price, short
from trade_research.report.panels import library
from trade_research.report.run import Run
from trade_research.report.section import Beside, Cell, Part, Section, Table
from trade_research.report.sections.explore import price_panels, split_outputs
from trade_research.report.sections.picks import (
    choose,
    extremes,
    of_symbol,
    shown_symbol,
    window,
    zoom_of,
)
from trade_research.report.thin import thin

_WIDTH, _POINTS, _RANGES = 306, 160, 70


def signals(run: Run) -> Section | None:
    """Six chosen trades on the price, the strategy's own columns, and panels to explore."""
    if run.prices.height < 2:
        return None
    parts: list[Part] = []
    chosen = choose(run.trades) if run.trades.height else []
    if chosen:
        parts += _trades(run, chosen)
    if library()[0]:
        name = shown_symbol(run)
        prices, fills, trades = (of_symbol(f, name) for f in (run.prices, run.fills, run.trades))
        if prices.height > 1:
            shown = name or (run.instruments[0] if run.instruments else "")
            parts.append(price_panels(prices, fills, shown, _near(prices, trades)))
    if not parts:
        return None
    return Section("Price and signals", _claim(chosen), parts, folded=True)


def _near(prices: pl.DataFrame, trades: pl.DataFrame) -> list[slice]:
    """The bars around every trade that the page lists."""
    if trades.is_empty():
        return []
    opens, closes = micros(prices, "open_time"), micros(prices)
    some = [trades.row(row, named=True) for _, row in choose(trades)]
    some += extremes(trades).iter_rows(named=True)
    return [window(opens, closes, trade) for trade in some]


def _claim(chosen: list[tuple[str, int]]) -> str:
    if not chosen:
        return "The price, and what the strategy made of it"
    return f"{plural(len(chosen), 'trade')} from close by: what it did, and when"


@dataclass(frozen=True)
class _Market:
    """Bars of one instrument, and the strategy's columns that lie among its prices."""

    prices: pl.DataFrame
    opens: I64
    closes: I64
    outputs: list[str]


def _market(run: Run, symbol: str | None) -> _Market:
    prices = of_symbol(run.prices, symbol)
    outputs = split_outputs(prices)[0][:2] if prices.height else []
    return _Market(prices, micros(prices, "open_time"), micros(prices), outputs)


def _trades(run: Run, chosen: list[tuple[str, int]]) -> list[Part]:
    rows, charts, shown = [], [], shown_symbol(run)
    markets: dict[str | None, _Market] = {}
    for why, at in chosen:
        trade = run.trades.row(at, named=True)
        symbol = str(trade["symbol"]) if "symbol" in run.prices.columns else None
        if symbol not in markets:
            markets[symbol] = _market(run, symbol)
        chart = _draw(markets[symbol], trade, why)
        if chart is not None:
            charts.append(chart)
        rows.append(_row(Cell(why, zoom=zoom_of(run, shown, trade)), trade, run))
    head = (
        "Chosen as", *(("Symbol",) if len(run.instruments) > 1 else ()), "Side", "Entry (UTC)",
        "Exit", "In at", "Out at", "Bars", "Net profit", "Return", "MAE", "MFE",
    )  # fmt: skip
    align = "l" * (len(head) - 7) + "r" * 7
    table = Table("The trades drawn above", head, rows, align=align)
    named = [name for market in markets.values() for name in market.outputs]
    read = (
        "▲ bought, ▼ sold, shaded while held. The line joins closes; where bars are few a stroke "
        "spans low to high."
    )
    if named:
        looks = [
            f"{dash}: {short(name, 24)}"
            for name, (_, dash) in zip(dict.fromkeys(named), _LOOKS, strict=False)
        ]
        read += f" The strategy's own columns: {', '.join(looks)}."
    return [Beside(charts, columns=3), read, table] if charts else [table]


def _row(why: Cell, trade: Mapping[str, Any], run: Run) -> tuple[str | Cell, ...]:
    return (
        why,
        *((short(str(trade["symbol"]), 20),) if len(run.instruments) > 1 else ()),
        str(trade["side"]),
        minute(trade["entry_time"]),
        minute(trade["exit_time"]),
        price(trade["entry_price"]),
        price(trade["exit_price"]),
        count(trade["bars"]),
        money(trade["pnl"]),
        percent(trade["return"], 2),
        percent(trade["mae"]),
        percent(trade["mfe"]),
    )


def _draw(market: _Market, trade: Mapping[str, Any], why: str) -> Chart | None:
    """The bars around one trade, with what the strategy saw."""
    start, end = trade["entry_time"].timestamp(), trade["exit_time"].timestamp()
    rows = window(market.opens, market.closes, trade)
    if rows.stop - rows.start < 2:
        return None
    some = market.prices[rows.start : rows.stop]
    at, into, out = market.closes[rows] / 1e6, trade["entry_price"], trade["exit_price"]
    lines = [(floats(some, "close"), "fg", "solid")]
    lines += [
        (floats(some, name), *look) for name, look in zip(market.outputs, _LOOKS, strict=False)
    ]
    lows, highs = floats(some, "low"), floats(some, "high")
    every = np.concatenate([lows, highs, [into, out], *(values for values, *_ in lines)])
    low, high = float(np.nanmin(every)), float(np.nanmax(every))
    room = 0.06 * (high - low or abs(high) * 0.01 or 1.0)
    gain = percent(trade["return"], 1, signed=True)
    span = (min(float(at[0]), start), max(float(at[-1]), end))
    plot = Plot(_WIDTH, (150,), left=54, right=8, top=26, bottom=22, x_range=span)
    plot.values(
        low - room,
        high + room,
        label=_label(high - low + 2 * room),
        most=4,
        title=f"{why}: {gain}, {trade['side']}",
    )
    plot.shade(start, end)
    plot.times(most=3)
    if some.height <= _RANGES:
        plot.whiskers(at, lows, highs, "rule")
    for values, colour, dash in lines:
        drawn = thin(values, _POINTS)
        plot.line(at[drawn], values[drawn], colour, dash, width=1.3)
    marks = [(start, into, trade["side"] == "long")]
    if not trade["open"]:
        marks.append((end, out, trade["side"] != "long"))
    for when, level, is_buy in marks:
        plot.points([when], [level], *_BOUGHT if is_buy else _SOLD, size=9.0)
    finding = (
        f"{gain} net, {trade['side']}, {minute(trade['entry_time'])} to "
        f"{minute(trade['exit_time'])}, in at {price(into)}, out at {price(out)}."
    )
    return plot.chart(f"Price around a trade chosen as {why.lower()}", finding, is_quiet=True)


_LOOKS = (("net", "dashed"), ("gross", "dotted"))
_BOUGHT, _SOLD = ("gain", "^"), ("loss", "v")


def _label(span: float) -> Callable[[float], str]:
    """Axis labels with as many digits as a quarter of the span needs."""
    digits = max(0, min(8, 1 - math.floor(math.log10(span / 4)))) if span < 20 else 0
    return lambda value: f"{value:,.{digits}f}"
