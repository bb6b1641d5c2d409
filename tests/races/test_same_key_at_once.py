"""Is a write done once when the same request arrives many times at the same moment?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from tests.api.calls import machine
from tests.cast import make_cast

pytestmark = pytest.mark.postgres
CALLERS = 6
BODY = {"slug": "credit", "name": "Credit"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("headers", [{"Idempotency-Key": "build-17"}, {}], ids=["with a key", "without a key"])
def test_the_same_request_at_once_is_done_once(headers: dict[str, str]) -> None:
    from django.db import connections

    from governance.models import IdempotentCall
    from registry.ledger.models import LedgerEvent
    from registry.models import Model

    token = make_cast().token
    together = Barrier(CALLERS)

    def ask(_number: int) -> tuple[int, str]:
        try:
            together.wait(timeout=30)
            response = machine(token).post("/api/v1/models/", BODY, **headers)
            return response.status_code, response.json().get("code", "")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(CALLERS) as pool:
        answers = list(pool.map(ask, range(CALLERS)))
    assert Model.objects.count() == 1
    assert LedgerEvent.objects.filter(action="model.registered").count() == 1
    if headers:
        assert set(answers) <= {(201, ""), (409, "idempotency-key-running")}
        assert (201, "") in answers
        assert IdempotentCall.objects.get().status == 201
    else:
        assert set(answers) <= {(201, ""), (200, ""), (409, "written-meanwhile")}
        assert answers.count((201, "")) == 1
