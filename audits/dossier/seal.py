"""Where can a holder of one page ask whether it was issued? The address as a QR code, drawn once and placed on each."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from reportlab.graphics.barcode.qrencoder import QR8bitByte, QRCode, QRErrorCorrectLevel
from reportlab.pdfgen.canvas import Canvas

SEAL_SIZE = 36.0
QUIET = 2
FORM = "seal"


def draw_seal(canvas: Canvas, address: str) -> str:
    """Define the QR code of ``address``, error correction M, as a form of the document, and return the form's name."""
    code: Any = QRCode(None, QRErrorCorrectLevel.M)
    code.addData(QR8bitByte(address))
    code.make()
    modules = [list(map(bool, row)) for row in code.modules]
    side = SEAL_SIZE / (len(modules) + 2 * QUIET)
    canvas.beginForm(FORM, 0, 0, SEAL_SIZE, SEAL_SIZE)
    canvas.setFillGray(0)
    path = canvas.beginPath()
    for line, row in enumerate(modules):
        column = 0
        for dark, run in groupby(row):
            length = len(list(run))
            if dark:
                bottom = SEAL_SIZE - (line + QUIET + 1) * side
                path.rect((column + QUIET) * side, bottom, length * side, side)
            column += length
    canvas.drawPath(path, stroke=0, fill=1)
    canvas.endForm()
    return FORM


def place_seal(canvas: Canvas, form: str, left: float, bottom: float) -> None:
    """Put the form on the current page with its lower left corner at ``left``, ``bottom``."""
    canvas.saveState()
    canvas.translate(left, bottom)
    canvas.doForm(form)
    canvas.restoreState()
