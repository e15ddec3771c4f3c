"""Metrics of the functions, in the form in which CloudWatch reads them out of a log (embedded metric format).

A line of the log that is one such JSON object and nothing else becomes data points, without any call or permission.
Zeros are given too, so that an alarm ends when what it told of is over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

NAMESPACE = "tonari"
DIMENSION = "FunctionName"
UNITS = {
    "RebuildFailed": "Count",
    "RebuildRefused": "Count",
    "RebuildUnfinished": "Count",
    "SnapshotAgeDays": "None",
    "ChangesTaken": "Count",
    "ChangesReturned": "Count",
    "ChangesUnreadable": "Count",
}
"""Every metric, and its unit as CloudWatch names it."""
CURRENT = frozenset({"published", "unchanged"})
"""Outcomes of a rebuild after which what is live says all that the catalogue does."""
REJECTED = frozenset({"refused", "superseded"})
"""Outcomes after which it may not."""
DAY_SECONDS = 86_400


def rebuild_metrics(outcome: str, age: float | None) -> dict[str, float]:
    """Give the metrics of a rebuild that ended by itself.

    Parameters
    ----------
    outcome
        As :class:`tonari.builds.rebuild.Rebuilt` has it.
    age
        Seconds since the live snapshot was built; None if nothing is live.

    Returns
    -------
    By name. A live snapshot that was found to be current has the age 0, however long ago it was built. A run that left
    the rebuild to another run gives no age: a chain that never ends must look like no rebuild at all.
    """
    found = {
        "RebuildFailed": 0.0,
        "RebuildRefused": float(outcome == "refused"),
        "RebuildUnfinished": float(outcome == "unfinished"),
    }
    if outcome in CURRENT:
        found["SnapshotAgeDays"] = 0.0
    elif outcome in REJECTED and age is not None:
        found["SnapshotAgeDays"] = round(max(age, 0.0) / DAY_SECONDS, 4)
    return found


def failed_rebuild() -> dict[str, float]:
    """Give the metrics of a rebuild that raised an error."""
    return {"RebuildFailed": 1.0}


def reindex_metrics(taken: int, returned: int, unreadable: int) -> dict[str, float]:
    """Give the metrics of a batch of changes.

    Parameters
    ----------
    taken
        Items that are searchable now as they lie in the catalogue.
    returned
        Messages that come back later.
    unreadable
        Messages that were acknowledged though they, or a part of them, could not be read.
    """
    return {"ChangesTaken": float(taken), "ChangesReturned": float(returned), "ChangesUnreadable": float(unreadable)}


def metric_line(function: str, at: float, values: Mapping[str, float]) -> str:
    """Write metrics as a line of the log [CloudWatch Logs: Embedded Metric Format Specification].

    Parameters
    ----------
    function
        Name of the function: the metrics' only dimension.
    at
        Seconds since 1970.
    values
        By name; finite.

    Raises
    ------
    KeyError
        If a name is none of :data:`UNITS`.
    ValueError
        If a value is NaN or infinite.
    """
    directive = {
        "Namespace": NAMESPACE,
        "Dimensions": [[DIMENSION]],
        "Metrics": [{"Name": name, "Unit": UNITS[name]} for name in values],
    }
    about = {"Timestamp": int(at * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": about, DIMENSION: function, **values}, allow_nan=False)
