"""How do the facts travel inside the PDF? As an embedded file, associated with the document as its data."""

from __future__ import annotations

import hashlib
from typing import Any

from reportlab.pdfbase.pdfdoc import (
    PDFArray,
    PDFCatalog,
    PDFDictionary,
    PDFName,
    PDFStream,
    PDFStreamFilterZCompress,
    PDFString,
)
from reportlab.pdfgen.canvas import Canvas

FACTS_NAME = "facts.json"
MEDIA_TYPE = "application#2Fjson"  # a solidus in a PDF name is written #2F
VERSION_WITH_ASSOCIATED_FILES = (1, 7)


def attach(canvas: Canvas, content: bytes, *, name: str, description: str, modified: Any) -> None:
    """Embed ``content`` as the file ``name``, in the way of PDF/A-3 (``/AF`` with the relationship ``/Data``).

    ``modified`` is the date in the file, as reportlab writes dates. One file a document: a second call raises
    ValueError.
    """
    document = canvas._doc  # reportlab has no public way to embed a file (private name: tested)
    if getattr(document.Catalog, "AF", None) is not None:
        raise ValueError("The document has an attached file already.")
    stream = PDFStream(content=content, filters=[PDFStreamFilterZCompress()])
    stream.dictionary["Type"] = PDFName("EmbeddedFile")
    stream.dictionary["Subtype"] = PDFName(MEDIA_TYPE)
    stream.dictionary["Params"] = PDFDictionary(
        {
            "Size": len(content),
            "CheckSum": PDFString(hashlib.md5(content, usedforsecurity=False).digest()),
            "ModDate": modified,
        }
    )
    embedded = document.Reference(stream, "embeddedFile")
    specification = PDFDictionary(
        {
            "Type": PDFName("Filespec"),
            "F": PDFString(name),
            "UF": PDFString(name),
            "Desc": PDFString(description),
            "AFRelationship": PDFName("Data"),
            "EF": PDFDictionary({"F": embedded, "UF": embedded}),
        }
    )
    reference = document.Reference(specification, "fileSpecification")
    catalog = document.Catalog
    catalog.__NoDefault__ = [*PDFCatalog.__NoDefault__, "AF"]
    catalog.AF = PDFArray([reference])
    catalog.Names = PDFDictionary({"EmbeddedFiles": PDFDictionary({"Names": PDFArray([PDFString(name), reference])})})
