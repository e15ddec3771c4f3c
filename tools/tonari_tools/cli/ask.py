"""Commands that ask what is live: ``search``, ``predict``, ``status``, ``audit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from tonari.errors import InvalidFilterError, NotReadyError
from tonari_tools.cli.help import examples
from tonari_tools.cli.target import Target, takes_buckets, takes_url

if TYPE_CHECKING:  # help must load neither
    from tonari.client import Client
    from tonari.contract.requests import Method

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
PHOTO = click.argument("photo", type=click.Path(path_type=Path), help="A picture file.")


@click.command(
    epilog=examples(
        "tonari search photo.jpg",
        """tonari search photo.jpg -k 5 --filter '{"price": {"$lt": 50}, "color": "red"}'""",
        "tonari search photo.jpg --json | jq '.items[].id'",
    )
)
@PHOTO
@click.option(
    "-k", "count", type=click.IntRange(1), metavar="N", default=10, show_default=True, help="How many items to find."
)
@click.option("--filter", "where", metavar="JSON", help="Only items that match this filter.")
@AS_JSON
@takes_url
def search(photo: Path, count: int, where: str | None, url: str, *, as_json: bool) -> None:
    """Find the items that look most like a picture."""
    from tonari.contract.requests import SearchOptions
    from tonari_tools.cli.answer_tables import search_table
    from tonari_tools.tables import show

    options = SearchOptions(k=count, filter=_read_filter(where) if where else None)
    answer = _client(url).search(photo, options)
    print_json(answer) if as_json else show(*search_table(answer))


@click.command(
    epilog=examples(
        "tonari predict photo.jpg",
        "tonari predict photo.jpg --attributes color,category --method vote",
    )
)
@PHOTO
@click.option(
    "--method",
    type=click.Choice(["discriminant", "means", "vote"]),
    default="discriminant",
    show_default=True,
    help="Linear classifier, nearest class mean, or a vote of the nearest items.",
)
@click.option("--attributes", metavar="A,B", help="Which attributes; default: all.")
@AS_JSON
@takes_url
def predict(photo: Path, method: Method, attributes: str | None, url: str, *, as_json: bool) -> None:
    """Predict colour, category and other attributes of a picture."""
    from tonari.client import read_picture
    from tonari.contract.requests import PredictRequest
    from tonari_tools.cli.answer_tables import prediction_table
    from tonari_tools.tables import show

    names = tuple(name.strip() for name in attributes.split(",")) if attributes else None
    answer = _client(url).predict(PredictRequest(image=read_picture(photo), method=method, attributes=names))
    print_json(answer) if as_json else show(*prediction_table(answer))


@click.command(epilog=examples("tonari status", "tonari status --url https://abc.lambda-url.eu-west-1.on.aws"))
@AS_JSON
@takes_url
def status(url: str, *, as_json: bool) -> None:
    """Show which snapshot and encoder answer, and how many items they hold."""
    from tonari_tools.cli.answer_tables import status_table
    from tonari_tools.tables import show

    answer = _client(url).health()
    print_json(answer) if as_json else show(*status_table(answer, url))


@click.command(epilog=examples("tonari audit", "tonari audit --of duplicates", "tonari audit --json > audit.json"))
@click.option(
    "--of",
    "section",
    type=click.Choice(["contradicted", "duplicates", "missing"]),
    help="Only doubtful labels, near-duplicate pictures, or missing attributes.",
)
@AS_JSON
@takes_buckets("artefacts")
def audit(section: str | None, target: Target, *, as_json: bool) -> None:
    """List doubtful labels, near-duplicate pictures and missing attributes of the live snapshot."""
    from tonari.contract.findings import decode_audit
    from tonari.snapshots.head import read_head
    from tonari.snapshots.snapshot import AUDIT, load_reported
    from tonari_tools.cli.answer_tables import TABLES
    from tonari_tools.tables import show

    artefacts = target.open_artefacts()
    live = read_head(artefacts).head.snapshot
    if live is None:
        raise NotReadyError("Nothing is published yet, so nothing was audited: push a catalogue, then tonari rebuild.")
    found = decode_audit(load_reported(artefacts, live, AUDIT))
    if as_json:
        print_json(getattr(found, section) if section else found)
        return
    show(f"snapshot {live}, {found.items} items; nothing was changed in the catalogue")
    for name in [section] if section else TABLES:
        show("", *TABLES[name](found))


def _client(url: str) -> Client:
    from tonari.client import Client

    return Client(url, retries=1)


def print_json(answer: object) -> None:
    """Print an answer as JSON that people can read."""
    from msgspec.json import encode
    from msgspec.json import format as indented

    click.echo(indented(encode(answer), indent=1))


def _read_filter(text: str) -> dict[str, Any]:
    from tonari.contract.strict_json import read_json

    try:
        where = read_json(text)
    except ValueError as error:
        raise InvalidFilterError(f'--filter is not JSON ({error}); try \'{{"price": {{"$lt": 50}}}}\'.') from error
    if not isinstance(where, dict):
        raise InvalidFilterError('--filter must be a JSON object such as {"price": {"$lt": 50}}.')
    return where
