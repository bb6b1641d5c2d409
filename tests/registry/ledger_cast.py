"""Who acts in the tests of the ledger? Adam and the people he registers, made through the real actions."""

from __future__ import annotations

from typing import Any

from registry.actions.people import register_person, set_up_first_person
from registry.ledger.append import declare_action

NOTED = declare_action("test.noted", "A test noted something.")


def adam() -> Any:
    """Set up the first person of an empty register."""
    return set_up_first_person(username="adam", display_name="Adam")


def people(actor: Any, count: int) -> list[Any]:
    """Register ``count`` people."""
    return [register_person(username=f"person-{n}", display_name=f"Person {n}", actor=actor) for n in range(count)]
