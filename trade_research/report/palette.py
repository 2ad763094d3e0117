"""Colours of the page: names with a light and a dark value.

Okabe-Ito hues. Gain and loss are blue and vermillion, whose distance stays above 85 (CIE76) for
readers without red or green cones; net, gross and benchmark lie above 50 apart for every eye.
Charts draw with `var(--name)`.
"""

from __future__ import annotations

LIGHT = {
    "bg": "#ffffff",
    "panel": "#f6f7f9",
    "rule": "#dfe3e8",
    "fg": "#15191f",
    "muted": "#56606c",
    "accent": "#00588a",
    "net": "#0072b2",
    "gross": "#998000",
    "bench": "#4c4639",
    "gain": "#0072b2",
    "loss": "#c75300",
    "fill": "#0072b2",
    "loss-fill": "#d55e00",
    "grid": "#e6e9ed",
}
DARK = {
    "bg": "#11151a",
    "panel": "#1a2027",
    "rule": "#303841",
    "fg": "#e8ebef",
    "muted": "#a2acb8",
    "accent": "#7cc4f0",
    "net": "#56b4e9",
    "gross": "#e0bb00",
    "bench": "#998763",
    "gain": "#56b4e9",
    "loss": "#ff8a3d",
    "fill": "#0072b2",
    "loss-fill": "#d55e00",
    "grid": "#262d35",
}
# How much of the gain or loss hue the four tints of a table cell carry, weakest first.
TINTS = (0.10, 0.20, 0.32, 0.46)


def mix(colour: str, ground: str, share: float) -> str:
    """`share` of one hex colour over another, as hex."""
    top, base = _rgb(colour), _rgb(ground)
    return "#" + "".join(
        f"{round(share * a + (1 - share) * b):02x}" for a, b in zip(top, base, strict=True)
    )


def contrast(one: str, other: str) -> float:
    """WCAG contrast of two hex colours, 1 to 21."""
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def theme(colours: dict[str, str]) -> dict[str, str]:
    """Custom properties of a theme: the names above and the eight cell tints p1..p4, n1..n4."""
    tints = {}
    for step, share in enumerate(TINTS, start=1):
        tints[f"p{step}"] = mix(colours["fill"], colours["bg"], share)
        tints[f"n{step}"] = mix(colours["loss-fill"], colours["bg"], share)
    return colours | tints


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    parts = [channel / 255 for channel in _rgb(colour)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
