"""What does the report on the whole register print? Importing this package registers it as a kind of dossier."""

from governance.portfolio import report

__all__ = ["report"]
