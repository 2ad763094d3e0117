"""The configuration: every key, its type and its default. What is not here is an error."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1, max_length=200)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Bps = Annotated[float, Field(ge=0, le=10_000)]


class _Part(BaseModel):
    """Strict: no unknown key, no text for a number, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Data(_Part):
    """Where bars lie, and which are kept up to date."""

    store: str = Field("datasets", description="folder of the store")
    watch: list[Name] = Field([], description="datasets that `data update` brings up to date")
    jobs: int = Field(4, ge=1, le=32, description="instruments fetched at a time")
    min_sources: int = Field(2, ge=2, le=16, description="sources that a consensus needs")
    tolerance_bps: Bps = Field(10.0, description="how near sources of a consensus must be")


class StrategyPart(_Part):
    """What runs, with its parameters."""

    name: Name = Field("ma_crossover", description="shipped, or file.py:function")
    params: dict[str, int | float | bool | str] = Field({}, description="its parameters")


class CostPart(_Part):
    """Per side, in basis points of the traded notional."""

    fee_bps: Bps = Field(10.0, description="fee of one side")
    spread_bps: Bps = Field(2.0, description="the whole spread")
    slippage_bps: Bps = Field(1.0, description="beside spread and fee")


class RiskPart(_Part):
    """What no order may exceed; reducing orders always pass."""

    max_order_usd: Positive = Field(100.0, description="notional of one order")
    max_position_usd: Positive = Field(500.0, description="notional of one instrument")
    daily_loss_usd: Positive = Field(50.0, description="loss of a day that halts")
    max_drawdown: Fraction = Field(0.2, description="loss from the peak that halts")
    max_orders_per_minute: int = Field(10, ge=1, le=1000, description="orders of a minute")


class Config(_Part):
    """A whole configuration; see `config init`."""

    mode: Literal["research", "paper", "live"] = Field("research", description="what it is for")
    venue: Name = Field("binance", description="where it trades")
    symbols: list[Name] = Field(["BTC/USDT"], description="instruments, as the venue names them")
    interval: Name = Field("1h", description="length of the bars")
    cash: Positive = Field(100_000.0, description="at the start, in the quote currency")
    account: Literal["spot", "margin", "perp"] = Field("spot", description="spot, margin or perp")
    seed: int = Field(0, ge=0, description="of everything random")
    data: Data = Data()  # type: ignore[call-arg]  # all have defaults
    strategy: StrategyPart = StrategyPart()  # type: ignore[call-arg]
    costs: CostPart = CostPart()  # type: ignore[call-arg]
    risk: RiskPart = RiskPart()  # type: ignore[call-arg]
