"""Which form do the documents of a bundle have? JSON schemas, for the service's own verifier."""

from __future__ import annotations

from typing import Any

DIGEST = {"type": "string", "pattern": r"^[0-9a-f]{64}(?!\n)$"}
NUMBER = {"type": "integer", "minimum": 0, "exclusiveMaximum": 2**63}
TEXT = {"type": "string"}
NAME = {
    "type": "string",
    "pattern": r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}(/[A-Za-z0-9][A-Za-z0-9._-]{0,99})?(?!\n)$",
}


def _form(**members: Any) -> dict[str, Any]:
    return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}


def _list(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


MANIFEST = _form(
    format=TEXT, dossier=TEXT, files=_list(_form(name=NAME, sha256=DIGEST, size=NUMBER)), not_carried=_list(DIGEST)
)
PROOFS = _form(
    inclusion=_list(_form(index=NUMBER, path=_list(DIGEST))),
    consistency=_list(_form(size=NUMBER, root=DIGEST, path=_list(DIGEST))),
    checkpoints=_list(TEXT),
    heads=_form(
        event=NUMBER,
        subjects=_list(_form(kind=TEXT, key=TEXT, seq=NUMBER, leaf_hash=DIGEST, index=NUMBER, path=_list(DIGEST))),
    ),
)
