"""How is a table read in passing: a few columns of a few rows at a time, never the table as a whole?"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audits.tables.asking import rows_of
from registry.errors import DomainError

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_ROWS = 65_536
BATCH_CELLS = 2**24
PIECE_BYTES = 16 * 2**20
HELD_CELLS = 2**20
"""So many cells of a table are held, 8 MB of numbers, where reading them again would cost more than the counting."""


@dataclass(frozen=True)
class ParquetScan:
    """A Parquet file on this machine or in an object store; ``filesystem`` is pyarrow's, None for this machine.

    Columns of text arrive as dictionaries, so that a group costs one whole number a row.
    """

    location: str
    filesystem: Any = field(default=None, repr=False, compare=False)

    @functools.cached_property
    def _footer(self) -> tuple[pa.Schema, int]:
        with self._opened(()) as file:
            return file.schema_arrow, int(file.metadata.num_rows)

    @property
    def schema(self) -> pa.Schema:
        """The schema of the file."""
        return self._footer[0]

    def kind(self, name: str) -> Any:
        """Return the Arrow type of the values of a column."""
        import pyarrow as pa

        held = self.schema.field(name).type
        return held.value_type if pa.types.is_dictionary(held) else held

    def plain(self, columns: tuple[str, ...]) -> bool:
        """Tell whether columns hold texts, numbers, truth values or dates, by which rows can be grouped in passing."""
        import pyarrow as pa

        kinds = [self.kind(name) for name in columns]
        tests = (
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_integer,
            pa.types.is_floating,
            pa.types.is_boolean,
            pa.types.is_date,
        )
        return all(any(test(kind) for test in tests) for kind in kinds)

    def rows(self) -> int:
        """Return how many rows the footer declares."""
        return self._footer[1]

    def batches(self, columns: tuple[str, ...], *, rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Yield the named columns, ``rows`` rows at a time.

        Raises DomainError ``unreadable-table`` when the file ends early or does not hold what its footer says.
        """
        import pyarrow as pa

        try:
            with self._opened(columns) as file:
                yield from file.iter_batches(batch_size=rows, columns=list(columns), use_threads=False)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DomainError("unreadable-table", "The file could not be read to its end.") from error

    def columns(self, names: tuple[str, ...]) -> Iterator[tuple[str, pa.Array]]:
        """Yield pieces of each named column, for whoever looks at one column at a time; all rows, in their order.

        Of a file on this machine a whole piece of a row group is decoded at once where it is not too large for that,
        which spares copying it in parts. Raises DomainError ``unreadable-table`` as ``batches``.
        """
        import pyarrow as pa

        if self.filesystem is not None:
            for batch in self.batches(names, rows=rows_of_batch(names)):
                yield from zip(names, (batch.column(batch.schema.get_field_index(name)) for name in names), strict=True)
            return
        try:
            with self._opened(names) as file:
                for group in range(file.num_row_groups):
                    yield from _pieces(file, group, names)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DomainError("unreadable-table", "The file could not be read to its end.") from error

    def _opened(self, columns: tuple[str, ...]) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            # from an object store few large reads are better, from a disk nothing is held that is not looked at yet
            far = self.filesystem is not None
            dictionaries = list(columns) or None
            return pq.ParquetFile(
                self.location, filesystem=self.filesystem, read_dictionary=dictionaries, pre_buffer=far
            )
        except FileNotFoundError:
            raise DomainError("unknown-table", "There is no such file in the table source.", kind="not-found") from None
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DomainError("unreadable-table", "The file cannot be read as parquet.") from error


@dataclass(frozen=True)
class EngineScan:
    """A table of the engine in this process, asked for batches of a few columns."""

    expression: Any = field(repr=False, compare=False)

    def rows(self) -> int:
        """Return how many rows the table has."""
        return int(rows_of(self.expression.aggregate(n=self.expression.count()))[0]["n"])

    def batches(self, columns: tuple[str, ...], *, rows: int = BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """Yield the named columns, about ``rows`` rows at a time; DomainError ``unreadable-table`` as ``rows_of``."""
        import duckdb

        try:
            backend = self.expression.get_backend()
            yield from backend.con.sql(backend.compile(self.expression.select(*columns))).to_arrow_reader(rows)
        except duckdb.Error as error:
            raise DomainError("unreadable-table", "The engine could not read the table to its end.") from error

    def columns(self, names: tuple[str, ...]) -> Iterator[tuple[str, pa.Array]]:
        """Yield pieces of each named column; all rows, in their order."""
        for batch in self.batches(names, rows=rows_of_batch(names)):
            yield from zip(names, batch.columns, strict=True)


@dataclass(frozen=True)
class HeldScan:
    """A few columns of a small table, read once for several passes."""

    pieces: tuple[tuple[str, pa.Array], ...] = field(repr=False, compare=False)

    def columns(self, names: tuple[str, ...]) -> Iterator[tuple[str, pa.Array]]:
        """Yield pieces of each named column; all rows, in their order."""
        wanted = frozenset(names)
        yield from (piece for piece in self.pieces if piece[0] in wanted)


def for_passes(scan: Scan, names: tuple[str, ...], *, rows: int) -> Scan | HeldScan:
    """Return what several passes over these columns read: the columns of a small table are held meanwhile."""
    return HeldScan(tuple(scan.columns(names))) if rows * len(names) <= HELD_CELLS else scan


Scan = ParquetScan | EngineScan


def rows_of_batch(names: tuple[str, ...]) -> int:
    """Return how many rows of the named columns are held at a time: fewer of a wide table."""
    return max(1_024, min(BATCH_ROWS, BATCH_CELLS // max(1, len(names))))


def _pieces(file: Any, group: int, names: tuple[str, ...]) -> Iterator[tuple[str, pa.Array]]:
    """Yield the named columns of one row group: each at once where it holds no more than 16 MB, else in batches."""
    held = file.metadata.row_group(group)
    sizes = {name: held.column(at) for at in range(held.num_columns) if (name := held.column(at).path_in_schema)}
    alone = [
        name
        for name in names
        if held.num_rows > BATCH_ROWS and name in sizes and sizes[name].total_uncompressed_size <= PIECE_BYTES
    ]
    for name in alone:
        for piece in file.read_row_group(group, columns=[name], use_threads=False).column(0).chunks:
            yield name, piece
    rest = tuple(name for name in names if name not in alone)
    if rest:
        for batch in file.iter_batches(rows_of_batch(rest), row_groups=[group], columns=list(rest), use_threads=False):
            for name in rest:
                yield name, batch.column(batch.schema.get_field_index(name))
