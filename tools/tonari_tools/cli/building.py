"""Commands that fill and build: ``init``, ``push``, ``rebuild``, ``report``."""

from __future__ import annotations

import functools
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import rich_click as click

from tonari.contract.normal_form import nfc
from tonari.errors import TonariError
from tonari_tools.cli.engine_options import opened
from tonari_tools.cli.help import examples
from tonari_tools.cli.target import Command, Target, takes_buckets
from tonari_tools.push.folder.options import FOLDERS, Reading, split_columns


class _NamedPath(click.Path):
    """A path; an empty one, as a shell makes of a variable that is not set, is not the present folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("it is empty. Name a path; . is the present folder.", param, ctx)
        return super().convert(value, param, ctx)


FILE = _NamedPath(path_type=Path)


class RebuildBusyError(TonariError):
    """Another rebuild has the lease."""


class UnreadFilesError(TonariError):
    """Files that were there when the folder was looked through, and could not be read when they were to be sent."""


class RebuildRefusedError(TonariError):
    """The new snapshot is worse than the live one by more than the margins."""


def takes_reading(command: Command) -> Command:
    """Give a command, as ``how``, options that say how pictures and fields in a folder belong together."""

    @functools.wraps(command)
    def run(
        *,
        metadata: Path | None,
        ids: str | None,
        image: str | None,
        folders: Any,
        skip_bad_rows: bool,
        split_by: str | None,
        **options: Any,
    ) -> None:
        how = Reading(metadata, split_columns(ids), nfc(image or ""), folders, skip_bad_rows, nfc(split_by or ""))
        command(how=how, **options)

    decorated = click.option(
        "--skip-bad-rows", is_flag=True, help="Leave out rows that cannot be used, and list them."
    )(run)
    for option in (
        click.option(
            "--split-by",
            metavar="FIELD",
            help="Field that variants of one product share: all of them are learned from, or all tested.",
        ),
        click.option(
            "--folders",
            type=click.Choice(FOLDERS),
            help="What a subfolder is: an item with several pictures, a class of items, or nothing.",
        ),
        click.option(
            "--image", metavar="COLUMN", help="Column that names the pictures; default: image, path, file and the like."
        ),
        click.option(
            "--id",
            "ids",
            metavar="COLUMN[,COLUMN]",
            help="Columns that make the id; default: the column id, else the name of the picture's folder or file.",
        ),
        click.option(
            "--metadata",
            type=FILE,
            metavar="FILE",
            help="Table of fields, CSV or JSON lines; default: the only one in FOLDER.",
        ),
    ):
        decorated = option(decorated)
    return decorated


@click.command(
    epilog=examples("tonari init", "tonari init --texts", "tonari init --artefacts my-artefacts --encoder exported")
)
@click.option("--encoder", "folder", type=FILE, metavar="DIR", help="Folder with another encoder and its encoder.json.")
@click.option("--texts", is_flag=True, help="The default encoder of texts instead of that of pictures: for articles.")
@takes_buckets("artefacts")
def init(folder: Path | None, target: Target, *, texts: bool) -> None:
    """Upload the default encoder, or another one, and choose it for the next rebuild."""
    from tonari.encoders.bundle import Bundle
    from tonari.encoders.store import save_bundle
    from tonari.snapshots.head import use_encoder
    from tonari_tools.cli.encoder_files import read_encoder
    from tonari_tools.models.text_default import read_default_texts
    from tonari_tools.models.texts.bundle_folder import read_bundle
    from tonari_tools.onnx.default import read_default

    if folder and texts:
        raise click.UsageError("--texts names the default encoder of texts, --encoder another one: give one of them.")
    bucket = target.open_artefacts()
    if folder:
        bundle = read_bundle(folder) or Bundle.of_pictures(*read_encoder(folder))
    else:
        bundle = read_default_texts() if texts else Bundle.of_pictures(*read_default())
    name = save_bundle(bucket, bundle)
    use_encoder(bucket, name)
    click.echo(f"Encoder {name} is in {bucket.name}; the next rebuild uses it.")


@click.command(
    epilog=examples(
        "tonari push photos                    # a subfolder is an item",
        "tonari push photos --folders classes  # a subfolder is a class: dress, shoe",
        "tonari push photos --metadata items.csv --id product,color",
        "tonari push articles.csv              # titles and texts, without pictures",
        "tonari push photos --dry-run          # show what would be sent",
        "tonari push photos --delete           # delete what photos lacks",
    )
)
@click.argument(
    "folder", type=FILE, help="Pictures; a subfolder is an item with several, or a class. Or a table of texts."
)
@takes_reading
@click.option("--dry-run", is_flag=True, help="Show what would be sent, and send nothing.")
@click.option("--delete", is_flag=True, help="Delete from the bucket what FOLDER does not have.")
@takes_buckets("catalogue", unless="dry_run")
def push(folder: Path, how: Reading, target: Target, *, dry_run: bool, delete: bool) -> None:
    """Upload a folder of pictures, with a table of their fields if there is one, or a table of texts alone.

    What was read out of both is shown first. If it can be read in more than one way, push asks or stops.
    """
    from tonari_tools.cli.questions import read_or_ask
    from tonari_tools.progress import StageLines
    from tonari_tools.push.preview import show_preview
    from tonari_tools.push.renew import Memory, renew
    from tonari_tools.push.upload import push as upload

    catalogue = read_or_ask(folder, how)
    bucket = None if dry_run else target.open_catalogue()
    show_preview(catalogue)
    if bucket is None:
        click.echo("Nothing was sent (--dry-run).")
        return
    with StageLines("push", "items") as stages:
        if target.memory:
            source = str(folder.resolve())
            pushed = renew(catalogue, bucket, Memory(Path(target.memory)), source, partial(stages, "")).pushed
        else:
            pushed = upload(catalogue, bucket, partial(stages, ""))
    if catalogue.table:
        fields = f"with fields from {catalogue.table}"
    elif any(item.fields for item in catalogue.items):
        fields = "with the category of their folder"
    else:
        fields = "without fields (--metadata FILE names a table of them)"
    click.echo(
        f"{_count(pushed.items, 'item')} {fields}: uploaded {_count(pushed.uploaded, 'file')} "
        f"({pushed.bytes / 1e6:.1f} MB) to {bucket.name}, {pushed.unchanged} already there."
    )
    if pushed.vanished:
        what = (
            f"{_count(len(pushed.vanished), 'file')} of {_count(pushed.vanished_items, 'item')} in the bucket, but not "
            f"in {folder}"
        )
        if delete:
            bucket.delete(*pushed.vanished)
        click.echo(f"{what}: {'deleted' if delete else 'left alone (--delete deletes them)'}.")
    if pushed.unread:
        raise UnreadFilesError(
            f"{len(pushed.unread)} of the files could not be read any more, such as {pushed.unread[0]}. All else was "
            "sent: run it again."
        )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


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
    with opened(target) as database, tempfile.TemporaryDirectory() as folder, StageLines("rebuild", "views") as stages:
        rebuilder = Rebuilder(catalogue, artefacts, Path(folder), margins, click.echo, database=database)
        done = rebuilder.rebuild(stages)
    if done.outcome == "busy":
        raise RebuildBusyError(
            "Another rebuild is running: wait for it. If it was killed, its lease ends fifteen minutes after its last "
            "sign of life."
        )
    if done.outcome == "refused":
        remedy = (
            " `tonari audit` may say why; to publish it anyway: tonari rebuild --accept (nothing is encoded again)."
            if done.acceptable
            else ""
        )
        raise RebuildRefusedError(
            f"Nothing was published: {done.why.removesuffix('.')}. Snapshot {done.snapshot} stays live.{remedy}"
        )
    cut = f", {done.cut} passages cut" if done.cut else ""
    click.echo(
        f"{done.outcome}: {done.items} items, {done.views} views ({done.encoded} encoded, {done.reused} reused), "
        f"{done.rejected} files rejected, {done.ignored} ignored{cut}; snapshot {done.snapshot}, "
        f"generation {done.generation}"
    )
    if done.why:
        click.echo(f"But {done.why}", err=True)


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
