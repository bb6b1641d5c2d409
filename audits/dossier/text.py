"""How does text from outside reach paper? Literally: nothing in it is obeyed, nothing in it is lost unseen.

Nothing here or in the layout parses markup, so there is nothing to escape: a string is drawn glyph by glyph. What a
reader could not see (controls, bidirectional overrides, combining marks, lone surrogates, letters that the embedded
fonts lack or that would need shaping) is shown as its code point, for example ``[U+202E]``.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Container

LONGEST_TEXT = 20_000
LONGEST_WORD = 60
MOST_LINES = 1_000
DOCUMENT_BUDGET = 1_500_000
COST_OF_A_LINE = 40
LONGEST_AFTER_BUDGET = 80

MARKED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Mn", "Mc", "Me"})
RIGHT_TO_LEFT = frozenset({"R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "PDF", "PDI", "FSI"})


def mark_of(character: str) -> str:
    """Return the visible mark of one character: ``[U+202E]``."""
    return f"[U+{ord(character):04X}]"


def must_be_marked(character: str, glyphs: Container[int]) -> bool:
    """Tell whether ``character`` would be invisible, misleading or missing in a font that has ``glyphs``."""
    if unicodedata.category(character) in MARKED_CATEGORIES:
        return True
    return unicodedata.bidirectional(character) in RIGHT_TO_LEFT or ord(character) not in glyphs


class PlainText:
    """Turns outside text into drawable text for one set of glyphs, within one budget of characters per document.

    The budget bounds the time that a hostile document can cost: when it is spent, each further text is cut to
    80 characters, with a note that says so.
    """

    def __init__(self, glyphs: Container[int], budget: int = DOCUMENT_BUDGET) -> None:
        self.glyphs = glyphs
        self.left = budget
        self._draws_ascii = all(code in glyphs for code in range(32, 127))
        self._shown: dict[str, str] = {"\n": "\n", "\t": "    "}

    def __call__(self, text: object, *, one_line: bool = False) -> str:
        """Return ``text`` as it will be drawn: hidden things marked, and cut, with a visible note, if it is too long.

        Too long is more than 20,000 characters or 1,000 lines. With ``one_line`` a line end is shown as a return sign, so
        that one name stays one line.
        """
        whole = (text if isinstance(text, str) else str(text)).replace("\r\n", "\n")
        limit = LONGEST_TEXT if self.left > 0 else LONGEST_AFTER_BUDGET
        if self._draws_ascii and len(whole) <= limit and whole.isascii() and whole.isprintable():
            self.left -= len(whole)
            return whole
        shown, pieces, length, lines, taken = self._shown, [], 0, 0, 0
        for character in whole[:limit]:
            seen = shown.get(character)
            if seen is None:
                seen = mark_of(character) if must_be_marked(character, self.glyphs) else character
                shown[character] = seen
            length += len(seen)
            lines += character == "\n"
            if length > limit or lines > MOST_LINES:
                break
            pieces.append(seen)
            taken += 1
        self.left -= length + lines * COST_OF_A_LINE
        plain = "".join(pieces)
        if one_line:
            plain = plain.replace("\n", " ↵ ")
        if taken < len(whole):
            plain += f" [cut here: {len(whole) - taken:,} of {len(whole):,} characters are not printed]"
        return plain


def pieces_of(word: str, longest: int = LONGEST_WORD) -> list[str]:
    """Break one word into pieces of at most ``longest`` characters, so that no line search is longer than that."""
    if len(word) <= longest:
        return [word]
    return [word[start : start + longest] for start in range(0, len(word), longest)]
