"""Reads back all that the head names, and says of each part whether it is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tonari.contract.artefacts import Head, Live
from tonari.encoders.store import load_encoder
from tonari.errors import TonariError
from tonari.snapshots.canaries import check_encoder
from tonari.snapshots.head import HEAD, read_head, segment_key
from tonari.snapshots.manifest import REPORTED
from tonari.snapshots.segments import read_segments
from tonari.snapshots.snapshot import load_reported, load_snapshot
from tonari.storage.bucket import Bucket

Role = Literal["live", "previous", "next"]


@dataclass(frozen=True, slots=True)
class Checked:
    """A part that was read back.

    Parameters
    ----------
    role
        Of what it is a part: what is live, what was live before, or what the next rebuild uses.
    what
        The part: its kind and its id.
    problem
        What is wrong with it, in words; empty if it is whole.
    """

    role: Role
    what: str
    problem: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What the head names, and what became of reading it back; ``head`` is None if it cannot be read itself."""

    head: Head | None
    checked: tuple[Checked, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not any(one.problem for one in self.checked)


def verify(artefacts: Bucket, cache: Path) -> Verified:
    """Read back what is live, what was live before, and the encoder that is chosen next.

    Parameters
    ----------
    cache
        An empty folder: what is read comes from the bucket.
    """
    try:
        head = read_head(artefacts).head
    except TonariError as error:
        return Verified(None, (Checked("live", HEAD, error.detail),))
    return Verified(head, tuple(_check(artefacts, head, cache)))


def _check(artefacts: Bucket, head: Head, cache: Path) -> Iterator[Checked]:
    if head.snapshot and head.encoder:
        yield from _check_live(artefacts, "live", Live(head.snapshot, head.encoder, head.segments), cache)
    if head.previous:
        yield from _check_live(artefacts, "previous", head.previous, cache)
    if head.next_encoder:
        name = head.next_encoder
        yield _read("next", f"encoder {name}", lambda: load_encoder(artefacts, name, cache))


def _check_live(artefacts: Bucket, role: Role, live: Live, cache: Path) -> Iterator[Checked]:
    yield _read(role, f"encoder {live.encoder}", lambda: load_encoder(artefacts, live.encoder, cache))
    yield _read(role, f"snapshot {live.snapshot}", lambda: _load(artefacts, live, cache))
    for file in REPORTED:
        yield _read(role, f"{file} of {live.snapshot}", lambda file=file: load_reported(artefacts, live.snapshot, file))  # type: ignore[misc]
    for ref in live.segments:
        yield _read(role, segment_key(ref), lambda ref=ref: read_segments(artefacts, [ref], live.encoder))  # type: ignore[misc]


def _load(artefacts: Bucket, live: Live, cache: Path) -> None:
    snapshot = load_snapshot(artefacts, live.snapshot, cache, live.encoder)
    check_encoder(snapshot.picture, load_encoder(artefacts, live.encoder, cache))


def _read(role: Role, what: str, read: Callable[[], object]) -> Checked:
    try:
        read()
    except TonariError as error:
        return Checked(role, what, error.detail)
    return Checked(role, what, "")
