"""How is the room of facts wired into Django?"""

from django.apps import AppConfig
from django.core.checks import Tags, register
from django.db.models.signals import post_migrate


class RegistryConfig(AppConfig):
    """The facts: people, models, versions, artifacts, datasets, lineage, deployments; and the ledger."""

    name = "registry"
    verbose_name = "Registry"

    def ready(self) -> None:
        """Re-install the ledger's triggers after each migration: a table remake drops SQLite triggers silently.

        And have `check --deploy` ask what the service's database role may do to the ledger.
        """
        from registry.ledger.privileges import check_privileges
        from registry.ledger.triggers import install_after_migrate

        post_migrate.connect(install_after_migrate, sender=self, dispatch_uid="registry.ledger.triggers")
        register(check_privileges, Tags.security, deploy=True)
