"""Does a run read the table that was admitted: the same types, blanks and groups?"""

from __future__ import annotations

from typing import Any

import pytest

from audits.runs.subject import opened
from audits.tables.aggregates import outcome_cells
from audits.tables.contract import ColumnRoles
from audits.tables.open import open_file, read_csv_frame
from registry.digests import sha256_hex
from registry.errors import DomainError
from registry.storage import artifacts

ROLES = {"target": "y", "score": "s", "features": ["age"], "sensitive": ["sex", "region"]}
HEADER = "age,sex,region,since,s,y"
LINES = ["30,f,NA,2024-01-01,0.9,1", "NA,,north,2024-01-02,0.2,0", '31,m,"",,0.7,1', "32,NA,null,2024-02-01,0.1,0"]


def stored(text: str) -> str:
    data = text.encode()
    digest = sha256_hex(data)
    artifacts().put(digest, [data], limit=1 << 20)
    return digest


def a_plan(digest: str) -> dict[str, Any]:
    described = {"dataset": "loans 1", "sha256": digest, "format": "csv", "roles": ROLES}
    return {
        "datasets": {"evaluation": described},
        "artifact": None,
        "scoring": {"threshold": 0.5},
        "requirements": [],
        "seed": 7,
    }


def test_blank_values_and_na_are_to_a_run_what_they_were_on_admission(settings, tmp_path):
    settings.ARTIFACT_DIR = tmp_path / "store"
    digest = stored("\n".join([HEADER, *LINES * 5]) + "\n")
    roles = ColumnRoles.from_json(ROLES)
    admitted = open_file(artifacts().path(digest), format="csv", roles=roles, threshold=0.5, digest=digest)
    with opened(a_plan(digest), tmp_path) as measured:
        ran = measured.subject.evaluation
        assert ran.table.schema() == admitted.table.schema()
        for attribute in ("sex", "region"):
            cells = outcome_cells(admitted, (attribute,))
            assert outcome_cells(ran, (attribute,)) == cells
            assert len({cell.groups for cell in cells}) == 4, cells
        assert (ran.describe(), ran.digest) == (admitted.describe(), digest)
    admitted.close()


def test_the_rows_of_a_csv_table_keep_their_order(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text("n\n" + "".join(f"{number}\n" for number in range(300_000)))
    assert read_csv_frame(path)["n"].to_pylist() == list(range(300_000))


@pytest.mark.parametrize(
    ("text", "code"),
    [("age,Age\n1,2\n", "duplicate-column"), ("age,s\n1,2\n3,4,5,6\n", "unreadable-table"), ("\n", "empty-table")],
)
def test_what_admission_refuses_a_run_does_not_read(tmp_path, text, code):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DomainError) as refused:
        read_csv_frame(tmp_path / "a.csv")
    assert refused.value.code == code
