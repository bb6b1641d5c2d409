"""How is the gate asked, and how is its answer recorded?"""

from __future__ import annotations

import re
from base64 import b64encode

from django.conf import settings
from django.db import IntegrityError, transaction

from governance.gate.attestation import Claim, LedgerPosition, attest
from governance.gate.contract import Asked, GateFacts
from governance.gate.decide import decide
from governance.gate.facts import gather_facts
from governance.models import GateDecision, PolicyVersion
from registry import texts
from registry.digests import is_sha256
from registry.errors import DomainError
from registry.ledger import keys
from registry.ledger.append import append, declare_action
from registry.ledger.checkpoint import parse
from registry.ledger.clock import database_now
from registry.ledger.proofs import latest_checkpoint
from registry.models import Model, User, VersionArtifact

declare_action("gate.decided", "The gate answered.", always=True)

NONCE = re.compile(r"\A[A-Za-z0-9._~-]{8,128}\Z")


@transaction.atomic(durable=True)
def decide_gate(*, artifact_sha256: str, environment: str, nonce: str, actor: User) -> GateDecision:
    """Answer: may exactly these bytes go to that place? Records the answer; an allow carries an attestation.

    Unknown bytes or an unknown place is an answer too: a denial. Raises ``bad-digest``, ``bad-slug``, ``bad-nonce`` or
    ``nonce-used`` (conflict); then there is no answer, and no answer is never an allow.
    """
    if not is_sha256(artifact_sha256):
        raise DomainError("bad-digest", "artifact_sha256 must be 64 lower-case hexadecimal characters.")
    place = texts.slug(environment, field="environment")
    if not isinstance(nonce, str) or not NONCE.match(nonce):
        raise DomainError("bad-nonce", "A nonce is 8 to 128 letters, digits, dots, tildes, underscores or hyphens.")
    _lock_models(artifact_sha256)
    now = database_now()
    facts = gather_facts(Asked(environment=place, artifact_sha256=artifact_sha256, nonce=nonce), now)
    decision = decide(facts, now)
    row = GateDecision(
        artifact_sha256=artifact_sha256,
        environment_slug=place,
        nonce=nonce,
        version_id=facts.version.id if facts.version else None,
        request_id=facts.request.id if facts.request else None,
        policy=PolicyVersion.objects.get(policy=facts.policy.slug, number=facts.policy.number)
        if facts.policy
        else None,
        outcome=decision.outcome,
        reasons=decision.as_json()["reasons"],
        controls=decision.as_json()["controls"],
        facts=facts.as_json(),
        facts_digest=decision.facts_digest,
        asked_by=actor,
        decided_at=now,
        valid_until=decision.valid_until,
    )
    if decision.allowed:
        row.attestation = attest(_claim(row, facts), key=keys.load_or_create(settings.ATTESTATION_KEY_FILE))
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        if not _answered(row):
            raise
        raise DomainError(
            "nonce-used", "This nonce has been answered already; ask with a new one.", kind="conflict"
        ) from error
    append("gate.decided", row, actor=actor)
    return row


def _answered(row: GateDecision) -> bool:
    return GateDecision.objects.filter(
        asked_by=row.asked_by,
        nonce=row.nonce,
        artifact_sha256=row.artifact_sha256,
        environment_slug=row.environment_slug,
    ).exists()


def _claim(row: GateDecision, facts: GateFacts) -> Claim:
    version, policy = facts.version, facts.policy
    if version is None or policy is None:
        raise DomainError(
            "nothing-to-attest", "An allow without a version or a policy is not attested.", kind="conflict"
        )
    newest = latest_checkpoint()
    return Claim(
        artifact_sha256=row.artifact_sha256,
        model=version.model,
        version=version.version,
        environment=row.environment_slug,
        nonce=row.nonce,
        decision=str(row.pk),
        policy_uri=f"cadastre:policy/{policy.slug}/{policy.number}",
        policy_digest=policy.digest,
        verifier=settings.REGISTER_NAME,
        verified_at=row.decided_at,
        not_after=row.valid_until,
        checkpoint=LedgerPosition(parse(newest.note).origin, newest.size, b64encode(bytes(newest.root)).decode())
        if newest
        else None,
    )


def _lock_models(artifact_sha256: str) -> None:
    """Lock the models that hold these bytes, in order, so that no request, approval or new run comes in meanwhile.

    A run may conclude meanwhile, and a policy or a role may change; whatever half of that is read, the digests of the
    facts then differ from those the approvals are bound to, and the answer is no.
    """
    links = VersionArtifact.objects.filter(artifact_id=artifact_sha256, role=VersionArtifact.Role.MODEL)
    models = links.values("version__model_id")
    list(Model.objects.select_for_update().filter(pk__in=models).order_by("pk").values_list("pk"))
