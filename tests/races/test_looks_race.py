"""When an auditor opens one page several times at the same instant, is it one look?"""

from __future__ import annotations

import pytest

from governance.actions.looks import record_look
from governance.models import Look
from registry.ledger.models import LedgerEvent
from registry.ledger.replay import differences
from tests.cast import make_cast
from tests.races.racing import at_once, codes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]


def test_one_page_at_once_is_one_look_and_one_event():
    cast = make_cast()
    ends = at_once([lambda: record_look(actor=cast.otto, address="/console/models/")] * 4)
    assert codes(ends) == []
    assert len({look.pk for look in ends}) == 1
    assert Look.objects.count() == LedgerEvent.objects.filter(action="auditor.viewed").count() == 1
    assert differences() == []


def test_downloads_at_once_are_each_an_event():
    cast = make_cast()
    ends = at_once([lambda: record_look(actor=cast.otto, address="/console/x/pdf/", downloaded=True)] * 3)
    assert codes(ends) == []
    assert Look.objects.count() == LedgerEvent.objects.filter(action="auditor.downloaded").count() == 3
