"""What the functions log: one JSON object a line, and metrics."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from tonari.aws.metrics import metric_line

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


def measure(values: Mapping[str, float]) -> None:
    """Print metrics; not by the logger, whose prefix would hide them from CloudWatch."""
    function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "local")
    sys.stdout.write(f"{metric_line(function, time.time(), values)}\n")
    sys.stdout.flush()
