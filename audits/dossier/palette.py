"""Which colours and sizes does a dossier use? Few, sober, told apart by colour-blind readers and on a grey printer.

The series colours follow Okabe and Ito (2008), "Color Universal Design", ordered so that neighbours also differ in
lightness; every series differs in line pattern or marker too, so that no statement rests on colour.
"""

from __future__ import annotations

from reportlab.lib.colors import Color, HexColor

INK = HexColor("#1B2430")
MUTED = HexColor("#5B6673")
RULE = HexColor("#C9D0D8")
HAIR = HexColor("#E4E8EC")
WASH = HexColor("#F4F6F8")
WATERMARK = HexColor("#EEF1F4")
PAPER = HexColor("#FFFFFF")
BRAND = HexColor("#16324F")

ALLOW = HexColor("#0B6E4F")
DENY = HexColor("#A3280F")
CAUTION = HexColor("#8A5A00")
NEUTRAL = MUTED
TONES: dict[str, Color] = {"allow": ALLOW, "deny": DENY, "caution": CAUTION, "neutral": NEUTRAL}

BLUE = HexColor("#0072B2")
ORANGE = HexColor("#D55E00")
GREEN = HexColor("#009E73")
SKY = HexColor("#56B4E9")
SERIES: tuple[Color, ...] = (BLUE, ORANGE, GREEN, SKY)
LIMIT = HexColor("#A3280F")

STATUS_SIGNS: dict[str, tuple[str, str]] = {
    "met": ("✓", "allow"),
    "not_met": ("✗", "deny"),
    "insufficient": ("?", "caution"),
    "error": ("!", "deny"),
}


def tone_of(cell: str) -> Color:
    """Return the ink of a status cell from the sign it starts with; without a sign, plain ink."""
    for sign, tone in STATUS_SIGNS.values():
        if cell.startswith(sign):
            return TONES[tone]
    return INK
