"""What is a signer of dossiers? Something that opens a key, wherever it lives, as a pyHanko signer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from registry.catalogue import Catalogue

if TYPE_CHECKING:
    from pyhanko.sign.signers import Signer


class OpensSigner(Protocol):
    """A factory: called without arguments, it returns a signer with its certificate.

    A key in a KMS or HSM is reached by a subclass of ``pyhanko.sign.signers.Signer`` (or its ``ExternalSigner``,
    ``PKCS11Signer``, ``CSCSigner``), whose ``async_sign_raw`` asks the KMS. Raises DomainError of kind ``unavailable``
    when the key cannot be reached.
    """

    def __call__(self) -> Signer:
        """Return the signer."""
        ...


SIGNERS: Catalogue[OpensSigner] = Catalogue(
    "document-signer", packages=("audits.dossier.signers",), entry_point_group="cadastre.document_signers"
)
