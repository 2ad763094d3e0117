"""What has to be so before real money is traded: all of it, or a line that says what is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from trade_research.errors import SessionError

if TYPE_CHECKING:
    from trade_research.brokers.order_port import Balances
    from trade_research.settings.schema import Config

VARIABLE = "TRADE_RESEARCH_LIVE"


class Asked(Protocol):
    """What is asked of an account; `order_port.OrderPort` is one."""

    def balances(self) -> Balances: ...
    def may_withdraw(self) -> bool: ...


def check_willing(
    config: Config | None, *, accepts: bool, environ: Mapping[str, str], is_promoted: bool
) -> Config:
    """The configuration, where a person has said in every place that real orders are wanted.

    Parameters
    ----------
    config : Config, optional
        In force; with ``mode: live``, and every limit of ``risk`` written out.
    accepts : bool
        ``--i-accept-real-orders``.
    environ : mapping
        Of the process: ``TRADE_RESEARCH_LIVE=1``.
    is_promoted : bool
        This code with these parameters stands at the stage `live`.

    Raises
    ------
    SessionError
        The first point that is missing, and what to do about it.
    """
    if config is None or config.mode != "live":
        found = "there is none" if config is None else f"it is {config.mode!r}"
        raise SessionError(f"real orders need a configuration with mode: live; {found}")
    left = sorted(set(type(config.risk).model_fields) - config.risk.model_fields_set)
    if left:
        raise SessionError(
            f"real orders need every limit set by you; risk leaves out {', '.join(left)}"
        )
    check_accepted(accepts, environ)
    if not is_promoted:
        raise SessionError(
            "this code with these parameters was not promoted to live: "
            "`trade-research promote CERTIFICATE --to live` says what is missing"
        )
    return config


def check_accepted(accepts: bool, environ: Mapping[str, str]) -> None:
    """Refuse without the flag or the variable."""
    if not accepts:
        raise SessionError("real orders need the flag --i-accept-real-orders")
    if environ.get(VARIABLE) != "1":
        raise SessionError(f"real orders need the environment variable {VARIABLE}=1")


def check_account(port: Asked, typed: str) -> Balances:
    """The account, where it is the one that was meant and the key can only trade.

    Raises
    ------
    SessionError
        The account's id is another than was typed, or the key may withdraw.
    BrokerError
        The venue does not say.
    """
    found = port.balances()
    if not typed or typed != found.uid:
        raise SessionError(
            f"--account-id {typed!r} is not the id of the account that the key belongs to; "
            "the venue shows it beside your name"
        )
    if port.may_withdraw():
        raise SessionError("the key may withdraw money: make one that can only read and trade spot")
    return found
