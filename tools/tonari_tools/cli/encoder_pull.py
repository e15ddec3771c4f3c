"""What ``tonari encoder pull`` does: licence shown and accepted, files fetched, what came of it locked."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import rich_click as click

from tonari.errors import InvalidRequestError
from tonari_tools.hub.hub import endpoint, host_of
from tonari_tools.hub.known import KNOWN, KnownEncoder, find_known
from tonari_tools.hub.lockfile import LockedEncoder, LockedFile, read_lock, write_lock
from tonari_tools.hub.pulling import Pull, fetch_files, next_step, plan_pull
from tonari_tools.models.check import megabytes
from tonari_tools.models.model_file import MOST_BYTES
from tonari_tools.progress import StageLines
from tonari_tools.tables import Columns, align, show

GRAPHS = (".onnx", ".onnx_data")


def pull_encoder(name: str, folder: Path, lockfile: Path, *, accepted: bool) -> None:
    """Fetch a known encoder into a folder, print what was pinned and what comes next.

    Raises
    ------
    InvalidRequestError
        If no encoder has this name, or its licence is not accepted.
    HubError
        If it does not come as it should.
    SettingError
        If the lock file cannot be read or written.
    """
    known, lock = find_known(name), read_lock(lockfile)
    if folder.exists() and not folder.is_dir():
        raise InvalidRequestError(f"{folder} is a file: give a folder to fetch into.")
    pull = plan_pull(known, endpoint(), lock.encoders.get(name))
    click.echo(_introduce(pull))
    _accept(pull, accepted=accepted)
    with StageLines("pull", "bytes") as stages:
        came = 0

        def moved(count: int) -> None:
            nonlocal came
            came += count
            stages("fetch", min(came, pull.size), pull.size)

        files = dict(fetch_files(pull, folder, moved))
    locked = LockedEncoder(known.repository, pull.commit, pull.licence or known.licence, files)
    write_lock(lockfile, lock, name, locked)
    click.echo(_conclude(pull, folder, lockfile, files))


def list_known() -> None:
    """Print the encoders that can be pulled."""
    rows = [(one.name, one.kind, one.licence, one.repository, one.about) for one in KNOWN]
    show(Columns(["name", "kind", "licence", "repository", "about"], rows))


def _introduce(pull: Pull) -> str:
    known = pull.known
    stated = f"; the hub says: {pull.licence}" if pull.licence else "; the hub states none"
    rows = [
        ["encoder", f"{known.name}: {known.about}"],
        ["from", f"{host_of(pull.hub)}, {known.repository}"],
        ["revision", f"{pull.commit}, by {pull.pinned}"],
        ["licence", f"{known.licence}, as its authors state it{stated}"],
        *([["", _differing(known, pull.licence)]] if _differs(known, pull.licence) else []),
        ["files", f"{len(pull.files)}, {megabytes(pull.size)}"],
        *(["", _say_file(name, one.size, one.sha256)] for name, one in pull.files.items()),
    ]
    return align(rows)


def _say_file(name: str, size: int, sha256: str | None) -> str:
    return f"{name}  {megabytes(size)}  {f'sha256 {sha256}' if sha256 else 'held by the commit'}"


def _differs(known: KnownEncoder, stated: str) -> bool:
    return bool(stated) and stated.casefold() != known.licence.casefold()


def _differing(known: KnownEncoder, stated: str) -> str:
    return f"these differ: read {known.repository} before you accept {stated}"


def _accept(pull: Pull, *, accepted: bool) -> None:
    licence = pull.licence or pull.known.licence
    if accepted:
        return
    if not sys.stdin.isatty():
        raise InvalidRequestError(
            f"Nothing was fetched: read the licence ({licence}, {pull.hub}/{pull.known.repository}) and give "
            "--accept-licence if you accept it."
        )
    if not click.confirm(f"Do you accept the licence {licence}?", default=False):
        raise InvalidRequestError("Nothing was fetched: the licence was not accepted.")


def _conclude(pull: Pull, folder: Path, lockfile: Path, files: dict[str, LockedFile]) -> str:
    pinned = [f"{one.sha256}  {folder / name}" for name, one in files.items()]
    graphs = sum(one.size for name, one in files.items() if name.endswith(GRAPHS))
    return "\n".join([*pinned, f"pinned in {lockfile}", *_next(pull.known, folder, graphs)])


def _next(known: KnownEncoder, folder: Path, graphs: int) -> Sequence[str]:
    if graphs <= MOST_BYTES:
        return [f"next: {next_step(known, folder)}"]
    small = folder.with_name(f"{folder.name}-int8")
    return [
        f"The graphs have {megabytes(graphs)}, a function holds {megabytes(MOST_BYTES)}: store them smaller first.",
        f"next: {shlex.join(['tonari', 'encoder', 'shrink', str(folder), str(small), *known.options])}",
        f"then: tonari encoder add {small}",
    ]
