"""Which validation runs were there, who worked on them, and what did each requirement come to?"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from audits.explanations.single_rows import without_single_rows
from registry.ledger.subject import LedgerSubject
from registry.models import ModelVersion, User
from registry.models.identity import new_id
from registry.storage import artifacts


@dataclass(frozen=True)
class Progress:
    """How many of a run's steps are done, and what is being worked on."""

    done: int
    total: int
    message: str


class ValidationRunQuerySet(models.QuerySet["ValidationRun"]):
    """Runs, with and without those that only re-perform another."""

    def originals(self) -> ValidationRunQuerySet:
        """Return the runs that judge a version: a re-performance judges nothing, it checks a run."""
        return self.filter(reperforms__isnull=True)

    def newest_of(self, versions: Collection[ModelVersion]) -> dict[UUID, UUID]:
        """Return the id of the newest run that judges each version, by the version's id, in one query."""
        rows = self.originals().filter(version__in=versions).order_by("requested_at", "id")
        return dict(rows.values_list("version_id", "pk"))

    def with_steps(self) -> ValidationRunQuerySet:
        """Read the steps along, without what they are about and found out, which may be large."""
        steps = RunStep.objects.defer("scope", "facts", "results")
        return self.prefetch_related(models.Prefetch("steps", steps))


class ValidationRun(LedgerSubject):
    """One execution of a plan of requirements on a version with named data; immutable when concluded."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        CONCLUDED = "concluded", _("Concluded")
        QUARANTINED = "quarantined", _("Quarantined")

    class Outcome(models.TextChoices):
        PASSED = "passed", _("All blocking requirements met")
        FAILED = "failed", _("A blocking requirement is not met")
        INSUFFICIENT = "insufficient", _("A blocking requirement lacks evidence")
        ERROR = "error", _("Ended in error")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="runs")
    reason = models.CharField(_("reason"), max_length=20)
    plan = models.JSONField(_("plan"))
    plan_digest = models.CharField(max_length=64)
    then = models.CharField(max_length=100, blank=True)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.QUEUED)
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome, blank=True)
    failure = models.JSONField(_("failure"), null=True, blank=True)
    manifest = models.JSONField(_("manifest"), default=dict, blank=True)
    evidence_digest = models.CharField(max_length=64, blank=True)
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="runs_requested")
    requested_at = models.DateTimeField()
    woken_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    concluded_at = models.DateTimeField(null=True, blank=True)
    reperforms = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="reperformances"
    )
    agreement = models.JSONField(_("agreement with the run it re-performs"), null=True, blank=True)

    objects = ValidationRunQuerySet.as_manager()

    ledger_kind = "run"
    ledger_model_path = "version__model"
    ledger_exclude = frozenset({"woken_at", "started_at", "plan", "manifest"})

    class Meta:
        verbose_name = _("validation run")
        verbose_name_plural = _("validation runs")
        ordering = ["-requested_at"]
        indexes = [models.Index(fields=["state", "requested_at"], name="runs_to_sweep")]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="concluded", concluded_at__isnull=False)
                | Q(state="quarantined", concluded_at__isnull=False)
                | Q(state__in=["queued", "running"], concluded_at__isnull=True, outcome=""),
                name="run_has_an_outcome_only_when_over",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.version} ({self.state})"

    def results_in_order(self) -> list[CheckResult]:
        """Return the results by their place in the plan; those that were read along are not read again."""
        return sorted(self.results.all(), key=lambda result: result.position)

    @property
    def attempts(self) -> int:
        """How often a worker took a step of this run."""
        return self.tries.count()

    @property
    def progress(self) -> Progress:
        """How far the run is, by its steps."""
        steps = sorted(self.steps.all(), key=lambda step: step.position)
        at_work = [step.message for step in steps if step.state == RunStep.State.RUNNING and step.message]
        done = sum(step.state == RunStep.State.DONE for step in steps)
        return Progress(done, len(steps), "; ".join(at_work)[:400])


class RunStep(models.Model):
    """One piece of work of a run, done by one worker under a lease; its result counts once, under the newest token.

    It can be taken when every step that ``needs`` names is done. ``scope`` says what of the plan it is about, ``facts``
    what it found out for the manifest and for the steps after it, ``results`` the judged requirements.
    """

    class Kind(models.TextChoices):
        SCORE = "score", _("Score")
        EXPLAIN = "explain", _("Explain")
        MEASURE = "measure", _("Measure")

    class State(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        DROPPED = "dropped", _("Dropped")

    run = models.ForeignKey(ValidationRun, on_delete=models.PROTECT, related_name="steps")
    position = models.PositiveSmallIntegerField()
    key = models.CharField(_("step"), max_length=80)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    needs = models.JSONField(default=list, blank=True)
    scope = models.JSONField(default=dict, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    fencing_token = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    message = models.CharField(max_length=200, blank=True)
    facts = models.JSONField(default=dict, blank=True)
    results = models.JSONField(default=list, blank=True)
    failure = models.JSONField(null=True, blank=True)

    class Meta:
        verbose_name = _("step of a run")
        verbose_name_plural = _("steps of runs")
        ordering = ["run", "position"]
        indexes = [models.Index(fields=["state", "lease_until"], name="steps_to_sweep")]
        constraints = [models.UniqueConstraint(fields=["run", "key"], name="step_once_per_run")]

    def __str__(self) -> str:
        return f"{self.key} ({self.state})"

    @property
    def seconds(self) -> float | None:
        """How long its last attempt took; None while it is not over."""
        if self.started_at is None or self.ended_at is None:
            return None
        return round((self.ended_at - self.started_at).total_seconds(), 3)


class RunAttempt(models.Model):
    """One worker's try at a step of a run, under a lease and a fencing token that only grows."""

    run = models.ForeignKey(ValidationRun, on_delete=models.PROTECT, related_name="tries")
    step = models.ForeignKey(RunStep, null=True, on_delete=models.PROTECT, related_name="tries")
    number = models.PositiveSmallIntegerField()
    fencing_token = models.BigIntegerField()
    worker = models.CharField(max_length=200)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ending = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["step", "number"], name="step_attempt_numbered_once")]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.run_id}"


