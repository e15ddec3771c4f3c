"""Commands that fill, build and serve: ``init``, ``push``, ``rebuild``, ``report``, ``demo``, ``serve``."""

from __future__ import annotations

import hashlib
import os
import tempfile
from functools import partial
from pathlib import Path

import rich_click as click

from tonari.errors import InvalidRequestError, TonariError
from tonari_tools.cli.help import examples
from tonari_tools.cli.target import STATE, Command, Target, takes_buckets

FILE = click.Path(path_type=Path)
PORT = click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    default=8787,
    show_default=True,
    help="Port on 127.0.0.1; 0 takes a free one.",
)


class RebuildBusyError(TonariError):
    """Another rebuild has the lease."""


class RebuildRefusedError(TonariError):
    """The new snapshot is worse than the live one by more than the margins."""


def takes_table(command: Command) -> Command:
    """Give a command the options ``--metadata`` and ``--id``, which say how pictures and fields belong together."""
    metadata = click.option(
        "--metadata",
        type=FILE,
        metavar="FILE",
        help="Table of fields, CSV or JSON lines; default: the only one in FOLDER.",
    )
    ids = click.option(
        "--id",
        "id_columns",
        metavar="COLUMN[,COLUMN]",
        help="Columns that make the id; default: the column id, else the name of the picture's folder or file.",
    )
    return metadata(ids(command))


@click.command(epilog=examples("tonari init", "tonari init --artefacts my-artefacts --encoder exported"))
@click.option("--encoder", "folder", type=FILE, metavar="DIR", help="Folder with another model.onnx and encoder.json.")
@takes_buckets("artefacts")
def init(folder: Path | None, target: Target) -> None:
    """Upload the default encoder, or another one, and choose it for the next rebuild."""
    from tonari.encoders.store import save_encoder
    from tonari.snapshots.head import use_encoder
    from tonari_tools.cli.encoder_files import read_encoder
    from tonari_tools.onnx.default import read_default

    bucket = target.open_artefacts()
    model, config = read_encoder(folder) if folder else read_default()
    name = save_encoder(bucket, model, config)
    use_encoder(bucket, name)
    click.echo(f"Encoder {name} is in {bucket.name}; the next rebuild uses it.")


@click.command(
    epilog=examples(
        "tonari push photos             # a subfolder is an item with several pictures",
        "tonari push photos --metadata items.csv --id product,color",
        "tonari push photos --delete    # delete from the bucket what photos lacks",
    )
)
@click.argument("folder", type=FILE, help="Pictures; those in a subfolder are views of one item.")
@takes_table
@click.option("--delete", is_flag=True, help="Delete from the bucket what FOLDER does not have.")
@takes_buckets("catalogue")
def push(folder: Path, metadata: Path | None, id_columns: str | None, target: Target, *, delete: bool) -> None:
    """Upload a folder of pictures, with a table of their fields if there is one."""
    from tonari_tools.progress import StageLines
    from tonari_tools.push.local_catalogue import read_catalogue, split_columns
    from tonari_tools.push.pictures import find_table
    from tonari_tools.push.upload import push as upload

    table = metadata or find_table(folder)
    catalogue = read_catalogue(folder, table, split_columns(id_columns))
    for note in catalogue.notes:
        click.echo(f"tonari: {note}", err=True)
    bucket = target.open_catalogue()
    with StageLines("push", "items") as stages:
        pushed = upload(catalogue, bucket, partial(stages, ""))
    fields = f"with fields from {table}" if table else "without fields (--metadata FILE names a table of them)"
    click.echo(
        f"{pushed.items} items {fields}: uploaded {pushed.uploaded} files ({pushed.bytes / 1e6:.1f} MB) to "
        f"{bucket.name}, {pushed.unchanged} were there already."
    )
    if not pushed.vanished:
        return
    what = f"{len(pushed.vanished)} files of {pushed.vanished_items} items are in the bucket, but not in {folder}"
    if delete:
        bucket.delete(*pushed.vanished)
        click.echo(f"{what}: deleted.")
    else:
        click.echo(f"{what}: left alone (--delete deletes them).")


