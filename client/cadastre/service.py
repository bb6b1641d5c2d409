"""What can be said to the service? One method for each call of its API that a pipeline needs."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cadastre.outcomes import Undecided, WrongInput
from cadastre.plain import plain
from cadastre.transport import PIECE, Transport, Upload

API = "/api/v1"
IDENTIFIER = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}\Z")


def sha256_of(path: str) -> tuple[str, int]:
    """Return the SHA-256 and the length of a file; WrongInput when it cannot be read."""
    hasher, length = hashlib.sha256(), 0
    try:
        with open(path, "rb") as stream:
            while piece := stream.read(PIECE):
                hasher.update(piece)
                length += len(piece)
    except OSError as error:
        raise WrongInput(f"the file cannot be read: {error}") from error
    return hasher.hexdigest(), length


def write_file(path: str, data: bytes) -> None:
    """Write a file whole or not at all; WrongInput when it cannot be written."""
    target = Path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(data)
        os.replace(beside, target)
    except OSError as error:
        raise WrongInput(f"{path} cannot be written: {error}") from error
    finally:
        beside.unlink(missing_ok=True)


def identifier(answer: dict[str, Any], name: str = "id") -> str:
    """Return an id from an answer; Undecided when it is not there or could not be one."""
    value = answer.get(name)
    if isinstance(value, dict):
        value = value.get("id")
    if not isinstance(value, str) or not IDENTIFIER.match(value):
        raise Undecided(f"the answer has no usable {name}: {plain(value)}")
    return value


class Service:
    """The API, version 1. Every method returns the JSON object of the answer."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def upload(self, path: str) -> str:
        """Upload a file under its SHA-256, and return that."""
        digest, length = sha256_of(path)
        self.transport.json("PUT", f"{API}/artifacts/{digest}", Upload(path, length))
        return digest

    def register_model(self, model: dict[str, Any]) -> dict[str, Any]:
        """Register a model: ``{slug, name, ...}``."""
        return self.transport.json("POST", f"{API}/models/", model)

    def register_dataset(self, dataset: dict[str, Any]) -> dict[str, Any]:
        """Register a dataset: ``{slug, name, ...}``."""
        return self.transport.json("POST", f"{API}/datasets/", dataset)

    def register_dataset_version(self, dataset: str, version: dict[str, Any]) -> dict[str, Any]:
        """Register a snapshot: ``{version, artifact_sha256, format, roles, split_role}``."""
        return self.transport.json("POST", f"{API}/datasets/{_segment(dataset)}/versions/", version)

    def register_version(self, model: str, version: dict[str, Any]) -> dict[str, Any]:
        """Register a model version: ``{version, artifacts, datasets, scoring, ...}``."""
        return self.transport.json("POST", f"{API}/models/{_segment(model)}/versions/", version)

    def promote(self, model: str, version: str, environment: str, statement: str) -> dict[str, Any]:
        """Open a promotion request; validation starts."""
        body = {"model": model, "version": version, "environment": environment, "statement": statement}
        return self.transport.json("POST", f"{API}/promotions/", body)

    def promotion(self, promotion_id: str) -> dict[str, Any]:
        """Return a promotion request."""
        return self.transport.json("GET", f"{API}/promotions/{_segment(promotion_id)}/")

    def validation(self, run_id: str) -> dict[str, Any]:
        """Return a validation run with its progress and results."""
        return self.transport.json("GET", f"{API}/validations/{_segment(run_id)}/")

    def reperform(self, run_id: str) -> dict[str, Any]:
        """Have a concluded validation run re-performed; one that is being re-performed already gives that re-performance."""
        return self.transport.json("POST", f"{API}/validations/{_segment(run_id)}/reperform/", {})

    def decide(self, artifact_sha256: str, environment: str, nonce: str) -> dict[str, Any]:
        """Ask the gate."""
        body = {"artifact_sha256": artifact_sha256, "environment": environment, "nonce": nonce}
        return self.transport.json("POST", f"{API}/gate/decisions/", body)

    def deployed(self, report: dict[str, Any]) -> dict[str, Any]:
        """Report a deployment: ``{model, version, environment, artifact_sha256, decision}``."""
        return self.transport.json("POST", f"{API}/deployments/", report)

    def issue_dossier(
        self, model: str, version: str, kind: str = "full", compared_with: str | None = None
    ) -> dict[str, Any]:
        """Ask for a dossier of a version; one on differences names another version of the model."""
        body = {"model": model, "version": version, "kind": kind}
        if compared_with is not None:
            body["compared_with"] = compared_with
        return self.transport.json("POST", f"{API}/dossiers/", body)

    def issue_portfolio_report(self, language: str = "en", as_of: str = "") -> dict[str, Any]:
        """Ask for the report on the whole register."""
        asked = {"kind": "portfolio", "language": language} | ({"as_of": as_of} if as_of else {})
        return self.transport.json("POST", f"{API}/dossiers/", asked)

    def dossier(self, dossier_id: str) -> dict[str, Any]:
        """Return the state of a dossier."""
        return self.transport.json("GET", f"{API}/dossiers/{_segment(dossier_id)}/")

    def dossier_pdf(self, dossier_id: str) -> bytes:
        """Return the PDF of an issued dossier."""
        data = self.transport.file(f"{API}/dossiers/{_segment(dossier_id)}/pdf", media_type="application/pdf")
        if not data.startswith(b"%PDF-"):
            raise Undecided("what came is not a PDF")
        return data


def _segment(text: str) -> str:
    if not text or text in (".", ".."):
        raise WrongInput(f"{text!r} cannot be a name in an address")
    return quote(text, safe="")
