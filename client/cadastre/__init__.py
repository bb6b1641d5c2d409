"""What does a pipeline need to talk to Cadastre? This package and Python; nothing else is installed."""

from __future__ import annotations

__version__ = "0.1.0"
