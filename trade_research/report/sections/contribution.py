"""Who earned it: what each instrument added to the result of a run over several."""

from __future__ import annotations

import polars as pl

from trade_research.report.charts import WIDE, Chart, Plot
from trade_research.report.formats import NONE, basis_points, count, money, percent, short
from trade_research.report.run import Run
from trade_research.report.section import Cell, Part, Section, Table

_DRAWN = 24


def contribution(run: Run) -> Section | None:
    """Net profit, trades and costs of each instrument; None for a single one."""
    if len(run.instruments) < 2:
        return None
    if run.trades.is_empty():
        return Section("Instruments", "No instrument was traded", (), folded=True)
    found = _by_symbol(run)
    net = float(run.equity["equity"][-1]) - run.initial_cash
    rest = net - float(found["pnl"].sum())
    parts: list[Part] = [_chart(found), _table(found, net, rest)]
    idle = [name for name in run.instruments if name not in set(found["symbol"])]
    if idle:
        parts.append(f"Never traded: {', '.join(short(name, 24) for name in idle[:20])}.")
    return Section("Instruments", _claim(found, net), parts, folded=True)


def _by_symbol(run: Run) -> pl.DataFrame:
    """One row an instrument, the most profitable first."""
    pnl = pl.col("pnl")
    trades = run.trades.group_by("symbol").agg(
        pnl.sum(),
        pl.len().alias("trades"),
        (pnl > 0).filter(~pl.col("open")).mean().alias("hit"),
        (pl.col("return").filter(~pl.col("open")).mean() * 1e4).alias("edge"),
        (pl.col("side") == "long").mean().alias("long"),
    )
    paid = [name for name in ("fee", "spread", "slippage", "impact", "tax") if name in run.fills]
    costs = run.fills.group_by("symbol").agg(
        pl.sum_horizontal(paid).sum().alias("cost"),
        (pl.col("quantity").abs() * pl.col("price")).sum().alias("traded"),
    )
    return trades.join(costs, on="symbol", how="left").sort(
        "pnl", "symbol", descending=[True, False]
    )


def _claim(found: pl.DataFrame, net: float) -> str:
    up = int((found["pnl"] > 0).sum())
    best, top = str(found["symbol"][0]), float(found["pnl"][0])
    claim = f"{up} of {found.height} instruments made money"
    if net > 0:
        claim += f"; {short(best, 30)} made {percent(top / net, 0)} of the profit"
    return claim


def _chart(found: pl.DataFrame) -> Chart:
    """A bar for each instrument, best first; of many the best and the worst."""
    some = found
    if found.height > _DRAWN:
        some = pl.concat([found.head(_DRAWN // 2), found.tail(_DRAWN // 2)])
    profit = some["pnl"].to_numpy()
    finding = (
        f"From {money(float(profit.max()))} ({short(str(some['symbol'][0]), 24)}) to "
        f"{money(float(profit.min()))} ({short(str(some['symbol'][-1]), 24)})."
    )
    if some.height < found.height:
        finding += f" The {some.height} outermost of {found.height} are drawn."

    def draw(width: int, narrow: Chart | None) -> Chart:
        plot = Plot(
            width, (20 * some.height,), left=116, right=20, bottom=40,
            x_range=(min(0.0, 1.08 * float(profit.min())), max(0.0, 1.08 * float(profit.max()))),
        )  # fmt: skip
        plot.rows(some.height)
        plot.across("Net profit", label=lambda v: money(v) if abs(v) < 1000 else f"{v / 1e3:,.4g}k")
        for k, (name, made) in enumerate(zip(some["symbol"], profit, strict=True)):
            plot.sideways(k, made, "gain" if made > 0 else "loss", short(str(name), 14))
        return plot.chart("Net profit of each instrument", finding, read=finding, narrow=narrow)

    return draw(WIDE, draw(468, None))


def _table(found: pl.DataFrame, net: float, rest: float) -> Table:
    rows: list[tuple[str | Cell, ...]] = [
        (
            short(str(row["symbol"]), 30),
            money(row["pnl"]),
            percent(row["pnl"] / net, 0) if net > 0 else NONE,
            count(row["trades"]),
            percent(row["hit"], 0),
            basis_points(row["edge"]),
            percent(row["long"], 0),
            money(row["cost"]),
            money(row["traded"]),
        )
        for row in found.iter_rows(named=True)
    ]
    if abs(rest) > 0.005:
        rows.append((Cell("held across, borrowing, funding", "weak"), money(rest), *[""] * 7))
    rows.append((Cell("All", "word"), Cell(money(net), "word"), *[""] * 7))
    head = (
        "Instrument", "Net profit", "Of all", "Trades", "Hit rate", "A trade", "Long", "Costs",
        "Traded",
    )  # fmt: skip
    note = "After costs, open positions at their last close. A trade: mean net return of one."
    return Table("What each instrument added", head, rows, note=note)
