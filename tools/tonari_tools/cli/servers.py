"""Commands that serve on this machine: ``demo``, ``serve``, ``demos``."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import rich_click as click

from tonari.errors import InvalidRequestError
from tonari_tools.cli.building import FILE, takes_reading
from tonari_tools.cli.help import examples
from tonari_tools.cli.target import STATE, takes_endpoint
from tonari_tools.push.folder.options import BY_DEFAULT, Reading

ENGINES = ("opensearch", "elasticsearch", "milvus", "vald", "pgvector")
PORT = click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    default=8787,
    show_default=True,
    help="Port on 127.0.0.1; 0 takes a free one.",
)


@click.command(
    epilog=examples(
        "tonari demo                              # a drawn shop",
        "tonari demo --example newsroom           # made-up articles",
        "tonari demo --engine milvus              # Milvus answers searches",
        "tonari demo photos                       # your pictures",
        "tonari demo photos --metadata items.csv --id sku --port 0",
    )
)
@click.argument("folder", type=FILE, required=False, help="Your pictures or articles; default: a drawn shop.")
@click.option(
    "--example",
    type=click.Choice(["shop", "newsroom"]),
    help="What is shown without FOLDER: a drawn shop, or made-up articles, searched by words and by meaning.",
)
@click.option(
    "--engine",
    type=click.Choice(["builtin", *ENGINES]),
    default="builtin",
    show_default=True,
    help="What answers searches: another one than the built-in engine is started on this machine. `make demo ENGINE=…` "
    "installs it.",
)
@takes_reading
@PORT
@click.option("--fresh", is_flag=True, help="Forget what an earlier run indexed, and what was changed in it.")
def demo(folder: Path | None, how: Reading, port: int, example: str | None, engine: str, *, fresh: bool) -> None:
    """Index a drawn shop, or your own pictures or articles, and serve the API and its page.

    Changes of the demo's catalogue are indexed while it runs. Ctrl-C ends it. The next start is quick and shows the
    folder as it is then, beside what was written through the API. All this lies in .tonari, in the folder where you
    start it; your files are only read.
    """
    if folder is not None and example is not None:
        raise InvalidRequestError("--example is what is shown without FOLDER: give one of them.")
    if folder is None and how != BY_DEFAULT:
        raise InvalidRequestError("--metadata, --id and the like describe the pictures in a folder: give FOLDER too.")
    from tonari_tools.cli.demo import show

    show(folder, how, port, example or "shop", engine, fresh=fresh)


@click.command(
    epilog=examples(
        "tonari serve shop/catalogue shop/artefacts        # folders",
        "tonari serve my-catalogue my-artefacts --port 0   # buckets on S3",
    )
)
@click.argument("catalogue", help="The catalogue bucket: a folder, or a name on S3.")
@click.argument("artefacts", help="The artefact bucket: a folder, or a name on S3.")
@PORT
@takes_endpoint
def serve(catalogue: str, artefacts: str, port: int, endpoint: str | None) -> None:
    """Serve the API and its page from two buckets.

    A catalogue in a folder is indexed first, if nothing is published yet, and again whenever it changes.
    """
    from tonari_tools.serve.buckets import is_folder
    from tonari_tools.serve.run import serve as run

    places = {
        what: str(Path(name).expanduser().resolve()) if is_folder(name) else name
        for what, name in (("catalogue", catalogue), ("artefacts", artefacts))
    }
    state = STATE / f"serve-{hashlib.sha256(os.fsencode(' '.join(places.values()))).hexdigest()[:8]}"
    own = Path(places["catalogue"])
    name = own.parent.name if own.name == "catalogue" and own.parent.name else own.name
    run(state, name, places, port, endpoint=endpoint or "")


@click.command()
def demos() -> None:
    """List the servers that run on this machine: name, URL, and what each shows."""
    from tonari_tools.serve.registry import find_all
    from tonari_tools.tables import align

    found = sorted(find_all(), key=lambda one: one.name)
    if not found:
        click.echo("None is running: start one with tonari demo.")
        return
    click.echo(align([["name", "url", "shows"], *([one.name, one.url, one.shown or one.catalogue] for one in found)]))
