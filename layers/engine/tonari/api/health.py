"""The answer to a health check: what is live, and what would have been."""

from __future__ import annotations

import json
import logging
from typing import Any

from tonari import __version__
from tonari.builds.refusals import newest_refusal
from tonari.errors import StoreError
from tonari.query.serving import Serving
from tonari.query.summary import summarise
from tonari.storage.bucket import Bucket

log = logging.getLogger("tonari")

SHOWN = ("id", "at", "live", "falls")


def describe(serving: Serving, artefacts: Bucket) -> dict[str, Any]:
    """Describe a generation, and the snapshot that was refused for its sake, if that is the last word."""
    refusal = _refusal(serving.snapshot.id, artefacts)
    refused = refusal and {name: refusal[name] for name in SHOWN}
    return {"status": "ok", "version": __version__, **summarise(serving), "refused": refused}


def _refusal(live: str, artefacts: Bucket) -> dict[str, Any] | None:
    """Read the refusal; a store that does not answer makes nobody ill."""
    try:
        return newest_refusal(artefacts, live)
    except StoreError as error:
        log.warning(json.dumps({"refusals": error.slug, "detail": error.detail}))
        return None
