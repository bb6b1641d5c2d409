"""With which keys does this installation sign? For information: what is trusted is chosen by whoever verifies."""

from __future__ import annotations

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.resource import Resource
from governance.api.schema import described
from governance.gate.attestation import public_key_line
from registry.ledger import keys, signing
from registry.ledger.checkpoint import verifier_key
from registry.ledger.proofs import latest_checkpoint


class KeysShown(serializers.Serializer[object]):
    """The public keys, each as the one line that a key file holds."""

    attestation = serializers.CharField()
    ledger = serializers.CharField()


class Keys(Resource):
    """The public keys; anybody may read them."""

    public = frozenset({"GET"})

    @described("The public keys", answers={200: KeysShown})
    def get(self, request: Request) -> Response:
        """Return the attestation key and the ledger's verifier key."""
        attestation = keys.load_or_create(settings.ATTESTATION_KEY_FILE)
        # A ledger that has signed already has its key; a new one in its place would be another ledger's.
        if latest_checkpoint() is None:
            ledger = keys.load_or_create(settings.LEDGER_KEY_FILE).public_key()
        else:
            ledger = signing.own_succession(DEFAULT_DB_ALIAS).key
        return Response(
            {
                "attestation": public_key_line(attestation.public_key()),
                "ledger": verifier_key(settings.REGISTER_NAME, ledger),
            }
        )
