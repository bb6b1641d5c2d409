"""What goes along with a dossier, so that it can be believed elsewhere? The files of a bundle, and their one zip."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from audits.actions.conclusion import evidence_statement
from audits.actions.evidence import read_evidence
from audits.explanations.single_rows import without_single_rows
from audits.models import Dossier, Evidence, ValidationRun
from registry.digests import canonical_json, sha256_hex
from registry.errors import DomainError
from registry.ledger import anchoring
from registry.ledger.extract import Extract, Subject, own_chain

FORMAT = "cadastre-bundle-1"
HERE = Path(__file__).parent
VERIFIER = HERE / "verify.py"
RECEIPTS = 50
DATED = (1980, 1, 1, 0, 0, 0)
PERSONAL = frozenset({Evidence.Kind.SCORES, Evidence.Kind.EXPLANATION, Evidence.Kind.EXPLANATION_PART})
"""Kinds of evidence that speak of single rows, thus perhaps of people: they never leave in a bundle."""


def subjects_of(dossier: Dossier, facts: Mapping[str, Any]) -> set[Subject]:
    """Return every subject that the facts name, the dossier itself, and the re-performances of the runs it names."""
    found = {(kind, key) for section in facts["sections"].values() for kind, key in section.get("subjects", ())}
    if dossier.version is not None:
        found.add(("version", dossier.version.ledger_key()))
    runs = [key for kind, key in found if kind == "run"]
    again = ValidationRun.objects.filter(reperforms_id__in=runs)
    return found | {("run", str(run.pk)) for run in again} | {(dossier.ledger_kind, dossier.ledger_key())}


def documents_of(dossier: Dossier, facts: Mapping[str, Any]) -> dict[str, bytes]:
    """Return the files of a bundle but those under ``ledger/``: the manifest lists the others, the ledger its digest.

    Raises DomainError ``bytes-altered`` when stored bytes have changed, and ``bytes-missing`` for PDF and facts.
    """
    carried, absent = _evidence(facts)
    files = {
        "README.de.md": (HERE / "bundle_readme" / "README.de.md").read_bytes(),
        "README.md": (HERE / "bundle_readme" / "README.md").read_bytes(),
        "dossier.pdf": read_evidence(dossier.pdf_sha256),
        "facts.json": read_evidence(dossier.facts_sha256),
        "keys.json": canonical_json(own_chain().keys()),
        "receipts.json": canonical_json([anchoring.receipt_document(row) for row in anchoring.receipts()[:RECEIPTS]]),
        "verify.py": VERIFIER.read_bytes(),
        **{f"evidence/{digest}": data for digest, data in carried.items()},
    }
    manifest = {
        "format": FORMAT,
        "dossier": str(dossier.pk),
        "files": [
            {"name": name, "sha256": sha256_hex(files[name]), "size": len(files[name])} for name in sorted(files)
        ],
        "not_carried": sorted(absent),
    }
    return {**files, "manifest.json": canonical_json(manifest)}


def ledger_files(extract: Extract) -> dict[str, bytes]:
    """Return the files under ``ledger/``: the checkpoint, the exact bytes of the events a line each, and the proofs."""
    return {
        "ledger/checkpoint.txt": extract.checkpoint.encode(),
        "ledger/events.jsonl": b"".join(body + b"\n" for body in extract.bodies),
        "ledger/proofs.json": canonical_json(extract.proofs),
    }


def notes_of(dossier: Dossier) -> list[str]:
    """Return the earlier checkpoints that a bundle names: those the dossier prints, and those of the receipts."""
    return [dossier.checkpoint, *(row.note for row in anchoring.receipts()[:RECEIPTS])]


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return the one zip of these files: sorted by name, stored, dated 1980-01-01. No compression, so no bomb."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as whole:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, DATED)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            whole.writestr(entry, files[name])
    return out.getvalue()


def _evidence(facts: Mapping[str, Any]) -> tuple[dict[str, bytes], set[str]]:
    """Return what of the named evidence is carried, by digest, and the digests of what is not.

    Model files and tables are artifacts of their owner and stay where they are, as does what speaks of single rows.
    """
    listed = facts["sections"].get("evidence") or {}
    named = {one["sha256"] for one in listed.get("evidence", ())}
    carried = dict(_statements(facts))
    for row in Evidence.objects.filter(pk__in=named).exclude(kind__in=PERSONAL):
        try:
            data = read_evidence(row.sha256)
            if row.kind != Evidence.Kind.MEASUREMENT or not _speaks_of_rows(data):
                carried[row.sha256] = data
        except DomainError as error:
            if error.code != "bytes-missing":
                raise
    return carried, named - set(carried)


def _speaks_of_rows(data: bytes) -> bool:
    """Tell whether a measurement of an earlier release repeats single rows."""
    measurement: dict[str, Any] | None = json.loads(data).get("measurement")
    return measurement != without_single_rows(measurement)


def _statements(facts: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yield what each named run stated: its digest stands in the ledger, and the digests of its evidence stand in it."""
    named = {
        key for section in facts["sections"].values() for kind, key in section.get("subjects", ()) if kind == "run"
    }
    for run in ValidationRun.objects.filter(pk__in=named, concluded_at__isnull=False):
        data = canonical_json(evidence_statement(run))
        if sha256_hex(data) == run.evidence_digest:
            yield run.evidence_digest, data
