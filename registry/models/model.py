"""Which models are there? The inventory entry, and who may not decide about it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from registry.ledger.subject import LedgerSubject
from registry.models.people import User


class Model(LedgerSubject):
    """An entry of the inventory: a quantitative method with an owner and an intended use, independent of any file."""

    class Kind(models.TextChoices):
        STATISTICAL = "statistical", _("Statistical model")
        MACHINE_LEARNING = "machine_learning", _("Machine-learning model")
        RULES = "rules", _("Rule set")
        GENERATIVE = "generative", _("Generative system")
        EXPERT = "expert", _("Expert judgement")

    class Origin(models.TextChoices):
        INTERNAL = "internal", _("Built here")
        VENDOR = "vendor", _("Vendor")
        OPEN_SOURCE = "open_source", _("Open source")
        THIRD_PARTY = "third_party", _("Third-party service")

    slug = models.CharField(primary_key=True, max_length=80)
    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    intended_use = models.TextField(_("intended use"), blank=True)
    prohibited_use = models.TextField(_("prohibited use"), blank=True)
    business_line = models.CharField(_("business line"), max_length=120, blank=True)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind, default=Kind.MACHINE_LEARNING)
    origin = models.CharField(_("origin"), max_length=20, choices=Origin, default=Origin.INTERNAL)
    affects_people = models.BooleanField(_("decides about people"), default=True)
    owner = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="models_owned", verbose_name=_("owner")
    )
    registered_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="models_registered")
    registered_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True, blank=True)

    ledger_kind = "model"
    ledger_model_path = "pk"

    class Meta:
        verbose_name = _("model")
        verbose_name_plural = _("models")
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.name

    def ledger_key(self) -> str:
        """Return the slug."""
        return str(self.slug)
