"""What the commands talk to: flags first, then the environment, then the demo that runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_URL = "http://127.0.0.1:8787"
LOCAL_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@dataclass(frozen=True, slots=True)
class Target:
    """Where things are; what is not known is empty.

    Parameters
    ----------
    url
        Of the HTTP API.
    endpoint
        Of S3, empty for AWS itself.
    catalogue, artefacts
        Names of the buckets.
    """

    url: str = ""
    endpoint: str = ""
    catalogue: str = ""
    artefacts: str = ""


def choose(given: Target, environment: Mapping[str, str], running: Target | None) -> tuple[Target, dict[str, str]]:
    """Fill in what was not given.

    Whoever names a bucket means their own S3: the demo's endpoint is then left out.

    Returns
    -------
    The target, and what must be added to the environment for its S3 to be reached.
    """
    url = given.url or environment.get("TONARI_URL", "") or (running.url if running else DEFAULT_URL)
    endpoint = given.endpoint or environment.get("AWS_ENDPOINT_URL", "")
    catalogue = given.catalogue or environment.get("TONARI_CATALOGUE_BUCKET", "")
    artefacts = given.artefacts or environment.get("TONARI_ARTEFACT_BUCKET", "")
    if running and not (endpoint or catalogue or artefacts):
        here = Target(url, running.endpoint, running.catalogue, running.artefacts)
        return here, {"AWS_ENDPOINT_URL": running.endpoint, **LOCAL_CREDENTIALS}
    return Target(url, endpoint, catalogue, artefacts), {"AWS_ENDPOINT_URL": endpoint} if endpoint else {}
