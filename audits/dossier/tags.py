"""In which order, and as what, is a page read aloud? The structure tree of a tagged PDF, beside what is drawn.

reportlab writes no tags. Each piece of drawn text stands between ``BDC`` and ``EMC`` with a number of its page, and an
element of the tree (heading, paragraph, table, row, cell, figure) names the numbers that belong to it. What is no
content (rules, washes, head and foot lines) is marked as artifact.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from reportlab.pdfbase.pdfdoc import PDFCatalog, PDFDictionary, PDFName, PDFObject, PDFPage, PDFString, PDFtrue

ARTIFACT = "/Artifact BMC"
PAGINATION = "/Artifact <</Type /Pagination>> BDC"
END = "EMC"


class Place(NamedTuple):
    """Marked content: its page, counted from 0, and its number there."""

    page: int
    number: int


class Element(PDFObject):  # type: ignore[misc]  # reportlab ships no types
    """One node of the tree: ``kind`` is a standard structure type, ``alt`` what is read in place of a figure."""

    __RefOnly__ = 1

    def __init__(self, kind: str, parent: Any, *, alt: str = "", scope: str = "") -> None:
        self.kind = kind
        self.parent = parent
        self.alt = alt
        self.scope = scope
        self.kids: list[Element | Place] = []

    def child(self, kind: str, **more: str) -> Element:
        """Add an element behind the last child."""
        made = Element(kind, self, **more)
        self.kids.append(made)
        return made

    def format(self, document: Any) -> bytes:
        """Return the element as reportlab writes an object."""
        parts = [f"<< /Type /StructElem /S /{self.kind} /P {_reference(self.parent, document)}"]
        if self.alt:
            parts.append(f"/Alt {_text(self.alt, document)}")
        if self.scope:
            parts.append(f"/A << /O /Table /Scope /{self.scope} >>")
        places = [kid for kid in self.kids if isinstance(kid, Place)]
        page = places[0].page if places else None
        if page is not None:
            parts.append(f"/Pg {_reference(document.Pages.pages[page], document)}")
        kids = " ".join(
            _kid(kid, page, document) if isinstance(kid, Place) else _reference(kid, document) for kid in self.kids
        )
        parts.append(f"/K [{kids}] >>")
        return "\n".join(parts).encode("latin-1")


def _text(text: str, document: Any) -> str:
    found = PDFString(text).format(document)
    return found.decode("latin-1") if isinstance(found, bytes) else str(found)


def _kid(place: Place, page: int | None, document: Any) -> str:
    if place.page == page:
        return str(place.number)
    other = _reference(document.Pages.pages[place.page], document)
    return f"<< /Type /MCR /Pg {other} /MCID {place.number} >>"


def _reference(thing: Any, document: Any) -> str:
    document.Reference(thing)
    return f"{document.idToObjectNumberAndVersion[thing.__InternalName__][0]} 0 R"


class _Root(PDFObject):  # type: ignore[misc]  # reportlab ships no types
    __RefOnly__ = 1

    def __init__(self, tags: Tags) -> None:
        self.tags = tags

    def format(self, document: Any) -> bytes:
        """Return the root with its parent tree: for each page, the element of each number."""
        pages = (
            f"{index} [{' '.join(_reference(element, document) for element in elements)}]"
            for index, elements in enumerate(self.tags.pages)
        )
        return (
            f"<< /Type /StructTreeRoot /K [{_reference(self.tags.document, document)}] "
            f"/ParentTree << /Nums [{' '.join(pages)}] >> /ParentTreeNextKey {len(self.tags.pages)} >>"
        ).encode("latin-1")


class Tags:
    """The structure tree of one document while it is drawn. ``pages`` holds, for each page, the element of each number."""

    def __init__(self) -> None:
        self.root = _Root(self)
        self.document = Element("Document", self.root)
        self.pages: list[list[Element]] = [[]]
        self._tables: dict[int, Element] = {}

    def element(self, kind: str, parent: Element | None = None, **more: str) -> Element:
        """Add an element behind the last child of ``parent``, which is the document unless given."""
        return (parent or self.document).child(kind, **more)

    def table(self, rows: object) -> Element:
        """Return the table that the parts of ``rows`` belong to, however many pages they stand on."""
        found = self._tables.get(id(rows))
        if found is None:
            found = self._tables[id(rows)] = self.element("Table")
        return found

    def begin(self, element: Element) -> str:
        """Return the operator that begins content of ``element`` on the present page; ``END`` ends it."""
        here = self.pages[-1]
        number = len(here)
        here.append(element)
        element.kids.append(Place(len(self.pages) - 1, number))
        return f"/{element.kind} <</MCID {number}>> BDC"

    def end_page(self, canvas: Any) -> None:
        """Give the page that was just shown its place in the parent tree."""
        page = canvas._doc.Pages.pages[-1]  # reportlab has no public way to reach a page (private name: tested)
        page.__NoDefault__ = [*PDFPage.__NoDefault__, "StructParents", "Tabs"]
        page.StructParents = len(self.pages) - 1
        page.Tabs = PDFName("S")
        self.pages.append([])

    def finish(self, canvas: Any) -> None:
        """Put the tree into the document, after the last page."""
        self.pages.pop()
        catalog = canvas._doc.Catalog
        catalog.MarkInfo = PDFDictionary({"Marked": PDFtrue})
        catalog.StructTreeRoot = self.root
        catalog.__Refs__ = [name for name in PDFCatalog.__Refs__ if name != "MarkInfo"]


@contextmanager
def artifact(canvas: Any, operator: str = ARTIFACT) -> Iterator[None]:
    """Mark what is drawn in the ``with`` block as no content."""
    canvas.addLiteral(operator)
    yield
    canvas.addLiteral(END)
