"""The tables of a subject, moved to another engine: PostgreSQL or Spark, with the rows in another order."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import sql

from audits.checks.contract import CheckSubject
from audits.tables.admit import use_of
from audits.tables.contract import EvaluationTable
from audits.tables.open import open_postgres
from audits.tables.spark import open_spark

SQL_TYPES = {
    "int8": "smallint", "int16": "smallint", "int32": "integer", "int64": "bigint", "float": "real",
    "double": "double precision", "bool": "boolean", "string": "text", "large_string": "text", "date32[day]": "date",
}  # fmt: skip
SPARK = {
    "kind": "spark",
    "master": "local[2]",
    "config": {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.adaptive.enabled": "false",
        # the tables are tiny: interpreting a plan takes less time than compiling it
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.ui.showConsoleProgress": "false",
        # each step of a run starts a Java of its own, which ends before its second compiler could pay off
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    },
}

Move = Callable[[EvaluationTable, str], EvaluationTable]


def moved(subject: CheckSubject, move: Move, prefix: str) -> CheckSubject:
    """Return the subject with each of its tables moved."""
    tables = {
        "evaluation": subject.evaluation,
        **{f"changed_{at}": one for at, one in enumerate(subject.perturbed.values())},
    }
    if subject.reference is not None:
        tables["reference"] = subject.reference
    there = {name: move(table, f"{prefix}_{name}") for name, table in tables.items()}
    perturbed = {key: there[f"changed_{at}"] for at, key in enumerate(subject.perturbed)}
    return dataclasses.replace(
        subject, evaluation=there["evaluation"], reference=there.get("reference"), perturbed=perturbed
    )


def close(subject: CheckSubject) -> None:
    """Close every table of a subject."""
    for table in (subject.evaluation, subject.reference, *subject.perturbed.values()):
        if table is not None:
            table.close()


def rows_of_table(table: EvaluationTable) -> pa.Table:
    """Return the rows of a table of the engine in this process, the last first."""
    found = table.table.to_pyarrow()
    return found.take(pa.array(range(found.num_rows - 1, -1, -1)))


def to_postgres(dsn: str) -> Move:
    """Return what writes a table to the database and opens it there."""

    def move(table: EvaluationTable, name: str) -> EvaluationTable:
        rows = rows_of_table(table)
        with psycopg.connect(dsn) as connection:
            connection.execute("CREATE SCHEMA IF NOT EXISTS lake")
            copied_to_postgres(connection, f"lake.{name}", rows)
        return open_postgres(dsn, table=f"lake.{name}", **_use(table))

    return move


def copied_to_postgres(connection: psycopg.Connection[Any], name: str, rows: pa.Table) -> None:
    """Create a table ("schema.name") whose columns may have any name, and fill it."""
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(field.name), sql.SQL(_sql_type(field.type))) for field in rows.schema
    )
    table = sql.Identifier(*name.split("."))
    connection.execute(sql.SQL("CREATE TABLE {} ({})").format(table, columns))
    with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(table)) as copy:
        for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
            copy.write_row(row)


def to_spark(folder: Path) -> Move:
    """Return what writes a table below a folder and opens it with Spark, cached there."""

    def move(table: EvaluationTable, name: str) -> EvaluationTable:
        pq.write_table(_spark_types(rows_of_table(table)), folder / name, coerce_timestamps="us")
        source = SPARK | {"path": f"file://{folder}"}
        found = open_spark(source, locator=name, format="parquet", use=use_of(**_use(table)))
        found.table.get_backend()._session.catalog.cacheTable(found.table.get_name())
        return found

    return move


def _use(table: EvaluationTable) -> dict[str, Any]:
    return {
        "roles": table.roles,
        "threshold": table.threshold,
        "task": table.task,
        "favourable": table.favourable,
        "required": (),
        "check_values": False,
    }


def _sql_type(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "timestamp"
    if pa.types.is_decimal(kind):
        return re.sub("decimal128", "numeric", str(kind))
    return SQL_TYPES[str(kind)]


def _spark_types(rows: pa.Table) -> pa.Table:
    """Return the rows with the types Spark reads: it knows no unsigned and no nanoseconds."""
    fields = [
        field.with_type(pa.timestamp("us")) if pa.types.is_timestamp(field.type) else field for field in rows.schema
    ]
    return rows.cast(pa.schema(fields))