@click.command(epilog=examples("tonari rebuild", "tonari rebuild --accept"))
@click.option("--accept", is_flag=True, help="Publish even if the result is worse than the live snapshot.")
@takes_buckets("catalogue", "artefacts")
def rebuild(target: Target, *, accept: bool) -> None:
    """Encode the catalogue on this machine, build a snapshot and publish it."""
    from tonari.config import ANY_FALL, Margins
    from tonari_tools.progress import StageLines
    from tonari_tools.serve.upkeep import Rebuilder

    margins = ANY_FALL if accept else Margins.read(os.environ)
    catalogue, artefacts = target.open_catalogue(), target.open_artefacts()
    with tempfile.TemporaryDirectory() as folder, StageLines("rebuild", "views") as stages:
        done = Rebuilder(catalogue, artefacts, Path(folder), margins, click.echo).rebuild(stages)
    if done.outcome == "busy":
        raise RebuildBusyError(
            "Another rebuild is running: wait for it. If it was killed, its lease ends fifteen minutes after its last "
            "sign of life."
        )
    if done.outcome == "refused":
        raise RebuildRefusedError(
            f"Nothing was published: {done.why}. Snapshot {done.snapshot} stays live. `tonari audit` may say why; "
            "to publish it anyway: tonari rebuild --accept (nothing is encoded again)."
        )
    click.echo(
        f"{done.outcome}: {done.items} items, {done.views} views ({done.encoded} encoded, {done.reused} reused), "
        f"{done.rejected} files rejected, {done.ignored} ignored; snapshot {done.snapshot}, "
        f"generation {done.generation}"
    )


@click.command(epilog=examples("tonari report", "tonari report --out today.html --seed 1"))
@click.option(
    "--out", type=FILE, metavar="FILE", default=Path("report.html"), show_default=True, help="The file to write."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed shows other examples.")
@takes_buckets("catalogue", "artefacts")
def report(out: Path, seed: int, target: Target) -> None:
    """Write an HTML quality report of the live snapshot: accuracy, recall, doubtful items."""
    from tonari_tools.progress import StageLines
    from tonari_tools.report.material import collect
    from tonari_tools.report.render import check_writable, render, write_whole

    check_writable(out)
    catalogue, artefacts = target.open_catalogue(), target.open_artefacts()
    with tempfile.TemporaryDirectory() as cache, StageLines("report", "steps") as stages:
        material = collect(catalogue, artefacts, Path(cache), seed, stages)
        stages("page", 0, 1)
        page = render(material)
        stages("page", 1, 1)
    click.echo(f"{out}  {write_whole(out, page):,} bytes")


@click.command(
    epilog=examples(
        "tonari demo                              # a drawn shop",
        "tonari demo photos                       # your pictures",
        "tonari demo photos --metadata items.csv --id sku --port 0",
    )
)
@click.argument("folder", type=FILE, required=False, help="Your pictures; default: a drawn shop.")
@takes_table
@PORT
def demo(folder: Path | None, metadata: Path | None, id_columns: str | None, port: int) -> None:
    """Index a drawn shop, or your own pictures, and serve the API and its page.

    What changes in the demo's catalogue is indexed while it runs. Ctrl-C ends it; the next start is quick.
    """
    if folder is None and (metadata or id_columns):
        raise InvalidRequestError("--metadata and --id describe the pictures in a folder: give FOLDER too.")
    from tonari_tools.cli.demo import show

    show(folder, metadata, id_columns, port)


@click.command(
    epilog=examples(
        "tonari serve shop/catalogue shop/artefacts        # folders",
        "tonari serve my-catalogue my-artefacts --port 0   # buckets on S3",
    )
)
@click.argument("catalogue", help="The catalogue bucket: a folder, or a name on S3.")
@click.argument("artefacts", help="The artefact bucket: a folder, or a name on S3.")
@PORT
def serve(catalogue: str, artefacts: str, port: int) -> None:
    """Serve the API and its page from two buckets.

    A catalogue in a folder is indexed first, if nothing is published yet, and again whenever it changes.
    """
    from tonari_tools.serve.buckets import is_folder
    from tonari_tools.serve.run import serve as run

    places = {
        what: str(Path(name).expanduser().resolve()) if is_folder(name) else name
        for what, name in (("catalogue", catalogue), ("artefacts", artefacts))
    }
    run(STATE / f"serve-{hashlib.sha256(' '.join(places.values()).encode()).hexdigest()[:8]}", places, port)
