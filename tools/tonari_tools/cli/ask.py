"""Commands that ask what is live: ``search``, ``predict``, ``status``, ``audit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from tonari.errors import InvalidFilterError, InvalidRequestError, NotReadyError
from tonari_tools.cli.help import examples
from tonari_tools.cli.target import Target, takes_buckets, takes_url

if TYPE_CHECKING:  # help must load neither
    from tonari.client import Client
    from tonari.contract.requests import Method

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
TEXT = click.option(
    "--text",
    metavar="WORDS",
    help="What to look for, in words: alone, or beside a picture where the encoder takes both.",
)
PHOTO = click.argument("photo", type=click.Path(path_type=Path), required=False, help="A picture file.")
REGION = click.option(
    "--region",
    metavar="X,Y,WIDTH,HEIGHT",
    help="Look at this part of the picture only: shares of its width and height, 0-1.",
)


@click.command(
    epilog=examples(
        "tonari search photo.jpg",
        """tonari search photo.jpg -k 5 --filter '{"price": {"$lt": 50}, "color": "red"}'""",
        "tonari search --id dress-031 --shift color=red",
        "tonari search photo.jpg --region 0.1,0.2,0.5,0.5",
        'tonari search --text "red boot"',
        'tonari search photo.jpg --text "in blue"',
        "tonari search photo.jpg --json | jq '.items[].id'",
    )
)
@PHOTO
@click.option("--id", "item", metavar="ID", help="Search with this item instead of a picture.")
@TEXT
@click.option(
    "--text-weight",
    type=click.FloatRange(0, 1),
    metavar="0-1",
    help="How much --text counts beside a picture or an item; default: 0.5.",
)
@click.option(
    "--retrieval",
    type=click.Choice(["lexical", "dense", "fused"]),
    help="Find --text by its words, by its embedding, or by both; default: by whatever there is.",
)
@click.option(
    "-k", "count", type=click.IntRange(1), metavar="N", default=10, show_default=True, help="How many items to find."
)
@click.option("--filter", "where", metavar="JSON", help="Only items that match this filter.")
@click.option(
    "--shift", "wanted", metavar="ATTRIBUTE=CLASS", multiple=True, help="Like it, but of this class: color=red."
)
@REGION
@click.option(
    "--boost",
    metavar="JSON",
    help='What fields add to the order: [{"field": "sales", "weight": 0.05, "function": "log", "high": 1000}].',
)
@click.option("--pin", metavar="ID", multiple=True, help="This item first, if it matches the filter; repeatable.")
@click.option("--bury", metavar="ID", multiple=True, help="This item last; repeatable.")
@click.option(
    "--duplicates/--no-duplicates", default=None, help="Show near-copies too, or not; default: not of articles."
)
@AS_JSON
@takes_url
def search(photo: Path | None, item: str | None, text: str | None, url: str, *, as_json: bool, **wishes: Any) -> None:
    """Find the items that are most like a picture or an item, or that a text describes."""
    from tonari.contract.decoding import decode
    from tonari.contract.requests import SearchRequest
    from tonari_tools.cli.answer_tables import search_table
    from tonari_tools.tables import show

    query = _query(photo, item, text, "search with")
    answer = _client(url).search(decode({**query, **_read_wishes(**wishes)}, SearchRequest))
    print_json(answer) if as_json else show(*search_table(answer))


@click.command(
    epilog=examples(
        "tonari predict photo.jpg",
        "tonari predict photo.jpg --attributes color,category --method vote",
        "tonari predict --id dress-031",
        'tonari predict --text "Shares fall as rates rise"',
    )
)
@PHOTO
@click.option("--id", "item", metavar="ID", help="Tell this item's labels, and what others like it would have said.")
@TEXT
@click.option(
    "--method",
    type=click.Choice(["discriminant", "means", "vote"]),
    help="Linear classifier, nearest class mean, or a vote of the nearest items; default: each attribute's own.",
)
@click.option("--attributes", metavar="A,B", help="Which attributes; default: all.")
@REGION
@AS_JSON
@takes_url
def predict(
    photo: Path | None,
    item: str | None,
    text: str | None,
    method: Method | None,
    attributes: str | None,
    region: str | None,
    url: str,
    *,
    as_json: bool,
) -> None:
    """Predict colour, category and other attributes of a picture, of an item or of a text."""
    from tonari.contract.decoding import decode
    from tonari.contract.requests import PredictRequest
    from tonari_tools.cli.answer_tables import prediction_table
    from tonari_tools.tables import show

    names = [name.strip() for name in attributes.split(",")] if attributes else None
    wishes = {"method": method, "attributes": names, "region": _read_region(region)}
    answer = _client(url).predict(decode({**_query(photo, item, text, "predict for"), **wishes}, PredictRequest))
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
    from tonari.snapshots.manifest import AUDIT
    from tonari.snapshots.snapshot import load_reported
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


def _query(photo: Path | None, item: str | None, text: str | None, purpose: str) -> dict[str, Any]:
    """Take the picture, the item or the text; a text may stand beside one of the others."""
    from tonari.client import read_picture

    if (photo is not None and item is not None) or (photo is None and item is None and text is None):
        raise click.UsageError(f"Name what to {purpose}: a picture file, an item by --id, or words by --text.")
    words = {} if text is None else {"text": text}
    if photo is not None:
        return {"image": read_picture(photo), **words}
    return words if item is None else {"id": item, **words}


def print_json(answer: object) -> None:
    """Print an answer as JSON that people can read."""
    from msgspec.json import encode
    from msgspec.json import format as indented

    click.echo(indented(encode(answer), indent=1))


def _read_wishes(
    count: int,
    where: str | None,
    wanted: tuple[str, ...],
    region: str | None,
    boost: str | None,
    **as_they_are: Any,
) -> dict[str, Any]:
    """Read the options of a search as the parameters of a request."""
    return {
        "k": count,
        "filter": _read_filter(where) if where else None,
        "shift": dict(map(_read_class, wanted)) or None,
        "region": _read_region(region),
        "boost": _read_boost(boost) if boost else (),
        **as_they_are,
    }


def _read_class(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise InvalidRequestError(f"--shift is ATTRIBUTE=CLASS such as color=red, not {text!r:.60}.")
    return name, value


def _read_region(text: str | None) -> dict[str, float] | None:
    if text is None:
        return None
    names = ("x", "y", "width", "height")
    try:
        return dict(zip(names, map(float, text.split(",")), strict=True))
    except ValueError as error:
        raise InvalidRequestError(
            f"--region is four numbers from 0 to 1, X,Y,WIDTH,HEIGHT such as 0.1,0.2,0.5,0.5, not {text!r:.60}."
        ) from error


def _read_boost(text: str) -> Any:
    from tonari.contract.strict_json import read_json

    try:
        return read_json(text)
    except ValueError as error:
        raise InvalidRequestError(
            f'--boost is not JSON ({error}); try \'[{{"field": "price", "weight": 0.05, "high": 100}}]\'.'
        ) from error


def _read_filter(text: str) -> dict[str, Any]:
    from tonari.contract.strict_json import read_json

    try:
        where = read_json(text)
    except ValueError as error:
        raise InvalidFilterError(f'--filter is not JSON ({error}); try \'{{"price": {{"$lt": 50}}}}\'.') from error
    if not isinstance(where, dict):
        raise InvalidFilterError('--filter must be a JSON object such as {"price": {"$lt": 50}}.')
    return where
