"""How are the room of decisions and the console wired into Django?"""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class GovernanceConfig(AppConfig):
    """The decisions: risk tiers, policies, promotion requests, approvals, gate decisions."""

    name = "governance"
    verbose_name = "Governance"

    def ready(self) -> None:
        """Re-install the approval triggers after each migration, and register the dossier sections of this room."""
        from django.db.models.signals import post_migrate

        import governance.celery  # every process publishes its wake-ups through this app
        import governance.dossier_sections
        import governance.portfolio  # noqa: F401  (registering is the purpose of both imports)
        from governance.walls import install_after_migrate

        post_migrate.connect(install_after_migrate, sender=self, dispatch_uid="governance.walls")


class ConsoleConfig(admin_apps.AdminConfig):
    """Django's admin with our own site: read-only windows and explicit action pages."""

    default = False
    default_site = "governance.console.site.Console"
