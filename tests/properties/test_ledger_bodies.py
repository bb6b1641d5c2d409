"""Are the bytes of an event one to one with what they say?"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.ledger import event, plain, tree
from tests.drawing import examples

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)
states = st.dictionaries(text, values, max_size=5)


def an_event(state, payload):
    return event.Event(
        id=UUID("01890000-0000-7000-8000-000000000001"),
        instant=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        actor_id="a",
        actor_kind="person",
        action="test.noted",
        subject_kind="person",
        subject_key="k",
        subject_seq=1,
        prev=None,
        state=state,
        payload=payload,
        request_id="r",
        credential=None,
        authentication="command",
        on_behalf_of=None,
    )


@examples(50)
@given(state=states, payload=states)
def test_what_was_written_is_read_back(state, payload):
    written = an_event(state, payload)
    assert event.read(written.body()) == written


@given(data=st.data(), state=states)
def test_no_changed_byte_leaves_both_form_and_hash_as_they_were(data, state):
    body = an_event(state, {}).body()
    position = data.draw(st.integers(0, 8 * len(body) - 1))
    changed = bytearray(body)
    changed[position // 8] ^= 1 << position % 8
    assert tree.leaf_hash(bytes(changed)) != tree.leaf_hash(body)
    with suppress(event.BodyInvalid):  # not an event any more is as good as another event
        assert event.read(bytes(changed)) != event.read(body)


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_decimal_text_reads_back_as_the_same_number_without_an_exponent(value):
    written = plain.decimal_text(value)
    assert float(written) == value
    assert set(written) <= set("-0123456789.")


@given(junk=st.binary(max_size=200))
def test_junk_is_no_event(junk):
    with pytest.raises(event.BodyInvalid):
        event.read(junk)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda value: value | {"extra": 1},
        lambda value: {key: item for key, item in value.items() if key != "prev"},
        lambda value: value | {"version": 2},
        lambda value: value | {"version": True},
        lambda value: value | {"state": {"gap": 0.5}},
        lambda value: value | {"instant": "2026-01-02T03:04:05Z"},
        lambda value: value | {"actor": {"id": "a"}},
        lambda value: value | {"actor": {"id": "a", "kind": "person", "name": "x"}},
        lambda value: [value],
    ],
)
def test_a_body_of_another_shape_is_no_event(spoil):
    value = json.loads(an_event({}, {}).body())
    body = json.dumps(spoil(value), sort_keys=True, separators=(",", ":")).encode()
    with pytest.raises(event.BodyInvalid):
        event.read(body)