class CheckResult(models.Model):
    """A measurement judged against a requirement. Written once, with the conclusion of its run."""

    class Status(models.TextChoices):
        MET = "met", _("Met")
        NOT_MET = "not_met", _("Not met")
        INSUFFICIENT = "insufficient", _("Insufficient evidence")
        ERROR = "error", _("Error")

    run = models.ForeignKey(ValidationRun, on_delete=models.PROTECT, related_name="results")
    position = models.PositiveSmallIntegerField()
    requirement_key = models.CharField(_("requirement"), max_length=80)
    check_slug = models.CharField(_("check"), max_length=80)
    severity = models.CharField(_("severity"), max_length=12)
    requirement = models.JSONField()
    status = models.CharField(_("result"), max_length=12, choices=Status)
    observed = models.CharField(_("observed"), max_length=400)
    required = models.CharField(_("required"), max_length=400)
    reason = models.CharField(_("reason"), max_length=1000, blank=True)
    mend = models.CharField(_("how to mend"), max_length=1000, blank=True)
    evidence_sha256 = models.CharField(_("evidence"), max_length=64)

    class Meta:
        verbose_name = _("check result")
        verbose_name_plural = _("check results")
        ordering = ["run", "position"]
        constraints = [
            models.UniqueConstraint(fields=["run", "requirement_key"], name="requirement_judged_once_per_run"),
        ]

    def __str__(self) -> str:
        return f"{self.requirement_key}: {self.status}"

    @cached_property
    def measurement(self) -> dict[str, Any] | None:
        """The measurement as stored in the evidence, re-hashed on reading; None when the check ended in error.

        What earlier releases stored in it about single rows is left out.
        """
        return without_single_rows(json.loads(artifacts().read(self.evidence_sha256))["measurement"])
