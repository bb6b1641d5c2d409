"""How does a table leave for a spreadsheet without any cell in it becoming a formula?"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(value: object) -> str:
    """Return the text of a cell; an apostrophe goes before what a spreadsheet would calculate."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) else text


def as_csv(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> bytes:
    """Return CSV as of RFC 4180, in UTF-8."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([cell(head) for head in heads])
    writer.writerows([cell(value) for value in row] for row in rows)
    return out.getvalue().encode()
