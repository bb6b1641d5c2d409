"""How is a table of a Spark cluster opened: in one session of this process, asked in SQL, answered in aggregates?"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from audits.tables.admit import Use, admitted
from audits.tables.asking import quiet
from audits.tables.contract import EvaluationTable, refuse_bad_columns
from registry.digests import sha256_hex
from registry.errors import DomainError

IDENTIFIER = re.compile(r"\A[A-Za-z_][A-Za-z0-9_]{0,127}\Z")
PARTS = 3
REPLACED = "${"
SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.log.level": "ERROR",
    # a name or value "${spark...}" would else be replaced by that setting, which may be a secret
    "spark.sql.variable.substitute": "false",
    # "text.name" would else be the file called name, which is no table of the catalogue
    "spark.sql.runSQLOnFiles": "false",
}


def open_spark(source: Mapping[str, Any], *, locator: str, format: str, use: Use) -> EvaluationTable:
    """Open a table of the catalogue ("table", "schema.table", "catalogue.schema.table"), or a file below ``path``.

    A locator with a format ("parquet") is a file or folder below the configured path. Spark gives no snapshot over
    several questions: the digest tells whether the table is still what was registered. Raises DomainError
    ``unknown-table``, ``table-source-unavailable``, ``column-name-replaced``, else as ``open_file``.
    """
    import ibis
    from pyspark.errors import PySparkException

    session = session_of(source)
    try:
        with quiet():
            backend = ibis.pyspark.connect(session)
            if format:
                if not source.get("path"):
                    raise DomainError("unknown-table", "This source has tables with a name, and no files.")
                frame = session.read.format(format).load(f"{source['path'].rstrip('/')}/{locator}")
            else:
                parts = locator.split(".")
                if len(parts) > PARTS or not all(IDENTIFIER.match(part) for part in parts):
                    raise DomainError(
                        "unknown-table", "A table is named 'table' or 'schema.table' in plain identifiers."
                    )
                frame = session.table(locator)
            view = f"cadastre_{sha256_hex(f'{locator} {format}'.encode())[:16]}"
            frame.createOrReplaceTempView(view)
            expression = backend.table(view)
    except PySparkException as error:
        raise DomainError("unknown-table", "There is no such table in the source.", kind="not-found") from error
    refuse_bad_columns(list(expression.columns), use.roles)
    _refuse_replaced_names(list(expression.columns))
    return admitted(expression, use, engine="spark", digest=None)


def _refuse_replaced_names(columns: list[str]) -> None:
    """Refuse names that Hadoop's configuration, through which Spark asks for columns, would replace by a setting.

    Of a file, such a column would be read as missing in every row; and what replaces the name may be a secret.
    """
    found = [name for name in columns if REPLACED in name]
    if found:
        message = f"Spark cannot read a column whose name holds {REPLACED!r}. Rename it."
        raise DomainError("column-name-replaced", message, columns=[name[:80] for name in found])


def session_of(source: Mapping[str, Any]) -> Any:
    """Return the Spark session of this process; it lives as long as the process, since it takes seconds to start."""
    # its bridge logs every command, and the answers with it
    logging.getLogger("py4j").setLevel(logging.ERROR)
    try:
        with quiet():
            from pyspark.errors import PySparkException
            from pyspark.sql import SparkSession

            builder = SparkSession.builder.appName("cadastre").master(source["master"])
            for name, value in {**source.get("config", {}), **SETTINGS}.items():
                builder = builder.config(name, value)
            return builder.getOrCreate()
    except ImportError as error:
        message = "This installation has no Spark: install the extra 'spark' and Java."
        raise DomainError("table-source-unavailable", message, kind="unavailable") from error
    except (PySparkException, OSError, RuntimeError) as error:
        message = "Spark cannot be started or reached."
        raise DomainError("table-source-unavailable", message, kind="unavailable") from error
