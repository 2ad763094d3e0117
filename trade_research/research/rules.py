"""What a screen is asked: conditions, how many of them, an order, and what to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trade_research.errors import ConfigError, nearest
from trade_research.indicators.expressions import Expression, parse
from trade_research.research.presets import PRESETS

if TYPE_CHECKING:
    from trade_research.strategies.strategy import Strategy

Rules = str | Sequence[str] | Mapping[str, str]


@dataclass(frozen=True)
class Asked:
    """The expressions of one call."""

    rules: dict[str, Expression]
    at_least: int
    rank: Expression | None
    show: dict[str, Expression]
    about: str

    @property
    def texts(self) -> dict[str, str]:
        return {name: rule.text for name, rule in self.rules.items()}


def asked_of(
    where: Rules | None,
    preset: str | None,
    at_least: int | None,
    rank: str | None,
    show: Sequence[str] | Mapping[str, str],
    strategy: Strategy | None,
) -> Asked:
    about = ""
    if preset is not None:
        if preset not in PRESETS:
            raise ConfigError(f"there is no preset {preset!r}; {nearest(preset, PRESETS)}")
        if where is not None:
            raise ConfigError("give either where= or preset=, not both")
        known = PRESETS[preset]
        where = {
            name: text
            for name, text in known.rules.items()
            if strategy is not None or "target" not in parse(text).columns
        }
        at_least = known.at_least if at_least is None else at_least
        rank, show, about = rank or known.rank, show or known.show, known.about
    if not where:
        raise ConfigError("say what to look for: where='rsi(close, 14) < 30', or a preset")
    texts = _named(where)
    rules = {name: parse(text) for name, text in texts.items()}
    for name, rule in rules.items():
        if not rule.is_condition:
            raise ConfigError(f"{name!r} is a number; compare it with something: '{rule.text} > 0'")
    wanted = len(rules) if at_least is None else at_least
    if not 1 <= wanted <= len(rules):
        raise ConfigError(f"at_least is {wanted}, of {len(rules)} conditions")
    shown = {name: parse(text) for name, text in _named(show).items()}
    return Asked(rules, wanted, None if rank is None else parse(rank), shown, about)


def _named(texts: Rules) -> dict[str, str]:
    if isinstance(texts, str):
        return {texts: texts}
    return dict(texts) if isinstance(texts, Mapping) else {text: text for text in texts}
