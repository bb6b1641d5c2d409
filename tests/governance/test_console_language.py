"""Does the console speak German as wholly as English, from the committed catalogue alone?"""

from __future__ import annotations

import ast
import gettext
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import reverse
from django.utils import translation

from governance.console.refusals import OBSTACLES, REFUSALS
from tests.cast import Cast, signed_in
from tests.governance.console_sample import a_rich_promotion

FOLDER = Path(settings.BASE_DIR) / "templates" / "locale" / "de" / "LC_MESSAGES"
PLACEHOLDER = re.compile(r"%\(\w+\)s|%s|\{\w+\}")


def catalogue() -> dict[tuple[str, ...], tuple[str, ...]]:
    """Return the entries of the .po file: (singular, plural) to the translations; fuzzy and obsolete ones fail."""
    found = {}
    for block in (FOLDER / "django.po").read_text(encoding="utf-8").split("\n\n"):
        assert ", fuzzy" not in block, block
        assert "#~" not in block, block
        fields: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if line.startswith(("msgid", "msgstr")):
                name, _, text = line.partition(" ")
                fields[name] = ast.literal_eval(text)
            elif line.startswith('"'):
                fields[name] += ast.literal_eval(line)
        if fields.get("msgid"):
            originals = tuple(fields[key] for key in ("msgid", "msgid_plural") if key in fields)
            found[originals] = tuple(text for key, text in fields.items() if key.startswith("msgstr"))
    return found


def test_every_sentence_is_translated_with_the_same_places_for_values() -> None:
    entries = catalogue()
    assert len(entries) > 900
    for originals, translations in entries.items():
        assert len(originals) == len(translations)
        assert all(translations), originals
        wanted = set(PLACEHOLDER.findall(originals[-1]))
        assert set(PLACEHOLDER.findall(translations[-1])) == wanted, originals


def test_the_compiled_catalogue_is_that_of_the_text() -> None:
    with (FOLDER / "django.mo").open("rb") as stream:
        compiled = gettext.GNUTranslations(stream)
    for originals, translations in catalogue().items():
        if len(originals) == 1:
            assert compiled.gettext(originals[0]) == translations[0]
        else:
            assert tuple(compiled.ngettext(*originals, n) for n in (1, 2)) == translations


def test_every_refusal_and_obstacle_is_in_the_catalogue() -> None:
    known = {originals[0] for originals in catalogue()}
    with translation.override("en"):  # a test before this one may have left another language active
        assert {str(text) for text in [*REFUSALS.values(), *OBSTACLES.values()]} <= known


@pytest.mark.django_db
def test_a_person_chooses_german_and_keeps_it(cast: Cast) -> None:
    client = signed_in(cast.ravi)
    address = reverse("admin:index")
    answer = client.post(reverse("set_language"), {"language": "de", "next": address})
    assert (answer.status_code, answer["Location"]) == (302, address)
    page = client.get(address).content.decode()
    assert '<html lang="de">' in page
    assert "Wartet auf mich" in page
    assert "Waiting for me" not in page
    client.post(reverse("set_language"), {"language": "en", "next": address})
    assert "Waiting for me" in client.get(address).content.decode()


@pytest.mark.django_db
def test_the_language_of_the_browser_is_taken_first(cast: Cast) -> None:
    page = signed_in(cast.ravi).get(reverse("admin:models"), headers={"accept-language": "de-CH,de;q=0.9"})
    assert "Der Bestand ist leer." in page.content.decode()


@pytest.mark.django_db
def test_a_refusal_is_said_in_german(cast: Cast) -> None:
    asked = a_rich_promotion(cast)
    client = signed_in(cast.ada)
    data = {"act": "decide", "decision": "approve", "statement": "Gut.", "confirm": "on", "evidence_digest": "0" * 64}
    answer = client.post(reverse("admin:promotion", args=[asked.pk]), data, headers={"accept-language": "de"})
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "dürfen deshalb nicht über sie entscheiden" in page
    assert "Ada hat diese Freigabe beantragt oder steht für das Konto ein, das sie beantragt hat." in page
