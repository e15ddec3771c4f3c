"""What ``tonari demo`` does: push and build an example, or a folder of pictures or articles; serve it until Ctrl-C."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tonari.config import EngineSettings
from tonari.encoders.bundle import Bundle
from tonari.encoders.store import save_bundle
from tonari.errors import InvalidCatalogueError
from tonari.snapshots.head import read_head, use_encoder
from tonari.storage.bucket import Bucket
from tonari_newsroom import write_newsroom
from tonari_shop import METADATA, VERSION, draw_shop
from tonari_tools.cli.questions import read_or_ask
from tonari_tools.cli.target import STATE
from tonari_tools.local_engines.choice import start_engine
from tonari_tools.models.text_default import read_default_texts
from tonari_tools.onnx.default import read_default
from tonari_tools.progress import StageLines
from tonari_tools.push.folder.options import Reading
from tonari_tools.push.local_catalogue import LocalCatalogue, read_catalogue
from tonari_tools.push.preview import show_preview
from tonari_tools.push.renew import Memory, renew
from tonari_tools.serve.listener import LocalServiceError
from tonari_tools.serve.run import Demo, make_state, serve
from tonari_tools.serve.running import reserved

DRAWN, WRITTEN = "shop", "newsroom"
BUCKETS = ("catalogue", "artefacts")
MEMORY = "pushed.json"
MOST_NAME = 60
"""Characters of a folder's name in that of its state: a file system takes 255 bytes."""
ENGINE = "engine"
OWN = (*BUCKETS, ENGINE, "cache", MEMORY, "report.html", "report.log")
"""What a demo makes in its state folder; other demos may have theirs in there."""


def show(folder: Path | None, how: Reading, port: int, example: str, engine: str, *, fresh: bool) -> None:
    """Push, build and serve somebody's pictures or articles, else an example, until Ctrl-C.

    ``engine`` is started beside it, unless it is the built-in one. ``fresh`` forgets what an earlier run made or was
    sent.
    """
    if folder is None:
        drawn = example == DRAWN
        state, name, shown = (STATE if drawn else STATE / WRITTEN), example, ""
        source = "the drawn shop" if drawn else "the newsroom"
    else:
        folder = _existing(folder)
        name, shown = folder.name or "root", str(folder)
        source = shown
        readable = folder.name[:MOST_NAME].encode(errors="replace").decode()  # onnxruntime takes no path but UTF-8
        state = STATE / f"{readable}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]}"
    make_state(state)
    if fresh:
        _forget(state)
    read = partial(_read, folder, how) if folder else partial(_read_example, example, state)

    def prepare(catalogue: Bucket, artefacts: Bucket) -> None:
        found = read()
        _choose_encoder(artefacts, found)
        _fill(catalogue, found, Memory(state / MEMORY), source)

    places = {what: str((state / what).resolve()) for what in BUCKETS}
    started = _engine(engine, state / ENGINE / engine)
    serve(state, name, places, port, Demo(prepare, shown, state / MEMORY), engine=started)


@contextlib.contextmanager
def _engine(kind: str, folder: Path) -> Iterator[EngineSettings]:
    """Start a search engine on this machine, which ends with the demo."""
    if kind == "builtin":
        yield EngineSettings()
        return
    with StageLines("engine", "") as stages:
        stages(f"start {kind}", 0, 0)
        running = start_engine(kind, folder)
    with running:
        access = running.access
        print(f"engine  {kind} at {access.url}", flush=True)
        yield EngineSettings(kind, access.url, access.prefix, user=access.user, password=access.password)


def _existing(folder: Path) -> Path:
    """Give the whole path of a folder, which must be there; a ``~`` that no shell has read is the user's home."""
    path = folder if folder.exists() or not str(folder).startswith("~") else folder.expanduser()
    if not path.is_dir():
        remedy = " Give the folder that holds the pictures; unpack an archive first." if path.exists() else ""
        raise InvalidCatalogueError(f"{folder} is not a folder.{remedy}")
    return path.resolve()


def _forget(state: Path) -> None:
    """Delete what the demo of a state folder made, while none runs on it; links are removed, never followed."""
    with reserved(state):
        for path in (state / name for name in OWN):
            try:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
            except OSError as error:
                raise LocalServiceError(f"{path} cannot be deleted ({error.strerror}): delete it yourself.") from error


def _read_example(example: str, state: Path) -> LocalCatalogue:
    """Read an example, which is drawn or written if it is not there."""
    table = _draw() / METADATA if example == DRAWN else write_newsroom(state / "written")
    return read_catalogue(table.parent, Reading(table))


def _draw() -> Path:
    """Give the folder of the drawn shop, which is drawn if it is not there."""
    folder = STATE / f"shop-{VERSION}"
    if not (folder / METADATA).exists():
        with StageLines("draw the shop", "items") as stages:
            stages("", 0, 0)
            draw_shop(folder, progress=partial(stages, ""))
    return folder


def _read(folder: Path, how: Reading) -> LocalCatalogue:
    """Read somebody's pictures, ask what is in doubt, and show what was decided."""
    catalogue = read_or_ask(folder, how)
    show_preview(catalogue)
    return catalogue


def _fill(bucket: Bucket, catalogue: LocalCatalogue, memory: Memory, source: str) -> None:
    """Push the pictures, and delete what an earlier run pushed that is no longer among them."""
    with StageLines("push", "items") as stages:
        stages("", 0, len(catalogue.items))
        done = renew(catalogue, bucket, memory, source, partial(stages, ""))
    said = f"{done.pushed.uploaded} files copied, {done.pushed.unchanged} unchanged"
    if done.deleted:
        said += f", {done.deleted} of an earlier run deleted"
    if done.kept:
        said += f", {done.kept} left as they were changed here (--fresh forgets changes)"
    if done.pushed.unread:
        said += f", {len(done.pushed.unread)} could not be read any more ({done.pushed.unread[0]})"
    print(f"push  {done.pushed.items} items: {said}", flush=True)


def _choose_encoder(bucket: Bucket, catalogue: LocalCatalogue) -> None:
    """Put the default encoder of what is there, pictures or texts alone, unless one is chosen."""
    head = read_head(bucket).head
    if not (head.encoder or head.next_encoder):
        pictures = any(item.views for item in catalogue.items)
        bundle = Bundle.of_pictures(*read_default()) if pictures else read_default_texts()
        use_encoder(bucket, save_bundle(bucket, bundle))
