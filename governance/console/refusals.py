"""What does a refusal mean in the reader's language? Our words for each stable code, and for each obstacle."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from governance.console.wording import Words, visible
from governance.gate.eligibility import Obstacle

REFUSALS: dict[str, Words] = {
    "self-approval": _("You had a hand in this version or asked for its promotion, so you may not decide on it."),
    "role-missing": _("None of your roles may do this."),
    "account-inactive": _("The account is not active."),
    "not-a-person": _("Only people decide."),
    "not-eligible": _("You may not decide on this."),
    "request-closed": _("The promotion request is closed."),
    "validation-not-concluded": _("Validation has not concluded yet."),
    "validation-not-passed": _("Only a request whose validation passed can be approved."),
    "evidence-altered": _("The stored results are not those the run concluded with."),
    "evidence-changed": _("The evidence has changed since it was shown to you. Look again."),
    "already-decided": _("You have decided on this request already."),
    "policy-changed": _("Another policy is in force than the request was opened under. It must be opened again."),
    "covered-facts-changed": _("What the request covers has changed since. It must be opened again."),
    "session-required": _("A decision is given in a signed-in session of a person."),
    "not-your-approval": _("A person takes back their own approval."),
    "already-withdrawn": _("The approval has been withdrawn already."),
    "own-finding": _("A finding is resolved by someone else than its owner."),
    "contributor": _("Whoever had a hand in the version does not resolve its findings."),
    "finding-not-open": _("The finding is no longer open."),
    "date-in-the-past": _("A risk is accepted until a date to come."),
    "unknown-kind": _("There is no such kind."),
    "bad-period": _("The period ends after it begins."),
    "period-not-over": _("The period must be over, for a minute at least."),
    "bad-sample-size": _("A sample has 1 to 500 items."),
    "own-draft": _("A policy is published by somebody else than its drafter."),
    "policy-not-a-draft": _("The policy has been published already."),
    "policy-altered": _("The draft is not the text that was drafted."),
    "policy-not-yaml": _("The policy is not plain YAML."),
    "policy-invalid": _("The policy does not fit the schema."),
    "policy-unknown-key": _("The policy has a field that does not exist."),
    "policy-unknown-check": _("The policy names a check that is not registered."),
    "policy-unknown-control": _("The policy names a control that is not registered."),
    "policy-duplicate-requirement": _("A requirement appears twice."),
    "policy-roles-missing": _("The policy needs roles that may approve."),
    "policy-too-large": _("The policy is too long."),
    "not-an-administrator": _("Only an administrator may do this."),
    "not-an-owner": _("The owner must be an active person who holds the role of owner."),
    "role-to-oneself": _("Nobody gives a role to themselves."),
    "role-not-for-this-account": _("Roles other than CI are for people, and CI is not for people."),
    "administrator-decides-nothing": _("An administrator holds no role that decides."),
    "auditor-only-reads": _("An auditor holds no other role."),
    "role-already-ended": _("That role has already ended."),
    "not-oneself": _("Nobody deactivates themselves."),
    "already-inactive": _("The account is already inactive."),
    "username-taken": _("There is already an account of this name."),
    "email-taken": _("One person has one account: this e-mail address is in use."),
    "bad-email": _("That is not an e-mail address."),
    "bad-slug": _("1 to 80 lower-case letters, digits or hyphens, beginning and ending with a letter or digit."),
    "weak-password": _("The password is too weak: at least 12 characters, not a common one, not like your name."),
    "not-your-password": _("A person sets their own password."),
    "link-not-valid": _("This link has been used, has expired, or never was."),
    "responsible-not-a-person": _("An active person must answer for a service account."),
    "token-for-a-person": _("Tokens are for active service accounts; a person signs in."),
    "unknown-scope": _("A token needs scopes that exist."),
    "unknown-model": _("There is no such model."),
    "bad-expiry": _("A token lives between 1 and 366 days."),
    "already-revoked": _("The token has been taken away already."),
    "bad-answer": _("Each question has one of the given answers."),
    "text-empty": _("This must not be empty."),
    "text-too-long": _("The text is too long."),
    "text-has-control-characters": _("The text contains control characters."),
    "text-has-direction-override": _("The text contains direction overrides."),
    "text-has-invisible-characters": _("The text contains invisible characters."),
    "text-not-unicode": _("The text contains half of a surrogate pair."),
    "register-read-only": _(
        "The register is read-only: its database is older than, or forked from, what was anchored."
    ),
    "register-not-read-only": _("The register is not read-only; there is nothing to give up."),
    "rollback-not-requested": _("Nobody has asked for this rollback."),
    "rollback-changed": _("The register is not as it was when the rollback was asked for."),
    "second-person-needed": _("This takes a second person."),
    "divergence-concerns-you": _("A divergence is resolved by somebody whom it does not concern."),
    "divergence-resolved": _("The divergence has been resolved already."),
    "divergence-not-restorable": _("This row cannot be put back from the ledger; explain it."),
    "legal-hold": _("A legal hold stands; nothing is erased."),
    "legal-hold-stands": _("A legal hold stands already."),
    "legal-hold-lifted": _("The legal hold has been lifted already."),
    "as-of-only-reads": _("The past can be read, not changed."),
    "nothing-to-compare": _("Choose the version to compare with."),
    "not-comparable": _("Only two versions of one model are compared."),
}

OBSTACLES: dict[str, Words] = {
    "inactive": _("is not active"),
    "not-a-person": _("is a service account; only people decide"),
    "no-role": _("holds none of the roles that may approve"),
    "requester": _("requested this promotion or answers for the account that did"),
    "contributor": _("contributed to this version"),
    "withdrawn": _("was withdrawn"),
    "other-manifest": _("was given for another manifest than the present one"),
    "other-evidence": _("was given on other evidence than the present one"),
    "expired": _("has expired"),
    "from-the-future": _("is dated later than now"),
    "no-rules": _("cannot decide: the stored policy is not the text of its digest"),
}


def obstacle_text(obstacle: Obstacle) -> str:
    """Return an obstacle in the reader's language; one without our words keeps its own."""
    known = OBSTACLES.get(obstacle.code)
    return str(known) if known else visible(obstacle.text)
