"""What does a dossier say? Frozen dataclasses between the facts and the bytes, with a JSON round trip and a digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal

from registry.digests import digest_of

Align = Literal["left", "right", "centre"]
Kind = Literal["text", "number", "digest", "status"]
Tone = Literal["allow", "deny", "caution", "neutral"]


@dataclass(frozen=True)
class Paragraph:
    """Running text; ``role`` chooses its size: lead, body, small (notes) or quote (a person's own words)."""

    text: str
    role: Literal["lead", "body", "small", "quote"] = "body"


@dataclass(frozen=True)
class Subheading:
    """A heading inside a section; it also becomes a bookmark."""

    text: str


@dataclass(frozen=True)
class KeyValue:
    """One named fact; a digest is set in a fixed-width face so that two can be compared by eye."""

    key: str
    value: str
    kind: Kind = "text"


@dataclass(frozen=True)
class KeyValues:
    """Named facts, one per row."""

    items: tuple[KeyValue, ...]
    caption: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table; ``weight`` is its share of the width."""

    title: str
    align: Align = "left"
    weight: float = 1.0
    kind: Kind = "text"


@dataclass(frozen=True)
class Table:
    """Rows under a repeated header; ``evidence`` names the evidence ids that the numbers come from."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    evidence: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if not self.columns:
            raise ValueError("A table has at least one column.")
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"A row has {len(row)} cells under {len(self.columns)} columns.")


@dataclass(frozen=True)
class Figure:
    """A chart and the table it shows: the table is printed under it always, because a figure never replaces its table.

    ``chart`` is JSON for `audits.dossier.charts.draw`: ``{"kind": ..., ...}``.
    """

    caption: str
    chart: Mapping[str, Any]
    table: Table


@dataclass(frozen=True)
class Notice:
    """A framed sentence: evidence that is missing, or a remark the reader must not overlook."""

    text: str
    kind: Literal["missing", "warning", "remark"] = "remark"
    required_by: str = ""


@dataclass(frozen=True)
class Verdict:
    """The answer of the gate in one frame, with its reasons."""

    answer: str
    tone: Tone
    statement: str
    items: tuple[KeyValue, ...] = ()
    reasons: tuple[str, ...] = ()


Block = Paragraph | Subheading | KeyValues | Table | Figure | Notice | Verdict


@dataclass(frozen=True)
class Section:
    """One numbered part of a dossier."""

    slug: str
    number: int
    title: str
    blocks: tuple[Block, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the section says nothing but that something is missing."""
        return all(isinstance(block, Notice) and block.kind == "missing" for block in self.blocks)


@dataclass(frozen=True)
class Frame:
    """The words around every page; ``{page}`` and ``{pages}`` in ``page_of`` are replaced by numbers."""

    left: str = ""
    right: str = ""
    footer: str = ""
    page_of: str = "Page {page} of {pages}"
    contents: str = "Contents"
    continued: str = "(continued)"
    table: str = "Table"
    figure: str = "Figure"
    evidence: str = "Evidence"
    required_by: str = "Required by"
    content_digest: str = "Digest of this content"
    short_digest: str = "content"
    checkpoint: str = "checkpoint"
    nothing: str = "no evidence recorded"
    numbers_follow: str = ". The numbers stand in the table that follows."


@dataclass(frozen=True)
class Document:
    """A whole dossier. ``as_of`` is an ISO 8601 instant in UTC and the date of the document.

    Section 0 is the cover. ``marking`` is a word such as DRAFT, printed on every page. ``verification`` is the address
    at which the first digits of the digest are answered for, up to and including its last slash.
    """

    title: str
    subtitle: str
    as_of: str
    sections: tuple[Section, ...]
    language: str = "en"
    marking: str = ""
    checkpoint_size: int | None = None
    frame: Frame = Frame()
    verification: str = ""

    @cached_property
    def _digest(self) -> str:
        return digest_of(to_json(self))

    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON of this content; it is printed on every page."""
        return self._digest


BLOCKS: dict[str, type[Any]] = {
    "paragraph": Paragraph,
    "subheading": Subheading,
    "key-values": KeyValues,
    "table": Table,
    "figure": Figure,
    "notice": Notice,
    "verdict": Verdict,
}
NAMES = {kind: name for name, kind in BLOCKS.items()}
MANY: dict[tuple[type[Any], str], type[Any]] = {
    (KeyValues, "items"): KeyValue,
    (Verdict, "items"): KeyValue,
    (Table, "columns"): Column,
    (Document, "sections"): Section,
}
PLAIN = frozenset({str, int, float, bool, type(None)})
ONE: dict[tuple[type[Any], str], type[Any]] = {(Figure, "table"): Table, (Document, "frame"): Frame}


def to_json(value: Any) -> Any:
    """Return ``value`` (a dataclass of this module, or JSON) as plain JSON; a block carries its ``block`` name."""
    if type(value) in PLAIN:
        return value
    if hasattr(value, "__dataclass_fields__"):
        found = {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
        name = NAMES.get(type(value))
        return {"block": name, **found} if name else found
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    return value


def document_from_json(value: Mapping[str, Any]) -> Document:
    """Return the Document that `to_json` wrote; raises TypeError, KeyError or ValueError for anything else."""
    document = _read(Document, value)
    assert isinstance(document, Document)  # noqa: S101  (narrows the type: _read returns what it was asked for)
    return document


def _read(kind: type[Any], value: Mapping[str, Any]) -> Any:
    """Build ``kind`` from JSON; a field without its own rule is taken as it is, lists as tuples."""
    built: dict[str, Any] = {}
    for name, item in value.items():
        if name == "block":
            continue
        if (kind, name) in MANY:
            built[name] = tuple(_read(MANY[kind, name], one) for one in item)
        elif (kind, name) in ONE:
            built[name] = _read(ONE[kind, name], item)
        elif (kind, name) == (Section, "blocks"):
            built[name] = tuple(_read(BLOCKS[one["block"]], one) for one in item)
        elif (kind, name) == (Table, "rows"):
            built[name] = tuple(tuple(row) for row in item)
        elif isinstance(item, list):
            built[name] = tuple(item)
        else:
            built[name] = item
    return kind(**built)
