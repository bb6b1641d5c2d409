"""Which rows leave a table that stays in its engine? A seeded sample, drawn there, the same on every engine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audits.tables.asking import columns_of
from audits.tables.contract import EvaluationTable
from audits.tables.twins import comparable, md5, row_text, scales_of, value_text
from registry.errors import DomainError

if TYPE_CHECKING:
    import pyarrow as pa

BY_KEY = "smallest MD5 of the seed and the key of the row"
BY_ROW = "smallest MD5 of the seed, the row and its number among equal rows"
MARK, DIGEST, COPY = "cadastre_mark", "cadastre_digest", "cadastre_copy"


@dataclass(frozen=True)
class Sample:
    """Rows drawn from a table: ``frame`` holds them in the order of their marks, ``of`` is how many the table has.

    ``rule`` says how they were drawn. ``sha256`` is over the names and values of the columns, whatever engine held them.
    """

    frame: pa.Table
    of: int
    rule: str
    seed: int
    sha256: str

    @property
    def rows(self) -> int:
        """How many rows were drawn."""
        return int(self.frame.num_rows)

    def describe(self) -> dict[str, Any]:
        """Return what evidence says of the sample: n of N, by which rule, and what identifies it."""
        return {"rows": self.rows, "of": self.of, "rule": self.rule, "seed": self.seed, "sha256": self.sha256}


def draw(table: EvaluationTable, *, rows: int, seed: int, more: Iterable[str] = ()) -> Sample:
    """Draw ``rows`` rows in the engine, without replacement, each as likely as any other; all where there are fewer.

    Each row is marked with an MD5 of the seed and of what tells it from others, and the smallest marks are drawn: the
    order in which the engine keeps its rows does not matter. Where the roles name a ``key``, that is what is marked, in
    one pass. Else it is the text of the row in the columns with a role, numbers to 12 digits, and its number among rows
    with the same text, since equal rows would otherwise be drawn all together or not at all.

    Only columns with a role, and those named in ``more``, leave the engine; the key does not.

    Raises
    ------
    DomainError
        ``key-not-unique`` when two of the rows drawn have one key, ``unreadable-table``.
    """
    wanted = [name for name in table.roles.columns() if name != table.roles.key]
    wanted += [name for name in more if name not in wanted and name in table.table.columns]
    if table.roles.key is not None:
        found = columns_of(_by_key(table, wanted, rows, seed))
        marks = found[MARK].to_pylist()
        if len(set(marks)) != len(marks):
            raise DomainError("key-not-unique", "The column in the role 'key' holds the same value in several rows.")
        rule = BY_KEY
    else:
        found, rule = columns_of(_by_row(table, wanted, rows, seed)), BY_ROW
    frame = _plain(found, wanted)
    return Sample(frame, table.rows, rule, seed, _sha256(frame))


def _names(wanted: list[str]) -> dict[str, str]:
    """Return what the columns are called while they are drawn: their own names may be too long for an engine's own."""
    return {f"c{at}": name for at, name in enumerate(wanted)}


def _by_key(table: EvaluationTable, wanted: list[str], rows: int, seed: int) -> Any:
    key = table.table[table.roles.key]
    kind = key.type()
    exact = kind.is_integer() or kind.is_string() or kind.is_uuid()
    text = key.cast("string").fill_null("-") if exact else value_text(key, None)
    marked = table.table.select(
        **{alias: table.table[name] for alias, name in _names(wanted).items()}, **{MARK: md5()(_salt(seed) + text)}
    )
    return marked.order_by(MARK).limit(rows)


def _by_row(table: EvaluationTable, wanted: list[str], rows: int, seed: int) -> Any:
    """Choose among digests and copy numbers alone, which are narrow, and only then fetch the rows that were chosen."""
    import ibis

    columns = comparable(table, table, table.roles.columns())
    digest = md5()(row_text(table.table, columns, scales_of(table, table, columns)))
    given = table.table.select(
        **{alias: table.table[name] for alias, name in _names(wanted).items()}, **{DIGEST: digest}
    )
    narrow = _numbered(given.select(DIGEST))
    mark = md5()(_salt(seed) + narrow[DIGEST] + "|" + narrow[COPY].cast("string"))
    chosen = narrow.mutate(**{MARK: mark}).order_by(MARK).limit(rows)
    held = _numbered(given.semi_join(chosen, DIGEST))
    drawn = held.inner_join(chosen, [DIGEST, COPY])
    return drawn.select(*_names(wanted), MARK).order_by(ibis.asc(MARK))


def _numbered(rows: Any) -> Any:
    """Number the rows that share a digest; they are equal, so it does not matter which has which number."""
    import ibis

    place = ibis.row_number().over(ibis.window(group_by=rows[DIGEST], order_by=rows[DIGEST]))
    return rows.mutate(**{COPY: place.cast("int64")})


def _salt(seed: int) -> Any:
    import ibis

    return ibis.literal(f"{int(seed)}|")


def _plain(found: dict[str, Any], wanted: list[str]) -> pa.Table:
    """Return the columns under their own names; what is no number is missing, and exact decimals are doubles."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = []
    for alias in _names(wanted):
        column = found[alias]
        if pa.types.is_decimal(column.type):
            column = column.cast(pa.float64())
        if pa.types.is_floating(column.type):
            column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
        if pa.types.is_timestamp(column.type):
            column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
        columns.append(column)
    return pa.table(columns, names=wanted)


def _sha256(frame: pa.Table) -> str:
    digest = hashlib.sha256()
    for name in frame.column_names:
        digest.update(repr((name, frame.column(name).to_pylist())).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
