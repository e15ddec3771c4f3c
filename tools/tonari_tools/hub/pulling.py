"""A known encoder -> its files in a folder, held to what is pinned."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tonari_tools.hub.hub import (
    HubError,
    HubUnreachableError,
    Listing,
    Stated,
    download,
    hash_file,
    host_of,
    list_revision,
)
from tonari_tools.hub.known import KnownEncoder
from tonari_tools.hub.lockfile import LockedEncoder, LockedFile

BRANCH = "main"


@dataclass(frozen=True, slots=True)
class Pull:
    """What is going to be fetched.

    Parameters
    ----------
    hub
        Its address.
    commit
        The revision, hex.
    licence
        As the hub states it; empty if it does not.
    files
        By name, what is due.
    pinned
        By what the revision was decided: the list, the lock file, or the branch as it stands now.
    """

    known: KnownEncoder
    hub: str
    commit: str
    licence: str
    files: Mapping[str, Stated]
    pinned: str

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(one.size for one in self.files.values())


def plan_pull(known: KnownEncoder, hub: str, locked: LockedEncoder | None) -> Pull:
    """Find out what is to be fetched, and hold it to the lock file and the list.

    Raises
    ------
    HubError
        If the hub states other bytes than are pinned, or lacks a file.
    HubUnreachableError
        With the way to bring the files by hand.
    """
    if locked and locked.repository != known.repository:
        raise HubError(
            f"The lock file holds {known.name} to {locked.repository}, this version of tonari takes it from "
            f"{known.repository}: take its entry out of the lock file to pin anew."
        )
    revision, pinned = known.revision or BRANCH, "the list" if known.revision else f"the branch {BRANCH} as it stands"
    if locked:
        revision, pinned = locked.revision, "the lock file"
    try:
        listing = list_revision(hub, known.repository, revision)
    except HubUnreachableError as error:
        raise HubUnreachableError(error.host, error.reason, by_hand(known, hub)) from error
    if revision not in {BRANCH, listing.commit}:
        raise HubError(f"{host_of(hub)} gives commit {listing.commit} of {known.repository}, {revision} is pinned.")
    files = _wanted(known, listing, revision)
    if locked:
        files = {name: _held(name, files, stated) for name, stated in locked.files.items()}
    for name, sha256 in known.sha256.items():
        if name in files:
            files = {**files, name: _agree(name, files[name], sha256, "the list")}
    return Pull(known, hub, listing.commit, listing.licence, files, pinned)


def _wanted(known: KnownEncoder, listing: Listing, revision: str) -> Mapping[str, Stated]:
    missing = [name for name in known.files if name not in listing.files]
    if missing:
        raise HubError(
            f"{known.repository} has no {', '.join(missing)} at {revision}: where no graph is published, export it "
            "(docs/encoders.md, Texts)."
        )
    names = (*known.files, *(name for name in known.perhaps if name in listing.files))
    return {name: listing.files[name] for name in names}


def _held(name: str, files: Mapping[str, Stated], locked: LockedFile) -> Stated:
    if name not in files:
        raise HubError(f"The lock file has {name}, which the hub has no more at that commit: bring it by hand.")
    if files[name].size != locked.size:
        raise HubError(f"The hub states {files[name].size:,} bytes for {name}, the lock file {locked.size:,}.")
    return _agree(name, files[name], locked.sha256, "the lock file")


def _agree(name: str, stated: Stated, sha256: str, who: str) -> Stated:
    if stated.sha256 and stated.sha256 != sha256:
        raise HubError(f"The hub states sha256 {stated.sha256} for {name}, {who} has {sha256}: nothing was fetched.")
    return replace(stated, sha256=sha256)


def fetch_files(pull: Pull, folder: Path, moved: Callable[[int], None]) -> Iterator[tuple[str, LockedFile]]:
    """Fetch the files into a folder, but for those that lie there as they should; give what to lock, one by one.

    Raises
    ------
    HubError
        If a file does not come as stated.
    HubUnreachableError
    """
    for name, stated in pull.files.items():
        path = folder / name
        found = hash_file(path, stated)
        if found:
            moved(stated.size)
        else:
            found = download(pull.hub, pull.known.repository, pull.commit, name, stated, path, moved)
        yield name, LockedFile(found, stated.size)


def by_hand(known: KnownEncoder, hub: str) -> str:
    """Say how the files are brought by hand."""
    return (
        f"Where it can be reached, download {', '.join(known.files)} from {hub}/{known.repository} into a folder DIR, "
        f"folders kept, and run: {next_step(known, Path('DIR'))}. HF_ENDPOINT names a mirror."
    )


def next_step(known: KnownEncoder, folder: Path) -> str:
    """Give the command that makes an encoder of the files."""
    return shlex.join(["tonari", "encoder", "add", str(folder), *known.options])
