"""The answer to a health check: what is live, and why the last rebuild was not published."""

from __future__ import annotations

import json
import logging

import msgspec

from tonari import __version__
from tonari.contract.answers import HealthAnswer, RefusedSnapshot
from tonari.errors import CorruptArtefactError, StoreError
from tonari.query.serving import Serving
from tonari.query.summary import summarise
from tonari.snapshots.refusals import newest_refusal
from tonari.storage.bucket import Bucket

log = logging.getLogger("tonari")


def describe(serving: Serving, artefacts: Bucket) -> HealthAnswer:
    """Describe a generation."""
    refused = _refused(serving.snapshot.id, artefacts)
    return msgspec.convert({"version": __version__, **summarise(serving), "refused": refused}, HealthAnswer)


def _refused(live: str, artefacts: Bucket) -> RefusedSnapshot | None:
    """Read the refusal; that a store does not answer is no reason to call the service ill."""
    try:
        refusal = newest_refusal(artefacts, live)
    except (StoreError, CorruptArtefactError) as error:
        log.warning(json.dumps({"refusals": error.slug, "detail": error.detail}))
        return None
    return None if refusal is None else msgspec.convert(refusal, RefusedSnapshot, from_attributes=True)
