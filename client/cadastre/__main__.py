"""What does `python -m cadastre` run? The command line."""

from __future__ import annotations

import sys

from cadastre.command import main

if __name__ == "__main__":
    sys.exit(main())
