"""How is the room of evidence wired into Django?"""

from django.apps import AppConfig


class AuditsConfig(AppConfig):
    """The evidence: validation runs, checks, explanations, findings, dossiers."""

    name = "audits"
    verbose_name = "Audits"
