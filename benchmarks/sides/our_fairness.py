"""The same seven metrics by our checks, which the product runs on the opened table in the same way."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

RATES = (
    "selection_rate",
    "true_positive_rate",
    "false_positive_rate",
    "false_negative_rate",
    "accuracy",
    "positive_predictive_value",
)
"""With the number of rows of each group these are seven; the false discovery rate is 1 - the predictive value."""


def checks(path: str, warm: str) -> Callable[[], dict[str, Any]]:
    """Open the file, let it be checked for bad values, and run the six checks with their 1,000-replicate intervals."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")
    from audits.checks.contract import CHECKS, CheckSubject
    from audits.tables.contract import ColumnRoles
    from audits.tables.open import open_file

    roles = ColumnRoles(target="outcome", prediction="decision", sensitive=("sex", "race", "age"))
    asked = [CHECKS.get(f"fairness.{rate}_difference") for rate in RATES]

    def measure(file: str) -> dict[str, Any]:
        table = open_file(Path(file), format="parquet", roles=roles, required=("target",))
        try:
            subject = CheckSubject(evaluation=table)
            found = [check.run(subject, intersections=True, min_group_size=20) for check in asked]
        finally:
            table.close()
        groups = {row.group for row in found[0].groups if " × " in row.attribute}
        return {"groups": len(groups), "intervals": sum(one.low is not None for one in found)}

    measure(warm)
    return lambda: measure(path)
