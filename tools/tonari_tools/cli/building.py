"""Commands that fill the catalogue and build from it: ``init``, ``push``, ``rebuild``, ``report``."""

from __future__ import annotations

import datetime as dt
import math
import os
import tempfile
from pathlib import Path

import rich_click as click

from tonari.errors import TonariError
from tonari_tools.cli.help import examples
from tonari_tools.cli.target import Command, Target, takes_buckets

FILE = click.Path(path_type=Path)


class RebuildRefusedError(TonariError):
    """The new snapshot is worse than the live one by more than the margins."""

    slug = "rebuild-refused"
    title = "The new snapshot was not published"


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
    from tonari_tools.cli.progress import ProgressLine
    from tonari_tools.push.local_catalogue import read_catalogue, split_columns
    from tonari_tools.push.pictures import find_table
    from tonari_tools.push.upload import push as upload

    table = metadata or find_table(folder)
    catalogue = read_catalogue(folder, table, split_columns(id_columns))
    for note in catalogue.notes:
        click.echo(f"tonari: {note}", err=True)
    bucket = target.open_catalogue()
    with ProgressLine("push", "items") as progress:
        pushed = upload(catalogue, bucket, progress)
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
    from tonari.builds.look import RebuildContext
    from tonari.builds.pending import forget, hold
    from tonari.builds.rebuild import rebuild as build
    from tonari.config import ANY_FALL, Margins
    from tonari.encoders.store import load_encoder
    from tonari_tools.cli.progress import StageLines

    margins = ANY_FALL if accept else Margins.read(os.environ)
    catalogue, artefacts = target.open_catalogue(), target.open_artefacts()
    with tempfile.TemporaryDirectory() as folder, StageLines("rebuild", "views") as stages:
        cache = Path(folder)
        context = RebuildContext(
            catalogue,
            artefacts,
            lambda name: load_encoder(artefacts, name, cache),
            cache,
            stages,
            lambda: math.inf,
            margins,
        )
        done = build(context)
    if done.outcome == "refused":
        hold(artefacts, dt.datetime.now(dt.UTC))
        raise RebuildRefusedError(
            f"Nothing was published: {done.why}. Snapshot {done.snapshot} stays live. `tonari audit` may say why; "
            "to publish it anyway: tonari rebuild --accept (nothing is encoded again)."
        )
    forget(artefacts)
    click.echo(
        f"{done.outcome}: {done.items} items, {done.views} views ({done.encoded} encoded, {done.reused} reused), "
        f"{done.rejected} files rejected; snapshot {done.snapshot}, generation {done.generation}"
    )


@click.command(epilog=examples("tonari report", "tonari report --out today.html --seed 1"))
@click.option(
    "--out", type=FILE, metavar="FILE", default=Path("report.html"), show_default=True, help="The file to write."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed shows other examples.")
@takes_buckets("catalogue", "artefacts")
def report(out: Path, seed: int, target: Target) -> None:
    """Write an HTML quality report of the live snapshot: accuracy, recall, doubtful items."""
    from tonari_tools.cli.progress import StageLines
    from tonari_tools.report.gathering import collect
    from tonari_tools.report.render import check_writable, render, write_whole

    check_writable(out)
    catalogue, artefacts = target.open_catalogue(), target.open_artefacts()
    with tempfile.TemporaryDirectory() as cache, StageLines("report", "steps") as stages:
        material = collect(catalogue, artefacts, Path(cache), seed, stages)
        stages("page", 0, 1)
        page = render(material)
        stages("page", 1, 1)
    click.echo(f"{out}  {write_whole(out, page):,} bytes")
