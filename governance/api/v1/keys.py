"""With which keys does this installation sign? For information: what is trusted is chosen by whoever verifies."""

from __future__ import annotations

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from governance.api.resource import Resource
from governance.api.schema import described
from governance.public_keys import attestation_key, ledger_keys


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
        return Response({"attestation": attestation_key(), "ledger": ledger_keys()[-1]})
