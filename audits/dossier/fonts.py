"""Which letters can the dossier draw? The DejaVu faces, embedded in every file, and the glyphs all of them have."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

SANS = "Cadastre-Sans"
BOLD = "Cadastre-Sans-Bold"
MONO = "Cadastre-Mono"
FILES = {SANS: "DejaVuSans.ttf", BOLD: "DejaVuSans-Bold.ttf", MONO: "DejaVuSansMono.ttf"}


def font_folder() -> Path:
    """Return the folder with the DejaVu fonts that matplotlib ships; matplotlib itself is not imported.

    Raises FileNotFoundError when it is not there: a dossier without embedded fonts could lose text.
    """
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("The fonts of a dossier come with matplotlib, which is not installed.")
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    missing = sorted(name for name in FILES.values() if not (folder / name).is_file())
    if missing:
        raise FileNotFoundError(f"Fonts are missing: {', '.join(missing)}.")
    return folder


@lru_cache(maxsize=1)
def register_fonts() -> frozenset[int]:
    """Register the faces with reportlab, once, and return the code points that all of them can draw."""
    folder = font_folder()
    glyphs: set[int] | None = None
    for name, filename in FILES.items():
        font = TTFont(name, str(folder / filename), asciiReadable=True, shapable=False)
        pdfmetrics.registerFont(font)
        found = {code for code, glyph in font.face.charToGlyph.items() if glyph}
        glyphs = found if glyphs is None else glyphs & found
    return frozenset(glyphs or ())


class _Advances(dict[str, float]):
    """The advance of each character of one face at size 1, looked up when it is first met."""

    def __init__(self, font: str) -> None:
        self.font = font

    def __missing__(self, character: str) -> float:
        self[character] = advance = float(pdfmetrics.stringWidth(character, self.font, 1000)) / 1000.0
        return advance


ADVANCES = {font: _Advances(font) for font in FILES}


def width_of(text: str, font: str, size: float) -> float:
    """Return the width of drawable ``text`` in points."""
    return sum(map(ADVANCES[font].__getitem__, text)) * size
