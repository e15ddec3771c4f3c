"""One rebuild at a time: a lease in the head says which may publish, and a sign of life that its owner works on it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from tonari.contract.artefacts import Head, Lease
from tonari.errors import StoreError
from tonari.snapshots.head import ReadHead, change, read_head, refused_lately
from tonari.storage.bucket import Bucket

SIGNS = "work/alive/"
PATIENCE_SECONDS = 900.0
"""After so long without a sign of life an owner counts as dead: no function runs longer."""
SIGN_EVERY_SECONDS = 30.0
REFUSED_SECONDS = 6 * 3600.0
"""For so long nobody asks for another rebuild after one was refused: it would be refused for the same reasons."""


def take(artefacts: Bucket, build: str) -> ReadHead | None:
    """Take the lease for a rebuild, unless another rebuild that is alive has it.

    Who has the lease already takes it anew: a run that was stalled can then publish no more.

    Parameters
    ----------
    build
        Id of the rebuild, which may take several runs.

    Returns
    -------
    The head that says so, or None.
    """

    def edit(head: Head) -> Head:
        owner = head.lease
        if owner is not None and owner.build != build and is_alive(artefacts, owner.build):
            return head
        return msgspec.structs.replace(head, lease=Lease(build, head.generation + 1))

    sign(artefacts, build)
    read = change(artefacts, edit)
    owner = read.head.lease
    if owner is not None and owner.build == build:
        return read
    artefacts.delete(_key(build))
    return None


def give_back(artefacts: Bucket, lease: Lease) -> ReadHead:
    """Give a lease back, unless another run has taken it since."""
    read = change(artefacts, lambda head: msgspec.structs.replace(head, lease=None) if head.lease == lease else head)
    if read.head.lease is None or read.head.lease.build != lease.build:
        artefacts.delete(_key(lease.build))
    return read


def ask(artefacts: Bucket) -> Lease | None:
    """Take the lease for a rebuild that another process is to run, which must be told the id of the rebuild.

    None if a rebuild is running, or one was refused lately: then nobody need be asked.
    """
    if refused_lately(artefacts, read_head(artefacts).head.snapshot, REFUSED_SECONDS):
        return None
    read = take(artefacts, new_build())
    return read.head.lease if read else None


def new_build() -> str:
    """Make an id for a rebuild."""
    return secrets.token_hex(8)


def sign(artefacts: Bucket, build: str) -> None:
    """Give a sign of life."""
    artefacts.put(_key(build), b"{}", "application/json")


def signing(artefacts: Bucket, build: str, report: Callable[[str, int, int], None]) -> Callable[[str, int, int], None]:
    """Give a sign of life with what is reported, every half minute at most."""
    last = time.monotonic()

    def report_alive(stage: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= SIGN_EVERY_SECONDS:
            with suppress(StoreError):
                sign(artefacts, build)
            last = time.monotonic()
        report(stage, done, total)

    return report_alive


def is_alive(artefacts: Bucket, build: str) -> bool:
    """Tell whether a rebuild has given a sign of life lately."""
    found = artefacts.head(_key(build))
    return found is not None and artefacts.now() - found.modified < PATIENCE_SECONDS


def _key(build: str) -> str:
    return f"{SIGNS}{build}"
