"""With whom does a command speak, and where does it leave its answer?"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from cadastre.attestation import TrustedKey, read_key
from cadastre.outcomes import WrongInput
from cadastre.service import Service, write_file
from cadastre.transport import Transport


def service(given: argparse.Namespace) -> Service:
    """Return the service that flags and environment name; WrongInput when address or token cannot be used."""
    token = os.environ.get("CADASTRE_TOKEN", "")
    if given.token_file:
        try:
            token = Path(given.token_file).read_text(encoding="ascii")
        except (OSError, ValueError) as error:
            raise WrongInput(f"the token file cannot be read: {error}") from error
    return Service(Transport(given.url, token.strip(), timeout=given.timeout, allow_http=given.allow_http))


def trusted_key(given: argparse.Namespace) -> TrustedKey:
    """Return the key the user chose to trust; there is no other way to get one."""
    if not given.key:
        raise WrongInput("no key to verify with: set CADASTRE_KEY or --key to the public key file")
    return read_key(given.key)


def save_json(path: str | None, document: Any) -> None:
    """Write a JSON document where the user asked for one."""
    if path:
        write_file(path, (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=True) + "\n").encode("ascii"))


def remove_stale(*paths: str | None) -> None:
    """Remove answers of an earlier run, so that a later step never mistakes them for this one's."""
    for path in paths:
        if path:
            try:
                Path(path).unlink(missing_ok=True)
            except OSError as error:
                raise WrongInput(f"{path} cannot be replaced: {error}") from error
