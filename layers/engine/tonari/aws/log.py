"""The functions' log: one JSON object a line, as CloudWatch Logs Insights reads it."""

from __future__ import annotations

import json
import logging
from typing import Any

_log = logging.getLogger("tonari")
_log.setLevel(logging.INFO)


def inform(**facts: Any) -> None:
    """Log facts."""
    _log.info(json.dumps(facts))


def warn(**facts: Any) -> None:
    """Log facts that somebody should look at if they repeat."""
    _log.warning(json.dumps(facts))


def alarm(**facts: Any) -> None:
    """Log facts that somebody has to act on."""
    _log.error(json.dumps(facts))
