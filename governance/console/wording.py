"""How is text shown to people? Nothing invisible stays invisible, and every state has a word, a sign and a tone."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise

    Words: TypeAlias = _StrOrPromise
else:
    Words = str | Promise

UNSEEN = frozenset("\u00ad\u034f\u115f\u1160\u180e\u3164\ufeff\ufff9\ufffa\ufffb")


def visible(value: object) -> str:
    """Return text with every control, direction or invisible character written out as ``⟨U+202E⟩``."""
    return "".join(_shown(character) for character in str(value))


def worded(text: str) -> str:
    """Return the words of a plot in the reader's language; names from data and third parties' words stay as they are."""
    return gettext(text) if text else ""


def _shown(character: str) -> str:
    if character in "\n\t" or (character.isprintable() and character not in UNSEEN):
        return character
    if unicodedata.category(character) in {"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"} or character in UNSEEN:
        return f"⟨U+{ord(character):04X}⟩"
    return character


@dataclass(frozen=True)
class Sign:
    """A state for the eye: a word, a sign that differs in shape, and a tone that CSS colours."""

    word: Words
    sign: str
    tone: str


SIGNS: dict[str, Sign] = {
    # check results and controls
    "met": Sign(_("met"), "✓", "good"),
    "not_met": Sign(_("not met"), "✕", "bad"),
    "insufficient": Sign(_("insufficient"), "?", "caution"),
    "error": Sign(_("error"), "!", "bad"),
    "pass": Sign(_("passes"), "✓", "good"),
    "fail": Sign(_("fails"), "✕", "bad"),
    "no_evidence": Sign(_("no evidence"), "?", "caution"),
    "not_applicable": Sign(_("not applicable"), "–", "quiet"),
    # outcomes of a run, answers of the gate, decisions of people
    "passed": Sign(_("passed"), "✓", "good"),
    "failed": Sign(_("failed"), "✕", "bad"),
    "allow": Sign(_("allow"), "✓", "good"),
    "deny": Sign(_("deny"), "✕", "bad"),
    "approve": Sign(_("approved"), "✓", "good"),
    "reject": Sign(_("rejected"), "✕", "bad"),
    # states of runs, requests, findings, policies, dossiers
    "queued": Sign(_("queued"), "◷", "quiet"),
    "running": Sign(_("running"), "▸", "info"),
    "concluded": Sign(_("concluded"), "●", "quiet"),
    "quarantined": Sign(_("quarantined"), "!", "bad"),
    "done": Sign(_("done"), "✓", "good"),
    "dropped": Sign(_("dropped"), "–", "quiet"),
    "open": Sign(_("open"), "○", "info"),
    "answered": Sign(_("answered"), "●", "caution"),
    "rejected": Sign(_("rejected"), "✕", "bad"),
    "withdrawn": Sign(_("withdrawn"), "↩", "quiet"),
    "superseded": Sign(_("superseded"), "→", "quiet"),
    "accepted": Sign(_("risk accepted"), "△", "caution"),
    "closed": Sign(_("closed"), "●", "quiet"),
    "draft": Sign(_("draft"), "✎", "caution"),
    "published": Sign(_("published"), "✓", "good"),
    "issued": Sign(_("issued"), "✓", "good"),
    # stages of a version
    "registered": Sign(_("registered"), "○", "quiet"),
    "in_validation": Sign(_("in validation"), "▸", "info"),
    "validated": Sign(_("validated"), "✓", "good"),
    "validation_failed": Sign(_("validation failed"), "✕", "bad"),
    "pending_approval": Sign(_("pending approval"), "◷", "caution"),
    "approved": Sign(_("approved"), "✓", "good"),
    "in_production": Sign(_("in production"), "●", "good"),
    "suspended": Sign(_("suspended"), "!", "bad"),
    "retired": Sign(_("retired"), "–", "quiet"),
    # severities
    "low": Sign(_("low"), "▁", "quiet"),
    "medium": Sign(_("medium"), "▃", "caution"),
    "high": Sign(_("high"), "▆", "bad"),
    "critical": Sign(_("critical"), "█", "bad"),
    "blocking": Sign(_("blocking"), "■", "strong"),
    "advisory": Sign(_("advisory"), "□", "quiet"),
    # plain yes and no, health
    "yes": Sign(_("yes"), "✓", "good"),
    "no": Sign(_("no"), "✕", "bad"),
    "healthy": Sign(_("healthy"), "✓", "good"),
    "unhealthy": Sign(_("not healthy"), "!", "bad"),
    "verified": Sign(_("verified"), "✓", "good"),
    "false": Sign(_("proven false"), "✕", "bad"),
    "unknown": Sign(_("could not be verified"), "?", "caution"),
    "eligible": Sign(_("may decide"), "✓", "good"),
    "not_eligible": Sign(_("may not decide"), "✕", "quiet"),
    "measured": Sign(_("measured"), "✓", "quiet"),
    "suppressed": Sign(_("suppressed"), "–", "caution"),
    "too-small": Sign(_("too small"), "?", "caution"),
}


def sign_of(state: object) -> Sign:
    """Return the sign of a state; an unknown state is shown by its own name, never left out."""
    return SIGNS.get(str(state)) or Sign(visible(state), "·", "quiet")
