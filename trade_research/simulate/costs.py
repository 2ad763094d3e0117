"""What trading costs: one frozen record, in basis points as venues print them."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from trade_research.errors import ConfigError, nearest
from trade_research.venues import VENUES


@dataclass(frozen=True)
class Costs:
    """Costs of a trade; the defaults are those of a small taker on a liquid crypto venue.

    A fill happens at ``reference × (1 + side × s)`` with ``s = slippage + spread/2 + impact``; the
    fee is ``max(min_fee, rate × |q| × fill + fee_per_unit × |q|) + fixed_fee``.

    Parameters
    ----------
    fee_bps : float
        Taker fee, basis points of the traded notional, each side.
    spread_bps : float
        Full bid-ask spread; half of it is paid on each side.
    slippage_bps : float
        Distance between the expected and the achieved price beyond the spread.
    maker_fee_bps : float or None
        Fee of resting orders (take profits); None: as `fee_bps`. Negative is a rebate.
    fixed_fee, min_fee, fee_per_unit : float
        Money per fill, least money per fill, money per unit traded.
    sell_tax_bps : float
        Stamp duty or tax on every sale.
    impact_bps : float
        Impact of an order as large as a bar's volume; grows with the square root of the order's
        share of the last volume known before the fill bar.
    borrow_bps : float
        Lending fee a year (ACT/365) on the value of short positions.

    Raises
    ------
    ConfigError
        A value that is not a finite number, or negative where only a maker rebate may be.
    """

    fee_bps: float = 10.0
    spread_bps: float = 2.0
    slippage_bps: float = 1.0
    maker_fee_bps: float | None = None
    fixed_fee: float = 0.0
    min_fee: float = 0.0
    fee_per_unit: float = 0.0
    sell_tax_bps: float = 0.0
    impact_bps: float = 0.0
    borrow_bps: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.name == "maker_fee_bps":
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ConfigError(
                    f"Costs: {field.name} must be a number, found {value!r}. Give it in "
                    "basis points (10 is 0.1 per cent) or in money, as its name says."
                )
            value = float(value)
            if not math.isfinite(value) or (value < 0 and field.name != "maker_fee_bps"):
                raise ConfigError(
                    f"Costs: {field.name} must be finite and not negative, found {value}. "
                    "Only maker_fee_bps may be negative: a rebate."
                )
            if field.name.endswith("_bps") and abs(value) >= 10_000:
                raise ConfigError(
                    f"Costs: {field.name} is {value:g} basis points, which is all of the price. "
                    "10 basis points are 0.1 per cent."
                )
            object.__setattr__(self, field.name, value)

    @classmethod
    def zero(cls) -> Costs:
        """No costs at all: for the gross curve and for comparisons, never for a decision."""
        return cls(fee_bps=0.0, spread_bps=0.0, slippage_bps=0.0)

    @classmethod
    def venue(cls, name: str) -> Costs:
        """Published base-tier fees of a venue, with our estimate of its spread and slippage.

        Raises
        ------
        ConfigError
            The venue is not in `trade_research.venues.VENUES`.
        """
        facts = VENUES.get(name)
        if facts is None:
            raise ConfigError(f"no cost preset for venue {name!r}: {nearest(name, VENUES)}")
        return cls(
            fee_bps=facts.taker_bps,
            maker_fee_bps=facts.maker_bps,
            spread_bps=facts.spread_bps,
            slippage_bps=facts.slippage_bps,
        )

    @property
    def resting_bps(self) -> float:
        """What a resting order pays: `maker_fee_bps`, or `fee_bps` where there is none."""
        return self.fee_bps if self.maker_fee_bps is None else self.maker_fee_bps

    def scaled(self, factor: float) -> Costs:
        """Every cost times `factor`."""
        maker = None if self.maker_fee_bps is None else self.maker_fee_bps * factor
        others = (f.name for f in fields(self) if f.name != "maker_fee_bps")
        return Costs(maker_fee_bps=maker, **{name: getattr(self, name) * factor for name in others})
