"""What the commands talk to: what flags say first, then the environment, then the demo that is running."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import rich_click as click

from tonari.errors import SettingError
from tonari.storage.bucket import Bucket

STATE = Path(".tonari")
DEFAULT_URL = "http://127.0.0.1:8787"
BUCKET_VARIABLES = {"catalogue": "TONARI_CATALOGUE_BUCKET", "artefacts": "TONARI_ARTEFACT_BUCKET"}

Command: TypeAlias = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Target:
    """URLs of the HTTP API and of S3, and two buckets: folders, or names on S3; what is not known is empty."""

    url: str = ""
    endpoint: str = ""
    catalogue: str = ""
    artefacts: str = ""

    def open_catalogue(self) -> Bucket:
        """Open the catalogue bucket; :class:`SettingError` if nothing names it."""
        return _open(self.catalogue, "catalogue")

    def open_artefacts(self) -> Bucket:
        """Open the artefact bucket; :class:`SettingError` if nothing names it."""
        return _open(self.artefacts, "artefacts")


def choose(given: Target, running: Target | None) -> Target:
    """Fill in what was not given from the demo that is running.

    Whoever names a bucket or an endpoint means their own S3: of the demo only the URL is then used.
    """
    url = given.url or (running.url if running else DEFAULT_URL)
    if running and not (given.endpoint or given.catalogue or given.artefacts):
        return Target(url, "", running.catalogue, running.artefacts)
    return Target(url, given.endpoint, given.catalogue, given.artefacts)


takes_url = click.option(
    "--url",
    envvar="TONARI_URL",
    show_envvar=True,
    metavar="URL",
    callback=lambda _context, _parameter, url: _find(Target(url or "")).url,
    help="The API; default: the running demo.",
)
"""Gives a command, as ``url``, the API that is meant."""


def takes_buckets(*names: str) -> Callable[[Command], Command]:
    """Give a command options for the buckets ``catalogue`` or ``artefacts`` and, as ``target``, what they mean."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def run(*, endpoint: str | None, **options: Any) -> None:
            buckets = {name: options.pop(name) or "" for name in names}
            command(target=_find(Target(endpoint=endpoint or "", **buckets)), **options)

        decorated = click.option(
            "--endpoint-url", "endpoint", metavar="URL", help="An S3 server other than AWS, such as MinIO."
        )(run)
        for name in reversed(names):
            which = f"The {name.removesuffix('s')} bucket, or a folder; default: the running demo's."
            decorated = click.option(
                f"--{name}", envvar=BUCKET_VARIABLES[name], show_envvar=True, metavar="BUCKET", help=which
            )(decorated)
        return decorated

    return decorate


def _find(given: Target) -> Target:
    target = choose(given, _running())
    if target.endpoint:
        os.environ["AWS_ENDPOINT_URL"] = target.endpoint
    return target


def _running() -> Target | None:
    """Find a server: the demo of the drawn shop, else one whose state lies one level deeper."""
    from tonari_tools.serve.running import find_running

    for folder in (STATE, *sorted(STATE.glob("*/"))):
        if found := find_running(folder):
            return Target(found.url, "", found.catalogue, found.artefacts)
    return None


def _open(name: str, what: str) -> Bucket:
    if not name:
        raise SettingError(
            f"Which bucket? Give --{what} BUCKET or set {BUCKET_VARIABLES[what]}, or start the demo: tonari demo."
        )
    from tonari_tools.serve.buckets import open_bucket

    return open_bucket(name)
