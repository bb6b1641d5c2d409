"""Which text is taken in? Markup literally; control characters, direction overrides and excess not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import texts
from registry.actions.inventory import register_model
from registry.errors import DomainError
from registry.ledger.replay import differences
from registry.models import Model

MARKUP = [
    "<script>alert(1)</script>",
    "{{ 7*7 }} {% load x %}",
    "'; DROP TABLE registry_model; --",
    '=HYPERLINK("http://x")',
    "@SUM(A1)",
    "[link](javascript:alert(1))",
    "<b>bold</b> & <img src=x onerror=y>",
    "%s %(name)s {0}",
]
BAD_IN_A_LINE = {
    "a\0b": "text-has-control-characters",
    "a\nb": "text-has-control-characters",
    "a\x1b[31mb": "text-has-control-characters",
    "a\x7fb": "text-has-control-characters",
    "a\u202eb": "text-has-direction-override",
    "a\u2066b": "text-has-direction-override",
    "a\u200eb": "text-has-direction-override",
    "a\u200bb": "text-has-invisible-characters",
    "a\ufeffb": "text-has-invisible-characters",
    "a\u00adb": "text-has-invisible-characters",
    "a\ud800b": "text-not-unicode",
    "a\udfff": "text-not-unicode",
    "": "text-empty",
    " \u3000 ": "text-empty",
    "x" * 201: "text-too-long",
    "x" * 10_000: "text-too-long",
}


@pytest.mark.parametrize("name", MARKUP)
def test_markup_is_taken_literally(name):
    assert texts.line(name, field="name") == name
    assert texts.prose(name, field="use") == name


@pytest.mark.parametrize(("value", "code"), BAD_IN_A_LINE.items(), ids=map(repr, range(len(BAD_IN_A_LINE))))
def test_a_line_is_what_can_be_shown_plainly(value, code):
    with pytest.raises(DomainError) as refusal:
        texts.line(value, field="name")
    assert (refusal.value.code, refusal.value.context["field"]) == (code, "name")


@pytest.mark.parametrize("value", [None, 7, b"bytes", ["a"], {"a": 1}, True])
def test_what_is_no_text_is_refused(value):
    for take in (texts.line, texts.prose):
        with pytest.raises(DomainError, match="not-text"):
            take(value, field="name")


def test_prose_keeps_its_lines_and_nothing_else_that_controls():
    assert texts.prose("one\r\ntwo\n\tthree", field="use") == "one\ntwo\n\tthree"
    for bad in ("\0", "\x0b", "\x1b", "\u202e", "\ud83d"):
        with pytest.raises(DomainError, match="text-"):
            texts.prose(f"a{bad}b", field="use")
    assert texts.prose("", field="use") == ""
    with pytest.raises(DomainError, match="text-empty"):
        texts.prose(" \n ", field="use", required=True)


def test_one_text_has_one_form_and_its_length_is_that_of_the_form():
    assert texts.line("e\u0301", field="name") == "é"
    growing = "\ufb2c" * 100  # one letter in, three out
    with pytest.raises(DomainError, match="text-too-long"):
        texts.line(growing, field="name", limit=200)


@pytest.mark.parametrize("slug", ["a", "0", "a-b", "a" * 80, "consumer-credit-default"])
def test_a_slug_is_plain(slug):
    assert texts.slug(slug, field="slug") == slug


@pytest.mark.parametrize(
    "slug",
    [
        "",
        "A",
        "a_b",
        "-a",
        "a-",
        "a b",
        "a/b",
        "..",
        "a" * 81,
        "a\n",
        "\u0430dmin",
        "ａ",
        "é",
        "ı",
        "a\u200b",
        None,
        7,
        ["a"],
    ],
)
def test_a_look_alike_or_odd_slug_is_refused(slug):
    with pytest.raises(DomainError, match="bad-slug"):
        texts.slug(slug, field="slug")


@given(st.text(max_size=60))
def test_what_a_line_takes_it_takes_again_unchanged(value):
    try:
        taken = texts.line(value, field="name")
    except DomainError:
        return
    assert texts.line(taken, field="name") == taken
    assert taken.isprintable() or any(character.isspace() or ord(character) > 0x2000 for character in taken)


@given(st.text(st.characters(), max_size=60), st.integers(0, 60))
def test_defused_text_is_always_fit_to_be_kept(value, limit):
    kept = texts.defused(value, limit=limit)
    assert len(kept) <= limit
    texts.prose(kept, field="detail")


@pytest.mark.django_db
@pytest.mark.parametrize("name", MARKUP)
def test_a_name_with_markup_is_stored_as_it_was_said_and_so_does_the_ledger(cast, name):
    register_model(slug="odd", name=name, intended_use=name * 50, actor=cast.ci_bot)
    model = Model.objects.get()
    assert (model.name, model.intended_use) == (name, name * 50)
    assert differences() == []


@pytest.mark.django_db
@pytest.mark.parametrize("value", [key for key in BAD_IN_A_LINE if key.strip()], ids=lambda value: repr(value)[:12])
def test_a_bad_name_writes_nothing(cast, value):
    with pytest.raises(DomainError):
        register_model(slug="odd", name=value, actor=cast.ci_bot)
    assert not Model.objects.exists()
