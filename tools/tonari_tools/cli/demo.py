"""What ``tonari demo`` does: push and build the drawn shop or a folder of pictures, then serve it until Ctrl-C."""

from __future__ import annotations

import hashlib
import sys
from functools import partial
from pathlib import Path

from tonari.encoders.store import save_encoder
from tonari.snapshots.head import read_head, use_encoder
from tonari.storage.bucket import Bucket
from tonari_shop import METADATA, VERSION, draw_shop
from tonari_tools.cli.target import STATE
from tonari_tools.onnx.default import read_default
from tonari_tools.progress import StageLines
from tonari_tools.push.local_catalogue import LocalCatalogue, read_catalogue, split_columns
from tonari_tools.push.pictures import find_table
from tonari_tools.push.upload import push
from tonari_tools.serve.run import serve


def show(folder: Path | None, metadata: Path | None, id_columns: str | None, port: int) -> None:
    """Push, build and serve somebody's pictures, else the drawn shop, until Ctrl-C."""
    if folder is None:
        state, folder = STATE, _draw()
        metadata = folder / METADATA
    else:
        folder = folder.resolve()
        state = STATE / f"{folder.name}-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
        metadata = metadata or find_table(folder)
    read = partial(read_catalogue, folder, metadata, split_columns(id_columns))

    def prepare(catalogue: Bucket, artefacts: Bucket) -> bool:
        encoder_is_new = _choose_encoder(artefacts)
        return _fill(catalogue, read()) or encoder_is_new

    serve(state, {name: str((state / name).resolve()) for name in ("catalogue", "artefacts")}, port, prepare)


def _draw() -> Path:
    """Give the folder of the drawn shop, which is drawn if it is not there."""
    folder = STATE / f"shop-{VERSION}"
    if not (folder / METADATA).exists():
        with StageLines("draw the shop", "items") as stages:
            stages("", 0, 0)
            draw_shop(folder, progress=partial(stages, ""))
    return folder


def _fill(bucket: Bucket, catalogue: LocalCatalogue) -> bool:
    """Push the pictures; tell whether any file was new."""
    for note in catalogue.notes:
        print(f"tonari: {note}", file=sys.stderr)
    with StageLines("push", "items") as stages:
        stages("", 0, len(catalogue.items))
        pushed = push(catalogue, bucket, partial(stages, ""))
    print(f"push  {pushed.items} items: {pushed.uploaded} files copied, {pushed.unchanged} unchanged", flush=True)
    return pushed.uploaded > 0


def _choose_encoder(bucket: Bucket) -> bool:
    """Put the default encoder there unless one is chosen; tell whether that was needed."""
    head = read_head(bucket).head
    if head.encoder or head.next_encoder:
        return False
    use_encoder(bucket, save_encoder(bucket, *read_default()))
    return True
