"""Commands that serve on this machine: ``demo``, ``serve``."""

from __future__ import annotations

import hashlib
from pathlib import Path

import rich_click as click

from tonari.errors import InvalidRequestError
from tonari_tools.cli.building import FILE, takes_table
from tonari_tools.cli.help import examples
from tonari_tools.cli.target import STATE

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
    from tonari_tools.cli.demo import drawn_shop, photographs, show

    show(photographs(folder, metadata, id_columns) if folder else drawn_shop(), port)


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
    from tonari_tools.cli.progress import StageLines
    from tonari_tools.serve.buckets import is_folder
    from tonari_tools.serve.run import ServeSettings
    from tonari_tools.serve.run import serve as run

    names = [str(Path(name).expanduser().resolve()) if is_folder(name) else name for name in (catalogue, artefacts)]
    state = STATE / f"serve-{hashlib.sha256(' '.join(names).encode()).hexdigest()[:8]}"
    settings = ServeSettings(state, catalogue=names[0], artefacts=names[1], port=port)
    run(settings, lambda *_: False, lambda: StageLines("index", "pictures"))
