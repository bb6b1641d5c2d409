"""Does a request still wait for the second line when two others have said yes?"""

from __future__ import annotations

import pytest

from governance.console.desk import open_requests
from registry.actions.people import grant_role, register_person
from registry.models import Role
from tests import builders
from tests.cast import Cast
from tests.governance.console_sample import a_rich_promotion

pytestmark = pytest.mark.django_db


def test_two_yeses_without_the_second_line_leave_it_waiting_for_a_risk_manager(cast: Cast) -> None:
    request = a_rich_promotion(cast)
    nora = register_person(username="nora", display_name="Nora", actor=cast.adam)
    grant_role(nora, Role.APPROVER, actor=cast.adam)
    for person in (cast.pia, nora):
        builders.an_approval(request, person)
    seen = next(one for one in open_requests(cast.ravi) if one.request.pk == request.pk)
    assert (seen.given, seen.quorum, seen.reached, seen.for_me) == (2, 2, False, True)
    builders.an_approval(request, cast.ravi)
    seen = next(one for one in open_requests(cast.ravi) if one.request.pk == request.pk)
    assert (seen.reached, seen.for_me) == (True, False)
