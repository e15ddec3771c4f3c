"""What ``tonari demo`` does: push and build the drawn shop or a folder of pictures, then serve it until Ctrl-C."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

from tonari.encoders.store import save_encoder
from tonari.snapshots.head import read_head, use_encoder
from tonari.storage.bucket import Bucket
from tonari_shop import METADATA, VERSION, draw_shop
from tonari_tools.cli.progress import ProgressLine, StageLines
from tonari_tools.cli.target import STATE
from tonari_tools.onnx.default import read_default
from tonari_tools.push.local_catalogue import read_catalogue, split_columns
from tonari_tools.push.pictures import find_table
from tonari_tools.push.upload import push
from tonari_tools.serve.run import ServeSettings, serve


@dataclass(frozen=True, slots=True)
class Goods:
    """What the demo shows: a folder of pictures and its table; state lies in a folder of its own."""

    state: Path
    folder: Path
    metadata: Path | None
    id_columns: tuple[str, ...] = ()


def drawn_shop() -> Goods:
    """Give the drawn shop, which is drawn if it is not there."""
    folder = STATE / f"shop-{VERSION}"
    if not (folder / METADATA).exists():
        with ProgressLine("draw the shop", "items") as progress:
            progress(0, 0)
            draw_shop(folder, progress=progress)
    return Goods(STATE, folder, folder / METADATA)


def photographs(folder: Path, metadata: Path | None, id_columns: str | None) -> Goods:
    """Give somebody's pictures, with the table that is named or the only one in their folder."""
    folder = folder.resolve()
    state = STATE / f"{folder.name}-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
    return Goods(state, folder, metadata or find_table(folder), split_columns(id_columns))


def show(goods: Goods, port: int) -> None:
    """Push, build and serve until Ctrl-C."""

    def prepare(catalogue: Bucket, artefacts: Bucket) -> bool:
        encoder_is_new = _choose_encoder(artefacts)
        return _fill(catalogue, goods) or encoder_is_new

    catalogue, artefacts = (str((goods.state / name).resolve()) for name in ("catalogue", "artefacts"))
    settings = ServeSettings(goods.state, catalogue, artefacts, port)
    serve(settings, prepare, lambda: StageLines("index", "pictures"))


def _fill(bucket: Bucket, goods: Goods) -> bool:
    """Push the pictures; tell whether any file was new."""
    catalogue = read_catalogue(goods.folder, goods.metadata, goods.id_columns)
    for note in catalogue.notes:
        print(f"tonari: {note}", file=sys.stderr)
    with ProgressLine("push", "items") as progress:
        progress(0, len(catalogue.items))
        pushed = push(catalogue, bucket, progress)
    print(f"push  {pushed.items} items: {pushed.uploaded} files copied, {pushed.unchanged} unchanged", flush=True)
    return pushed.uploaded > 0


def _choose_encoder(bucket: Bucket) -> bool:
    """Put the default encoder there unless one is chosen; tell whether that was needed."""
    head = read_head(bucket).head
    if head.encoder or head.next_encoder:
        return False
    use_encoder(bucket, save_encoder(bucket, *read_default()))
    return True
