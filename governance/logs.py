"""What does a log line look like? One line of JSON, control characters escaped, no secret in it."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime

SECRET = re.compile(r"(?i)(bearer\s+|cad_|password=|token=|sessionid=|/enter/)[A-Za-z0-9_\-.~+/=]{6,}")

CHATTER = ("/scipy/optimize/_shgo.py",)
"""Files of libraries that tell of each step of a computation, and do so to the root logger."""


class WithoutChatter(logging.Filter):
    """Drops what libraries say of the steps of a computation; their warnings stay."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is kept."""
        return record.levelno >= logging.WARNING or not record.pathname.replace("\\", "/").endswith(CHATTER)


class OneLineJSON(logging.Formatter):
    """Formats a record as one line of JSON; a newline or an escape sequence in user text cannot forge a second line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one JSON object with the instant, level, logger, message and, if any, the traceback."""
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": SECRET.sub(r"\1[removed]", record.getMessage()),
        }
        if record.exc_info:
            line["traceback"] = SECRET.sub(r"\1[removed]", self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=True)
