"""What is in an uploaded table? Read in a process of its own, away from the web process.

``python -m audits.tables.profile`` takes a request and gives an answer, each one line of JSON: neither the engine nor a
hostile file gets near the process that answers requests.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from audits.tables.contract import ColumnRoles
from audits.tables.open import open_file
from registry.errors import DomainError


def profile(request: dict[str, Any]) -> dict[str, Any]:
    """Return the row count and the columns of a table, after refusing bad values as ``open_file`` does.

    ``request``: path, format, sha256, roles. ``columns``: name and type of each, in order.
    """
    roles = ColumnRoles.from_json(request["roles"])
    required = ("target", "score") if roles.score else ("target",)
    table = open_file(
        Path(request["path"]), format=request["format"], roles=roles, digest=request["sha256"], required=required
    )
    try:
        schema = table.table.schema()
        return {"rows": table.rows, "columns": [{"name": name, "type": str(schema[name])} for name in schema.names]}
    finally:
        table.close()


def main() -> None:
    """Answer one request."""
    try:
        answer = profile(json.loads(sys.stdin.readline()))
    except DomainError as error:
        answer = {"error": {"code": error.code, "message": error.message, "context": error.context}}
    sys.stdout.write(json.dumps(answer, default=str))


if __name__ == "__main__":
    main()
