"""How is a fraction printed with a fixed number of decimals, without a detour through binary numbers?"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

Rounding = Literal["half-up", "truncated"]


def shown(value: Fraction, *, decimals: int, rounding: Rounding = "half-up", percent: bool = False) -> str:
    """Return a fraction that is not negative as text: rounded half up, or cut off; as a percentage where asked."""
    scaled = value * (100 if percent else 1) * 10**decimals
    whole = scaled.numerator // scaled.denominator
    if rounding == "half-up" and scaled - whole >= Fraction(1, 2):
        whole += 1
    digits = f"{whole:0{decimals + 1}d}"
    text = f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits
    return f"{text} %" if percent else text
