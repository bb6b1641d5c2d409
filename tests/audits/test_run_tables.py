"""Does a run read the table that was admitted: the same types, blanks and groups?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from audits.runs.steps import complete
from audits.runs.tables import Answers, frame_of, table_as_it_is, table_with_answers
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
    plan = {
        "datasets": {"evaluation": described},
        "artifact": None,
        "scoring": {"threshold": 0.5},
        "requirements": [],
        "seed": 7,
    }
    return complete(plan)


def as_it_is(plan):
    return table_as_it_is(plan, "evaluation", check_values=True)


def as_scored(plan):
    frame = frame_of(plan["datasets"]["evaluation"])
    answers = Answers("binary", np.asarray(frame["s"].to_pylist()))
    return table_with_answers(plan, "evaluation", frame, answers, check_values=True)


@pytest.mark.parametrize("opened", [as_it_is, as_scored])
def test_blank_values_and_na_are_to_a_run_what_they_were_on_admission(settings, tmp_path, opened):
    settings.ARTIFACT_DIR = tmp_path / "store"
    digest = stored("\n".join([HEADER, *LINES * 5]) + "\n")
    roles = ColumnRoles.from_json(ROLES)
    admitted = open_file(artifacts().path(digest), format="csv", roles=roles, threshold=0.5, digest=digest)
    ran = opened(a_plan(digest))
    read, known = (table.table.schema() for table in (ran, admitted))
    assert {name: read[name] for name in known.names} == {name: known[name] for name in known.names}
    for attribute in ("sex", "region"):
        cells = outcome_cells(admitted, (attribute,))
        assert outcome_cells(ran, (attribute,)) == cells
        assert len({cell.groups for cell in cells}) == 4, cells
    assert (ran.rows, ran.digest) == (admitted.rows, digest)
    ran.close()
    admitted.close()


def test_a_column_of_our_own_name_is_refused_before_scores_are_put_beside_it():
    frame = pa.table({"cadastre_score": [0.1, 0.2], "y": [0, 1]})
    plan = a_plan("0" * 64)
    plan["datasets"]["evaluation"]["roles"] = {"target": "y"}
    with pytest.raises(DomainError) as refused:
        table_with_answers(plan, "evaluation", frame, Answers("binary", np.array([0.1, 0.2])), check_values=True)
    assert refused.value.code == "reserved-column"
    with pytest.raises(DomainError) as refused:
        table_with_answers(
            plan, "evaluation", frame.select(["y"]), Answers("binary", np.array([0.1])), check_values=True
        )
    assert refused.value.code == "score-length-mismatch"


def test_scores_of_classes_become_columns_and_the_likeliest_class_is_what_was_said(settings):
    frame = pa.table({"y": ["b", "a", "c", "a"]})
    answers = Answers("multiclass", np.eye(3)[[1, 0, 2, 0]] * 0.8 + 0.2 / 3, ("a", "b", "c"))
    assert answers.said().to_pylist() == ["b", "a", "c", "a"]
    plan = a_plan("0" * 64) | {"task": "multiclass", "scoring": {"favourable": "a"}}
    plan["datasets"]["evaluation"]["roles"] = {"target": "y"}
    table = table_with_answers(plan, "evaluation", frame, answers, check_values=True, baseline=answers.said())
    assert [label for label, _ in table.roles.class_scores] == ["a", "b", "c"]
    assert (table.task, table.favourable, table.roles.baseline) == ("multiclass", "a", "cadastre_baseline")
    table.close()


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
